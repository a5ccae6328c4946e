//! The records of a shard that were read and are not settled yet, in the order of the shard, and the checkpoint below them.
//!
//! Pure. Lanes settle out of order; the checkpoint stands right below the first record that is open. Settled records
//! stay until `trim`, so that a settlement which could not be written can be taken back.

use std::collections::VecDeque;

use model::{Checkpoint, Position};

#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// Settled up to here, everything.
    low: Checkpoint,
    /// The last that was read, also where it needed nothing.
    seen: Checkpoint,
    entries: VecDeque<Entry>,
    open: usize,
    open_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    position: Position,
    bytes: usize,
    is_open: bool,
}

impl Window {
    pub(crate) fn new(low: Checkpoint) -> Self {
        Self {
            low,
            seen: low,
            entries: VecDeque::new(),
            open: 0,
            open_bytes: 0,
        }
    }

    /// Later than everything read before.
    pub(crate) fn read(&mut self, position: Position, bytes: usize) {
        self.pass(Checkpoint::Settled(position));
        self.entries.push_back(Entry {
            position,
            bytes,
            is_open: true,
        });
        self.open += 1;
        self.open_bytes += bytes;
    }

    /// Up to here everything was read.
    pub(crate) fn pass(&mut self, seen: Checkpoint) {
        self.seen = self.seen.max(seen);
    }

    pub(crate) fn settle(&mut self, positions: impl IntoIterator<Item = Position>) {
        for position in positions {
            self.turn(position, false);
        }
    }

    pub(crate) fn reopen(&mut self, positions: impl IntoIterator<Item = Position>) {
        for position in positions {
            self.turn(position, true);
        }
    }

    fn turn(&mut self, position: Position, open: bool) {
        let found = self
            .entries
            .binary_search_by_key(&position, |entry| entry.position);
        let Some(entry) = found.ok().and_then(|index| self.entries.get_mut(index)) else {
            return;
        };
        if entry.is_open == open {
            return;
        }
        entry.is_open = open;
        if open {
            self.open += 1;
            self.open_bytes += entry.bytes;
        } else {
            self.open -= 1;
            self.open_bytes -= entry.bytes;
        }
    }

    /// Settled up to and including.
    pub(crate) fn low(&self) -> Checkpoint {
        if self.open == 0 {
            return self.seen;
        }
        let settled = self.entries.iter().take_while(|entry| !entry.is_open);
        settled.last().map_or(self.low, |entry| {
            self.low.max(Checkpoint::Settled(entry.position))
        })
    }

    /// Forgets what lies below the checkpoint, which must be written or about to be.
    pub(crate) fn trim(&mut self) {
        self.low = self.low();
        while self.entries.front().is_some_and(|entry| !entry.is_open) {
            self.entries.pop_front();
        }
    }

    /// Whether the first open record and the checkpoint lie in one record of the stream.
    pub(crate) fn is_within_record(&self) -> bool {
        let Checkpoint::Settled(low) = self.low() else {
            return false;
        };
        let first = self.entries.iter().find(|entry| entry.is_open);
        first.is_some_and(|entry| entry.position.sequence == low.sequence)
    }

    /// How many records are open.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Of data in open records.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// The open record with so many before it; `None` where there are not as many.
    pub(crate) fn nth_open(&self, before: usize) -> Option<Position> {
        if self.open <= before {
            return None;
        }
        let open = self.entries.iter().filter(|entry| entry.is_open);
        open.map(|entry| entry.position).nth(before)
    }

    /// The open records up to `through`, in order.
    pub(crate) fn open_through(&self, through: Checkpoint) -> impl Iterator<Item = Position> {
        let near = move |entry: &&Entry| Checkpoint::Settled(entry.position) <= through;
        let entries = self.entries.iter().take_while(near);
        entries
            .filter(|entry| entry.is_open)
            .map(|entry| entry.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::position;

    fn low(window: &Window) -> u64 {
        match window.low() {
            Checkpoint::Settled(position) => position.sequence.0[2],
            Checkpoint::TrimHorizon => 0,
            other @ (Checkpoint::AtTimestamp(_) | Checkpoint::Latest | Checkpoint::ShardEnd) => {
                panic!("{other:?}")
            }
        }
    }

    #[test]
    fn the_checkpoint_stands_below_the_first_open_record_whatever_is_settled_above() {
        let mut window = Window::new(Checkpoint::TrimHorizon);
        (1..=6).for_each(|index| window.read(position(index), 10));
        for (settled, expect, open) in [(3, 0, 5), (1, 1, 4), (2, 3, 3), (6, 3, 2), (4, 4, 1)] {
            window.settle([position(settled)]);
            assert_eq!(low(&window), expect, "after {settled}");
            window.trim();
            assert_eq!(low(&window), expect, "after {settled}, trimmed");
            assert_eq!((window.open(), window.open_bytes()), (open, 10 * open));
        }
        window.pass(Checkpoint::Settled(position(9)));
        assert_eq!(low(&window), 4);
        window.settle([position(5)]);
        assert_eq!(low(&window), 9);
    }

    #[test]
    fn what_could_not_be_written_is_open_again() {
        let mut window = Window::new(Checkpoint::TrimHorizon);
        (1..=3).for_each(|index| window.read(position(index), 1));
        window.settle([position(1), position(2)]);
        window.reopen([position(1), position(2)]);
        assert_eq!((low(&window), window.open()), (0, 3));
        assert_eq!(window.nth_open(1), Some(position(2)));
        assert_eq!(window.nth_open(3), None);
        let open: Vec<Position> = window
            .open_through(Checkpoint::Settled(position(2)))
            .collect();
        assert_eq!(open, [position(1), position(2)]);
    }
}
