//! From bytes to a function: its kind read from its exports, its imports checked, its code compiled or opened.
//!
//! What cannot be a function is refused with the reason, before any of its code has run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{ByteSize, Digest};
use sha2::{Digest as _, Sha256};
use wasmtime::{Module, component::Component};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::{
    adapt::{Form, adapt, form},
    bindings::{EventFunctionPre, LanguageRuntimePre, StreamFunctionPre},
    bundle::{Bundle, BundleError},
    compiled::{Code, Compiled},
    context::Context,
    engine::{Engine, Shared},
    function::{Function, Guest},
    limits::{EXPORTS_SHOWN_MAX, FUNCTION_BYTES_MAX, TABLE_ELEMENTS_MAX},
    network::Network,
    process::{ProcessSource, Processes},
    secrets::Secrets,
};

/// What one function may use, and how its sandboxes live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionLimits {
    pub memory: ByteSize,
    /// As it was said, which may be more than there is: what the function is told.
    pub memory_told: ByteSize,
    pub timeout: Duration,
    /// Output and state together, of one invocation.
    pub output_bytes: ByteSize,
    pub log_bytes: ByteSize,
    /// The only environment variables the guest sees, besides its secrets.
    pub env: BTreeMap<String, String>,
    pub secrets: Secrets,
    /// Of other servers, what it may ask.
    pub network: Network,
    /// Files in memory, gone after the invocation; 0: none.
    pub scratch: ByteSize,
    /// None: warm for code that a language runtime runs, where a new sandbox costs most of a millisecond, else fresh.
    pub sandbox: Option<SandboxPolicy>,
    /// Invocations at the same time, at least 1.
    pub concurrency: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxPolicy {
    /// A new sandbox for every batch.
    Fresh,
    /// A sandbox stays with its shard until it fails or grows old.
    Warm,
}

/// What a function exports and so how it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Packed batches.
    Stream,
    /// JSON events.
    Event,
    /// Requests.
    Http,
    /// JSON events on standard input.
    Command,
    /// JSON events through Lambda's runtime API: a program of this machine, in no sandbox.
    Process,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Event => "event",
            Self::Http => "http",
            Self::Command => "command",
            Self::Process => "process",
        }
    }

    /// What a file of this kind exports.
    #[must_use]
    pub fn export(self) -> &'static str {
        match self {
            Self::Stream => STREAM_HANDLER,
            Self::Event => EVENT_HANDLER,
            Self::Http => INCOMING_HANDLER,
            Self::Command => RUN,
            Self::Process => "nothing: it is a program of this machine",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("it is not WebAssembly: a module begins with the bytes 00 61 73 6d")]
    NotWebAssembly,
    #[error("it has {bytes} bytes, at most {FUNCTION_BYTES_MAX} are accepted")]
    TooLarge { bytes: u64 },
    #[error(
        "it exports {exports}, where a trigger needs {STREAM_HANDLER}, {EVENT_HANDLER}, {INCOMING_HANDLER} or a WASI command ({RUN} or _start)"
    )]
    NoHandler { exports: String },
    #[error("it cannot be compiled: {0}")]
    Invalid(String),
    #[error(
        "it begins with more than a sandbox has: {asked}; 1 GiB of memory and {TABLE_ELEMENTS_MAX} elements of a table are there"
    )]
    TooMuch { asked: String },
    #[error(
        "it imports {0}, which this host does not have: WASI 0.2, preview 1 and shardmill:function@0.1.0 are there"
    )]
    Import(String),
    #[error("it does not fit this host: {0}")]
    Unfit(String),
    #[error(
        "it is code in {language}, whose runtime {runtime} is not there: `shardmill deploy` sends it along"
    )]
    NoRuntime { language: String, runtime: Digest },
    #[error(
        "it is a program of preview 1, which cannot use `network`: leave that out, or build it for wasm32-wasip2"
    )]
    NoNetworkInProgram,
    #[error(
        "it was built with an earlier runtime of {language}, which cannot use `{grant}`: build it again, or leave that out"
    )]
    NoUse {
        language: String,
        grant: &'static str,
    },
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

