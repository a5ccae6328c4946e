//! The keys of triggers with a schedule, each with its default and its range.

use std::time::Duration;

use catalog::schedule::Missed;

use super::defaults::{DAY, HOUR, ON_FAILURE};
use super::keys::{Choice, Measured, Place, Plain};
use super::retry_keys::{BACKOFF_FACTOR, BACKOFF_JITTER};

pub(super) use super::defaults::ENABLED;

pub(super) const INPUT: Plain = Plain {
    name: "input",
    kind: "any value",
    default: "an event of EventBridge Scheduler",
    range: "`<aws.scheduler.scheduled-time>` and its kin stand for facts of the run",
    meaning: "what the function is handed over, as JSON",
};
pub(super) static SCHEDULE_TRIGGER: Place = Place {
    path: "triggers.SCHEDULE",
    keys: &[
        &Plain {
            name: "schedule",
            kind: "text or map",
            default: "required",
            range: "",
            meaning: "when it runs; `TEXT` is short for `{ expression: TEXT }`",
        },
        &Plain {
            name: "function",
            kind: "name",
            default: "required",
            range: "a function of the file that takes events",
            meaning: "what is run",
        },
        &Plain {
            name: "outputs",
            kind: "name or map",
            default: "none",
            range: "streams of the file",
            meaning: "what may be written, as for streams",
        },
        &INPUT,
        &Plain {
            name: "retry",
            kind: "map",
            default: "",
            range: "",
            meaning: "what a failure means",
        },
        &ON_FAILURE,
        &ENABLED,
    ],
    later: &["was"],
};

pub(super) const FLEXIBLE: Measured<Duration> = Measured {
    name: "flexible",
    default: Duration::ZERO,
    min: Duration::ZERO,
    max: Duration::from_secs(1_440 * 60),
    meaning: "it runs at some moment within this time behind each slot",
};
pub(super) const MISSED: Choice<Missed> = Choice {
    name: "missed",
    default: Missed::Once,
    words: &[
        ("skip", Missed::Skip),
        ("once", Missed::Once),
        ("all", Missed::All),
    ],
    later: &[],
    meaning: "what becomes of slots that passed while nothing ran: none of them, the newest, or each",
};
pub(super) static SCHEDULE: Place = Place {
    path: "triggers.SCHEDULE.schedule",
    keys: &[
        &Plain {
            name: "expression",
            kind: "text",
            default: "required",
            range: "`cron(...)`, `rate(...)`, `at(...)`",
            meaning: "in AWS's words",
        },
        &Plain {
            name: "zone",
            kind: "name",
            default: "UTC",
            range: "IANA names such as `America/Chicago`",
            meaning: "whose clocks `cron` and `at` mean",
        },
        &FLEXIBLE,
        &MISSED,
    ],
    later: &["start", "end"],
};

pub(super) const RETRY_ATTEMPTS: Measured<u32> = Measured {
    name: "attempts",
    default: 10,
    min: 1,
    max: 186,
    meaning: "invocations for one slot, the first included",
};
pub(super) const RETRY_AGE: Measured<Duration> = Measured {
    name: "age",
    default: Duration::from_secs(DAY),
    min: Duration::from_secs(60),
    max: Duration::from_secs(30 * DAY),
    meaning: "a slot is not tried again so long behind its moment",
};
pub(super) static RETRY: Place = Place {
    path: "triggers.SCHEDULE.retry",
    keys: &[
        &RETRY_ATTEMPTS,
        &RETRY_AGE,
        &Plain {
            name: "backoff",
            kind: "map",
            default: "",
            range: "",
            meaning: "pauses between attempts",
        },
    ],
    later: &[],
};

pub(super) const RETRY_FIRST: Measured<Duration> = Measured {
    name: "first",
    default: Duration::from_secs(1),
    min: Duration::from_millis(1),
    max: Duration::from_secs(HOUR),
    meaning: "the first pause",
};
pub(super) const RETRY_FACTOR: Measured<f64> = BACKOFF_FACTOR;
pub(super) const RETRY_MAX: Measured<Duration> = Measured {
    name: "max",
    default: Duration::from_secs(600),
    min: Duration::from_millis(1),
    max: Duration::from_secs(DAY),
    meaning: "the longest pause; not below `first`",
};
pub(super) const RETRY_JITTER: Measured<f64> = BACKOFF_JITTER;
pub(super) static SCHEDULE_BACKOFF: Place = Place {
    path: "triggers.SCHEDULE.retry.backoff",
    keys: &[&RETRY_FIRST, &RETRY_FACTOR, &RETRY_MAX, &RETRY_JITTER],
    later: &[],
};
