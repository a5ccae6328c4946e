//! One try of an event: it is run where there is room, and what comes of it says when it is looked at again.
//!
//! In: an event that is due. Out: the event at a later time, or with what is owed at its end. A try for which there was
//! no room uses no attempt.

use std::time::Duration;

use model::Timestamp;
use tracing::debug;

use super::{Events, Next, ending::SUCCESS, row::Event, rules::Rules};
use crate::functions::{
    answering::Answering,
    lambda::{Chosen, Given, NotNow, choose, run},
};

/// After a failure of the function: the first and the second time.
const PAUSES: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// While there is no room for it.
const THROTTLED_FIRST: Duration = Duration::from_secs(1);
const THROTTLED_MAX: Duration = Duration::from_mins(5);

const ZERO: &str = "ZeroReservedConcurrency";

const TOO_OLD: &str = "EventAgeExceeded";

const EXHAUSTED: &str = "RetriesExhausted";

impl Events {
    fn later(&self, pause: Duration) -> u64 {
        self.now().plus(pause).as_millis()
    }

    pub(super) async fn tried(&self, id: &str, event: Event) -> Next {
        let Some(deployed) = self.rooms.functions.get(&event.function) else {
            debug!(id, function = %event.function, "an event of a function that is gone");
            return Next::Done;
        };
        let rules = Rules::of(&deployed.entry, event.qualifier.as_deref());
        let age = self.now().since(Timestamp::from_millis(event.created_ms));
        if deployed.gate.max() == Some(0) {
            return self.ended(id, event, (ZERO, None, "$LATEST"), &rules);
        }
        if age > rules.age {
            return self.ended(id, event, (TOO_OLD, None, "$LATEST"), &rules);
        }
        let qualifier = event.qualifier.as_deref();
        match choose(&self.rooms, event.function.as_str(), qualifier) {
            Ok(chosen) => self.ran(id, event, chosen, &rules).await,
            Err(NotNow::NoFunction) => Next::Done,
            Err(NotNow::Throttled) => self.without_room(event),
        }
    }

    /// Again after a pause that grows; no attempt is used.
    pub(super) fn without_room(&self, mut event: Event) -> Next {
        let factor = 2_u32.saturating_pow(event.throttled.min(16));
        let pause = THROTTLED_FIRST.saturating_mul(factor).min(THROTTLED_MAX);
        event.throttled = event.throttled.saturating_add(1);
        event.due_ms = self.later(pause);
        Next::At(event)
    }

    async fn ran(&self, id: &str, mut event: Event, chosen: Chosen, rules: &Rules) -> Next {
        event.throttled = 0;
        let payload = event.payload.get().as_bytes().to_vec();
        let given = Given {
            event: payload,
            trace_parent: event.trace_parent(),
            failures: event.failures,
            ..Given::default()
        };
        let ran = run(&self.rooms, &chosen, id, given).await;
        let answering = ran.map(|ran| ran.answering);
        let version = chosen.version.name();
        drop(chosen);
        match answering {
            Ok(answering @ Answering::Answered { .. }) => {
                let facts = (SUCCESS, Some(&answering), version.as_str());
                self.ended(id, event, facts, rules)
            }
            Ok(answering @ Answering::Failed { .. }) => {
                event.failures += 1;
                if event.failures > rules.retries {
                    let facts = (EXHAUSTED, Some(&answering), version.as_str());
                    return self.ended(id, event, facts, rules);
                }
                let index = usize::try_from(event.failures - 1).unwrap_or(usize::MAX);
                let pause = PAUSES.get(index).copied().unwrap_or(PAUSES[1]);
                event.due_ms = self.later(pause);
                Next::At(event)
            }
            Ok(Answering::NotRun(why)) | Err(why) => {
                debug!(id, why, "an event was not run");
                self.without_room(event)
            }
        }
    }
}
