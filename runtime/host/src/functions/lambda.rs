//! What stands behind the function side of the Lambda API: entries of the catalog, packages that become code, invocations.

use std::sync::Arc;

use bytes::Bytes;
use catalog::{Entry, Package as Kept, Revision, Settings};
use model::{ByteSize, Digest, FunctionName, FunctionVersion, TraceParent, seams::BoxFuture};
use sandbox::{Called, Kind};
use wire::lambda::{
    Asked, Change, Functions as Served, Handed, Invoked, LambdaError, Make, Package, Running,
    Urgency,
};

use super::{
    ChangeError, Deployed, Gate, Pass,
    answering::{self, Answering},
    calling::{self, Facts},
    events::Events,
    native::NO_NATIVES,
    package::{Contents, NoFunction, Packer, contents},
    unzip::{BadZip, unzip},
};
use crate::{assemble::Rooms, report};

#[derive(Debug)]
pub(crate) struct HostFunctions {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) packer: Option<Packer>,
    pub(crate) events: Arc<Events>,
}

/// A function that may be called now.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) name: FunctionName,
    pub(crate) deployed: Arc<Deployed>,
    pub(crate) version: FunctionVersion,
    pub(crate) qualifier: Option<Arc<str>>,
    /// Held as long as it runs.
    pub(crate) _pass: Pass,
}

/// What a function is called with.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) event: Vec<u8>,
    pub(crate) client_context: Option<Arc<str>>,
    pub(crate) trace_parent: Option<TraceParent>,
    /// Attempts at the same event that failed before this one.
    pub(crate) failures: u32,
}

/// Why a function is not called.
#[derive(Debug)]
pub(crate) enum NotNow {
    NoFunction,
    Throttled,
}

/// The version that a qualifier means, and a place to run it in.
pub(crate) fn choose(rooms: &Rooms, name: &str, qualifier: Option<&str>) -> Result<Chosen, NotNow> {
    let name = FunctionName::parse(name).map_err(|_| NotNow::NoFunction)?;
    let deployed = rooms.functions.get(&name).ok_or(NotNow::NoFunction)?;
    let route = deployed.entry.route(qualifier);
    let route = route.map_err(|_| NotNow::NoFunction)?;
    let version = route.pick(rooms.platform.rng.fraction());
    let _pass = Gate::try_enter(&deployed.gate).ok_or(NotNow::Throttled)?;
    Ok(Chosen {
        name,
        deployed,
        version,
        qualifier: qualifier.map(Arc::from),
        _pass,
    })
}

/// What came of a call, and the same in the shapes of Lambda.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) called: Called,
    pub(crate) answering: Answering,
}

/// Calls what was chosen.
pub(crate) async fn run(
    rooms: &Rooms,
    chosen: &Chosen,
    request_id: &str,
    given: Given,
) -> Result<Ran, String> {
    let Chosen {
        name,
        deployed,
        version,
        ..
    } = chosen;
    let function = rooms.functions.load(deployed, *version).await?;
    let facts = Facts {
        function: name,
        version: *version,
        request_id: request_id.to_owned(),
        attempt: given.failures.saturating_add(1),
        qualifier: chosen.qualifier.clone(),
        client_context: given.client_context,
        trace_parent: given.trace_parent,
    };
    let called = calling::with_event(rooms, &function, facts, given.event).await?;
    let timeout = function.limits().timeout;
    let answering = answering::of(&called, request_id, timeout);
    Ok(Ran { called, answering })
}

impl HostFunctions {
    async fn accepted(&self, handed: Handed) -> Result<Revision, LambdaError> {
        let functions = &self.rooms.functions;
        let Handed { package, settings } = handed;
        let (bytes, digest) = match package {
            Package::Zip(bytes) => {
                let digest = sandbox::digest_of(&bytes);
                (bytes, digest)
            }
            Package::Kept(digest) => {
                let kept = functions.code.get(digest).await;
                (kept.map_err(LambdaError::service)?, digest)
            }
        };
        let word = |name: &str| settings.words.get(name).and_then(|word| word.as_str());
        let runtime = word("Runtime").unwrap_or_default().to_owned();
        let handler = word("Handler").unwrap_or_default().to_owned();
        let files = unzip(&bytes).map_err(|error| bad_zip(&error))?;
        let code = match contents(files, &runtime, &handler).map_err(no_function)? {
            Contents::WebAssembly(code) => code,
            Contents::Handler(files) => self.packed(files).await?,
            Contents::Native { .. } => return self.native(&bytes, settings).await,
        };
        let offered = functions.offer(&code, settings).await;
        let mut offered = offered.map_err(|error| {
            LambdaError::invalid_parameter(format!("The code of the function does not run here: {error}."))
                .with_hint("build it with the SDK of this version, or hand over a handler file of Python or Node.js")
        })?;
        let kept = async {
            functions
                .code
                .put(offered.revision.code.digest, &code)
                .await?;
            functions.code.put(digest, &bytes).await
        };
        kept.await.map_err(LambdaError::service)?;
        offered.revision.code.package = Some(Kept {
            digest,
            bytes: bytes.len() as u64,
        });
        Ok(offered.revision)
    }

