//! Every key of a file of faults, with its range: the readers take them from here, and the guide's table is this table.

use std::time::Duration;

use super::keys::{Choice, Measured, Place, Plain};
use super::units::Percent;
use crate::faults::Point;

const DAY: Duration = Duration::from_hours(24);

pub(super) const STREAM: Plain = Plain {
    name: "stream",
    kind: "name",
    default: "required",
    range: "",
    meaning: "of triggers.yaml",
};
pub(super) const SHARD: Plain = Plain {
    name: "shard",
    kind: "count",
    default: "required",
    range: "",
    meaning: "its number",
};
pub(super) const SHARDS: Plain = Plain {
    name: "shards",
    kind: "list",
    default: "required",
    range: "two, side by side",
    meaning: "their numbers",
};
pub(super) const TRIGGER: Plain = Plain {
    name: "trigger",
    kind: "name",
    default: "required",
    range: "",
    meaning: "of triggers.yaml",
};
pub(super) const OF_SHARD: Plain = Plain {
    name: "shard",
    kind: "count",
    default: "any",
    range: "",
    meaning: "only the worker of this shard",
};
pub(super) const AT: Measured<Duration> = Measured {
    name: "at",
    default: Duration::ZERO,
    min: Duration::ZERO,
    max: DAY,
    meaning: "after the server is ready",
};
pub(super) const FOR: Measured<Duration> = Measured {
    name: "for",
    default: Duration::from_secs(1),
    min: Duration::from_millis(1),
    max: DAY,
    meaning: "how long",
};
pub(super) const BY: Measured<Duration> = Measured {
    name: "by",
    default: Duration::from_secs(1),
    min: Duration::from_millis(1),
    max: DAY,
    meaning: "how much later it begins",
};
pub(super) const NTH: Measured<u32> = Measured {
    name: "nth",
    default: 1,
    min: 1,
    max: 1_000_000,
    meaning: "at which occasion since the start",
};
pub(super) const SHARE: Measured<Percent> = Measured {
    name: "share",
    default: Percent(100),
    min: Percent(1),
    max: Percent(100),
    meaning: "of the invocations",
};
pub(super) const BEFORE: Choice<Point> = Choice {
    name: "before",
    default: Point::BeforeCheckpoint,
    words: &[
        ("checkpoint", Point::BeforeCheckpoint),
        ("invocation", Point::BeforeInvocation),
    ],
    later: &[],
    meaning: "where in its round",
};
pub(super) const AFTER: Choice<Point> = Choice {
    name: "after",
    default: Point::AfterCheckpoint,
    words: &[
        ("checkpoint", Point::AfterCheckpoint),
        ("invocation", Point::AfterInvocation),
    ],
    later: &[],
    meaning: "in the place of `before`",
};
pub(super) const REPLACED: Choice<bool> = Choice {
    name: "replaced",
    default: false,
    words: &[("true", true), ("false", false)],
    later: &[],
    meaning: "whether another worker takes the lease meanwhile",
};

pub(super) static ROOT: Place = Place {
    path: "",
    keys: &[
        &Plain {
            name: "version",
            kind: "count",
            default: "required",
            range: "1",
            meaning: "of this format",
        },
        &Plain {
            name: "faults",
            kind: "list",
            default: "required",
            range: "",
            meaning: "each a map of one key, its kind",
        },
    ],
    later: &[],
};
pub(super) static THROTTLE: Place = Place {
    path: "throttle",
    keys: &[&STREAM, &SHARD, &AT, &FOR],
    later: &[],
};
pub(super) static SPLIT: Place = Place {
    path: "split",
    keys: &[&STREAM, &SHARD, &AT],
    later: &[],
};
pub(super) static MERGE: Place = Place {
    path: "merge",
    keys: &[&STREAM, &SHARDS, &AT],
    later: &[],
};
pub(super) static CRASH: Place = Place {
    path: "crash",
    keys: &[&TRIGGER, &OF_SHARD, &BEFORE, &AFTER, &NTH],
    later: &[],
};
pub(super) static FREEZE: Place = Place {
    path: "freeze",
    keys: &[&TRIGGER, &OF_SHARD, &BEFORE, &AFTER, &NTH, &FOR, &REPLACED],
    later: &[],
};
pub(super) static SLOW: Place = Place {
    path: "slow",
    keys: &[&TRIGGER, &OF_SHARD, &SHARE, &BY],
    later: &[],
};

/// By kind.
pub(super) static KINDS: [&Place; 6] = [&THROTTLE, &SPLIT, &MERGE, &CRASH, &FREEZE, &SLOW];
