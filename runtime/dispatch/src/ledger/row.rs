//! The ledger as its row has it, which is all that the next holder knows.
//!
//! In: the ledger. Out: what is settled, with what was tried already, as far as a row has room for it.

use std::collections::BTreeSet;

use model::{Checkpoint, FencingToken, Position};

use super::Ledger;
use crate::{
    lanes::LaneId,
    limits::KEY_TRIES_MAX,
    progress::{Progress, Try},
    settle::{Mode, Origin, Work},
};

/// Behind every record.
const END: Position = Position {
    sequence: model::SequenceNumber([u64::MAX; 3]),
    sub_sequence: u64::MAX,
};

impl Ledger {
    /// Records up to here were delivered before a seek; None once everything up to there is settled again.
    pub(crate) fn replayed(&self) -> Option<Position> {
        match self.replayed.filter(|replayed| *replayed > self.low())? {
            Checkpoint::Settled(position) => Some(position),
            Checkpoint::ShardEnd => Some(END),
            Checkpoint::AtTimestamp(_) | Checkpoint::TrimHorizon | Checkpoint::Latest => None,
        }
    }

    pub(crate) fn row(&self, token: FencingToken) -> Progress {
        let low = self.low();
        let mut row = Progress {
            replayed: self.replayed.filter(|replayed| *replayed > low),
            ..Progress::starting(token, low)
        };
        if self.open() == 0 {
            return row;
        }
        let is_above = |at: &&Position| Checkpoint::Settled(**at) > low;
        row.holes = self.holes.iter().filter(is_above).copied().collect();
        let through = self.through.max(low);
        match self.lanes.numbered() {
            Some(0 | 1) => Progress {
                through,
                tries: self.tries().collect(),
                ..row
            },
            Some(lanes) => Progress {
                through,
                tries: self.tries().collect(),
                lanes: Some(self.lanes),
                lane_through: (0..lanes)
                    .map(|lane| self.queues.get(&LaneId(lane)))
                    .map(|queue| queue.map_or(low, |queue| queue.through.max(low)))
                    .collect(),
                ..row
            },
            None => self.row_of_keys(Progress { through, ..row }),
        }
    }

    /// Records that never failed are only named; a row has no room for the attempts of every key.
    fn row_of_keys(&self, row: Progress) -> Progress {
        let mut tries: Vec<(&Work, Try)> = Vec::new();
        for (lane, queue) in &self.queues {
            let failed = queue.works.iter().filter(|work| work.has_failed());
            tries.extend(failed.filter_map(|work| Some((work, self.span(*lane, work)?))));
        }
        tries.sort_by_key(|(_, tried)| tried.first);
        tries.truncate(KEY_TRIES_MAX);
        let tried: BTreeSet<Position> = tries
            .iter()
            .flat_map(|(work, _)| work.positions())
            .collect();
        let open = self.window.open_through(row.through);
        Progress {
            lanes: Some(self.lanes),
            open: open.filter(|at| !tried.contains(at)).collect(),
            tries: tries.into_iter().map(|(_, tried)| tried).collect(),
            ..row
        }
    }

    fn tries(&self) -> impl Iterator<Item = Try> {
        let queues = self.queues.iter();
        queues.flat_map(|(lane, queue)| {
            let works = queue.works.iter();
            works.filter_map(|work| self.span(*lane, work))
        })
    }

    fn span(&self, lane: LaneId, work: &Work) -> Option<Try> {
        // What waits behind parked keys and what closes windows is found again where it lies.
        if work.origin != Origin::Shard {
            return None;
        }
        Some(Try {
            first: work.records.first()?.position,
            last: work.records.last()?.position,
            lane: (!self.lanes.is_one()).then_some(lane),
            attempts: work.attempts,
            records: work.records.len(),
            alone: false,
            version: work.version,
            blocked: work.mode == Mode::Blocked,
            first_failed_ms: work.first_failed.unwrap_or_default().as_millis(),
            not_before_ms: work.not_before.as_millis(),
            notes: work.notes.clone(),
        })
    }
}
