//! Stories of dead letters that are run again, one after another or at the same time, through failures and crashes.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::Invocation;

use super::world::{World, copied, text, thrown};
use crate::{
    Came, How, Redrive, RedriveOrder, Redriven, Refused, ShardState, Stale, TriggerRunner,
};

const IN_ORDER: How = How {
    order: RedriveOrder::InOrder,
    dry_run: false,
    allow_stale: false,
};

/// Records that say `bad` fail until the function is mended.
fn mendable() -> (World, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let mut world = World::new(move |invocation: &Invocation| {
        let bad = invocation
            .records
            .iter()
            .any(|record| text(record).starts_with("bad"));
        if bad && !is_mended.load(Ordering::Relaxed) {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    });
    world.settings.retry.attempts = Some(1);
    (world, mended)
}

fn redrive(runner: &TriggerRunner, how: How) -> Redrive {
    let (rooms, settings) = runner.parts();
    Redrive {
        rooms,
        settings,
        state: runner.state(),
        how,
    }
}

async fn run(world: &World, runner: &TriggerRunner, how: How) -> Vec<Redriven> {
    let ids: Vec<String> = world.dead().into_iter().map(|letter| letter.id).collect();
    let told = redrive(runner, how).run(&ids, &mut BTreeSet::new()).await;
    told.unwrap()
}

fn put(world: &World, key: &str, data: &'static str) {
    world.river.put(0, key, data, world.platform.clock.wall());
}

#[tokio::test(start_paused = true)]
async fn what_succeeds_leaves_the_store_and_appears_once() {
    let (world, mended) = mendable();
    world.put(0, &["1", "bad", "3"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "3"]);

    let attempts = world.dead()[0].attempts.len();
    let told = run(
        &world,
        &runner,
        How {
            dry_run: true,
            ..IN_ORDER
        },
    )
    .await;
    assert!(
        matches!(
            told[0].came,
            Came::Tried {
                failed: Some(_),
                ..
            }
        ),
        "{told:?}"
    );
    let told = run(&world, &runner, IN_ORDER).await;
    assert!(
        matches!(told[0].came, Came::Failed { records: 1, .. }),
        "{told:?}"
    );
    // The dry run left no trace, the other one is an attempt of the entry.
    assert_eq!(world.dead()[0].attempts.len(), attempts + 1);

    mended.store(true, Ordering::Relaxed);
    let ids = vec![world.dead()[0].id.clone()];
    let told = run(
        &world,
        &runner,
        How {
            dry_run: true,
            ..IN_ORDER
        },
    )
    .await;
    assert!(
        matches!(
            told[0].came,
            Came::Tried {
                failed: None,
                outputs: 1,
                ..
            }
        ),
        "{told:?}"
    );
    assert_eq!(world.dead().len(), 1);
    let told = run(&world, &runner, IN_ORDER).await;
    assert_eq!(
        told[0].came,
        Came::Done {
            records: 1,
            outputs: 1
        }
    );
    assert_eq!(world.dead(), []);
    let again = redrive(&runner, IN_ORDER)
        .run(&ids, &mut BTreeSet::new())
        .await
        .unwrap();
    assert_eq!(again[0].came, Came::Refused(Refused::Gone));
    assert_eq!(world.tape.outputs(), ["1", "3", "bad"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_key_went_on_is_refused_unless_somebody_insists() {
    let (world, mended) = mendable();
    put(&world, "k", "bad");
    put(&world, "k", "newer");
    put(&world, "other", "x");
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    mended.store(true, Ordering::Relaxed);
    let told = run(&world, &runner, IN_ORDER).await;
    assert_eq!(told[0].came, Came::Refused(Refused::Stale));
    let [Stale::Newer { key, position }] = told[0].stale.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((key.as_ref(), position.sequence.0[2]), (b"k".as_slice(), 2));
    let insists = How {
        allow_stale: true,
        ..IN_ORDER
    };
    let told = run(&world, &runner, insists).await;
    assert!(matches!(told[0].came, Came::Done { .. }), "{told:?}");
    assert_eq!(told[0].stale.len(), 1, "it is said all the same");
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn later_records_of_a_key_wait_for_the_one_that_fails_again() {
    let (world, mended) = mendable();
    put(&world, "k", "bad 1");
    put(&world, "k", "bad 2");
    put(&world, "other", "bad 3");
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.dead().len(), 3);
    let told = run(&world, &runner, IN_ORDER).await;
    let came: Vec<bool> = told
        .iter()
        .map(|one| one.came == Came::Refused(Refused::Behind))
        .collect();
    assert_eq!(came, [false, true, false], "{told:?}");
    // On the side each stands for itself.
    let side = How {
        order: RedriveOrder::Side,
        ..IN_ORDER
    };
    let told = run(&world, &runner, side).await;
    assert!(
        told.iter()
            .all(|one| matches!(one.came, Came::Failed { .. })),
        "{told:?}"
    );
    mended.store(true, Ordering::Relaxed);
    let told = run(&world, &runner, IN_ORDER).await;
    assert!(
        told.iter().all(|one| matches!(one.came, Came::Done { .. })),
        "{told:?}"
    );
    assert_eq!(world.tape.outputs(), ["bad 1", "bad 2", "bad 3"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_operators_do_not_run_the_same_entry_and_nobody_drops_it_meanwhile() {
    let (world, mended) = mendable();
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    mended.store(true, Ordering::Relaxed);
    let (one, two) = tokio::join!(
        run(&world, &runner, IN_ORDER),
        run(&world, &runner, IN_ORDER)
    );
    let mut came = [one[0].came.clone(), two[0].came.clone()];
    came.sort_by_key(|came| matches!(came, Came::Refused(_)));
    assert!(matches!(came[0], Came::Done { .. }), "{came:?}");
    assert_eq!(came[1], Came::Refused(Refused::Claimed));
    assert_eq!(world.tape.outputs(), ["bad"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_a_group_only_what_fails_again_stays() {
    let (mut world, mended) = mendable();
    world.settings.retry.isolate = crate::Isolate::Off;
    let before = Arc::clone(&mended);
    world.put(0, &["1", "bad", "3"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.dead()[0].records.len(), 3);
    let told = run(&world, &runner, IN_ORDER).await;
    let Came::Partly { done, left, id, .. } = &told[0].came else {
        panic!("{told:?}");
    };
    assert_eq!((*done, *left), (2, 1));
    assert_eq!(world.tape.outputs(), ["1", "3"]);
    let dead = world.dead();
    assert_eq!((dead.len(), dead[0].records.len(), &dead[0].id), (1, 1, id));
    before.store(true, Ordering::Relaxed);
    run(&world, &runner, IN_ORDER).await;
    assert_eq!(world.dead(), []);
    assert_eq!(world.tape.outputs(), ["1", "3", "bad"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_commit_neither_loses_nor_doubles() {
    for crash in 1..=4 {
        for counts in [false, true] {
            let (world, mended) = mendable();
            world.put(0, &["bad 1", "bad 2"]);
            let runner = world.start().await.unwrap();
            world.caught_up(&runner).await;
            assert_eq!(world.dead().len(), 2);
            mended.store(true, Ordering::Relaxed);
            let before = world.tape.commits();
            world.tape.stop_at(Some((before + crash, counts)));
            run(&world, &runner, IN_ORDER).await;
            world.tape.stop_at(None);
            runner.stop().await;
            let runner = world.start().await.unwrap();
            run(&world, &runner, IN_ORDER).await;
            let mut outputs = world.tape.outputs();
            outputs.sort();
            assert_eq!(outputs, ["bad 1", "bad 2"], "{crash} {counts}");
            assert_eq!(world.dead(), [], "{crash} {counts}");
            runner.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_while_a_trigger_is_held() {
    let mut world = World::new(copied);
    world.slow(Duration::ZERO, Duration::from_secs(2));
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    let clock = &world.platform.clock;
    clock.sleep(Duration::from_millis(10)).await;
    // What runs is waited for.
    let brake = runner.brake();
    assert!(brake.hold(clock, Duration::from_secs(1)).await.is_none());
    let hold = brake.hold(clock, Duration::from_secs(60)).await;
    assert!(hold.is_some());
    world.put(0, &["2"]);
    clock.sleep(Duration::from_secs(10)).await;
    assert_eq!(world.tape.outputs(), ["1"]);
    assert_eq!(runner.status()[0].state, ShardState::Held);
    drop(hold);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "2"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_shard_is_paused_while_the_others_go_on_and_what_runs_can_be_dropped() {
    let mut world = World::new(copied);
    world.slow(Duration::ZERO, Duration::from_secs(5));
    world.river.widen();
    let runner = world.start().await.unwrap();
    world.put(0, &["1"]);
    world.put(1, &["2"]);
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    runner.pause(Some(model::ShardId(0)));
    runner.abort();
    world
        .until(&runner, 0, |state| *state == ShardState::PausedShard)
        .await;
    world
        .until(&runner, 1, |state| *state == ShardState::CaughtUp)
        .await;
    assert_eq!(world.tape.outputs(), ["2"]);
    runner.resume(Some(model::ShardId(0)));
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["2", "1"]);
    // What was dropped used no attempt: nothing of it is in a dead letter, and it ran once more than it shows.
    assert_eq!(world.invoked().len(), 4);
    runner.stop().await;
}