pub(crate) const OURS: &str = "shardmill:function/";
pub(crate) const STREAM_HANDLER: &str = "shardmill:function/stream-handler@0.1.0";
pub(crate) const EVENT_HANDLER: &str = "shardmill:function/event-handler@0.1.0";
/// Of a language runtime.
const TEXT_HANDLER: &str = "shardmill:function/text-handler@0.1.0";
/// Of any 0.2: later ones only add.
const INCOMING_HANDLER: &str = "wasi:http/incoming-handler@0.2";
const RUN: &str = "wasi:cli/run@0.2";

impl Engine {
    /// Compiles a file once per digest; seconds for a language runtime, a file to open after that.
    pub async fn load(&self, bytes: &[u8], limits: FunctionLimits) -> Result<Function, LoadError> {
        if bytes.len() > FUNCTION_BYTES_MAX {
            return Err(LoadError::TooLarge {
                bytes: bytes.len() as u64,
            });
        }
        self.load_known(digest_of(bytes), bytes, limits).await
    }

    /// Of bytes whose digest was checked already, which takes longer than opening what was compiled.
    pub async fn load_known(
        &self,
        digest: Digest,
        bytes: &[u8],
        limits: FunctionLimits,
    ) -> Result<Function, LoadError> {
        if Bundle::is_one(bytes) {
            let bundle = Arc::new(Bundle::decode(bytes)?);
            let guest = self.shared.runtimes.guest(&self.shared, &bundle).await?;
            if matches!(guest, Guest::Event(_))
                && let Some(grant) = granted(&limits)
            {
                let language = bundle.language.clone();
                return Err(LoadError::NoUse { language, grant });
            }
            let bundle = Some(bundle);
            return Ok(Function::new(self.clone(), digest, guest, bundle, limits));
        }
        let compiled = &self.shared.compiled;
        let code = code(&self.shared, compiled, bytes, digest).await?;
        let guest = guest(&self.shared, &code, limits.scratch)?;
        if matches!(guest, Guest::Program(_)) && !limits.network.is_empty() {
            return Err(LoadError::NoNetworkInProgram);
        }
        Ok(Function::new(self.clone(), digest, guest, None, limits))
    }

    /// A program of this machine as a function. It is not looked at: what it is shows when it runs.
    #[must_use]
    pub fn process(
        &self,
        source: ProcessSource,
        digest: Digest,
        limits: FunctionLimits,
    ) -> Function {
        let processes = Processes::new(self.shared.platform.clone(), source, &limits);
        let guest = Guest::Process(Arc::new(processes));
        Function::new(self.clone(), digest, guest, None, limits)
    }

    /// Removes compiled code that no function loaded so far has needed, and that is none of `used`.
    pub async fn remove_unused(&self, used: &BTreeSet<Digest>) {
        let compiled = &self.shared.compiled;
        compiled.remove_unused(&self.shared, used).await;
    }
}

/// What earlier language runtimes cannot use: it is not granted to them in silence.
fn granted(limits: &FunctionLimits) -> Option<&'static str> {
    match (limits.network.is_empty(), limits.scratch == ByteSize(0)) {
        (true, true) => None,
        (false, _) => Some("network"),
        (true, false) => Some("scratch"),
    }
}

/// SHA-256.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// Instantiates nothing: only what it exports and imports is looked at.
pub(crate) fn guest(shared: &Shared, code: &Code, scratch: ByteSize) -> Result<Guest, LoadError> {
    let unfit = |error: wasmtime::Error| LoadError::Unfit(format!("{error:#}"));
    let component = match code {
        Code::Component(component) => component,
        Code::Module(module) => {
            let linker = match scratch {
                ByteSize(0) => &shared.programs,
                ByteSize(_) => &shared.programs_with_files,
            };
            let pre = linker.instantiate_pre(module).map_err(unfit)?;
            return Ok(Guest::Program(pre));
        }
    };
    let exports = exports(&shared.wasmtime, component);
    let is_runtime = exports.iter().any(|name| name == TEXT_HANDLER);
    let kind = if is_runtime {
        Kind::Event
    } else {
        kind(&exports)?
    };
    check_imports(&shared.wasmtime, component)?;
    let pre = shared.linker.instantiate_pre(component).map_err(unfit)?;
    Ok(match kind {
        Kind::Event if is_runtime => {
            Guest::Runtime(LanguageRuntimePre::<Context>::new(pre).map_err(unfit)?)
        }
        Kind::Stream => Guest::Stream(StreamFunctionPre::<Context>::new(pre).map_err(unfit)?),
        Kind::Event => Guest::Event(EventFunctionPre::<Context>::new(pre).map_err(unfit)?),
        Kind::Http => Guest::Http(ProxyPre::<Context>::new(pre).map_err(unfit)?),
        Kind::Command => Guest::Command(CommandPre::<Context>::new(pre).map_err(unfit)?),
        Kind::Process => return Err(LoadError::Unfit("a component is no program".to_owned())),
    })
}

