//! From bytes to a function: its kind read from its exports, its imports checked, its code compiled or opened.
//!
//! What cannot be a function is refused with the reason, before any of its code has run.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{ByteSize, Digest};
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use crate::{
    bindings::{EventFunctionPre, StreamFunctionPre},
    context::Context,
    engine::{Engine, Shared},
    function::{Function, Guest},
};

/// What one function may use, and how its sandboxes live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionLimits {
    pub memory: ByteSize,
    pub timeout: Duration,
    /// Output and state together, of one invocation.
    pub output_bytes: ByteSize,
    pub log_bytes: ByteSize,
    /// The only environment variables the guest sees.
    pub env: BTreeMap<String, String>,
    pub sandbox: SandboxPolicy,
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
    Stream,
    Event,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("it is not WebAssembly: a component begins with the bytes 00 61 73 6d")]
    NotWebAssembly,
    #[error("it is a core WebAssembly module, where a component is needed")]
    CoreModule,
    #[error(
        "it exports {exports}, where a trigger needs shardmill:function/stream-handler@0.1.0 or shardmill:function/event-handler@0.1.0"
    )]
    NoHandler { exports: String },
    #[error("it cannot be compiled: {0}")]
    Invalid(String),
    #[error("it does not fit this host: {0}")]
    Import(String),
}

const STREAM_HANDLER: &str = "shardmill:function/stream-handler@0.1.0";
const EVENT_HANDLER: &str = "shardmill:function/event-handler@0.1.0";

impl Engine {
    /// Compiles a component once per digest; seconds for a language runtime, a file to open after that.
    pub async fn load(&self, bytes: &[u8], limits: FunctionLimits) -> Result<Function, LoadError> {
        check_magic(bytes)?;
        let digest = Digest(Sha256::digest(bytes).into());
        let component = component(&self.shared, bytes, digest).await?;
        let guest = guest(&self.shared, &component)?;
        Ok(Function::new(self.clone(), digest, guest, limits))
    }

    /// Removes compiled code that no function loaded so far has needed; for a host that has loaded all it will run.
    pub async fn remove_unused(&self) {
        self.shared.compiled.remove_unused(&self.shared).await;
    }
}

fn check_magic(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', ..]) => Err(LoadError::CoreModule),
        Some(_) | None => Err(LoadError::NotWebAssembly),
    }
}

fn guest(shared: &Shared, component: &Component) -> Result<Guest, LoadError> {
    let kind = kind(&shared.wasmtime, component)?;
    let unfit = |error: wasmtime::Error| LoadError::Import(format!("{error:#}"));
    let pre = shared.linker.instantiate_pre(component).map_err(unfit)?;
    Ok(match kind {
        Kind::Stream => Guest::Stream(StreamFunctionPre::<Context>::new(pre).map_err(unfit)?),
        Kind::Event => Guest::Event(EventFunctionPre::<Context>::new(pre).map_err(unfit)?),
    })
}

fn kind(engine: &wasmtime::Engine, component: &Component) -> Result<Kind, LoadError> {
    let shape = component.component_type();
    let exports: Vec<String> = shape
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    if exports.iter().any(|name| name == STREAM_HANDLER) {
        return Ok(Kind::Stream);
    }
    if exports.iter().any(|name| name == EVENT_HANDLER) {
        return Ok(Kind::Event);
    }
    let exports = if exports.is_empty() {
        "nothing".to_owned()
    } else {
        exports.join(", ")
    };
    Err(LoadError::NoHandler { exports })
}

async fn component(
    shared: &Arc<Shared>,
    bytes: &[u8],
    digest: Digest,
) -> Result<Component, LoadError> {
    if let Some(component) = shared.compiled.open(shared, digest).await {
        return Ok(component);
    }
    let owned = bytes.to_vec();
    let engine = shared.wasmtime.clone();
    let compiling = shared
        .platform
        .tasks
        .dedicated("sandbox-compile", async move {
            Component::new(&engine, owned).map_err(|error| LoadError::Invalid(format!("{error:#}")))
        });
    let component = compiling
        .await
        .map_err(|error| LoadError::Invalid(error.to_string()))??;
    shared.compiled.keep(shared, digest, &component).await;
    Ok(component)
}
