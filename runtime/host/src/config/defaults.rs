//! Every key of the file with its default and its range: the one place where they stand. The readers take their defaults
//! from here, and the table in `docs/guides/triggers-file.md` is this table; a test compares the two. Keys that the
//! format knows and this version does not read are listed too, so that a person is told so and not that they mistyped.

use std::time::Duration;

use model::ByteSize;

use dispatch::{ErrorClass, Isolate, filter::Unparsable};

use super::canary_keys::{CANARY, CANARY_MAP, ROLL_BACK, SHADOW};
use super::event_keys::{ENVELOPE, RANGE_CHECK, REPORT_FAILURES, WAS};
use super::function_keys::FUNCTION;
use super::keys::{Choice, Measured, Place, Plain};
use super::lanes::{LANES, LANES_BY_KEY};
use super::project::Then;
use super::retry_keys::{BACKOFF, BREAKER, RETRY_BREAKER};
use super::route_keys::{ROUTE, ROUTE_AUTH, ROUTE_TRIGGER};
use super::schedule_keys::{RETRY as SCHEDULE_RETRY, SCHEDULE, SCHEDULE_BACKOFF, SCHEDULE_TRIGGER};
use super::secret_keys::SECRET;
use super::server_keys::{ARCHIVE, DEAD_LETTERS, LOGS, SERVER};
use super::stream_keys::{AUTOSCALE, STREAM};
use super::tumbling_keys::TUMBLING;

pub(super) const SECOND: u64 = 1;
pub(super) const HOUR: u64 = 3600 * SECOND;
pub(super) const DAY: u64 = 24 * HOUR;

pub(super) static PLACES: &[&Place] = &[
    &ROOT,
    &SERVER,
    &ARCHIVE,
    &DEAD_LETTERS,
    &LOGS,
    &STREAM,
    &AUTOSCALE,
    &DESTINATION,
    &SECRET,
    &FUNCTION,
    &TRIGGER,
    &TRIGGER_STREAM,
    &CANARY,
    &ROLL_BACK,
    &BATCH,
    &LANES_BY_KEY,
    &TUMBLING,
    &STATE,
    &RETRY,
    &PARK,
    &BACKOFF,
    &BREAKER,
    &SCHEDULE_TRIGGER,
    &SCHEDULE,
    &SCHEDULE_RETRY,
    &SCHEDULE_BACKOFF,
    &ROUTE_TRIGGER,
    &ROUTE,
    &ROUTE_AUTH,
];

pub(super) const VERSION: Plain = Plain {
    name: "version",
    kind: "count",
    default: "required",
    range: "1",
    meaning: "of this format",
};
pub(super) const APP: Plain = Plain {
    name: "app",
    kind: "name",
    default: "app",
    range: "",
    meaning: "names the project",
};
pub(super) static ROOT: Place = Place {
    path: "",
    keys: &[
        &VERSION,
        &APP,
        &Plain {
            name: "server",
            kind: "map",
            default: "",
            range: "",
            meaning: "one server",
        },
        &Plain {
            name: "streams",
            kind: "map by name",
            default: "none",
            range: "",
            meaning: "created when missing, never deleted",
        },
        &Plain {
            name: "destinations",
            kind: "map by name",
            default: "none",
            range: "",
            meaning: "where failure documents go; each has exactly one kind",
        },
        &Plain {
            name: "secrets",
            kind: "map by name",
            default: "none",
            range: "",
            meaning: "where they are kept; read at start and on deploy, never printed",
        },
        &Plain {
            name: "environments",
            kind: "map by name",
            default: "none",
            range: "",
            meaning: "what is different with `--env NAME`; `dev` is the file as it is",
        },
        &Plain {
            name: "functions",
            kind: "map by name",
            default: "none",
            range: "",
            meaning: "what code may do",
        },
        &Plain {
            name: "triggers",
            kind: "map by name",
            default: "none",
            range: "",
            meaning: "how code is driven; the name is the identity of checkpoints and state",
        },
    ],
    later: &["leases"],
};

