//! Stories of two versions of a function that share the keys of a trigger.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use model::{FunctionVersion, Invocation, Outcome};

use super::world::{World, copied, text, thrown};
use crate::{CanaryBy, Lanes, ShardState};

const MAIN: FunctionVersion = FunctionVersion(1);
const CANARY: FunctionVersion = FunctionVersion(2);

/// What each record met, in order: its data begins with its key.
type Diary = Arc<Mutex<Vec<(String, FunctionVersion)>>>;

fn noted(
    diary: &Diary,
    script: impl Fn(&Invocation) -> Outcome + Send + Sync + 'static,
) -> impl Fn(&Invocation) -> Outcome + Send + Sync + 'static {
    let diary = Arc::clone(diary);
    move |invocation| {
        let met = invocation.records.iter();
        let met = met.map(|record| (text(record), invocation.version));
        diary.lock().unwrap().extend(met);
        script(invocation)
    }
}

fn put(world: &World, rounds: std::ops::Range<u32>) {
    let now = world.platform.clock.wall();
    for round in rounds {
        for key in 0..20 {
            let key = format!("key-{key:02}");
            let data = format!("{key} {round:02}");
            world.river.put(0, &key, data, now);
        }
    }
}

fn weigh(world: &World, share: Option<f64>) {
    *world.actor.canary.lock().unwrap() = share.map(|share| (CANARY, share));
}

/// The versions that each key met.
fn by_key(diary: &Diary) -> BTreeMap<String, BTreeSet<FunctionVersion>> {
    let mut met: BTreeMap<String, BTreeSet<FunctionVersion>> = BTreeMap::new();
    for (data, version) in diary.lock().unwrap().iter() {
        met.entry(data[..6].to_owned())
            .or_default()
            .insert(*version);
    }
    met
}

fn assert_in_order(outputs: &[String], rounds: u32) {
    assert_eq!(outputs.len(), 20 * usize::try_from(rounds).unwrap());
    let mut next: BTreeMap<&str, u32> = BTreeMap::new();
    for output in outputs {
        let (key, round) = output.split_once(' ').unwrap();
        let expect = next.entry(key).or_default();
        assert_eq!(round.parse::<u32>().unwrap(), *expect, "{output}");
        *expect += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_meets_one_version_whatever_the_lanes() {
    for lanes in [Lanes::ONE, Lanes::Hashed(3), Lanes::Keys(5)] {
        let diary = Diary::default();
        let mut world = World::new(noted(&diary, copied));
        world.settings.lanes = lanes;
        weigh(&world, Some(0.4));
        put(&world, 0..5);
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        put(&world, 5..10);
        world.caught_up(&runner).await;
        runner.stop().await;
        let met = by_key(&diary);
        assert!(met.values().all(|versions| versions.len() == 1), "{met:?}");
        let canaries = met.values().filter(|it| it.contains(&CANARY)).count();
        assert!((3..=14).contains(&canaries), "{canaries} of 20 keys");
        assert_in_order(&world.tape.outputs(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn by_batch_any_batch_may_meet_either() {
    let diary = Diary::default();
    let mut world = World::new(noted(&diary, copied));
    world.settings.canary.by = CanaryBy::Batch;
    weigh(&world, Some(0.5));
    put(&world, 0..10);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    runner.stop().await;
    let met = by_key(&diary);
    assert!(met.values().any(|versions| versions.len() == 2), "{met:?}");
}

#[tokio::test(start_paused = true)]
async fn another_share_moves_keys_between_two_of_their_records() {
    let diary = Diary::default();
    let world = World::new(noted(&diary, copied));
    put(&world, 0..10);
    let runner = world.start().await.unwrap();
    for (share, rounds) in [(Some(0.3), 10..20), (Some(0.8), 20..30), (None, 30..40)] {
        // In the midst of the work.
        world.platform.clock.sleep(Duration::from_millis(400)).await;
        weigh(&world, share);
        put(&world, rounds);
    }
    world.caught_up(&runner).await;
    runner.stop().await;
    assert_in_order(&world.tape.outputs(), 40);
    let mut turns: BTreeMap<String, Vec<FunctionVersion>> = BTreeMap::new();
    for (data, version) in diary.lock().unwrap().iter() {
        let turns = turns.entry(data[..6].to_owned()).or_default();
        if turns.last() != Some(version) {
            turns.push(*version);
        }
    }
    // To the canary at most once, and back at most once.
    let simple = [vec![MAIN], vec![MAIN, CANARY, MAIN], vec![MAIN, CANARY]];
    assert!(turns.values().all(|it| simple.contains(it)), "{turns:?}");
    assert!(turns.values().any(|it| it.len() > 1), "{turns:?}");
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_fails_holds_up_its_own_keys_and_what_it_left_runs_on_the_other_version() {
    let diary = Diary::default();
    let script = |invocation: &Invocation| {
        if invocation.version == CANARY {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    };
    let mut world = World::new(noted(&diary, script));
    world.settings.retry.attempts = None;
    weigh(&world, Some(0.4));
    put(&world, 0..5);
    let runner = world.start().await.unwrap();
    let backing_off = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    let state = world.until(&runner, 0, backing_off).await.to_string();
    assert!(state.contains("after canary, attempt"), "{state}");
    let met = by_key(&diary);
    let good = met.values().filter(|it| !it.contains(&CANARY)).count();
    assert_eq!(world.tape.outputs().len(), 5 * good);
    assert!(good > 0);
    weigh(&world, None);
    world.actor.left.lock().unwrap().insert(CANARY);
    put(&world, 5..10);
    world.caught_up(&runner).await;
    runner.stop().await;
    assert_in_order(&world.tape.outputs(), 10);
    assert!(world.dead().is_empty());
}

#[tokio::test(start_paused = true)]
async fn whatever_commit_the_log_stops_at_a_key_meets_one_version_and_nothing_is_repeated() {
    let script = |invocation: &Invocation| {
        let bad = invocation.records.iter().any(|r| text(r).ends_with("2"));
        if bad && invocation.attempt < 2 {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    };
    let make = |diary: &Diary| {
        let mut world = World::new(noted(diary, script));
        world.settings.retry.attempts = Some(5);
        weigh(&world, Some(0.4));
        put(&world, 0..4);
        world
    };
    let whole = {
        let world = make(&Diary::default());
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        runner.stop().await;
        world.tape.commits()
    };
    assert!(whole > 10, "{whole}");
    for crash in 1..=whole {
        for (counts, shares) in [(false, Some(0.4)), (true, Some(0.4)), (true, None)] {
            let diary = Diary::default();
            let world = make(&diary);
            world.tape.stop_at(Some((crash, counts)));
            if let Ok(runner) = world.start().await {
                let over = |state: &ShardState| {
                    matches!(state, ShardState::LogStopped(_) | ShardState::CaughtUp)
                };
                world.until(&runner, 0, over).await;
                runner.stop().await;
            }
            world.tape.stop_at(None);
            weigh(&world, shares);
            let runner = world.start().await.unwrap();
            world.caught_up(&runner).await;
            runner.stop().await;
            assert_in_order(&world.tape.outputs(), 4);
            let met = by_key(&diary);
            let one = met.values().all(|versions| versions.len() == 1);
            assert!(one || shares.is_none(), "{crash} {counts} {met:?}");
        }
    }
}
