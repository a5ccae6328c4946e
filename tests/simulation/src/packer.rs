//! A producer of parcels: it looks at the shards now and then, and packs what goes to one of them together, as a KPL does.
//!
//! Where shards were split since it looked, what it packed together strays. Of one key everything is put in order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use platform::Rng;
use serde_json::{Value, json};

use crate::{
    client::{Ask, Client},
    pages::text,
    parcels::{Parcel, aggregate, hash_key},
    producer::Place,
    resharder::{Shard, open},
};

const NAME: &str = "packer";
const PAUSE_MAX_MS: u64 = 120;
const PARCELS_MAX: u64 = 16;
/// It looks at the shards before one request in so many.
const LOOKS: u64 = 4;

/// Where each parcel came to lie, by its number. Cheap to clone; clones write the same book.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packed(Arc<Mutex<BTreeMap<usize, Place>>>);

impl Packed {
    pub(crate) fn take(&self) -> BTreeMap<usize, Place> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, number: usize, place: Place) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(book.insert(number, place), None, "parcel {number} twice");
    }
}

#[derive(Debug)]
pub(crate) struct Packer {
    pub(crate) client: Client,
    pub(crate) rng: Rng,
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) packed: Packed,
}

/// What goes to one shard, under one record.
struct Bundle {
    numbers: Vec<usize>,
    record: Value,
}

impl Packer {
    pub(crate) async fn run(mut self) {
        let parcels = std::mem::take(&mut self.parcels);
        let mut parcels = parcels.into_iter().enumerate().peekable();
        let mut shards = Vec::new();
        for request in 0.. {
            if parcels.peek().is_none() {
                return;
            }
            let pause = Duration::from_millis(self.rng.below(PAUSE_MAX_MS));
            self.client.platform.clock.sleep(pause).await;
            if self.rng.below(LOOKS) == 0 || shards.is_empty() {
                shards = open(&self.client.ask(&Ask::get("streams/parcels")).await);
            }
            let count = usize::try_from(1 + self.rng.below(PARCELS_MAX)).unwrap_or(1);
            let some: Vec<(usize, Parcel)> = parcels.by_ref().take(count).collect();
            let bundles = self.bundles(&shards, some);
            self.put(request, &bundles).await;
        }
    }

    fn bundles(&self, shards: &[Shard], parcels: Vec<(usize, Parcel)>) -> Vec<Bundle> {
        let mut of_shards: BTreeMap<usize, Vec<(usize, Parcel)>> = BTreeMap::new();
        for (number, parcel) in parcels {
            let at = hash_key(&parcel.key);
            let shard = shards.partition_point(|shard| shard.ending < at);
            of_shards.entry(shard).or_default().push((number, parcel));
        }
        let mut bundles = Vec::new();
        for together in of_shards.into_values() {
            if together.len() > 1 && self.rng.below(3) > 0 {
                bundles.push(packed(together));
            } else {
                bundles.extend(together.into_iter().map(|one| plain(&one)));
            }
        }
        bundles
    }

    async fn put(&mut self, request: u64, bundles: &[Bundle]) {
        let records: Vec<&Value> = bundles.iter().map(|bundle| &bundle.record).collect();
        let body = json!({ "StreamName": "parcels", "Records": records });
        let answer = self
            .client
            .ask(&Ask::put_records(&body, NAME, request))
            .await;
        assert_eq!(answer["FailedRecordCount"], 0, "{answer}");
        let places = answer["Records"].as_array().expect("a list of records");
        assert_eq!(places.len(), bundles.len());
        for (bundle, place) in bundles.iter().zip(places) {
            for number in &bundle.numbers {
                let place = Place {
                    shard: text(place, "ShardId"),
                    sequence: text(place, "SequenceNumber"),
                };
                self.packed.add(*number, place);
            }
        }
    }
}

fn plain((number, parcel): &(usize, Parcel)) -> Bundle {
    let data = base64_simd::STANDARD.encode_to_string(&parcel.body);
    Bundle {
        numbers: vec![*number],
        record: json!({ "PartitionKey": parcel.key, "Data": data }),
    }
}

fn packed(together: Vec<(usize, Parcel)>) -> Bundle {
    let (numbers, parcels): (Vec<usize>, Vec<Parcel>) = together.into_iter().unzip();
    let first = parcels.first().map_or(0, |first| hash_key(&first.key));
    let data = base64_simd::STANDARD.encode_to_string(aggregate(&parcels));
    Bundle {
        numbers,
        record: json!({ "PartitionKey": "a", "ExplicitHashKey": first.to_string(), "Data": data }),
    }
}
