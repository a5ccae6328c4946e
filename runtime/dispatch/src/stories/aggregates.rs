//! Stories of records that hold others: as producers of the KPL write them, and as they get damaged.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;

use model::{Answer, HashKey, HashKeyRange, Invocation, Outcome, UserRecord};

use super::world::World;
use crate::{
    Condition,
    deaggregate::tests::{golden, straying},
    filter::{Filter, Unparsable},
    testing::position,
};

/// Every record as it was delivered.
type Delivered = Arc<Mutex<Vec<UserRecord>>>;

fn world(delivered: &Delivered) -> World {
    let delivered = Arc::clone(delivered);
    World::new(move |invocation: &Invocation| {
        let records = invocation.records.iter().cloned();
        delivered.lock().unwrap().extend(records);
        Outcome::Answered(Answer::default())
    })
}

/// Puts one record and waits until it is settled.
async fn settle(world: &World, data: Vec<u8>) -> crate::ShardStatus {
    let now = world.platform.clock.wall();
    world.river.put(0, "a", data, now);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let status = runner.status()[0].clone();
    runner.stop().await;
    status
}

#[tokio::test(start_paused = true)]
async fn a33_the_golden_aggregate_is_delivered_as_two_records_of_its_key() {
    let delivered = Delivered::default();
    let status = settle(&world(&delivered), golden()).await;
    let delivered = delivered.lock().unwrap();
    let data: Vec<&[u8]> = delivered.iter().map(|it| it.data.as_ref()).collect();
    assert_eq!(data, [b"hello".as_slice(), b"world"]);
    for (sub_sequence, record) in (0..).zip(delivered.iter()) {
        assert_eq!(record.key_text(), "pk1");
        assert_eq!(
            record.effective_hash_key().0,
            329_398_341_438_914_906_102_347_661_116_985_167_824
        );
        assert_eq!(record.position.sequence, position(1).sequence);
        assert_eq!(record.position.sub_sequence, sub_sequence);
    }
    assert_eq!(
        (status.counters.records_in, status.counters.settled),
        (2, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a34_an_aggregate_whose_digest_is_wrong_is_delivered_as_it_is() {
    let delivered = Delivered::default();
    let mut bytes = golden();
    *bytes.last_mut().unwrap() ^= 1;
    let status = settle(&world(&delivered), bytes.clone()).await;
    let delivered = delivered.lock().unwrap();
    assert_eq!(delivered.len(), 1);
    assert_eq!(
        (delivered[0].data.len(), &delivered[0].data[..]),
        (47, &bytes[..])
    );
    assert_eq!(delivered[0].key_text(), "a");
    assert_eq!(
        (status.counters.records_in, status.counters.settled),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a35_a_sub_record_outside_its_shard_becomes_a_dead_letter_and_the_other_is_delivered() {
    let delivered = Delivered::default();
    let world = world(&delivered);
    let range = HashKeyRange {
        starting: HashKey(0),
        ending: HashKey(3),
    };
    world.river.narrow(0, range);
    let status = settle(&world, straying()).await;
    let delivered = delivered.lock().unwrap();
    assert_eq!(delivered.len(), 1);
    assert_eq!(
        (&delivered[0].data[..], delivered[0].position.sub_sequence),
        (b"in".as_slice(), 0)
    );
    let dead = world.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].condition, Condition::OutOfRange);
    assert_eq!(dead[0].records[0].data, "out");
    assert_eq!(dead[0].records[0].sub_sequence_number, 1);
    assert_eq!(
        (status.counters.out_of_range, status.counters.dead_lettered),
        (1, 1)
    );
    assert!(status.is_conserved(), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stray_that_the_filter_passes_is_passed_and_leaves_no_dead_letter() {
    let mut world = world(&Delivered::default());
    let wanted = json!({ "partitionKey": ["somebody else"] });
    world.settings.filter = Filter::compile(&[wanted], Unparsable::DeadLetter).unwrap();
    let range = HashKeyRange {
        starting: HashKey(0),
        ending: HashKey(3),
    };
    world.river.narrow(0, range);
    let status = settle(&world, straying()).await;
    assert!(world.dead().is_empty());
    let counters = status.counters;
    assert_eq!((counters.filtered_out, counters.out_of_range), (2, 0));
    assert!(status.is_conserved(), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_within_an_aggregate_is_told_from_one_behind_it() {
    let mut world = world(&Delivered::default());
    world.settings.batch.records = 1;
    world.slow(Duration::ZERO, Duration::from_secs(10));
    let now = world.platform.clock.wall();
    world.river.put(0, "a", golden(), now);
    let runner = world.start().await.unwrap();
    let within = |runner: &crate::TriggerRunner| runner.status()[0].within_record;
    assert!(!within(&runner));
    world.platform.clock.sleep(Duration::from_secs(15)).await;
    assert_eq!(world.settled_through(&runner), position(1));
    assert!(within(&runner));
    runner.abort();
    runner.stop().await;
    world.paused = true;
    let runner = world.start().await.unwrap();
    assert!(within(&runner));
    runner.resume(None);
    world.caught_up(&runner).await;
    assert!(!within(&runner));
    runner.stop().await;
}
