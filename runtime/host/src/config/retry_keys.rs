//! The keys of `retry` about pauses and about outages, apart from the others because the file of defaults is long.

use std::time::Duration;

use super::defaults::{DAY, HOUR, SECOND};
use super::keys::{Measured, Place, Plain};

pub(super) const RETRY_BREAKER: Plain = Plain {
    name: "breaker",
    kind: "map",
    default: "on",
    range: "or `off`",
    meaning: "while everything fails, nothing is given up",
};
pub(super) const BREAKER_FAILURES: Measured<u32> = Measured {
    name: "failures",
    default: 5,
    min: 1,
    max: dispatch::limits::BREAKER_FAILURES_MAX,
    meaning: "record sets that failed for good, one after another, before it opens",
};
pub(super) const BREAKER_PROBE: Measured<Duration> = Measured {
    name: "probe",
    default: Duration::from_secs(30),
    min: Duration::from_secs(SECOND),
    max: Duration::from_secs(HOUR),
    meaning: "between two tries while it is open",
};
pub(super) static BREAKER: Place = Place {
    path: "triggers.NAME.retry.breaker",
    keys: &[&BREAKER_FAILURES, &BREAKER_PROBE],
    later: &[],
};

pub(super) const BACKOFF_FIRST: Measured<Duration> = Measured {
    name: "first",
    default: Duration::from_millis(500),
    min: Duration::from_millis(1),
    max: Duration::from_secs(HOUR),
    meaning: "the first pause",
};
pub(super) const BACKOFF_FACTOR: Measured<f64> = Measured {
    name: "factor",
    default: 2.0,
    min: 1.0,
    max: 10.0,
    meaning: "each pause is this many times the one before",
};
pub(super) const BACKOFF_MAX: Measured<Duration> = Measured {
    name: "max",
    default: Duration::from_secs(60),
    min: Duration::from_millis(1),
    max: Duration::from_secs(DAY),
    meaning: "the longest pause; not below `first`",
};
pub(super) const BACKOFF_JITTER: Measured<f64> = Measured {
    name: "jitter",
    default: 0.5,
    min: 0.0,
    max: 1.0,
    meaning: "the share of a pause that is random",
};
pub(super) static BACKOFF: Place = Place {
    path: "triggers.NAME.retry.backoff",
    keys: &[
        &BACKOFF_FIRST,
        &BACKOFF_FACTOR,
        &BACKOFF_MAX,
        &BACKOFF_JITTER,
    ],
    later: &[],
};
