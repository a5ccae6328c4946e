//! One run of a schedule: its invocation, with the event of the slot.
//!
//! In: the slot and the attempt. Out: what came of it, or nothing where the server stopped before it had ended.

use std::sync::Arc;

use model::{
    Guard, Invocation, StreamKey, StreamName, Timestamp,
    invocation::{Begun, ItemFailures},
};
use sandbox::Called;

use super::{Runner, SHARD};
use crate::{limits::STOP_GRACE, schedules::event};

/// One run: of a slot, or by hand.
pub(super) struct Run {
    pub(super) slot: Timestamp,
    pub(super) attempt: u32,
    pub(super) id: String,
}

impl Runner {
    /// Nothing where the server stops before the run has ended.
    pub(super) async fn invoke(&self, guard: Guard, run: &Run) -> Option<Called> {
        let runs = Arc::clone(&self.parts.runs);
        let invocation = self.invocation(guard, run);
        let running = runs.run(invocation, self.event(run));
        tokio::pin!(running);
        tokio::select! {
            biased;
            called = &mut running => Some(called),
            () = self.stop.stopped() => {
                let clock = &self.parts.platform.clock;
                clock.timeout(STOP_GRACE, running).await.ok()
            }
        }
    }

    pub(super) fn event(&self, run: &Run) -> Vec<u8> {
        let name = &self.settings.name;
        let facts = event::Facts {
            trigger: name,
            account: self.parts.account.as_str(),
            region: self.parts.region.as_str(),
            slot: run.slot,
            attempt: run.attempt,
            id: event::id(name, run.slot),
        };
        event::event(self.settings.input.as_deref(), facts)
    }

    fn invocation(&self, guard: Guard, run: &Run) -> Invocation {
        let settings = &self.settings;
        let now = self.now();
        Invocation {
            trigger: settings.name.clone(),
            function: settings.function.clone(),
            version: self.parts.runs.version(),
            stream: self.no_stream(),
            shard: SHARD,
            request_id: run.id.clone(),
            attempt: run.attempt,
            attempts_max: Some(settings.retry.attempts),
            fencing_token: guard.token,
            behind_ms: u64::try_from(now.since(run.slot).as_millis()).unwrap_or(u64::MAX),
            started: now,
            records: Arc::default(),
            outputs: Arc::new(settings.outputs.keys().cloned().collect()),
            state: None,
            window: None,
            tracing: false,
            envelope: false,
            item_failures: ItemFailures::Ignored,
            role: None,
            qualifier: None,
            client_context: None,
            trace_parent: None,
            begun: Begun::default(),
            replayed_to: None,
        }
    }

    /// An invocation has a stream; that of a schedule has no records and is never read.
    pub(super) fn no_stream(&self) -> StreamKey {
        StreamKey {
            account: self.parts.account.clone(),
            region: self.parts.region.clone(),
            name: StreamName::parse(self.settings.name.as_str())
                .unwrap_or_else(|_| unreachable!("streams and triggers have names of one kind")),
        }
    }
}