    /// A program for this machine, where such are allowed.
    async fn native(&self, zip: &[u8], settings: Settings) -> Result<Revision, LambdaError> {
        let functions = &self.rooms.functions;
        if !functions.allows_natives() {
            return Err(native());
        }
        let offered = functions.offer_native(zip, settings).await;
        let revision = offered.map_err(LambdaError::service)?.revision;
        let kept = functions.code.put(revision.code.digest, zip).await;
        kept.map_err(LambdaError::service)?;
        Ok(revision)
    }

    /// The tools may take seconds and block.
    async fn packed(&self, files: super::package::HandlerFiles) -> Result<Vec<u8>, LambdaError> {
        let Some(packer) = self.packer.clone() else {
            return Err(LambdaError::service("this server makes no bundles"));
        };
        let packing = self
            .rooms
            .platform
            .tasks
            .dedicated("pack", async move { packer.pack(files) });
        let packed = packing.await.map_err(LambdaError::service)?;
        packed.map_err(|why| {
            LambdaError::invalid_parameter(format!(
                "The handler file does not become a function: {why}"
            ))
        })
    }

    fn parsed(name: &str) -> Result<FunctionName, LambdaError> {
        FunctionName::parse(name).map_err(|_| LambdaError::no_function())
    }

    async fn invoked(&self, asked: Asked) -> Result<Invoked, LambdaError> {
        let rooms = &*self.rooms;
        let chosen = choose(rooms, &asked.name, asked.qualifier.as_deref());
        let chosen = chosen.map_err(|why| not_now(rooms, &asked.name, &why))?;
        let request_id = rooms.functions.id();
        let given = Given {
            event: asked.payload.to_vec(),
            client_context: asked.client_context.map(Arc::from),
            trace_parent: asked.trace_parent,
            failures: 0,
        };
        let ran = run(rooms, &chosen, &request_id, given).await;
        let Ran { called, answering } = ran.map_err(|why| {
            LambdaError::invalid_parameter(format!("The function was not run: {why}"))
        })?;
        let version = chosen.version.name();
        let log_tail = match asked.urgency {
            Urgency::Plain => Vec::new(),
            Urgency::WithLog => {
                let lines = rooms.logs.of_invocation(&request_id);
                let memory = memory_mb(&chosen.deployed, chosen.version);
                let report = report::line(&request_id, &called, ByteSize(memory << 20));
                answering.log_tail((&request_id, &version), &lines, &report)
            }
        };
        let answering::Payload { bytes, error } =
            answering.payload().map_err(LambdaError::service)?;
        Ok(Invoked {
            request_id,
            version,
            payload: bytes,
            error,
            log_tail,
        })
    }
}

/// As it is shown, which may be more than there is.
fn memory_mb(deployed: &Deployed, version: FunctionVersion) -> u64 {
    let revision = deployed.entry.revision(version);
    revision.map_or(128, |revision| super::memory_mb(&revision.settings))
}

fn not_now(rooms: &Rooms, name: &str, why: &NotNow) -> LambdaError {
    match why {
        NotNow::NoFunction => LambdaError::no_function(),
        NotNow::Throttled => {
            let bound = FunctionName::parse(name)
                .ok()
                .and_then(|name| rooms.functions.get(&name)?.gate.max());
            let hint = bound.map_or_else(String::new, |max| {
                format!("function {name} runs {max} times at once and no more")
            });
            LambdaError::throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
                .with_hint(hint)
        }
    }
}

fn bad_zip(error: &BadZip) -> LambdaError {
    let message = match error {
        BadZip::TooLarge(_) => "Unzipped size must be smaller than 262144000 bytes".to_owned(),
        BadZip::Damaged(_)
        | BadZip::TooManyFiles(_)
        | BadZip::Outside(_)
        | BadZip::Method(_)
        | BadZip::Unfit(_) => {
            "Could not unzip uploaded file. Please check your file, then try to upload again."
                .to_owned()
        }
    };
    LambdaError::invalid_parameter(message).with_hint(error.to_string())
}

fn no_function(none: NoFunction) -> LambdaError {
    LambdaError::invalid_parameter(none.message).with_hint(none.hint)
}

