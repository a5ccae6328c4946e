//! A producer: puts requests of a few records one after another, and notes for each record what the server said.
//!
//! One kind never repeats a request that was not answered: its records may be there or not. The other names its requests
//! and repeats them until they are answered: its records are there once.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    http,
    ledger::{Put, Spot},
    record::{Id, PRODUCERS},
};

/// A record, and when the server said what became of it.
pub(crate) type Noted = (Put, Instant);

const RECORDS_MAX: u64 = 25;
/// Between two tries while the server is away.
const AWAY: Duration = Duration::from_millis(3);
const ANSWER_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) id: u64,
    pub(crate) repeats: bool,
    /// The next record and the next request; they go on over all rounds and lives.
    pub(crate) number: u64,
    pub(crate) request: u64,
    pub(crate) rng: StdRng,
}

impl Producer {
    /// Half of them repeat, the other half puts flights.
    pub(crate) fn all(seed: u64) -> Vec<Self> {
        let producer = |id| Self {
            id,
            repeats: id % 2 == 0,
            number: 0,
            request: 0,
            rng: StdRng::seed_from_u64(seed ^ id),
        };
        (0..PRODUCERS).map(producer).collect()
    }

    /// Puts until it is told to stop, and returns what it noted, with the time of each answer.
    pub(crate) fn run(&mut self, address: SocketAddr, stop: &AtomicBool) -> Result<Vec<Noted>> {
        let mut notes = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let count = self.rng.random_range(1..=RECORDS_MAX);
            let ids: Vec<Id> = (self.number..self.number + count)
                .map(|number| Id {
                    producer: self.id,
                    number,
                })
                .collect();
            self.number += count;
            self.request += 1;
            let answered = self.put(address, &ids)?;
            let when = Instant::now();
            if answered.is_none() {
                std::thread::sleep(AWAY);
            }
            let mut spots = answered.into_iter().flatten();
            notes.extend(ids.into_iter().map(|id| {
                let answered = spots.next();
                (Put { id, answered }, when)
            }));
        }
        Ok(notes)
    }

    /// `None` where nobody answered.
    fn put(&self, address: SocketAddr, ids: &[Id]) -> Result<Option<Vec<Spot>>> {
        let records: Vec<Value> = ids
            .iter()
            .map(|id| {
                let data = base64_simd::STANDARD.encode_to_string(id.data());
                json!({"Data": data, "PartitionKey": id.key()})
            })
            .collect();
        let body = json!({"StreamName": "put", "Records": records}).to_string();
        let mark = format!("producer-{}:{}", self.id, self.request);
        let mark = self.repeats.then_some(mark.as_str());
        let began = Instant::now();
        loop {
            match http::kinesis(address, "PutRecords", mark, &body) {
                Ok(answer) if answer.status == 200 => {
                    return Ok(Some(spots(&answer.body, ids.len())?));
                }
                Ok(answer) if answer.status < 500 => {
                    bail!("PutRecords: {} {}", answer.status, answer.body);
                }
                // Nobody knows whether it was stored.
                Ok(_) | Err(_) if !self.repeats => return Ok(None),
                Ok(_) | Err(_) if began.elapsed() > ANSWER_MAX => {
                    bail!("a request that was repeated for {ANSWER_MAX:?} was not answered");
                }
                Ok(_) | Err(_) => std::thread::sleep(AWAY),
            }
        }
    }
}

/// One for each record, or the answer is not what it has to be.
fn spots(answer: &str, count: usize) -> Result<Vec<Spot>> {
    let answer: Value = serde_json::from_str(answer).context("read the answer of PutRecords")?;
    let entries = answer["Records"].as_array().context("find its records")?;
    let spots: Option<Vec<Spot>> = entries
        .iter()
        .map(|entry| {
            Some(Spot {
                shard: entry["ShardId"].as_str()?.to_owned(),
                sequence: entry["SequenceNumber"].as_str()?.to_owned(),
            })
        })
        .collect();
    match spots {
        Some(spots) if spots.len() == count => Ok(spots),
        Some(_) | None => bail!("PutRecords did not take all of {count} records: {answer}"),
    }
}
