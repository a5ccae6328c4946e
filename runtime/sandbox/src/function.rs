//! A loaded function as a handler: a batch goes in, an outcome comes out, whatever the guest does.
//!
//! Invocations run on the handlers' own runtime under the function's limits. Outputs and state are handed on only
//! from an invocation that succeeded.

mod again;
mod called;
mod input;
mod invocation;
mod life;
mod outcome;

use std::{collections::BTreeMap, sync::Arc};

use http::Request;
use model::{
    Digest, FunctionVersion, Invocation, Outcome, StreamKey, UserRecord, lambda,
    seams::{BoxFuture, Handler},
};
use tokio::sync::{Semaphore, oneshot};
use wasmtime::InstancePre;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::{
    bindings::{EventFunctionPre, LanguageRuntimePre, StreamFunctionPre},
    bundle::Bundle,
    context::Context,
    counts::{Counting, FunctionCounts},
    engine::Engine,
    http::{Answered, HttpBody},
    load::{FunctionLimits, Kind, SandboxPolicy},
    network::Network,
    packed,
    process::Processes,
    scratch::Scratch,
    warm::FunctionNumber,
};
use again::Run;
use invocation::Abandoned;

pub use called::Called;
pub(crate) use called::not_run;
pub(crate) use input::Given;

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

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
