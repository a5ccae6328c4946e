//! Places what a run did and the row that passes its slot, as one transaction.
//!
//! In: effects, the row, and what is given up. Out: both durable, or neither; it waits where there is no room, and halts
//! where it can never be placed.

use dispatch::{GivenUp, NotPlaced, limits::FULL_PAUSE};
use model::{Guard, Transaction, seams::CommitError};

use super::{Halt, Runner};
use crate::schedules::{Parts, ScheduleState, row::Row};

impl Runner {
    /// Durable when it returns. Waits where there is no room for it; stops where it can never be placed.
    pub(super) async fn place(
        &self,
        guard: Guard,
        row: &Row,
        mut effects: Transaction,
        given_up: Option<GivenUp>,
    ) -> Result<(), Halt> {
        let Parts {
            journal,
            dead_letters,
            platform,
            ..
        } = &self.parts;
        effects.guards.push(guard);
        effects.writes.push(row.write(&self.settings.name));
        loop {
            let transaction = effects.clone();
            let placed = match given_up.clone() {
                Some(given_up) => {
                    dead_letters
                        .give_up(transaction, given_up, self.now())
                        .await
                }
                None => journal.commit(transaction).await.map_err(NotPlaced::from),
            };
            let state = match placed {
                Ok(at) => {
                    let durable = journal.durable(at).await;
                    return durable.map_err(|error| Halt::Broken(error.to_string()));
                }
                Err(error) => holds(error)?,
            };
            self.tell(state, row);
            tokio::select! {
                biased;
                () = self.stop.stopped() => return Err(Halt::Asked),
                () = platform.clock.sleep(FULL_PAUSE) => {}
            }
        }
    }
}

/// What keeps a transaction out for a while.
fn holds(error: NotPlaced) -> Result<ScheduleState, Halt> {
    match error {
        NotPlaced::Commit(CommitError::NoSuchStream(stream)) => Ok(ScheduleState::NoOutput(stream)),
        NotPlaced::Commit(CommitError::Full) => Ok(ScheduleState::DiskFull),
        NotPlaced::DeadLettersFull { bytes, max } => {
            Ok(ScheduleState::DeadLettersFull { bytes, max })
        }
        NotPlaced::Commit(
            CommitError::Fenced { .. }
            | CommitError::Changed
            | CommitError::TooLarge { .. }
            | CommitError::Down(_),
        )
        | NotPlaced::StateFull { .. } => Err(Halt::Broken(error.to_string())),
    }
}
