//! A loaded function as a handler: a batch goes in, an outcome comes out, whatever the guest does.
//!
//! Invocations run on the handlers' own runtime under the function's limits. Outputs and state are handed on only
//! from an invocation that succeeded.

mod again;
mod life;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use model::{
    Digest, Fault, FaultClass, FunctionVersion, Invocation, Outcome, StreamKey, UserRecord,
    invocation::{TumblingWindow, WindowKept},
    lambda,
    outcome::Usage,
    seams::{BoxFuture, Handler},
};
use platform::{Monotonic, Task};
use tokio::sync::{Semaphore, oneshot};
use wasmtime::InstancePre;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::{
    bindings::{EventFunctionPre, LanguageRuntimePre, StreamFunctionPre},
    bundle::Bundle,
    capsule::{Capsule, has_failed},
    command::Stdin,
    context::Context,
    counts::{Counting, FunctionCounts},
    engine::Engine,
    fault::{DeadlinePassed, Failed, diagnose},
    http::{Answered, Exchange, HttpBody},
    limits::TIMEOUT_GRACE,
    load::{FunctionLimits, Kind, SandboxPolicy},
    network::Network,
    packed,
    process::Processes,
    sandbox::{GuestAnswer, Passed, Sandbox},
    scratch::Scratch,
    warm::{FunctionNumber, Lane},
};
use again::Run;

/// Cheap to clone; clones share their warm sandboxes and their limit of concurrent invocations.
#[derive(Clone)]
pub struct Function {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    digest: Digest,
    guest: Guest,
    /// What a language runtime runs.
    bundle: Option<Arc<Bundle>>,
    /// The files of that.
    code: Option<Scratch>,
    environment: Arc<BTreeMap<String, String>>,
    network: Arc<Network>,
    pub(crate) limits: FunctionLimits,
    running: Semaphore,
    number: FunctionNumber,
    pub(crate) counting: Counting,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.engine.shared.warm.forget(self.number);
    }
}

/// A compiled component with its imports linked, ready to be instantiated.
#[derive(Clone)]
pub(crate) enum Guest {
    Stream(StreamFunctionPre<Context>),
    Event(EventFunctionPre<Context>),
    /// An event function that is code for a language runtime.
    Runtime(LanguageRuntimePre<Context>),
    Http(ProxyPre<Context>),
    Command(CommandPre<Context>),
    /// A command as a core module.
    Program(InstancePre<Context>),
    /// No guest at all.
    Process(Arc<Processes>),
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function")
            .field("digest", &self.inner.digest)
            .field("kind", &self.kind())
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}

impl Function {
    pub(crate) fn new(
        engine: Engine,
        digest: Digest,
        guest: Guest,
        bundle: Option<Arc<Bundle>>,
        limits: FunctionLimits,
    ) -> Self {
        let running = Semaphore::new(limits.concurrency.max(1) as usize);
        let number = engine.shared.warm.function();
        Self {
            inner: Arc::new(Inner {
                engine,
                digest,
                guest,
                code: bundle.as_ref().map(Scratch::kept),
                bundle,
                environment: Arc::new(
                    limits
                        .secrets
                        .variables()
                        .chain(limits.env.clone())
                        .collect(),
                ),
                network: Arc::new(limits.network.clone()),
                limits,
                running,
                number,
                counting: Counting::default(),
            }),
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.inner.guest {
            Guest::Stream(_) => Kind::Stream,
            Guest::Event(_) | Guest::Runtime(_) => Kind::Event,
            Guest::Http(_) => Kind::Http,
            Guest::Command(_) | Guest::Program(_) => Kind::Command,
            Guest::Process(_) => Kind::Process,
        }
    }

    /// What is granted to it, and how its sandboxes live.
    #[must_use]
    pub fn limits(&self) -> &FunctionLimits {
        &self.inner.limits
    }

    /// How its sandboxes live, said or not.
    #[must_use]
    pub fn policy(&self) -> SandboxPolicy {
        self.inner.policy()
    }

    #[must_use]
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// Of a function whose code is data: its language, and the file and the name of its handler (`app.py:handler`).
    #[must_use]
    pub fn written(&self) -> Option<(&str, &str)> {
        let bundle = self.inner.bundle.as_ref()?;
        Some((&bundle.language, &bundle.entry))
    }

    /// What was measured since it was loaded.
    #[must_use]
    pub fn counts(&self) -> FunctionCounts {
        self.inner.counting.now()
    }
}

/// What came of one call.
#[derive(Debug)]
pub struct Called {
    pub outcome: Outcome,
    /// What an event function or a command answered, as it is.
    pub document: Option<Bytes>,
    /// What it says itself of the error that it failed with: a JSON object.
    pub error_document: Option<Bytes>,
    /// How long the making of its sandbox took, where one was made.
    pub init: Option<Duration>,
    /// What it was told, and what came of it, where somebody asked for that.
    pub capsule: Option<Box<Capsule>>,
}

/// What a function is run with.
pub(crate) enum Given {
    /// The records of its invocation.
    Records,
    Event(Vec<u8>),
    Request(Box<Asked>),
}

/// A request, and where its answer goes.
pub(crate) type Asked = (Request<HttpBody>, oneshot::Sender<Answered>);

impl Called {
    /// The function could not be run, which is not its fault.
    #[must_use]
    pub fn not_run(message: String) -> Self {
        not_run("FunctionNotThere", message)
    }
}

impl Function {
    /// Runs the function with the records of the invocation, or, where it takes events, with `event` as it is.
    pub async fn call(&self, invocation: Invocation, event: Option<Vec<u8>>) -> Called {
        let given = event.map_or(Given::Records, Given::Event);
        self.run(invocation, given, Run::Now).await
    }