pub(super) const SQS: Plain = Plain {
    name: "sqs",
    kind: "ARN",
    default: "none",
    range: "arn:aws:sqs:REGION:ACCOUNT:NAME; no FIFO queue",
    meaning: "a message without the records",
};
pub(super) const SNS: Plain = Plain {
    name: "sns",
    kind: "ARN",
    default: "none",
    range: "arn:aws:sns:REGION:ACCOUNT:NAME; no FIFO topic",
    meaning: "a message without the records",
};
pub(super) const S3: Plain = Plain {
    name: "s3",
    kind: "address",
    default: "none",
    range: "s3://BUCKET/PREFIX",
    meaning: "an object with the records",
};
pub(super) const HTTP: Plain = Plain {
    name: "http",
    kind: "address",
    default: "none",
    range: "http://..., https://...",
    meaning: "a POST with the records",
};
pub(super) const TO_STREAM: Plain = Plain {
    name: "stream",
    kind: "name",
    default: "none",
    range: "a stream of the file",
    meaning: "a record without the failed ones, written exactly once",
};
pub(super) const DIRECTORY: Plain = Plain {
    name: "directory",
    kind: "path",
    default: "none",
    range: "",
    meaning: "a file with the records; relative to the file",
};
pub(super) const ENDPOINT: Plain = Plain {
    name: "endpoint",
    kind: "address",
    default: "AWS",
    range: "http://..., https://...",
    meaning: "what stands in for AWS; with sqs, sns and s3 alone",
};
pub(super) static DESTINATION: Place = Place {
    path: "destinations.NAME",
    keys: &[&SQS, &SNS, &S3, &HTTP, &TO_STREAM, &DIRECTORY, &ENDPOINT],
    later: &[],
};

/// Only where it is said.
pub(super) const TRIGGER_CONCURRENCY: Measured<u32> = Measured {
    name: "concurrency",
    default: 1000,
    min: 1,
    max: 1000,
    meaning: "invocations at the same time, over all shards, besides what the function allows",
};

pub(super) const ENABLED: Choice<bool> = switch(
    "enabled",
    true,
    "the wish; a pause by an operator is kept elsewhere",
);
pub(super) const FILTER: Plain = Plain {
    name: "filter",
    kind: "list of patterns",
    default: "none",
    range: "10 patterns",
    meaning: "which records are delivered: those that match any of them",
};
pub(super) const UNPARSABLE: Choice<Unparsable> = Choice {
    name: "unparsable",
    default: Unparsable::DeadLetter,
    words: &[
        ("dead-letter", Unparsable::DeadLetter),
        ("pass", Unparsable::Pass),
        ("drop", Unparsable::Drop),
    ],
    later: &[],
    meaning: "a record that is not JSON although the filter reads `data`",
};
pub(super) const ALLOW_LOOP: Choice<bool> =
    switch("allow_loop", false, "may write the stream it reads");
pub(super) const ON_FAILURE: Plain = Plain {
    name: "on_failure",
    kind: "name or list",
    default: "none",
    range: "destinations of the file",
    meaning: "gets a document of every group of records that is given up",
};
pub(super) static TRIGGER: Place = Place {
    path: "triggers.NAME",
    keys: &[
        &Plain {
            name: "stream",
            kind: "name or map",
            default: "required",
            range: "a stream of the file",
            meaning: "what is read; short form of `{ name: NAME }`",
        },
        &Plain {
            name: "function",
            kind: "name",
            default: "required",
            range: "a function of the file, NAME@12, NAME@live",
            meaning: "what is run: what is deployed under that name, a version, or an alias",
        },
        &TRIGGER_CONCURRENCY,
        &CANARY_MAP,
        &SHADOW,
        &Plain {
            name: "outputs",
            kind: "name or map",
            default: "none",
            range: "streams of the file",
            meaning: "what may be written, by the name of the output; `NAME` is short for `{ default: NAME }`",
        },
        &FILTER,
        &UNPARSABLE,
        &Plain {
            name: "batch",
            kind: "map",
            default: "",
            range: "",
            meaning: "when a batch closes",
        },
        &LANES,
        &Plain {
            name: "tumbling",
            kind: "map",
            default: "none",
            range: "",
            meaning: "records are handled window by window, and each window has a last invocation",
        },
        &Plain {
            name: "state",
            kind: "map",
            default: "none",
            range: "",
            meaning: "granted when the key is there, also as `{}`",
        },
        &ENABLED,
        &Plain {
            name: "retry",
            kind: "map",
            default: "",
            range: "",
            meaning: "what a failure means",
        },
        &ON_FAILURE,
        &REPORT_FAILURES,
        &ENVELOPE,
        &RANGE_CHECK,
        &ALLOW_LOOP,
        &WAS,
    ],
    later: &["leases"],
};

pub(super) const DEAGGREGATE: Choice<bool> =
    switch("deaggregate", true, "handlers see user records");
pub(super) static TRIGGER_STREAM: Place = Place {
    path: "triggers.NAME.stream",
    keys: &[
        &Plain {
            name: "name",
            kind: "name",
            default: "required",
            range: "a stream of the file",
            meaning: "what is read",
        },
        &Plain {
            name: "start",
            kind: "word or time",
            default: "oldest",
            range: "oldest, latest, a time, \"@-1h\"; TRIM_HORIZON, LATEST",
            meaning: "read once, when the trigger is new",
        },
        &DEAGGREGATE,
    ],
    later: &["read"],
};

