//! Stories of triggers that take only some records.

use std::time::Duration;

use model::ShardId;
use serde_json::json;

use super::world::{World, copied};
use crate::{
    Condition,
    filter::{Filter, Unparsable},
};

fn taking_late_flights(unparsable: Unparsable) -> World {
    let mut world = World::new(copied);
    let late = json!({ "data": { "delay": [{ "numeric": [">", 120] }] } });
    world.settings.filter = Filter::compile(&[late], unparsable).unwrap();
    world
}

#[tokio::test(start_paused = true)]
async fn a18_a_filter_that_matches_nothing_moves_the_checkpoint() {
    let world = taking_late_flights(Unparsable::DeadLetter);
    world.put(0, &[r#"{"delay":5}"#; 1_000]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(runner.status()[0].counters.filtered_out, 1_000);
    assert_eq!(world.settled_through(&runner).sequence.0[2], 1_000);
    runner.stop().await;

    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.settled_through(&runner).sequence.0[2], 1_000);
    assert_eq!(runner.status()[0].counters.records_in, 0);
    assert_eq!(world.invoked(), [""; 0]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a19_what_is_not_json_is_dropped_kept_or_given_up() {
    for (unparsable, delivered, counted, dead) in [
        (Unparsable::Drop, vec![r#"{"delay":200}"#], (2, 0), 0),
        (
            Unparsable::Pass,
            vec!["no json", r#"{"delay":200}"#],
            (1, 0),
            0,
        ),
        (Unparsable::DeadLetter, vec![r#"{"delay":200}"#], (1, 1), 1),
    ] {
        let world = taking_late_flights(unparsable);
        world.put(0, &["no json", r#"{"delay":5}"#, r#"{"delay":200}"#]);
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        assert_eq!(world.tape.outputs(), delivered, "{unparsable:?}");
        let counters = runner.status()[0].counters;
        assert_eq!((counters.filtered_out, counters.unparsable), counted);
        let kept = world.dead();
        assert_eq!(kept.len(), dead, "{unparsable:?}");
        for entry in kept {
            assert_eq!(entry.condition, Condition::Unparsable);
            assert_eq!(entry.records[0].data, "no json");
        }
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn records_between_those_of_a_failed_batch_stay_filtered_over_a_restart() {
    let mut world = taking_late_flights(Unparsable::DeadLetter);
    world.settings.retry.backoff.first = Duration::from_secs(60);
    world.settings.retry.isolate = crate::Isolate::Off;
    let fails = World::new(super::thrown);
    world.actor = fails.actor;
    world.put(
        0,
        &[r#"{"delay":200}"#, r#"{"delay":5}"#, r#"{"delay":300}"#],
    );
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    runner.stop().await;
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(100)).await;
    let batch = r#"0:{"delay":200},{"delay":300}"#;
    assert_eq!(world.invoked(), [batch, batch]);
    assert_eq!(
        runner
            .watch(ShardId(0))
            .unwrap()
            .borrow()
            .counters
            .lost_to_retention,
        0
    );
    runner.stop().await;
}
