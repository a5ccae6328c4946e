//! Stories of records that expire while no trigger reads them: how many were lost, on the log and the streams of a server.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dispatch::{DeadLetters, ShardStatus, TriggerRunner};
use leases::LeaseBook;
use model::{
    Answer, FunctionVersion, HashKey, Invocation, NewRecord, Outcome, StreamKey, TriggerName,
    UserRecord,
    seams::{BoxFuture, Handler, LogTail, Source},
};
use platform::{Platform, Stop, Task};

use super::tests::{keep_house, start_with};
use crate::{api::streams::key, assemble::Rooms, config, plan};

const STREAMS: &str = "
version: 1
streams:
  flights: { shards: 2, retention: 24h }
";
const TRIGGER: &str = "
functions: { board: { source: board.wasm } }
triggers:
  board: { stream: flights, function: board }
";
const DAY: Duration = Duration::from_hours(24);
/// In the second shard.
const RIGHT: u128 = 1 << 127;

/// Handles whatever comes.
#[derive(Debug)]
struct Handled;

impl Handler for Handled {
    fn version(&self, _: Option<FunctionVersion>, _: f64) -> FunctionVersion {
        FunctionVersion(1)
    }

    fn invoke(&self, _: Invocation) -> BoxFuture<'_, Outcome> {
        Box::pin(async { Outcome::Answered(Answer::default()) })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        model::lambda::encoded_len(stream, record)
    }
}

/// One life of a server.
struct Life {
    platform: Platform,
    rooms: Arc<Rooms>,
    housekeeping: (Stop, Task<()>),
}

impl Life {
    /// It frees what has expired at once.
    async fn begin(platform: &Platform) -> Self {
        let rooms = start_with(platform, STREAMS).await;
        let housekeeping = keep_house(&rooms);
        platform.clock.sleep(Duration::from_millis(1)).await;
        Self {
            platform: platform.clone(),
            rooms,
            housekeeping,
        }
    }

    async fn run(&self, paused: bool) -> TriggerRunner {
        let rooms = &self.rooms;
        let text = format!("{STREAMS}{TRIGGER}");
        let project = config::read("triggers.yaml".as_ref(), &text, &BTreeMap::new()).unwrap();
        let name = TriggerName::parse("board").unwrap();
        let now = self.platform.clock.wall();
        let settings = plan::trigger(&rooms.world, &name, &project.triggers[&name], now);
        let log = rooms.log.clone();
        let tokens = Arc::new(move || log.next_fencing_token());
        let journal = Arc::clone(&rooms.journal);
        let shared = dispatch::Rooms {
            platform: self.platform.clone(),
            journal: Arc::clone(&journal),
            source: Arc::new(rooms.streams.clone()) as Arc<dyn Source>,
            handler: Arc::new(Handled),
            leases: Arc::new(LeaseBook::open(journal, rooms.node.clone(), tokens)),
            dead_letters: Arc::clone(&rooms.dead_letters),
            logs: Arc::clone(&rooms.logs) as Arc<dyn LogTail>,
        };
        TriggerRunner::start(shared, settings, paused)
            .await
            .unwrap()
    }

    /// So many records into each of both shards, in turns.
    async fn put(&self, left: u32, right: u32) {
        let flights = key(&self.rooms, "flights").unwrap();
        for round in 0..left.max(right) {
            for (count, hash_key) in [(left, 0), (right, RIGHT)] {
                let record = NewRecord {
                    partition_key: "k".into(),
                    explicit_hash_key: Some(HashKey(hash_key)),
                    data: "{}".into(),
                };
                if round < count {
                    let put = self.rooms.streams.put(&flights, vec![record], None);
                    put.await.unwrap();
                }
            }
        }
    }

    async fn a_second(&self) {
        self.platform.clock.sleep(Duration::from_secs(1)).await;
    }

    async fn end(self) {
        let (stop, task) = self.housekeeping;
        stop.stop();
        task.await.unwrap();
        self.rooms.log.stop().await;
    }
}

fn lost(runner: &TriggerRunner) -> Vec<u64> {
    let lost = |status: &ShardStatus| {
        assert!(status.is_conserved(), "{status:?}");
        status.counters.lost_to_retention
    };
    runner.status().iter().map(lost).collect()
}

/// How many records each letter says were lost.
fn named(rooms: &Rooms) -> Vec<u64> {
    let letters = DeadLetters::new(Arc::clone(&rooms.journal));
    let name = TriggerName::parse("board").unwrap();
    let letters = letters.list(&name, None, 100).unwrap().into_iter();
    letters
        .map(|letter| letter.lost.map_or(0, |gap| gap.records))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_expires_while_the_server_is_down_is_counted_by_shard_once() {
    let platform = Platform::simulated(1);
    let life = Life::begin(&platform).await;
    let runner = life.run(false).await;
    life.put(3, 2).await;
    life.a_second().await;
    runner.stop().await;
    life.put(5, 70).await;
    life.end().await;
    platform.clock.shift(DAY + Duration::from_secs(10));
    for _ in 0..2 {
        let life = Life::begin(&platform).await;
        life.put(1, 1).await;
        let runner = life.run(false).await;
        life.a_second().await;
        assert_eq!(lost(&runner), [5, 70]);
        assert_eq!(named(&life.rooms), [5, 70]);
        runner.stop().await;
        life.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn shards_that_are_read_in_time_lose_nothing_however_quiet_one_is() {
    let platform = Platform::simulated(1);
    let life = Life::begin(&platform).await;
    let runner = life.run(false).await;
    life.put(2, 50).await;
    life.a_second().await;
    for (left, right) in [(0, 20), (0, 20), (1, 20)] {
        platform.clock.shift(DAY + Duration::from_secs(10));
        life.a_second().await;
        life.put(left, right).await;
        life.a_second().await;
    }
    assert_eq!(lost(&runner), [0, 0]);
    runner.stop().await;
    life.end().await;
    platform.clock.shift(DAY + Duration::from_secs(10));
    let life = Life::begin(&platform).await;
    let runner = life.run(false).await;
    life.put(1, 1).await;
    life.a_second().await;
    assert_eq!((lost(&runner), named(&life.rooms)), (vec![0, 0], vec![]));
    runner.stop().await;
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_lay_in_a_shard_that_is_gone_is_counted_when_the_trigger_comes_back() {
    let platform = Platform::simulated(1);
    let life = Life::begin(&platform).await;
    let runner = life.run(false).await;
    life.put(3, 1).await;
    life.a_second().await;
    runner.stop().await;
    life.put(4, 0).await;
    let flights = key(&life.rooms, "flights").unwrap();
    let at = HashKey(RIGHT / 2);
    let split = life.rooms.streams.split(flights, model::ShardId(0), at);
    split.await.unwrap();
    life.a_second().await;
    life.end().await;
    platform.clock.shift(DAY + Duration::from_secs(10));
    let life = Life::begin(&platform).await;
    life.put(1, 1).await;
    let runner = life.run(false).await;
    life.a_second().await;
    assert_eq!(named(&life.rooms), [4]);
    assert_eq!(lost(&runner).iter().sum::<u64>(), 4);
    runner.stop().await;
    // It has ended, and nobody looks at it again.
    let runner = life.run(false).await;
    life.a_second().await;
    assert_eq!(
        (lost(&runner).iter().sum::<u64>(), named(&life.rooms)),
        (0, vec![4])
    );
    runner.stop().await;
    life.end().await;
}