pub(super) const BATCH_RECORDS: Measured<u32> = Measured {
    name: "records",
    default: 100,
    min: 1,
    max: 10_000,
    meaning: "a batch closes at this many",
};
pub(super) const BATCH_BYTES: Measured<ByteSize> = Measured {
    name: "bytes",
    default: ByteSize::mib(6),
    min: ByteSize::kib(1),
    max: ByteSize::mib(6),
    meaning: "or at this size of its request",
};
pub(super) const BATCH_WAIT: Measured<Duration> = Measured {
    name: "wait",
    default: Duration::ZERO,
    min: Duration::ZERO,
    max: Duration::from_secs(300),
    meaning: "or this long after its first record, or after the batch before it came to its end",
};
pub(super) static BATCH: Place = Place {
    path: "triggers.NAME.batch",
    keys: &[&BATCH_RECORDS, &BATCH_BYTES, &BATCH_WAIT],
    later: &[],
};

pub(super) const STATE_TTL: Measured<Option<Duration>> = Measured {
    name: "ttl",
    default: None,
    min: Some(Duration::from_secs(SECOND)),
    max: Some(Duration::from_secs(3650 * DAY)),
    meaning: "a value not written for this long is removed",
};
pub(super) const STATE_MAX: Measured<ByteSize> = Measured {
    name: "max",
    default: ByteSize::gib(1),
    min: ByteSize::kib(64),
    max: ByteSize::gib(1 << 20),
    meaning: "room for all values of the trigger",
};
pub(super) static STATE: Place = Place {
    path: "triggers.NAME.state",
    keys: &[&STATE_TTL, &STATE_MAX],
    later: &[],
};

pub(super) const RETRY_ATTEMPTS: Measured<u32> = Measured {
    name: "attempts",
    default: 5,
    min: 1,
    max: 10_000,
    meaning: "invocations of the same records, the first included; or `forever`",
};
pub(super) const RETRY_AGE: Measured<Option<Duration>> = Measured {
    name: "age",
    default: None,
    min: Some(Duration::from_secs(SECOND)),
    max: Some(Duration::from_secs(365 * DAY)),
    meaning: "older records are not tried again; below the stream's retention",
};
pub(super) const RETRY_THEN: Choice<Then> = Choice {
    name: "then",
    default: Then::DeadLetter,
    words: &[
        ("dead-letter", Then::DeadLetter),
        ("park", Then::Park),
        ("block", Then::Block),
    ],
    later: &[],
    meaning: "when attempts are spent: the record is given up, its key waits, or its shard",
};
pub(super) static RETRY: Place = Place {
    path: "triggers.NAME.retry",
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
        &RETRY_ISOLATE,
        &RETRY_CLASSES,
        &RETRY_BREAKER,
        &RETRY_THEN,
        &Plain {
            name: "park",
            kind: "map",
            default: "",
            range: "",
            meaning: "",
        },
    ],
    later: &[],
};
pub(super) const PARK_MAX: Measured<ByteSize> = Measured {
    name: "max",
    default: ByteSize::gib(1),
    min: ByteSize::kib(64),
    max: ByteSize::gib(1 << 20),
    meaning: "room for what waits behind parked keys; then the lane waits",
};
pub(super) static PARK: Place = Place {
    path: "triggers.NAME.retry.park",
    keys: &[&PARK_MAX],
    later: &[],
};

pub(super) const RETRY_ISOLATE: Choice<Isolate> = Choice {
    name: "isolate",
    default: Isolate::Exact,
    words: &[
        ("exact", Isolate::Exact),
        ("halves", Isolate::Halves),
        ("off", Isolate::Off),
    ],
    later: &[],
    meaning: "how the record is found that makes its batch fail",
};
pub(super) const RETRY_CLASSES: Plain = Plain {
    name: "classes",
    kind: "map of words",
    default: "none",
    range: "retry, pause, park, dead-letter",
    meaning: "what an error means, by its kind",
};
pub(super) const ERROR_CLASS: Choice<ErrorClass> = Choice {
    name: "classes",
    default: ErrorClass::Retry,
    words: &[
        ("retry", ErrorClass::Retry),
        ("pause", ErrorClass::Pause),
        ("park", ErrorClass::Park),
        ("dead-letter", ErrorClass::DeadLetter),
    ],
    later: &[],
    meaning: "",
};
pub(super) const fn switch(
    name: &'static str,
    default: bool,
    meaning: &'static str,
) -> Choice<bool> {
    Choice {
        name,
        default,
        words: &[("true", true), ("false", false)],
        later: &[],
        meaning,
    }
}
