//! The keys of `tumbling` with their defaults and ranges, apart from the others because the file of defaults is long.

use std::time::Duration;

use super::defaults::{DAY, HOUR};
use super::keys::{Choice, Measured, Place, Plain};
use super::tumbling::By;

pub(super) const TUMBLING_EVERY: Measured<Duration> = Measured {
    name: "every",
    default: Duration::from_secs(HOUR),
    min: Duration::from_secs(1),
    max: Duration::from_secs(31 * DAY),
    meaning: "the length of a window; windows are counted from 1970",
};
pub(super) const TUMBLING_BY: Choice<By> = Choice {
    name: "by",
    default: By::Shard,
    words: &[("shard", By::Shard), ("key", By::Key)],
    later: &[],
    meaning: "one value for the shard, as in Lambda, or values by key, which survive resharding",
};
pub(super) const TUMBLING_TIME: Plain = Plain {
    name: "time",
    kind: "word or path",
    default: "arrival",
    range: "arrival, or a path such as $.sched",
    meaning: "when a record happened; windows by key",
};
pub(super) const TUMBLING_LATENESS: Measured<Duration> = Measured {
    name: "lateness",
    default: Duration::ZERO,
    min: Duration::ZERO,
    max: Duration::from_secs(31 * DAY),
    meaning: "how far a record may be behind the latest one of its shard; later ones become dead letters",
};
pub(super) static TUMBLING: Place = Place {
    path: "triggers.NAME.tumbling",
    keys: &[
        &TUMBLING_EVERY,
        &TUMBLING_BY,
        &TUMBLING_TIME,
        &TUMBLING_LATENESS,
    ],
    later: &[],
};
