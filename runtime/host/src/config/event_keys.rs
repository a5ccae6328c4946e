//! The keys about what functions are given and how they answer, and about a trigger's earlier name, apart from the others because the file of defaults is long.

use dispatch::RangeCheck;
use model::invocation::ItemFailures;

use super::defaults::switch;
use super::keys::{Choice, Plain};

pub(super) const REPORT_FAILURES: Choice<ItemFailures> = Choice {
    name: "report_failures",
    default: ItemFailures::Named,
    words: &[
        ("named", ItemFailures::Named),
        ("strict", ItemFailures::Strict),
        ("ignored", ItemFailures::Ignored),
    ],
    later: &[],
    meaning: "how answers of event functions are read: `batchItemFailures` where it is named, as strictly as Lambda, or never",
};
pub(super) const ENVELOPE: Choice<bool> = switch(
    "envelope",
    false,
    "events say the attempt, the fencing token and more in a member `shardmill`",
);
pub(super) const RANGE_CHECK: Choice<RangeCheck> = Choice {
    name: "range_check",
    default: RangeCheck::InRange,
    words: &[
        ("in_range", RangeCheck::InRange),
        ("off", RangeCheck::Off),
        ("kcl", RangeCheck::Kcl),
    ],
    later: &[],
    meaning: "sub-records whose hash key is outside their shard become dead letters, are delivered, or make dead letters of their whole aggregate",
};
pub(super) const WAS: Plain = Plain {
    name: "was",
    kind: "name",
    default: "none",
    range: "",
    meaning: "an earlier name: what is stored under it (checkpoints, state, dead letters) is taken over, once",
};
