//! Parked keys: one record that always fails stops its own key and no other, and goes on in order once it is mended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::{
    Answer, ByteSize, Checkpoint, HashKey, HashKeyRange, Invocation, Outcome, RecordAction,
    RecordFailure,
};

use super::world::{World, copied, text, thrown};
use crate::{BreakerPolicy, ErrorClass, Lanes, ShardState, Then, TriggerRunner, testing::position};

/// Fails records of key `bad` as long as nobody has mended it; each record is `key number`.
fn script(mended: Arc<AtomicBool>) -> impl Fn(&Invocation) -> Outcome {
    move |invocation| {
        let fails = |data: &str| data.starts_with("bad 1") && !mended.load(Ordering::Relaxed);
        if invocation.records.iter().any(|record| fails(&text(record))) {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    }
}

fn world() -> (World, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let mut world = World::new(script(Arc::clone(&mended)));
    world.settings.retry.then = Then::Park;
    (world, mended)
}

fn put(world: &World, shard: usize, data: &[&str]) {
    let now = world.platform.clock.wall();
    for data in data {
        let key = data.split(' ').next().unwrap();
        world.river.put(shard, key, (*data).to_owned(), now);
    }
}

async fn settled(world: &World, runner: &TriggerRunner, shard: u32) {
    world.platform.clock.sleep(Duration::from_secs(30)).await;
    world
        .until(runner, shard, |state| *state == ShardState::CaughtUp)
        .await;
}

fn waiting(runner: &TriggerRunner, key: &str) -> Vec<String> {
    let parked = runner.parked();
    let rows = parked.get(key.as_bytes()).unwrap();
    let records = rows
        .iter()
        .flat_map(|row| parked.records(row, None, 100).unwrap());
    records
        .map(|record| String::from_utf8(record.data.to_vec()).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_record_that_always_fails_stops_its_key_and_no_other() {
    let (world, mended) = world();
    put(&world, 0, &["a 1", "bad 1", "b 1", "bad 2", "a 2", "bad 3"]);
    let runner = world.start().await.unwrap();
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs(), ["a 1", "b 1", "a 2"]);
    assert_eq!(waiting(&runner, "bad"), ["bad 1", "bad 2", "bad 3"]);
    assert_eq!(world.settled_through(&runner), position(6));
    let status = &runner.status()[0];
    assert_eq!((status.counters.parked, status.parked_keys), (3, 1));
    assert!(status.parked_since.is_some());
    let row = &runner.parked().list().unwrap()[0];
    assert_eq!(row.why.notes.last().unwrap().error_type, "Unhandled");
    assert!(world.dead().is_empty());

    // What comes later of the key waits behind it, also over a restart.
    runner.stop().await;
    put(&world, 0, &["bad 4", "a 3"]);
    let runner = world.start().await.unwrap();
    settled(&world, &runner, 0).await;
    assert_eq!(waiting(&runner, "bad").len(), 4);

    mended.store(true, Ordering::Relaxed);
    assert!(runner.parked().unpark(b"bad", Vec::new()).await.unwrap());
    settled(&world, &runner, 0).await;
    let all = [
        "a 1", "b 1", "a 2", "a 3", "bad 1", "bad 2", "bad 3", "bad 4",
    ];
    assert_eq!(world.tape.outputs(), all);
    assert!(runner.parked().list().unwrap().is_empty());
    assert_eq!(runner.parked().bytes().unwrap(), ByteSize(0));
    put(&world, 0, &["bad 5"]);
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs().last().unwrap(), "bad 5");
    assert_eq!(runner.status()[0].counters.unparked, 4);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_fails_again_is_parked_again_from_that_record() {
    let (mut world, _) = world();
    world.settings.retry.attempts = Some(1);
    put(&world, 0, &["bad 0", "bad 1", "bad 2"]);
    let runner = world.start().await.unwrap();
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs(), ["bad 0"]);
    runner.parked().unpark(b"bad", Vec::new()).await.unwrap();
    put(&world, 0, &["bad 3"]);
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs(), ["bad 0"]);
    assert_eq!(waiting(&runner, "bad"), ["bad 1", "bad 2", "bad 3"]);
    assert!(!runner.parked().list().unwrap()[0].why.goes_on);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn parked_keys_go_where_their_hash_range_goes() {
    let (world, mended) = world();
    put(&world, 0, &["bad 1", "bad 2"]);
    let runner = world.start().await.unwrap();
    settled(&world, &runner, 0).await;
    world.river.split(0);
    let hash = HashKey::of_partition_key("bad").0;
    let [here, there] = [(0, hash), (hash + 1, u128::MAX)].map(|(from, to)| HashKeyRange {
        starting: HashKey(from),
        ending: HashKey(to),
    });
    world.river.narrow(1, here);
    world.river.narrow(2, there);
    put(&world, 1, &["x 1", "x 2", "bad 3"]);
    settled(&world, &runner, 1).await;
    world
        .until(&runner, 0, |state| *state == ShardState::Ended)
        .await;
    assert_eq!(waiting(&runner, "bad").len(), 3);
    let parked: Vec<u64> = runner.status().iter().map(|it| it.parked_keys).collect();
    assert_eq!(parked, [0, 1, 0], "counted where they went");
    mended.store(true, Ordering::Relaxed);
    runner.parked().unpark(b"bad", Vec::new()).await.unwrap();
    settled(&world, &runner, 1).await;
    assert_eq!(world.tape.outputs()[2..], ["bad 1", "bad 2", "bad 3"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn each_record_has_its_effects_once_whatever_commit_the_log_stops_at() {
    for lanes in [Lanes::ONE, Lanes::Hashed(3), Lanes::Keys(8)] {
        for stop in 3..14 {
            let (mut world, mended) = world();
            world.settings.lanes = lanes;
            world.settings.retry.attempts = Some(1);
            put(&world, 0, &["a 1", "bad 1", "b 1", "bad 2", "a 2", "bad 3"]);
            world.tape.stop_at(Some((stop, stop % 2 == 0)));
            if let Ok(runner) = world.start().await {
                world.platform.clock.sleep(Duration::from_secs(30)).await;
                mended.store(true, Ordering::Relaxed);
                let _stopped = runner.parked().unpark(b"bad", Vec::new()).await;
                world.platform.clock.sleep(Duration::from_secs(30)).await;
                runner.stop().await;
            }
            world.tape.stop_at(None);
            mended.store(true, Ordering::Relaxed);
            let runner = world.start().await.unwrap();
            settled(&world, &runner, 0).await;
            runner.parked().unpark(b"bad", Vec::new()).await.unwrap();
            settled(&world, &runner, 0).await;
            let mut outputs = world.tape.outputs();
            let bad: Vec<String> = outputs
                .iter()
                .filter(|it| it.starts_with("bad"))
                .cloned()
                .collect();
            assert_eq!(bad, ["bad 1", "bad 2", "bad 3"], "{lanes:?} {stop}");
            outputs.sort();
            assert_eq!(outputs.len(), 6, "{lanes:?} {stop}: {outputs:?}");
            runner.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_finds_no_room_waits_with_a_reason_until_there_is_some() {
    let (mut world, mended) = world();
    world.settings.retry.attempts = Some(1);
    world.settings.retry.park_max = ByteSize(1);
    put(&world, 0, &["bad 1", "a 1", "bad 2", "a 2"]);
    let runner = world.start().await.unwrap();
    let full = |state: &ShardState| matches!(state, ShardState::ParkFull { .. });
    world.until(&runner, 0, full).await;
    assert_eq!(waiting(&runner, "bad"), ["bad 1"]);
    mended.store(true, Ordering::Relaxed);
    runner.parked().unpark(b"bad", Vec::new()).await.unwrap();
    settled(&world, &runner, 0).await;
    let mut outputs = world.tape.outputs();
    outputs.sort();
    assert_eq!(outputs, ["a 1", "a 2", "bad 1", "bad 2"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn handlers_and_error_classes_park_keys_too() {
    let by_handler = |invocation: &Invocation| {
        let failed = |(index, record): (u32, &model::UserRecord)| {
            (text(record) == "bad 1").then(|| RecordFailure {
                index,
                action: RecordAction::Park,
                kind: "Park".to_owned(),
                reason: "the airport is closed".to_owned(),
            })
        };
        let failures = (0..).zip(invocation.records.iter()).filter_map(failed);
        let Outcome::Answered(copy) = copied(invocation) else {
            return thrown(invocation);
        };
        Outcome::Answered(Answer {
            failures: failures.collect(),
            ..copy
        })
    };
    let mut world = World::new(by_handler);
    put(&world, 0, &["bad 1", "bad 2", "a 1"]);
    let runner = world.start().await.unwrap();
    settled(&world, &runner, 0).await;
    assert_eq!(world.invoked()[0], "0:bad 1,bad 2,a 1");
    assert_eq!(world.tape.outputs(), ["a 1"]);
    assert_eq!(waiting(&runner, "bad"), ["bad 1", "bad 2"]);
    runner.stop().await;

    world = World::new(script(Arc::default()));
    let park = ("Unhandled".to_owned(), ErrorClass::Park);
    world.settings.retry.classes.extend([park]);
    put(&world, 0, &["bad 1", "bad 2", "a 1"]);
    let runner = world.start().await.unwrap();
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs(), ["a 1"]);
    assert_eq!(waiting(&runner, "bad"), ["bad 1", "bad 2"]);
    runner.stop().await;
}

/// Fails everything until it is mended.
fn outage(mended: &Arc<AtomicBool>) -> impl Fn(&Invocation) -> Outcome + use<> {
    let mended = Arc::clone(mended);
    move |invocation| {
        if mended.load(Ordering::Relaxed) {
            copied(invocation)
        } else {
            thrown(invocation)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_parks_nothing_and_keeps_the_order_of_keys() {
    let mended = Arc::default();
    let mut world = World::new(outage(&mended));
    world.settings.retry.then = Then::Park;
    world.settings.retry.attempts = Some(2);
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 2,
        probe: Duration::from_secs(30),
    });
    world.settings.batch.records = 2;
    put(&world, 0, &["a 1", "a 2", "b 1", "a 3", "c 1", "b 2"]);
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(120)).await;
    assert!(runner.parked().list().unwrap().is_empty());
    mended.store(true, Ordering::Relaxed);
    settled(&world, &runner, 0).await;
    assert_eq!(
        world.tape.outputs(),
        ["a 1", "a 2", "b 1", "a 3", "c 1", "b 2"]
    );
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_in_place_of_a_suspect_is_of_another_key() {
    let (mut world, mended) = world();
    world.settings.retry.attempts = Some(1);
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 5,
        probe: Duration::from_secs(30),
    });
    put(&world, 0, &["bad 1", "bad 2", "bad 3", "a 1"]);
    let runner = world.start().await.unwrap();
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs(), ["a 1"]);
    assert_eq!(waiting(&runner, "bad"), ["bad 1", "bad 2", "bad 3"]);
    mended.store(true, Ordering::Relaxed);
    runner.parked().unpark(b"bad", Vec::new()).await.unwrap();
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs()[1..], ["bad 1", "bad 2", "bad 3"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_parks_a_key_and_drops_what_waits_behind_it() {
    let (world, _) = world();
    let runner = world.start().await.unwrap();
    let now = world.platform.clock.wall();
    runner.parked().park(b"a", now, Vec::new()).await.unwrap();
    put(&world, 0, &["a 1", "b 1", "a 2"]);
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs(), ["b 1"]);
    let gone = runner.parked().drop_key(b"a", Vec::new()).await.unwrap();
    assert_eq!(gone, 2);
    put(&world, 0, &["a 3"]);
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs(), ["b 1", "a 3"]);
    runner.stop().await;
}

/// Handles whatever comes, and leaves nothing behind.
fn quiet(_: &Invocation) -> Outcome {
    Outcome::Answered(Answer::default())
}

#[tokio::test(start_paused = true)]
async fn what_goes_behind_a_parked_key_needs_no_transaction_of_its_own() {
    let mut world = World::new(quiet);
    world.settings.batch.records = 10;
    let runner = world.start().await.unwrap();
    let now = world.platform.clock.wall();
    runner.parked().park(b"a", now, Vec::new()).await.unwrap();
    world.caught_up(&runner).await;
    let before = world.tape.commits();
    for number in 0..100 {
        let records = [format!("a {number}"), format!("b {number}")];
        put(&world, 0, &records.each_ref().map(String::as_str));
    }
    settled(&world, &runner, 0).await;
    let waits: Vec<String> = (0..100).map(|number| format!("a {number}")).collect();
    assert_eq!(waiting(&runner, "a"), waits);
    // Twenty batches, each with five of them, took some 200 ms.
    let commits = world.tape.commits() - before;
    assert!((2..=6).contains(&commits), "{commits}");
    let counters = runner.status()[0].counters;
    assert_eq!((counters.settled, counters.parked), (100, 100));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_on_its_way_behind_a_key_that_is_dropped_is_handled() {
    let world = World::new(copied);
    let runner = world.start().await.unwrap();
    let now = world.platform.clock.wall();
    runner.parked().park(b"a", now, Vec::new()).await.unwrap();
    world.caught_up(&runner).await;
    put(&world, 0, &["a 1", "a 2"]);
    world.platform.clock.sleep(Duration::from_millis(10)).await;
    // Nothing of it is written yet.
    assert_eq!(waiting(&runner, "a"), [""; 0]);
    let status = runner.status()[0].clone();
    assert_eq!(status.counters.parked, 2);
    // So it is not said to be settled.
    assert_eq!(status.checkpoint, Checkpoint::TrimHorizon);
    let gone = runner.parked().drop_key(b"a", Vec::new()).await.unwrap();
    assert_eq!(gone, 0);
    put(&world, 0, &["a 3"]);
    settled(&world, &runner, 0).await;
    assert_eq!(world.tape.outputs(), ["a 1", "a 2", "a 3"]);
    assert!(runner.parked().list().unwrap().is_empty());
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_next_row_parks_what_was_on_its_way_once() {
    let make = async || {
        let mut world = World::new(quiet);
        world.settings.batch.records = 2;
        let runner = world.start().await.unwrap();
        let now = world.platform.clock.wall();
        runner.parked().park(b"a", now, Vec::new()).await.unwrap();
        world.caught_up(&runner).await;
        runner.stop().await;
        put(&world, 0, &["a 1", "b 1", "a 2", "b 2", "a 3", "a 4"]);
        world
    };
    let world = make().await;
    let before = world.tape.commits();
    let runner = world.start().await.unwrap();
    settled(&world, &runner, 0).await;
    runner.stop().await;
    for crash in before + 1..=world.tape.commits() {
        for counts in [false, true] {
            let world = make().await;
            world.tape.stop_at(Some((crash, counts)));
            if let Ok(runner) = world.start().await {
                world.platform.clock.sleep(Duration::from_secs(1)).await;
                runner.stop().await;
            }
            world.tape.stop_at(None);
            let runner = world.start().await.unwrap();
            settled(&world, &runner, 0).await;
            assert_eq!(waiting(&runner, "a"), ["a 1", "a 2", "a 3", "a 4"]);
            let bytes = runner.parked().bytes().unwrap();
            runner.parked().drop_key(b"a", Vec::new()).await.unwrap();
            assert!(bytes > ByteSize(0));
            assert_eq!(runner.parked().bytes().unwrap(), ByteSize(0));
            runner.stop().await;
        }
    }
}
