//! What windows ask for before the next batch: their last invocation, or a look whether more of them has come.
//!
//! In: the time. Out: the next step of the shard. A window by key closes key by key, each with a record that stands for
//! it.

use super::ONLY;
use crate::{
    settings::Tumbling,
    settle::Origin,
    shard::*,
    tumbling::{InWindow, OpenWindow, Part},
    window_state::WindowKey,
};

impl ShardTask {
    /// What windows ask for before the next batch: their last invocation, or a look whether more of them has come.
    pub(in super::super) fn window_step(&mut self, now: Timestamp) -> Result<Option<Step>, Halt> {
        if self.windows.is_none() || !self.is_free(ONLY) {
            return Ok(None);
        }
        if self
            .settings
            .tumbling
            .as_ref()
            .is_some_and(Tumbling::is_by_key)
        {
            return self.step_of_keys(now);
        }
        let Some(windows) = &self.windows else {
            return Ok(None);
        };
        let open = windows.row.open.as_ref();
        let pending = self.batchers.get(&ONLY);
        let pending = pending.and_then(|batcher| batcher.windows().next());
        let Some(start) = open.map(OpenWindow::start).or(pending) else {
            return Ok(None);
        };
        let closing = |part| {
            let window = Some(InWindow { start, part });
            let work = Work {
                origin: Origin::Window,
                window,
                ..Work::new(Vec::new())
            };
            Ok(Some(Step::Begin(ONLY, work)))
        };
        if open.is_some_and(|open| open.is_early) {
            return closing(Part::Early);
        }
        let over = windows.is_over(start, now);
        let must_look = now >= windows.closes_at(start) && !over && self.at_tip && !self.ended;
        if must_look {
            return Ok(Some(windows.look(start)));
        }
        if open.is_none() || pending == Some(start) {
            return Ok(None);
        }
        if over || (self.ended && pending.is_none()) {
            return closing(Part::Last);
        }
        Ok(None)
    }

    fn step_of_keys(&mut self, now: Timestamp) -> Result<Option<Step>, Halt> {
        loop {
            let Some(windows) = &mut self.windows else {
                return Ok(None);
            };
            let Some(start) = windows.open.first().copied() else {
                return Ok(None);
            };
            let reads_time = windows.tumbling.reads_time();
            let end = windows.closes_at(start);
            if reads_time && self.at_tip && !self.ended && now >= windows.idle_until(start) {
                windows.row.watermark_ms = windows.row.watermark_ms.max(end.as_millis());
            }
            if !windows.is_over(start, now) {
                let looks = !reads_time && now >= end && self.at_tip && !self.ended;
                return Ok(looks.then(|| windows.look(start)));
            }
            let pending = self.batchers.get(&ONLY);
            let waits = pending.is_some_and(|it| it.windows().any(|of| of <= start))
                || self.ledger.has_window_through(start);
            let Some(values) = windows.values.as_ref().filter(|_| !waits) else {
                return Ok(None);
            };
            let range = self.shard.range;
            let found = values.keys_in(start, range, None, self.settings.batch.records)?;
            if found.is_empty() {
                windows.open.remove(&start);
                continue;
            }
            let part = Part::Keys;
            let work = Work {
                origin: Origin::Window,
                window: Some(InWindow { start, part }),
                ..Work::new(
                    (0..)
                        .zip(found)
                        .map(|it| stand_in(it, (start, end)))
                        .collect::<Vec<_>>(),
                )
            };
            return Ok(Some(Step::Begin(ONLY, work)));
        }
    }
}

/// An empty record that stands for a key whose window closes. Keys come in the order of their hash.
fn stand_in((index, key): (u64, WindowKey), (start, end): (Timestamp, Timestamp)) -> UserRecord {
    let plain = HashKey::of_partition_key(&String::from_utf8_lossy(&key.partition_key));
    let limb = |shift: u32| u64::try_from(key.hash_key.0 >> shift & u128::from(u64::MAX));
    let [high, low] = [64, 0].map(|shift| limb(shift).unwrap_or_default());
    UserRecord {
        position: Position {
            sequence: model::SequenceNumber([start.as_millis(), high, low]),
            sub_sequence: index,
        },
        arrived: end,
        explicit_hash_key: (plain != key.hash_key).then_some(key.hash_key),
        partition_key: key.partition_key,
        data: Bytes::new(),
        aggregated: false,
        deliveries: 1,
    }
}
