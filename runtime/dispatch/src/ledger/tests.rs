//! The ledger as tables and stories: works enter lanes, come back in parts, and a row says where it stands.

use model::FencingToken;

use crate::settle::Mode;

use super::*;
use crate::testing::{position, user_record};

const ONLY: LaneId = LaneId(0);

fn work(indexes: &[u64]) -> Work {
    let record = |index: &u64| user_record(*index, "k");
    Work::new(indexes.iter().map(record).collect::<Vec<_>>())
}

fn ledger(lanes: Lanes) -> Ledger {
    let row = Progress::starting(FencingToken(1), Checkpoint::TrimHorizon);
    Ledger::resume(&row, lanes)
}

fn begin(ledger: &mut Ledger, lane: LaneId, indexes: &[u64]) {
    ledger.begin(lane, work(indexes));
}

fn read(ledger: &mut Ledger, indexes: std::ops::RangeInclusive<u64>) {
    indexes.for_each(|index| ledger.read(&user_record(index, "k")));
}

#[test]
fn the_checkpoint_stops_before_the_first_unsettled_record() {
    for (again, low) in [(vec![], 4), (vec![vec![3]], 2), (vec![vec![2], vec![4]], 1)] {
        let mut ledger = ledger(Lanes::ONE);
        read(&mut ledger, 1..=4);
        begin(&mut ledger, ONLY, &[1, 2, 3, 4]);
        let parts = again.iter().map(|part| work(part)).collect();
        ledger.replace(ONLY, parts).unwrap();
        let low = Checkpoint::Settled(position(low));
        assert_eq!(ledger.low(), low, "{again:?}");
        assert_eq!(ledger.through(), Checkpoint::Settled(position(4)));
        assert_eq!(ledger.row(FencingToken(1)).tries.len(), again.len());
    }
}

#[test]
fn nothing_settled_leaves_the_checkpoint_where_it_was() {
    let mut ledger = ledger(Lanes::ONE);
    read(&mut ledger, 1..=2);
    begin(&mut ledger, ONLY, &[1, 2]);
    ledger.replace(ONLY, vec![work(&[1, 2])]).unwrap();
    assert_eq!(ledger.low(), Checkpoint::TrimHorizon);
}

#[test]
fn a_row_says_of_each_lane_how_far_it_came() {
    let mut ledger = ledger(Lanes::Hashed(3));
    read(&mut ledger, 1..=6);
    begin(&mut ledger, LaneId(0), &[1, 4]);
    begin(&mut ledger, LaneId(1), &[2, 3]);
    ledger.replace(LaneId(1), Vec::new()).unwrap();
    let row = ledger.row(FencingToken(1));
    assert_eq!((row.low, row.tries.len()), (Checkpoint::TrimHorizon, 1));
    let settled = |index| Checkpoint::Settled(position(index));
    let through = [settled(4), settled(3), Checkpoint::TrimHorizon];
    assert_eq!(row.lane_through, through);
    ledger.replace(LaneId(0), Vec::new()).unwrap();
    assert_eq!(ledger.row(FencingToken(1)).low, settled(4));
}

#[test]
fn a_row_of_keys_names_what_is_open_and_tries_what_failed() {
    let mut ledger = ledger(Lanes::Keys(8));
    read(&mut ledger, 1..=6);
    begin(&mut ledger, LaneId(7), &[1, 2]);
    begin(&mut ledger, LaneId(8), &[3, 5]);
    let mut failed = work(&[2]);
    failed.attempts = 1;
    failed.failures = 1;
    ledger.replace(LaneId(7), vec![failed]).unwrap();
    let row = ledger.row(FencingToken(1));
    assert_eq!(row.low, Checkpoint::Settled(position(1)));
    assert_eq!(row.open, [3, 4, 5].map(position));
    assert_eq!((row.tries[0].first, row.tries.len()), (position(2), 1));
}

#[test]
fn what_cannot_be_written_is_taken_back() {
    let mut ledger = ledger(Lanes::Hashed(2));
    read(&mut ledger, 1..=4);
    begin(&mut ledger, LaneId(0), &[1, 2]);
    begin(&mut ledger, LaneId(1), &[3, 4]);
    let before = ledger.row(FencingToken(1));
    let replaced = ledger.replace(LaneId(0), vec![work(&[2])]).unwrap();
    assert_eq!(replaced.settled, [position(1)]);
    ledger.take_back(replaced);
    assert_eq!(ledger.row(FencingToken(1)), before);

    let mut aside = work(&[3, 4]);
    aside.mode = Mode::Aside;
    ledger.replace(LaneId(1), vec![aside]).unwrap();
    let before = ledger.row(FencingToken(1));
    let blamed = ledger.blame();
    assert_eq!((blamed.len(), ledger.open()), (1, 2));
    ledger.take_back_blamed(blamed);
    assert_eq!(ledger.row(FencingToken(1)), before);
    assert_eq!(ledger.aside(), 1);
}
