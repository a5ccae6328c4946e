//! An operator who splits and merges shards at drawn moments, under load and through crashes.
//!
//! An answer that never came leaves open whether it was done; the next look at the shards tells.

use std::time::Duration;

use platform::{Rng, StopToken};
use serde_json::{Value, json};

use crate::{
    client::{Ask, Client},
    fault::Fault,
    pages::{rows, text},
    trace::Trace,
};

const PAUSE_MAX_MS: u64 = 700;
/// Streams that are resharded; what the others hold is compared by the order of their one shard.
const STREAMS: [&str; 3] = ["flights", "departures", "parcels"];
const OPEN_SHARDS_MAX: usize = 6;

#[derive(Debug)]
pub(crate) struct Resharder {
    pub(crate) client: Client,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
}

impl Resharder {
    pub(crate) async fn run(mut self, stop: StopToken) {
        while !stop.is_stopped() {
            let pause = Duration::from_millis(self.rng.below(PAUSE_MAX_MS));
            self.client.platform.clock.sleep(pause).await;
            let stream = STREAMS[self.below(STREAMS.len())];
            let facts = self
                .client
                .ask(&Ask::get(&format!("streams/{stream}")))
                .await;
            let open = open(&facts);
            if open.len() < OPEN_SHARDS_MAX && self.rng.below(2) == 0 {
                self.split(stream, &open).await;
            } else if open.len() > 1 {
                self.merge(stream, &open).await;
            }
        }
    }

    async fn split(&mut self, stream: &str, open: &[Shard]) {
        let shard = &open[self.below(open.len())];
        // Anywhere within, but so that both have keys.
        let parts = u128::from(2 + self.rng.below(14));
        let at = shard.starting + (shard.ending - shard.starting) / parts + 1;
        let order = json!({ "shard": shard.id, "at": at.to_string() });
        self.order(stream, "split", &order, Fault::Split).await;
    }

    async fn merge(&mut self, stream: &str, open: &[Shard]) {
        let first = self.below(open.len() - 1);
        let order = json!({ "shards": [open[first].id, open[first + 1].id] });
        self.order(stream, "merge", &order, Fault::Merge).await;
    }

    async fn order(&mut self, stream: &str, verb: &str, order: &Value, fault: Fault) {
        let ask = Ask::post(&format!("streams/{stream}/{verb}"), order);
        match self.client.once(&ask).await {
            Some((status, _)) if status.is_success() => self.trace.fault(fault),
            Some(_) => {}
            None => self.client.hang_up(),
        }
    }

    fn below(&self, n: usize) -> usize {
        usize::try_from(self.rng.below(n as u64)).unwrap_or(0)
    }
}

#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) id: String,
    pub(crate) starting: u128,
    pub(crate) ending: u128,
}

/// In the order of their ranges.
pub(crate) fn open(facts: &Value) -> Vec<Shard> {
    let open = rows(facts, "shards")
        .iter()
        .filter(|shard| shard["open"] == true);
    let mut open: Vec<Shard> = open.map(shard).collect();
    open.sort_by_key(|shard| shard.starting);
    open
}

/// Closed ones, too.
pub(crate) fn every(facts: &Value) -> Vec<Shard> {
    rows(facts, "shards").iter().map(shard).collect()
}

fn shard(shard: &Value) -> Shard {
    let number = |name: &str| text(shard, name).parse().unwrap_or(0);
    Shard {
        id: text(shard, "id"),
        starting: number("starting_hash_key"),
        ending: number("ending_hash_key"),
    }
}