fn native() -> LambdaError {
    LambdaError::invalid_parameter(
        "The package holds a program for one machine, which does not run in a sandbox.",
    )
    .with_hint(
        "build it for WebAssembly (Rust `--target wasm32-wasip2`, Go `GOOS=wasip1 GOARCH=wasm`), or start the server with `shardmill up --allow-native` to run it without a sandbox",
    )
}

fn changed<E: std::fmt::Display>(
    error: ChangeError<E>,
    refused: impl FnOnce(E) -> LambdaError,
) -> LambdaError {
    match error {
        ChangeError::NoFunction => LambdaError::no_function(),
        ChangeError::Refused(error) => refused(error),
        ChangeError::Catalog(error) => LambdaError::service(error),
    }
}

impl Served for HostFunctions {
    fn world(&self) -> (String, String) {
        let world = &self.rooms.world;
        (world.account.to_string(), world.region.to_string())
    }

    fn find(&self, name: &str) -> Option<Entry> {
        let found = self.rooms.functions.get(&FunctionName::parse(name).ok()?);
        found.map(|deployed| deployed.entry.clone())
    }

    fn all(&self) -> Vec<(String, Entry)> {
        let functions = self.rooms.functions.now();
        let all = functions.iter();
        all.map(|(name, deployed)| (name.to_string(), deployed.entry.clone()))
            .collect()
    }

    fn running(&self, name: &str, version: FunctionVersion) -> Running {
        let functions = &self.rooms.functions;
        let named = FunctionName::parse(name).ok();
        let Some(deployed) = named.and_then(|name| functions.get(&name)) else {
            return Running::default();
        };
        let revision = deployed.entry.revision(version);
        let is_process = revision.is_some_and(|it| it.code.kind == Kind::Process.name());
        Running {
            runtime: deployed.written(version),
            refused: (is_process && !functions.allows_natives()).then(|| NO_NATIVES.to_owned()),
        }
    }

    fn id(&self) -> String {
        self.rooms.functions.id()
    }

    fn location(&self, package: Digest) -> String {
        format!(
            "http://{}/_shardmill/api/code/{package}",
            self.rooms.address
        )
    }

    fn port(&self) -> u16 {
        self.rooms.address.port()
    }

    fn accept(&self, handed: Handed) -> BoxFuture<'_, Result<Revision, LambdaError>> {
        Box::pin(self.accepted(handed))
    }

    fn create(&self, name: String, make: Make) -> BoxFuture<'_, Result<Entry, LambdaError>> {
        Box::pin(async move {
            let parsed = Self::parsed(&name)?;
            let made = self.rooms.functions.create(&parsed, make).await;
            made.map_err(|error| {
                changed(error, |_| {
                    LambdaError::conflict(format!("Function already exist: {name}"))
                })
            })
        })
    }

    fn change(&self, name: String, change: Change) -> BoxFuture<'_, Result<Entry, LambdaError>> {
        Box::pin(async move {
            let name = Self::parsed(&name)?;
            let done = self
                .rooms
                .functions
                .change(&name, |entry| change(entry).map(|()| entry.clone()));
            done.await.map_err(|error| changed(error, |error| error))
        })
    }

    fn remove(&self, name: String) -> BoxFuture<'_, Result<(), LambdaError>> {
        Box::pin(async move {
            let name = Self::parsed(&name)?;
            let removed = self.rooms.functions.remove(&name).await;
            removed.map_err(|error| changed(error, LambdaError::service))
        })
    }

    fn invoke(&self, asked: Asked) -> BoxFuture<'_, Result<Invoked, LambdaError>> {
        Box::pin(self.invoked(asked))
    }

    fn enqueue(&self, asked: Asked) -> BoxFuture<'_, Result<String, LambdaError>> {
        Box::pin(async move {
            let name = Self::parsed(&asked.name)?;
            let deployed = self.rooms.functions.get(&name);
            let deployed = deployed.ok_or_else(LambdaError::no_function)?;
            let route = deployed.entry.route(asked.qualifier.as_deref());
            route.map_err(|_| LambdaError::no_function())?;
            let put = self
                .events
                .put(&name, asked.qualifier, asked.payload, asked.trace_parent);
            put.await.map_err(LambdaError::service)
        })
    }
}

/// The bytes of a package, for whoever was told where it is.
pub(crate) async fn package(rooms: &Rooms, digest: &str) -> Option<Bytes> {
    let digest: Digest = digest.parse().ok()?;
    let known = |entry: &Entry| entry.digests().any(|it| it == digest);
    let functions = rooms.functions.now();
    if !functions.values().any(|deployed| known(&deployed.entry)) {
        return None;
    }
    rooms.functions.code.get(digest).await.ok()
}
