//! The keys about second versions of a function and about what runs in its shadow, with their defaults and ranges.

use dispatch::CanaryBy;

use super::keys::{Choice, Measured, Place, Plain};
use super::units::Percent;

pub(super) const CANARY_MAP: Plain = Plain {
    name: "canary",
    kind: "map",
    default: "",
    range: "",
    meaning: "how a second version of the function is let in, while `function promote --weight` gives it a share",
};
pub(super) const CANARY_BY: Choice<CanaryBy> = Choice {
    name: "by",
    default: CanaryBy::Key,
    words: &[("key", CanaryBy::Key), ("batch", CanaryBy::Batch)],
    later: &[],
    meaning: "a key meets one version, or any batch either, as in Lambda; with tumbling windows always by batch",
};
pub(super) const CANARY_ROLL_BACK: Plain = Plain {
    name: "roll_back",
    kind: "map",
    default: "on",
    range: "or `off`",
    meaning: "the second version takes nothing more once it fails more than the first",
};
pub(super) static CANARY: Place = Place {
    path: "triggers.NAME.canary",
    keys: &[&CANARY_BY, &CANARY_ROLL_BACK],
    later: &[],
};
pub(super) const ROLL_BACK_FAILURES: Measured<Percent> = Measured {
    name: "failures",
    default: Percent(10),
    min: Percent(0),
    max: Percent(100),
    meaning: "how much more of its records may fail than of those of the first",
};
pub(super) const ROLL_BACK_RECORDS: Measured<u32> = Measured {
    name: "records",
    default: 100,
    min: 1,
    max: 1_000_000,
    meaning: "that it is handed before it is judged",
};
pub(super) static ROLL_BACK: Place = Place {
    path: "triggers.NAME.canary.roll_back",
    keys: &[&ROLL_BACK_FAILURES, &ROLL_BACK_RECORDS],
    later: &[],
};
pub(super) const SHADOW: Plain = Plain {
    name: "shadow",
    kind: "name",
    default: "none",
    range: "a function of the file, NAME@12, NAME@live",
    meaning: "gets the same batches; what it would have done is thrown away and compared",
};
