//! The keys of one stream of the file, with their defaults and ranges, as `defaults` has all others.

use std::time::Duration;

use super::defaults::DAY;
use super::keys::{Choice, Measured, Place, Plain};
use super::project::{Capacity, Durability};
use super::server_keys::DURABILITY;
use super::units::Percent;

pub(super) const SHARDS: Measured<u32> = Measured {
    name: "shards",
    default: 1,
    min: 1,
    max: 10_000,
    meaning: "at creation; the file never reshards",
};
pub(super) const RETENTION: Measured<Duration> = Measured {
    name: "retention",
    default: Duration::from_secs(7 * DAY),
    min: Duration::from_secs(DAY),
    max: Duration::from_secs(365 * DAY),
    meaning: "how long a record is kept; whole hours",
};
pub(super) const STREAM_DURABILITY: Choice<Durability> = Choice {
    meaning: "as `server.durability`, which holds where this is absent",
    ..DURABILITY
};
pub(super) static STREAM: Place = Place {
    path: "streams.NAME",
    keys: &[
        &SHARDS,
        &RETENTION,
        &STREAM_DURABILITY,
        &CAPACITY,
        &Plain {
            name: "autoscale",
            kind: "map",
            default: "none",
            range: "",
            meaning: "how a provisioned stream follows its traffic",
        },
    ],
    later: &["attach"],
};

pub(super) const CAPACITY: Choice<Capacity> = Choice {
    name: "capacity",
    default: Capacity::Provisioned,
    words: &[
        ("provisioned", Capacity::Provisioned),
        ("on-demand", Capacity::OnDemand),
    ],
    later: &[],
    meaning: "on-demand: shards for twice the highest traffic of 30 days, at least 4",
};
pub(super) const AUTOSCALE_MIN: Measured<u32> = Measured {
    name: "min",
    default: 1,
    min: 1,
    max: 10_000,
    meaning: "fewest shards",
};
pub(super) const AUTOSCALE_MAX: Measured<u32> = Measured {
    name: "max",
    default: 16,
    min: 1,
    max: 10_000,
    meaning: "most shards",
};
pub(super) const AUTOSCALE_TARGET: Measured<Percent> = Measured {
    name: "target",
    default: Percent(70),
    min: Percent(10),
    max: Percent(100),
    meaning: "how much of each shard is used at the highest traffic of 15 minutes",
};
pub(super) static AUTOSCALE: Place = Place {
    path: "streams.NAME.autoscale",
    keys: &[&AUTOSCALE_MIN, &AUTOSCALE_MAX, &AUTOSCALE_TARGET],
    later: &[],
};
