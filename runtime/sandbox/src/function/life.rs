//! How the sandboxes of a function live: made for one invocation, or kept for the next one of the same lane.

use std::{collections::BTreeMap, sync::Arc};

use model::Invocation;
use platform::Monotonic;

use super::{Guest, Inner, to_usize};
use crate::{
    capsule::heard,
    command::Stdin,
    context::{Call, Context, ContextFacts},
    files::CODE_FOLDER,
    limits::WARM_INVOCATIONS_MAX,
    load::SandboxPolicy,
    logs::InvocationLog,
    sandbox::Sandbox,
    scratch::Scratch,
    variables::{self, variables},
    warm::Lane,
    world::{Observed, Told, World},
};

impl Inner {
    /// A warm sandbox of the lane, or a new one; always a new one for an earlier run.
    pub(super) fn sandbox(
        &self,
        lane: &Lane,
        mut invocation: Invocation,
        stdin: Option<Stdin>,
        played: Option<Told>,
    ) -> Sandbox {
        let shared = &self.engine.shared;
        let clock = &shared.platform.clock;
        let is_replay = played.is_some();
        let warm = (self.is_warm() && played.is_none()).then(|| shared.warm.take(lane));
        let warm = warm.flatten();
        let mut seed = [0; 32];
        shared.platform.rng.fill(&mut seed);
        let world = match (played, &warm) {
            (Some(told), _) => World::played(clock.clone(), told),
            (None, Some(sandbox)) => {
                let world = sandbox.store.data().world.clone();
                world.next_invocation(seed, sandbox.invocations);
                world
            }
            (None, None) => World::real(clock.clone(), seed),
        };
        let deadline = Monotonic(clock.monotonic().0 + self.limits.timeout);
        let told = world.deadline(deadline, clock.wall().plus(self.limits.timeout));
        invocation.state = invocation.state.map(|state| {
            let world = world.clone();
            Arc::new(Observed { state, world }) as _
        });
        let call = Call::new(
            invocation,
            deadline,
            told,
            to_usize(self.limits.output_bytes.bytes()),
        );
        let began_ms = call.invocation.started.as_millis();
        if let Some(mut sandbox) = warm {
            let context = sandbox.store.data_mut();
            if let Some(scratch) = &context.scratch {
                scratch.empty(began_ms);
            }
            context.log.restart(&call.invocation);
            context.memory.refused = false;
            context.call = call;
            return sandbox;
        }
        let heard = heard(&call.invocation, is_replay);
        let log = InvocationLog::new(
            Arc::clone(&shared.logs),
            clock.clone(),
            (
                to_usize(self.limits.log_bytes.bytes()),
                &self.limits.secrets,
            ),
            &heard,
        );
        let memory_bytes_max = to_usize(self.limits.memory.bytes());
        let facts = ContextFacts {
            call,
            log,
            memory_bytes_max,
            stdin,
            bundle: self.bundle.clone(),
            world,
            network: Arc::clone(&self.network),
            scratch: self.scratch(began_ms),
            code: self.code.clone(),
        };
        let environment = self.variables(&facts.call.invocation);
        Sandbox::new(shared, Context::new(&shared.platform, &environment, facts))
    }

    /// What is granted, and for code of a language runtime what Lambda tells such code besides.
    fn variables(&self, invocation: &Invocation) -> Arc<BTreeMap<String, String>> {
        let Some(bundle) = &self.bundle else {
            return Arc::clone(&self.environment);
        };
        let mut all = variables(
            invocation,
            &variables::Told {
                handler: &bundle.handler(),
                folder: CODE_FOLDER,
                memory: self.limits.memory_told,
                timeout: self.limits.timeout,
            },
        );
        let own = self.environment.iter();
        all.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        Arc::new(all)
    }

    fn scratch(&self, now_ms: u64) -> Option<Scratch> {
        let granted = self.limits.scratch.bytes();
        let all = &self.engine.shared.scratch;
        (granted > 0).then(|| Scratch::new(granted, now_ms, all))
    }

    /// Retired: what is old or holds more than three quarters of its memory.
    pub(super) fn keep(&self, lane: Lane, mut sandbox: Sandbox) {
        let context = sandbox.store.data_mut();
        let memory = &context.memory;
        let fit =
            sandbox.invocations < WARM_INVOCATIONS_MAX && memory.bytes <= memory.bytes_max / 4 * 3;
        if self.is_warm() && fit {
            // A sandbox that waits holds no batch.
            context.call.invocation.records = Arc::default();
            if let Some(scratch) = &context.scratch {
                scratch.empty(0);
            }
            context.call.invocation.state = None;
            context.call.state_newest.clear();
            self.engine.shared.warm.keep(lane, sandbox);
        }
    }

    fn is_warm(&self) -> bool {
        match self.policy() {
            // A command ends when it has answered.
            SandboxPolicy::Warm => {
                !self.engine.shared.settings.simulation
                    && !matches!(self.guest, Guest::Command(_) | Guest::Program(_))
            }
            SandboxPolicy::Fresh => false,
        }
    }

    pub(super) fn policy(&self) -> SandboxPolicy {
        let usual = match self.bundle {
            Some(_) => SandboxPolicy::Warm,
            None => SandboxPolicy::Fresh,
        };
        self.limits.sandbox.unwrap_or(usual)
    }
}
