//! What an invocation within a window is told, and what its settlement changes there.
//!
//! In: a work and its settlement. Out: the window as the function sees it, and writes that go with the settlement; the
//! window changes once they are placed.

use std::collections::BTreeSet;

use model::invocation::{StateReader, TumblingWindow, WindowKept};

use crate::{
    limits::WINDOW_STATE_BYTES_MAX,
    settle::Origin,
    shard::*,
    tumbling::{OpenWindow, Part, WindowsRow},
};

/// What a success changes, once it is placed.
#[derive(Debug, Default)]
pub(in super::super) struct WindowChange {
    row: Option<WindowsRow>,
    opens: Option<Timestamp>,
    closes: bool,
    pub(in super::super) writes: Vec<ViewWrite>,
}

impl ShardTask {
    /// The window as an invocation of the work sees it, and the keyed state that it has in place of the trigger's.
    pub(in super::super) fn seen_window(
        &self,
        work: &Work,
    ) -> Option<(TumblingWindow, Option<Arc<dyn StateReader>>)> {
        let (windows, at) = (self.windows.as_ref()?, work.window?);
        let values = windows.values.as_ref().map(|values| {
            let values: Arc<dyn StateReader> = Arc::new(values.of(at.start));
            values
        });
        let open = windows.row.open.as_ref();
        let state = open.filter(|open| open.start() == at.start);
        let kept = match &values {
            Some(_) => WindowKept::ByKey,
            None => WindowKept::ByShard(state.map(|open| open.state.clone()).unwrap_or_default()),
        };
        let window = TumblingWindow {
            start: at.start,
            end: windows.closes_at(at.start),
            kept,
            is_final: at.part != Part::Some,
            is_early: at.part == Part::Early,
        };
        Some((window, values))
    }

    /// An answer within a window by shard must say what it has come to (TW-4).
    pub(in super::super) fn says_state(&self, work: &Work, answer: Answer) -> Outcome {
        let by_shard = self.windows.as_ref().is_some_and(|it| it.values.is_none());
        let wanted = work.window.is_some_and(|at| at.part == Part::Some);
        if !by_shard || !wanted || answer.window_state.is_some() {
            return Outcome::Answered(answer);
        }
        Outcome::Failed(Fault {
            class: FaultClass::Function,
            kind: "NoWindowState".to_owned(),
            message: "the answer has no `state`, which the next invocation of the tumbling window begins with"
                .to_owned(),
            retry_after: None,
            usage: answer.usage,
        })
    }

    /// What a settlement means for the window of its work. `state`: what a success left, where it was one.
    pub(in super::super) fn window_change(
        &self,
        work: &Work,
        settlement: &mut Settlement,
        (success, state): (bool, Option<Bytes>),
    ) -> Result<WindowChange, Halt> {
        let (Some(windows), Some(at)) = (&self.windows, work.window) else {
            return Ok(WindowChange::default());
        };
        let mut change = WindowChange::default();
        let mut row = windows.row.clone();
        match (&windows.values, at.part) {
            (Some(_), Part::Some | Part::Last | Part::Early) => {
                change.opens = (!settlement.state.is_empty()).then_some(at.start);
            }
            (Some(values), Part::Keys) => {
                // They close: what the handler wrote for them is of no use any more, and what is given up is kept.
                settlement.state.clear();
                for key in settlement
                    .dead
                    .iter_mut()
                    .flat_map(|dead| &mut dead.records)
                {
                    let hash_key = key.effective_hash_key();
                    key.data = values.document(at.start, hash_key, &key.partition_key)?;
                }
                let open: BTreeSet<Position> =
                    settlement.again.iter().flat_map(Work::positions).collect();
                let done = work.records.iter();
                for key in done.filter(|record| !open.contains(&record.position)) {
                    let hash_key = key.effective_hash_key();
                    let removal = values.removal(at.start, hash_key, &key.partition_key)?;
                    change.writes.extend(removal);
                }
                change.closes = !change.writes.is_empty();
                let end = windows.closes_at(at.start).as_millis();
                row.watermark_ms = row.watermark_ms.max(end);
            }
            (None, Part::Last | Part::Early | Part::Keys) => {
                let gone = work.origin == Origin::Window && settlement.again.is_empty();
                if success || gone {
                    row.open = None;
                    change.closes = true;
                }
            }
            (None, Part::Some) => {
                if let Some(state) = state.filter(|_| success) {
                    row.open = Some(OpenWindow {
                        start_ms: at.start.as_millis(),
                        is_early: state.len() > WINDOW_STATE_BYTES_MAX,
                        state,
                    });
                }
            }
        }
        if row != windows.row {
            change.writes.push(ViewWrite {
                key: keys::windows(&self.holder.key),
                value: Some(row.encode()?),
            });
            change.row = Some(row);
        }
        Ok(change)
    }

    /// The change is placed.
    pub(in super::super) fn changed(&mut self, change: WindowChange) {
        let Some(windows) = &mut self.windows else {
            return;
        };
        if let Some(row) = change.row {
            windows.row = row;
        }
        windows.open.extend(change.opens);
        self.counters.windows_closed += u64::from(change.closes);
    }
}
