//! What a trigger calls: a function by name and qualifier, whatever is deployed under them at the moment of each attempt.
//!
//! A deploy changes what the next attempt runs; the one that runs ends with what it began with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use catalog::{Revision, Route};
use dispatch::{RollBack, TriggerSettings};
use model::{
    Fault, FaultClass, FunctionName, FunctionVersion, Invocation, Outcome, StreamKey, TriggerName,
    UserRecord,
    outcome::Usage,
    seams::{BoxFuture, Handler},
};

use sandbox::{Called, Function};

use super::{
    Functions, Gate,
    canary::Judge,
    shadow::{Beside, Main, Seen},
};
use crate::{
    report::{Pace, Report},
    traces,
};

/// What a second version is handed before it is judged, where its trigger judges none.
const ROLL_BACK_RECORDS: u64 = 100;

#[derive(Debug)]
pub(crate) struct Bound {
    functions: Arc<Functions>,
    name: FunctionName,
    qualifier: Option<String>,
    /// Of the trigger, beside that of the function.
    gate: Arc<Gate>,
    /// When a second version is taken back.
    roll_back: Option<RollBack>,
    judge: Judge,
    /// What runs beside the function.
    shadow: Option<Arc<Beside>>,
    /// Whether the version chosen last takes packed batches: asked for every record.
    packed: AtomicBool,
    /// Bytes that its role adds to a record of an event.
    role_bytes: AtomicUsize,
    pace: Pace,
}

impl Bound {
    /// `seen`: where what its shadow comes to is counted, where it has one.
    pub(crate) fn new(
        functions: Arc<Functions>,
        settings: &TriggerSettings,
        seen: Option<Arc<Seen>>,
    ) -> Self {
        let shadow = settings.shadow.clone().zip(seen);
        let bound = Self {
            functions,
            name: settings.function.clone(),
            qualifier: settings.qualifier.clone(),
            gate: Gate::new(settings.concurrency),
            roll_back: settings.canary.roll_back,
            judge: Judge::default(),
            shadow: shadow.map(|(shadow, seen)| Arc::new(Beside::new(shadow, seen))),
            packed: AtomicBool::new(false),
            role_bytes: AtomicUsize::new(0),
            pace: Pace::default(),
        };
        bound.version(None, 0.0);
        bound
    }

    fn route(&self) -> Option<Route> {
        let deployed = self.functions.get(&self.name)?;
        deployed.entry.route(self.qualifier.as_deref()).ok()
    }

    /// As the deploy that let the second version in has said it, else as the trigger does.
    fn limit(&self) -> Option<RollBack> {
        let deployed = self.functions.get(&self.name);
        let told = deployed.and_then(|it| it.entry.head.roll_back);
        let told = told.filter(|_| self.qualifier.is_none());
        let of_trigger = self.roll_back;
        let records = of_trigger.map_or(ROLL_BACK_RECORDS, |it| it.records);
        let told = told.map(|failures| RollBack { failures, records });
        told.or(of_trigger)
    }

    /// Calls the function, and then what runs in its shadow, which nobody waits for.
    async fn call(&self, function: &Function, invocation: Invocation) -> Outcome {
        let shadow = self.shadow.as_ref().filter(|_| !invocation.tracing);
        let Some((shadow, place)) = shadow.and_then(|shadow| Some((shadow, shadow.place()?)))
        else {
            return self.reported(function, invocation, false).await.outcome;
        };
        let state = invocation.state.clone();
        let called = self.reported(function, invocation, true).await;
        let outcome = called.outcome;
        if let Some(capsule) = called.capsule {
            let main = Main {
                capsule,
                outcome: outcome.clone(),
                state,
            };
            shadow.run(&self.functions, place, main);
        }
        outcome
    }

    /// Takes a second version back that fails too much.
    async fn judge(
        &self,
        trigger: &TriggerName,
        handed: (FunctionVersion, usize),
        outcome: &Outcome,
    ) {
        let Some((limit, route)) = self.limit().zip(self.route()) else {
            return;
        };
        let because = self.judge.note(&route, handed, outcome, limit);
        if let Some((because, share)) = because.zip(route.other) {
            let of = (&self.name, self.qualifier.as_deref());
            let taken = self
                .functions
                .take_back(of, share.version, trigger, because);
            taken.await;
        }
    }
}