    /// Runs a function of the kind *http*. The head of its answer is sent to `answer` once it is there, and its body goes
    /// on as long as this does; nothing is sent where the function gives no answer.
    pub async fn serve(
        &self,
        invocation: Invocation,
        request: Request<HttpBody>,
        answer: oneshot::Sender<Answered>,
    ) -> Called {
        self.run(
            invocation,
            Given::Request(Box::new((request, answer))),
            Run::Now,
        )
        .await
    }

    async fn run(&self, invocation: Invocation, given: Given, how: Run) -> Called {
        let inner = Arc::clone(&self.inner);
        let handlers = self.inner.engine.shared.platform.tasks.handlers();
        let running = handlers.spawn("sandbox-invocation", inner.call(invocation, given, how));
        let mut running = Abandoned(running);
        (&mut running.0).await.unwrap_or_else(|error| {
            not_run(
                "HostFailure",
                format!("the host failed while it ran the function: {error}"),
            )
        })
    }
}

impl Handler for Function {
    /// One file is one version.
    fn version(&self, before: Option<FunctionVersion>, _: f64) -> FunctionVersion {
        before.unwrap_or(FunctionVersion(1))
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Outcome> {
        Box::pin(async move { self.call(invocation, None).await.outcome })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        encoded_len(self.kind() == Kind::Stream, stream, record)
    }

    fn marks(&self) -> bool {
        self.kind() == Kind::Stream
    }
}

/// What a record costs in a request, in bytes, at most: packed, or as JSON.
#[must_use]
pub fn encoded_len(packed: bool, stream: &StreamKey, record: &UserRecord) -> usize {
    if packed {
        packed::encoded_len(record)
    } else {
        lambda::encoded_len(stream, record)
    }
}

/// An invocation that nobody waits for any more ends at its next tick.
struct Abandoned(Task<Called>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a guest is called with.
#[derive(Default)]
struct Input {
    passed: Passed,
    stdin: Option<Stdin>,
    request: Option<Asked>,
}

/// Kind and fact of what a guest cannot be run with.
type Unfit = (&'static str, String);

pub(crate) fn not_run(kind: &str, message: String) -> Called {
    let fault = Fault {
        class: FaultClass::Invoke,
        kind: kind.to_owned(),
        message,
        retry_after: None,
        usage: Usage::default(),
    };
    Called {
        outcome: Outcome::Failed(fault),
        document: None,
        error_document: None,
        init: None,
        capsule: None,
    }
}

impl Inner {
    async fn call(self: Arc<Self>, invocation: Invocation, given: Given, how: Run) -> Called {
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

    /// What the guest takes of what it is run with, or why it cannot be run with that.
    fn input(&self, invocation: &Invocation, given: Given) -> Result<Input, Unfit> {
        let passed = |passed| Input {
            passed,
            ..Input::default()
        };
        let bytes = |bytes| passed(Passed::Bytes(bytes));
        match (&self.guest, given) {
            (Guest::Stream(_), Given::Records) => {
                let closes = invocation.window.as_ref().is_some_and(closes_keys);
                let batch = packed::pack(&invocation.records, closes, invocation.replayed());
                batch
                    .map(bytes)
                    .map_err(|error| ("BatchTooLarge", error.to_string()))
            }
            (Guest::Stream(_), Given::Event(_)) => {
                Err(("NoEvents", "it takes records, not an event".to_owned()))
            }
            (Guest::Http(_), Given::Request(asked)) => Ok(Input {
                request: Some(*asked),
                ..Input::default()
            }),
            (Guest::Http(_), Given::Records | Given::Event(_)) => {
                Err(("NoEvents", "it takes requests, not an event".to_owned()))
            }
            (_, Given::Request(..)) => {
                Err(("NoRequests", "it takes no requests as they are".to_owned()))
            }
            (Guest::Event(_), Given::Records) => Ok(bytes(lambda::kinesis_event(invocation))),
            (Guest::Runtime(_), Given::Records) => {
                let columns = lambda::kinesis_columns(invocation);
                Ok(passed(Passed::Columns(Box::new(columns.into()))))
            }
            (Guest::Event(_) | Guest::Runtime(_), Given::Event(event)) => Ok(bytes(event)),
            (Guest::Command(_) | Guest::Program(_) | Guest::Process(_), given) => {
                let event = match given {
                    Given::Event(event) => event,
                    Given::Records | Given::Request(..) => lambda::kinesis_event(invocation),
                };
                Ok(Input {
                    stdin: Some(Stdin::new(event)),
                    ..Input::default()
                })
            }
        }
    }

    async fn run(&self, sandbox: &mut Sandbox, input: &Passed) -> wasmtime::Result<GuestAnswer> {
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

    fn outcome(
        &self,
        sandbox: &mut Sandbox,
        result: wasmtime::Result<GuestAnswer>,
        usage: Usage,
    ) -> Outcome {
        let context = sandbox.store.data_mut();
        match result {
            Ok(answer) => self.hidden(context.call.outcome(answer, usage)),
            Err(error) => {
                // Whatever it was about to say is not what ended it.
                context.call.error_document = None;
                self.hidden(Outcome::Failed(self.fault(context, &error, usage)))
            }
        }
    }

    /// What is said of a failure is kept and shown, so it must hold no secret.
    pub(crate) fn hidden(&self, mut outcome: Outcome) -> Outcome {
        let secrets = &self.limits.secrets;
        match &mut outcome {
            Outcome::Failed(fault) => fault.message = secrets.hidden(&fault.message).into_owned(),
            Outcome::Answered(answer) => {
                for failure in &mut answer.failures {
                    failure.reason = secrets.hidden(&failure.reason).into_owned();
                }
            }
        }
        outcome
    }

    pub(crate) fn hidden_document(&self, document: Option<Bytes>) -> Option<Bytes> {
        let text = String::from_utf8(document?.into()).ok()?;
        Some(self.limits.secrets.hidden(&text).into_owned().into())
    }

    fn fault(&self, context: &Context, error: &wasmtime::Error, usage: Usage) -> Fault {
        context.log.finish();
        let failed = Failed {
            function: context.call.invocation.function.as_str(),
            memory_refused: context.memory.refused,
            memory_max: self.limits.memory,
            timeout: self.limits.timeout,
            progress: context.call.progress,
            last_error: context.log.last_error(),
        };
        let diagnosis = diagnose(error, &failed);
        Fault {
            class: diagnosis.class,
            kind: diagnosis.kind.to_owned(),
            message: diagnosis.message,
            retry_after: None,
            usage,
        }
    }
}

/// Its records are no records: each stands for a key whose window closes.
fn closes_keys(window: &TumblingWindow) -> bool {
    window.is_final && window.kept == WindowKept::ByKey
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
