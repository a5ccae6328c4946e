//! Parcels: what a second producer puts, plain or many in one record as a KPL does. Customs hold some until a moment.

use md5::{Digest as _, Md5};
use platform::Rng;
use serde_json::{Value, json};

const PARCELS_MIN: u64 = 20;
const PARCELS_MAX: u64 = 150;
/// One parcel in so many has no papers, so that no filter can read it.
const WITHOUT_PAPERS: u64 = 20;
/// One in so many is held, for so long at most.
const HELD: u64 = 7;
const HELD_MAX_MS: u64 = 3_000;
const KEYS: usize = 12;
const WEIGHT_MAX: u64 = 100;
/// What the filter in `server` lets pass is heavier.
const HEAVY: u64 = 50;
/// How an aggregate begins.
const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];

/// By their number, which is their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    pub key: String,
    pub body: String,
    /// What the trigger that wants heavy ones is handed: those, and what it cannot read once somebody insists.
    pub is_wanted: bool,
}

/// What is put; how long each is held counts from the moment `now`.
pub(crate) fn drawn(rng: &Rng, now: u64) -> Vec<Parcel> {
    let count = PARCELS_MIN + rng.below(PARCELS_MAX - PARCELS_MIN);
    let count = usize::try_from(count).unwrap_or_default();
    (0..count).map(|number| one(rng, number, now)).collect()
}

fn one(rng: &Rng, number: usize, now: u64) -> Parcel {
    let key = format!("sender-{}", number % KEYS);
    if rng.below(WITHOUT_PAPERS) == 0 {
        return Parcel {
            key,
            body: format!("parcel {number} has no papers"),
            is_wanted: true,
        };
    }
    let weight = rng.below(WEIGHT_MAX);
    let mut papers = json!({ "parcel": number, "weight": weight });
    if rng.below(HELD) == 0 {
        papers["held_until_ms"] = Value::from(now + rng.below(HELD_MAX_MS));
    }
    Parcel {
        key,
        body: papers.to_string(),
        is_wanted: weight > HEAVY,
    }
}

/// Where the records of a key go.
pub(crate) fn hash_key(key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(key.as_bytes()).into())
}

/// As a KPL writes several in one record.
pub(crate) fn aggregate(parcels: &[Parcel]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut keys: Vec<&str> = Vec::new();
    let mut records = Vec::new();
    for parcel in parcels {
        let known = keys.iter().position(|key| *key == parcel.key);
        let index = known.unwrap_or_else(|| {
            keys.push(&parcel.key);
            keys.len() - 1
        });
        let mut record = vec![1 << 3];
        varint(&mut record, index);
        field(&mut record, 3, parcel.body.as_bytes());
        field(&mut records, 3, &record);
    }
    for key in keys {
        field(&mut body, 1, key.as_bytes());
    }
    body.extend(records);
    let digest: [u8; 16] = Md5::digest(&body).into();
    [&MAGIC[..], &body, &digest].concat()
}

/// A field of bytes.
fn field(into: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    into.push(number << 3 | 2);
    varint(into, bytes.len());
    into.extend(bytes);
}

fn varint(into: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return into.push(low);
        }
        into.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_aggregate_is_packed_as_it_is() {
        let parcel = |body: &str| Parcel {
            key: "pk1".to_owned(),
            body: body.to_owned(),
            is_wanted: true,
        };
        let packed = aggregate(&[parcel("hello"), parcel("world")]);
        let hex: String = packed.iter().map(|byte| format!("{byte:02x}")).collect();
        let golden = "f3899ac20a03706b311a0908001a0568656c6c6f1a0908001a05776f726c64\
                      f5fb92b07d5dc986bb5915e9657557aa";
        assert_eq!(hex, golden);
        assert_eq!(
            hash_key("pk1"),
            329_398_341_438_914_906_102_347_661_116_985_167_824
        );
    }
}
