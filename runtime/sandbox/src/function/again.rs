//! Running a function again: in the world as an earlier run found it, and what has to be kept of a run for that.

use std::sync::Arc;

use bytes::Bytes;
use model::{Invocation, Outcome, invocation::StateReader};

use super::{Called, Function, Given, Inner};
use crate::{
    capsule::{Capsule, Facts, result},
    sandbox::Sandbox,
    world::Told,
};

/// In which world it is run.
pub(super) enum Run {
    /// As it is; what fails is kept.
    Now,
    /// The same, and what it was told is handed back.
    Watched,
    /// As an earlier run found it.
    Again(Told),
}

impl Function {
    /// Runs the function with the records of the invocation, and hands back what it was told.
    pub async fn watched(&self, invocation: Invocation) -> Called {
        self.run(invocation, Given::Records, Run::Watched).await
    }

    /// Runs an earlier invocation again, in a sandbox of its own and in the world as it was then.
    pub async fn replay(&self, capsule: &Capsule) -> Outcome {
        self.again(capsule, None).await
    }

    /// The same for a function that may ask for more than the earlier run did: what that did not read is read from `state`.
    pub async fn beside(&self, capsule: &Capsule, state: Option<Arc<dyn StateReader>>) -> Outcome {
        self.again(capsule, state).await
    }

    async fn again(&self, capsule: &Capsule, state: Option<Arc<dyn StateReader>>) -> Outcome {
        let told = capsule.told.clone();
        let invocation = capsule.invocation.invocation(&told, state);
        let event = capsule.invocation.event.as_ref();
        let given = event.map_or(Given::Records, |event| Given::Event(event.to_vec()));
        let again = self.run(invocation, given, Run::Again(told));
        again.await.outcome
    }
}

impl Inner {
    /// All there is to run it again.
    pub(super) fn encapsulated(
        &self,
        (sandbox, event): (&Sandbox, Option<Bytes>),
        outcome: &Outcome,
    ) -> Capsule {
        let context = sandbox.store.data();
        Capsule {
            invocation: Facts::of(&context.call.invocation, event, self.digest),
            told: context.world.told(),
            result: result(outcome),
        }
    }
}
