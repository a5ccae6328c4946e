//! One host: it says that it lives, works on what it holds, gives up what others should have, and takes what is free. Its
//! clock is its own, and it may stand still in the middle of anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{
    LeaseKey, LeaseRow, NodeId, Transaction, ViewWrite,
    keys::{self, Namespace},
    seams::Journal as _,
};
use platform::{Platform, Rng, StopToken};

use super::{
    graceful::Patience,
    sharing::{Sight, Strategy},
    table::Table,
    trigger,
};
use crate::{HeldLease, LeaseBook};

const TICK: Duration = Duration::from_millis(100);
/// A host that did not say that it lives for so long is taken for dead, by the clock of whoever looks.
const ALIVE: Duration = Duration::from_secs(2);
/// One record in so many is done by a host that stands still before it writes down what it did.
const FREEZES: u64 = 400;
const FROZEN_MAX_MS: u64 = 9_000;

pub(super) struct Host {
    platform: Platform,
    table: Arc<Table>,
    book: LeaseBook,
    me: NodeId,
    rng: Rng,
    strategy: Strategy,
    /// Its clock goes so many percent of the world's.
    speed: u32,
    beat: u64,
    heard: BTreeMap<NodeId, (u64, Duration)>,
    held: BTreeMap<LeaseKey, HeldLease>,
    patience: Patience,
}

impl Host {
    pub(super) fn new(
        platform: &Platform,
        table: &Arc<Table>,
        me: NodeId,
        strategy: Strategy,
    ) -> Self {
        let rng = platform.rng.fork(me.as_str());
        Self {
            platform: platform.clone(),
            table: Arc::clone(table),
            book: table.book(me.clone()),
            speed: 90 + u32::try_from(rng.below(21)).unwrap(),
            me,
            rng,
            strategy,
            beat: 0,
            heard: BTreeMap::new(),
            held: BTreeMap::new(),
            patience: Patience::default(),
        }
    }

    pub(super) async fn run(mut self, stop: StopToken) {
        while !stop.is_stopped() {
            self.say_that_it_lives(Some(self.beat)).await;
            self.beat += 1;
            let rows = self.book.list(&trigger()).unwrap();
            let alive = self.alive();
            self.share(&rows, &alive).await;
            self.work().await;
            self.platform.clock.sleep(TICK).await;
        }
        self.say_that_it_lives(None).await;
        for (_, lease) in std::mem::take(&mut self.held) {
            // A lease that was taken away meanwhile is nobody's to give back.
            drop(self.book.release(lease).await);
        }
    }

    async fn say_that_it_lives(&self, beat: Option<u64>) {
        let write = ViewWrite {
            key: keys::named(Namespace::Trigger, self.me.as_str()),
            value: beat.map(|beat| beat.to_be_bytes().to_vec().into()),
        };
        let writes = vec![write];
        let said = self.table.commit(Transaction {
            writes,
            ..Transaction::default()
        });
        said.await.unwrap();
    }

    fn now(&self) -> Duration {
        self.platform.clock.monotonic().0 * self.speed / 100
    }

    /// Those whose beat went on lately, by this host's clock.
    fn alive(&mut self) -> BTreeSet<NodeId> {
        let now = self.now();
        let prefix = keys::namespace(Namespace::Trigger);
        let mut heard = BTreeMap::new();
        for (key, value) in self.table.scan(&prefix, None, 100).unwrap() {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            let node = NodeId::parse(&name).unwrap();
            let beat = u64::from_be_bytes(value.as_ref().try_into().unwrap());
            let since = match self.heard.get(&node) {
                Some((known, since)) if *known == beat => *since,
                Some(_) | None => now,
            };
            heard.insert(node, (beat, since));
        }
        self.heard = heard;
        let lately = |(_, since): &(u64, Duration)| now.saturating_sub(*since) <= ALIVE;
        let alive = self.heard.iter().filter(|(_, heard)| lately(heard));
        alive.map(|(node, _)| node.clone()).collect()
    }

    /// Gives up what others should have and takes what is its own part, all at once.
    async fn share(&mut self, rows: &[LeaseRow], alive: &BTreeSet<NodeId>) {
        let now = self.now();
        let heard = self.heard.iter();
        let sight = Sight {
            me: &self.me,
            rows,
            alive,
            silent: heard
                .map(|(node, (_, since))| (node.clone(), now.saturating_sub(*since)))
                .collect(),
            patience: ALIVE,
        };
        let wanted = match self.strategy {
            Strategy::Even => sight.even(),
            Strategy::Kcl2 => sight.kcl2(&self.rng),
            Strategy::Kcl3 => sight.kcl3(&self.table, self.beat).await,
            Strategy::Graceful => {
                let leader = (&self.book, &mut self.patience, now);
                sight.graceful(leader, &self.held, self.beat).await
            }
        };
        for key in wanted.lost {
            self.held.remove(&key);
        }
        for key in wanted.released {
            if let Some(lease) = self.held.remove(&key) {
                drop(self.book.release(lease).await);
            }
        }
        for key in wanted.taken {
            let lease = self.book.take(&key).await;
            self.held.extend(lease.ok().map(|lease| (key, lease)));
        }
    }

    /// Some records of every shard that it holds, or believes that it holds.
    async fn work(&mut self) {
        for key in self.held.keys().cloned().collect::<Vec<_>>() {
            let next = self.table.reached(key.shard) + 1;
            let takes = Duration::from_millis(self.rng.below(10));
            self.platform.clock.sleep(takes).await;
            if self.table.freezes() && self.rng.below(FREEZES) == 0 {
                let frozen = Duration::from_millis(self.rng.below(FROZEN_MAX_MS));
                self.platform.clock.sleep(frozen).await;
            }
            let guard = self.held[&key].guard();
            if self.table.work(guard, key.shard, next).await.is_err() {
                self.held.remove(&key);
            }
        }
    }
}