fn exports(engine: &wasmtime::Engine, component: &Component) -> Vec<String> {
    let shape = component.component_type();
    shape
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn kind(exports: &[String]) -> Result<Kind, LoadError> {
    let kinds = [Kind::Stream, Kind::Event, Kind::Http, Kind::Command];
    let found = kinds.into_iter().find(|kind| {
        let export = kind.export();
        exports.iter().any(|name| is_of(name, export))
    });
    found.ok_or_else(|| LoadError::NoHandler {
        exports: listed(exports.iter().map(String::as_str)),
    })
}

/// `wasi:cli/run@0.2.3` is of `wasi:cli/run@0.2`.
fn is_of(name: &str, export: &str) -> bool {
    let rest = name.strip_prefix(export);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn check_imports(engine: &wasmtime::Engine, component: &Component) -> Result<(), LoadError> {
    let shape = component.component_type();
    let known = |name: &str| {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        let package = interface.split('/').next().unwrap_or_default();
        let is_wasi = WASI.contains(&package) && version.starts_with("0.2.");
        is_wasi || name.starts_with(OURS)
    };
    match shape.imports(engine).find(|(name, _)| !known(name)) {
        Some((name, _)) => Err(LoadError::Import(name.to_owned())),
        None => Ok(()),
    }
}

/// Packages of WASI that are linked, empty until granted.
const WASI: &[&str] = &[
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:random",
    "wasi:sockets",
];

pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let more = names.len().saturating_sub(EXPORTS_SHOWN_MAX);
    let shown = names.get(..names.len() - more).unwrap_or_default();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    shown.join(", ") + &rest
}

/// From where it was compiled before, else compiled and kept there.
pub(crate) async fn code(
    shared: &Arc<Shared>,
    compiled: &Compiled,
    bytes: &[u8],
    digest: Digest,
) -> Result<Code, LoadError> {
    let is_module = is_module(bytes)?;
    let form = if is_module {
        form(bytes)
    } else {
        Form::Component
    };
    if let Some(code) = compiled.open(shared, digest, form).await {
        return Ok(code);
    }
    let owned = bytes.to_vec();
    let engine = shared.wasmtime.clone();
    let compiling = shared
        .platform
        .tasks
        .dedicated("sandbox-compile", async move {
            let (form, bytes) = if is_module {
                adapt(owned)?
            } else {
                (Form::Component, owned)
            };
            let made = match form {
                Form::Component => Component::new(&engine, bytes).map(Code::Component),
                Form::Program => Module::new(&engine, bytes).map(Code::Module),
            };
            made.map_err(|error| not_made(&error))
        });
    let code = compiling
        .await
        .map_err(|error| LoadError::Invalid(error.to_string()))??;
    compiled.keep(shared, digest, &code).await;
    Ok(code)
}

/// What the pool of sandboxes has no room for is told apart from what is no code: its last words say what was asked.
fn not_made(error: &wasmtime::Error) -> LoadError {
    let text = format!("{error:#}");
    match text.split_once(" which exceeds the limit of") {
        Some((before, _)) => LoadError::TooMuch {
            asked: before.rsplit(": ").next().unwrap_or(before).to_owned(),
        },
        None => LoadError::Invalid(text),
    }
}

/// A core module, where a component would need no adapting.
fn is_module(bytes: &[u8]) -> Result<bool, LoadError> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(false),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Ok(true),
        Some(_) | None => Err(LoadError::NotWebAssembly),
    }
}
