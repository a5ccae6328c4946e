//! One invocation from its place among those that run to its outcome.
//!
//! In: an invocation, what it is given, and whether it runs now or once more. Out: what came of it. The sandbox of a guest that
//! answered is kept warm; that of any other is gone when this returns.

use std::sync::Arc;

use bytes::Bytes;
use model::{Invocation, Outcome, outcome::Usage};
use platform::{Monotonic, Task};
use tokio::sync::oneshot;

use super::{
    Guest, Inner,
    again::Run,
    called::{Called, not_run},
    input::Given,
};
use crate::{
    capsule::has_failed,
    fault::DeadlinePassed,
    http::Exchange,
    limits::TIMEOUT_GRACE,
    sandbox::{GuestAnswer, Passed, Sandbox},
    warm::Lane,
};

/// An invocation that nobody waits for any more ends at its next tick.
pub(super) struct Abandoned(pub(super) Task<Called>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Inner {
    pub(super) async fn call(
        self: Arc<Self>,
        invocation: Invocation,
        given: Given,
        how: Run,
    ) -> Called {
        let shared = &self.engine.shared;
        let (played, watched) = match how {
            Run::Now => (None, false),
            Run::Watched => (None, true),
            Run::Again(told) => (Some(told), false),
        };
        let is_replay = played.is_some();
        let keeps = shared.capsules.get().is_some() && !is_replay;
        // A request comes bit by bit, and is in no capsule.
        let event = match &given {
            Given::Event(event) if keeps => Some(Bytes::copy_from_slice(event)),
            Given::Records | Given::Event(_) | Given::Request(_) => None,
        };
        let keeps = keeps && !matches!(given, Given::Request(_));
        let places = (self.running.acquire().await, shared.running.acquire().await);
        let (Ok(_running), Ok(_sandbox)) = places else {
            return not_run("NoSandbox", "the engine has been stopped".to_owned());
        };
        invocation.begun.tell();
        if let Guest::Process(processes) = &self.guest {
            return self
                .processed(processes, invocation, given, is_replay)
                .await;
        }
        let input = match self.input(&invocation, given) {
            Ok(input) => input,
            Err((kind, message)) => return not_run(kind, message),
        };
        let lane = Lane {
            function: self.number,
            shard: invocation.shard,
            trigger: invocation.trigger.clone(),
        };
        let mut sandbox = self.sandbox(&lane, invocation, input.stdin, played);
        let (well, ended) = oneshot::channel();
        let exchange = input.request.map(|(request, answer)| Exchange {
            request,
            answer,
            ended,
        });
        sandbox.store.data_mut().call.exchange = exchange.map(Box::new);
        let started = shared.platform.clock.monotonic();
        let result = self.run(&mut sandbox, &input.passed).await;
        let usage = self.usage(&sandbox, started);
        let outcome = self.outcome(&mut sandbox, result, usage);
        let init = sandbox.init;
        self.counting.count(&outcome, init);
        let context = sandbox.store.data_mut();
        context.log.finish();
        let document = context.call.document.take();
        let error_document = self.hidden_document(context.call.error_document.take());
        let failed = keeps && has_failed(&outcome);
        let capsule = (failed || watched)
            .then(|| self.encapsulated((&sandbox, event), &outcome))
            .map(Box::new);
        if let (Some(capsule), Some(sink), true) = (&capsule, shared.capsules.get(), failed) {
            sink.keep(capsule);
        }
        if matches!(outcome, Outcome::Answered(_)) && !is_replay {
            // Nobody may read the body of an answer any more.
            let _unread = well.send(());
            self.keep(lane, sandbox);
        }
        Called {
            outcome,
            document,
            error_document,
            init,
            capsule: capsule.filter(|_| watched),
        }
    }

    pub(super) async fn run(
        &self,
        sandbox: &mut Sandbox,
        input: &Passed,
    ) -> wasmtime::Result<GuestAnswer> {
        let shared = &self.engine.shared;
        let _beating = (!shared.settings.simulation).then(|| shared.heartbeat.start());
        let timeout = self.limits.timeout;
        let call = sandbox.call(shared, &self.guest, input, timeout);
        match shared
            .platform
            .clock
            .timeout(timeout + TIMEOUT_GRACE, call)
            .await
        {
            Ok(result) => result,
            Err(_) => Err(DeadlinePassed.into()),
        }
    }

    fn usage(&self, sandbox: &Sandbox, started: Monotonic) -> Usage {
        let shared = &self.engine.shared;
        let now = shared.platform.clock.monotonic();
        Usage {
            duration: now.0.saturating_sub(started.0),
            memory_bytes: sandbox.store.data().memory.bytes as u64,
            fuel: shared
                .settings
                .simulation
                .then(|| sandbox.fuel_used(self.limits.timeout)),
            mark: sandbox.store.data().call.progress,
        }
    }
}
