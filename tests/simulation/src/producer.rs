//! A producer: it puts its lines in requests of drawn size at drawn moments, each under a number of its own.
//!
//! A request that is not answered is sent again under the same number. Now and then the producer loses its patience, hangs
//! up in the middle of a request and sends it again at once. What was answered is acknowledged, at a place.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use platform::Rng;
use serde_json::{Value, json};

use crate::{
    client::{Ask, Client},
    fault::Fault,
    trace::Trace,
};

const PAUSE_MAX_MS: u64 = 80;
const PATIENCE_MAX_US: u64 = 3_000;
/// One request in so many is given up and repeated.
const IMPATIENCE: u64 = 5;
const RECORDS_MAX: u64 = 30;
/// So few that several lines share one, and so many that lanes have something to share out.
const KEYS: usize = 24;

/// Where a record is, as its acknowledgement says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub shard: String,
    pub sequence: String,
}

impl Place {
    /// Numbers of one shard have one order, and go on from parent to child.
    pub(crate) fn number(&self) -> (usize, &str) {
        (self.sequence.len(), &self.sequence)
    }
}

/// Acknowledged lines by the number of their line. Cheap to clone; clones write the same book.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acknowledged(Arc<Mutex<BTreeMap<usize, Place>>>);

impl Acknowledged {
    fn add(&self, line: usize, place: Place) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(book.insert(line, place), None, "line {line} twice");
    }

    pub(crate) fn so_far(&self) -> BTreeMap<usize, Place> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.clone()
    }

    pub(crate) fn take(&self) -> BTreeMap<usize, Place> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) struct Producer {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
    /// Each with the number of its line.
    pub(crate) lines: Vec<(usize, String)>,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) hangs_up: bool,
}

impl Producer {
    pub(crate) async fn run(mut self) {
        let mut lines = std::mem::take(&mut self.lines).into_iter().peekable();
        for number in 0.. {
            if lines.peek().is_none() {
                return;
            }
            let records = usize::try_from(1 + self.rng.below(RECORDS_MAX)).unwrap_or(1);
            let batch: Vec<_> = lines.by_ref().take(records).collect();
            let pause = Duration::from_millis(self.rng.below(PAUSE_MAX_MS));
            self.client.platform.clock.sleep(pause).await;
            self.put(number, &batch).await;
        }
    }

    async fn put(&mut self, number: u64, batch: &[(usize, String)]) {
        let ask = Ask::put_records(&body(batch), &self.name, number);
        if self.rng.below(IMPATIENCE) == 0 && self.hangs_up {
            self.trace.fault(Fault::HangUp);
            let patience = Duration::from_micros(self.rng.below(PATIENCE_MAX_US));
            let clock = self.client.platform.clock.clone();
            // Whatever came of it, the request is sent again.
            drop(clock.timeout(patience, self.client.once(&ask)).await);
            self.client.hang_up();
        }
        let answer = self.client.ask(&ask).await;
        assert_eq!(answer["FailedRecordCount"], 0, "{answer}");
        let places = answer["Records"].as_array().expect("a list of records");
        assert_eq!(places.len(), batch.len());
        for ((line, _), place) in batch.iter().zip(places) {
            let text = |name: &str| place[name].as_str().unwrap_or_default().to_owned();
            let (shard, sequence) = (text("ShardId"), text("SequenceNumber"));
            self.acknowledged.add(*line, Place { shard, sequence });
        }
    }
}

/// The partition key of a line.
pub(crate) fn key_of(line: usize) -> String {
    format!("key-{}", line % KEYS)
}

fn body(batch: &[(usize, String)]) -> Value {
    let records: Vec<Value> = batch
        .iter()
        .map(|(number, line)| {
            let data = base64_simd::STANDARD.encode_to_string(line);
            json!({ "PartitionKey": key_of(*number), "Data": data })
        })
        .collect();
    json!({ "StreamName": "flights", "Records": records })
}
