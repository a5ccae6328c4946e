//! What Shardmill promises, each held in stories full of crashes. A failing seed is printed with the command that runs it
//! again; `cargo xtask simulate` holds all of them in any number of stories.

use shardmill_simulation::{
    Between, Trace, each_seed, each_seed_twice, invariants, post, promises, run,
};

#[test]
fn promise_1_an_acknowledged_record_survives_a_crash() {
    let name = "promise_1_an_acknowledged_record_survives_a_crash";
    each_seed(name, 1..=15, promises::acknowledged_survives);
}

#[test]
fn promise_1_is_held_after_each_life_too() {
    let has_put = |left: &Between| !left.acknowledged.is_empty();
    let mut stories = (1..=9).map(|seed| run(seed, &Trace::default()));
    let ending = stories.find(|ending| ending.between.iter().any(has_put));
    let mut ending = ending.expect("a life that acknowledged something");
    assert_eq!(promises::acknowledged_survives(&ending), Ok(()));
    let left = ending.between.iter_mut().find(|left| has_put(left));
    let left = left.expect("the same life");
    let place = left.acknowledged.values().next().cloned();
    left.flights.remove(&place.expect("what it acknowledged"));
    let broken = promises::acknowledged_survives(&ending).expect_err("it was lost for a while");
    assert!(broken.fact.contains("is after life"), "{broken}");
}

#[test]
fn promise_2_records_of_a_shard_are_handled_in_order() {
    let name = "promise_2_records_of_a_shard_are_handled_in_order";
    each_seed(name, 16..=30, promises::order_is_kept);
}

#[test]
fn promise_3_effects_appear_exactly_once() {
    let name = "promise_3_effects_appear_exactly_once";
    each_seed(name, 31..=45, promises::effects_are_exactly_once);
}

#[test]
fn promise_4_nothing_is_skipped_without_a_dead_letter() {
    let name = "promise_4_nothing_is_skipped_without_a_dead_letter";
    each_seed(name, 46..=60, promises::nothing_is_skipped);
}

#[test]
fn promise_4_each_record_that_was_given_up_is_told_of() {
    let name = "promise_4_each_record_that_was_given_up_is_told_of";
    each_seed(name, 111..=120, promises::failures_are_told);
}

#[test]
fn promises_2_to_4_hold_for_parcels_that_are_parked_packed_filtered_and_redriven() {
    let name = "promises_2_to_4_hold_for_parcels_that_are_parked_packed_filtered_and_redriven";
    each_seed(name, 121..=135, |ending| {
        post::parked_keys_keep_their_order(ending)?;
        post::parcels_come_once(ending)?;
        post::every_record_has_one_end(ending)
    });
}

#[test]
fn parcels_that_are_lost_doubled_or_out_of_order_are_seen() {
    let mut ending = run(1, &Trace::default());
    assert_eq!(post::parcels_come_once(&ending), Ok(()));
    let lost = ending.post.sent.pop().expect("something was sent");
    assert!(post::parcels_come_once(&ending).is_err());
    ending.post.sent.insert(0, lost);
    assert_eq!(post::parcels_come_once(&ending), Ok(()));
    assert!(post::parked_keys_keep_their_order(&ending).is_err());
    let again = ending.post.heavy.first().cloned();
    ending.post.heavy.extend(again);
    assert!(post::parcels_come_once(&ending).is_err());
}

#[test]
fn promise_6_a_shard_that_does_not_move_has_one_reason() {
    let name = "promise_6_a_shard_that_does_not_move_has_one_reason";
    each_seed(name, 61..=75, promises::every_standstill_has_a_reason);
}

#[test]
fn promise_7_the_same_seed_gives_the_same_run() {
    let name = "promise_7_the_same_seed_gives_the_same_run";
    each_seed_twice(name, 76..=82);
}

#[test]
fn promise_5_a_worker_that_lost_its_lease_changes_nothing() {
    let name = "promise_5_a_worker_that_lost_its_lease_changes_nothing";
    each_seed(name, 90..=110, |ending| {
        invariants::workers_keep_to_their_leases(ending)?;
        promises::effects_are_exactly_once(ending)
    });
}