impl Bound {
    /// Runs a batch; its line is in the log behind what the function said.
    async fn reported(&self, function: &Function, invocation: Invocation, watched: bool) -> Called {
        let report = Report::of(&invocation);
        let Functions {
            platform,
            logs,
            traces,
            ..
        } = &*self.functions;
        let began = platform.clock.wall();
        let traces = traces.get();
        let attempt = traces.and_then(|_| traces::begun(&invocation, began));
        let called = if watched {
            function.watched(invocation).await
        } else {
            function.call(invocation, None).await
        };
        let now = platform.clock.wall();
        let is_told = self.pace.allows(now) || matches!(called.outcome, Outcome::Failed(_));
        if !is_told {
            return called;
        }
        if let Some((traces, attempt)) = traces.zip(attempt) {
            traces.tell(&attempt, &called.outcome, now);
        }
        if let Some(logs) = logs.get() {
            report.say(logs, &called, function.limits().memory_told, now);
        }
        called
    }
}

impl Handler for Bound {
    fn version(&self, before: Option<FunctionVersion>, fraction: f64) -> FunctionVersion {
        let Some(deployed) = self.functions.get(&self.name) else {
            return before.unwrap_or_default();
        };
        let entry = &deployed.entry;
        let chosen = entry.of_attempt(self.qualifier.as_deref(), before, fraction);
        let chosen = chosen.unwrap_or(before.unwrap_or_default());
        let revision = entry.revision(chosen);
        let packed = revision.is_some_and(|it| it.code.kind == sandbox::Kind::Stream.name());
        self.packed.store(packed, Ordering::Relaxed);
        let role = revision.and_then(role).map_or(0, str::len);
        self.role_bytes.store(role, Ordering::Relaxed);
        chosen
    }

    fn share(&self) -> Option<f64> {
        Some(self.route()?.other?.weight)
    }

    fn invoke(&self, mut invocation: Invocation) -> BoxFuture<'_, Outcome> {
        invocation.qualifier = self.qualifier.as_deref().map(Arc::from);
        Box::pin(async move {
            let Some(deployed) = self.functions.get(&self.name) else {
                let name = &self.name;
                return not_run(format!(
                    "function {name} was deleted; its trigger waits for it"
                ));
            };
            let _of_trigger = self.gate.enter().await;
            let _of_function = deployed.gate.enter().await;
            let function = match self.functions.load(&deployed, invocation.version).await {
                Ok(function) => function,
                Err(why) => return not_run(why),
            };
            let revision = deployed.entry.revision(invocation.version);
            invocation.role = revision.and_then(role).map(Arc::from);
            let trigger = invocation.trigger.clone();
            let handed = (invocation.version, invocation.records.len());
            let outcome = self.call(&function, invocation).await;
            self.judge(&trigger, handed, &outcome).await;
            outcome
        })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        let packed = self.packed.load(Ordering::Relaxed);
        let role = self.role_bytes.load(Ordering::Relaxed);
        sandbox::encoded_len(packed, stream, record) + if packed { 0 } else { role }
    }

    fn marks(&self) -> bool {
        self.packed.load(Ordering::Relaxed)
    }
}

impl Functions {
    /// The role of a version; functions of the file have none.
    pub(crate) fn role(
        &self,
        name: &FunctionName,
        version: Option<FunctionVersion>,
    ) -> Option<Arc<str>> {
        let deployed = self.get(name)?;
        let revision = deployed.entry.revision(version.unwrap_or_default());
        revision.and_then(role).map(Arc::from)
    }
}

/// What the Lambda API was told.
fn role(revision: &Revision) -> Option<&str> {
    revision
        .settings
        .words
        .get("Role")
        .and_then(serde_json::Value::as_str)
}

/// No attempt is used: the function is not to blame.
fn not_run(message: String) -> Outcome {
    Outcome::Failed(Fault {
        class: FaultClass::Invoke,
        kind: "FunctionNotThere".to_owned(),
        message,
        retry_after: None,
        usage: Usage::default(),
    })
}
