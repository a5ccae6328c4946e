//! The reader of `lanes`: how many batches of a shard run at the same time. A number, or a map that gives every key a lane
//! of its own, comes in; lanes within their bounds go out.

use dispatch::Lanes;

use super::keys::{Measured, Place};
use super::reader::{Reader, Section};
use super::tree::Value;

pub(super) const LANES: Measured<u32> = Measured {
    name: "lanes",
    default: 1,
    min: 1,
    max: 10,
    meaning: "batches of a shard at the same time, by the hash of the key; or a map",
};
pub(super) const LANES_KEYS: Measured<u32> = Measured {
    name: "keys",
    default: 256,
    min: 1,
    max: 1000,
    meaning: "every key is a lane of its own: so many at the same time in a shard",
};
pub(super) static LANES_BY_KEY: Place = Place {
    path: "triggers.NAME.lanes",
    keys: &[&LANES_KEYS],
    later: &[],
};

pub(super) fn lanes(reader: &mut Reader<'_>, section: &mut Section) -> Lanes {
    let Some((key, node)) = section.take(LANES.name) else {
        return Lanes::ONE;
    };
    let title = format!("`lanes` of {}", section.title);
    if matches!(node.value, Value::Map(_)) {
        let mut by_key = reader.section(&LANES_BY_KEY, title, key.at, node);
        return Lanes::Keys(reader.measured(&mut by_key, &LANES_KEYS));
    }
    let lanes = reader.measure(&section.title, &LANES, node);
    lanes
        .and_then(|lanes| u8::try_from(lanes).ok())
        .map_or(Lanes::ONE, Lanes::Hashed)
}
