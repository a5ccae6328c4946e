//! The engine all functions share: wasmtime's configuration, the pool of sandboxes, the linked imports.
//!
//! In production guests are interrupted by epochs; in a simulation by fuel, so that the same seed gives the same run.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use model::Digest;
use platform::Platform;
use tokio::sync::Semaphore;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
    component::{HasSelf, Linker},
};

use wasmtime_wasi::p2::bindings::filesystem::{preopens, types as filesystem};

use crate::{
    bindings::{bundle, host, invocation, network, scratch, state, types},
    capsule::CapsuleSink,
    compiled::Compiled,
    context::Context,
    files::FilesOfGuest,
    heartbeat::Heartbeat,
    limits::{
        ASYNC_STACK_BYTES, CORE_INSTANCES_PER_COMPONENT_MAX, KEEP_RESIDENT_BLIND_BYTES,
        KEEP_RESIDENT_BYTES, MEMORY_ADDRESS_BYTES_MAX, RUNNING_SANDBOXES_MAX, SANDBOXES_MAX,
        STACK_BYTES_MAX, TABLE_ELEMENTS_MAX, WARM_SANDBOXES_MAX,
    },
    logs::LogSink,
    preview1,
    runtimes::Runtimes,
    warm::WarmSandboxes,
};

#[derive(Debug, Clone, Default)]
pub struct EngineSettings {
    /// Fuel instead of epochs, canonical NaNs, clocks and random numbers of the platform, always fresh sandboxes.
    pub simulation: bool,
    /// Compiles fast rather than well: for functions that are being written.
    pub quick: bool,
    /// Where compiled functions are kept between runs. Only this host may write there: the files are code.
    pub cache_dir: Option<PathBuf>,
    /// Where the components of language runtimes are, each named by its digest; compiled ones are kept beside them.
    pub runtimes_dir: Option<PathBuf>,
}

/// This machine or build cannot run functions.
#[derive(Debug, thiserror::Error)]
#[error("start the WebAssembly engine: {0:#}")]
pub struct EngineError(wasmtime::Error);

/// Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) platform: Platform,
    pub(crate) settings: EngineSettings,
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) linker: Linker<Context>,
    /// For programs of preview 1, which has no components.
    pub(crate) programs: wasmtime::Linker<Context>,
    /// For those that are granted scratch space.
    pub(crate) programs_with_files: wasmtime::Linker<Context>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) logs: Arc<dyn LogSink>,
    /// Takes invocations that failed.
    pub(crate) capsules: OnceLock<Arc<dyn CapsuleSink>>,
    /// Who waits here waits in order, instead of failing where the pool has no slot.
    pub(crate) running: Semaphore,
    pub(crate) warm: WarmSandboxes,
    /// Bytes of scratch space that all sandboxes hold.
    pub(crate) scratch: Arc<AtomicU64>,
    pub(crate) compiled: Compiled,
    pub(crate) runtimes: Runtimes,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

impl Engine {
    pub fn new(
        platform: Platform,
        settings: EngineSettings,
        logs: Arc<dyn LogSink>,
    ) -> Result<Self, EngineError> {
        let wasmtime = wasmtime::Engine::new(&config(&settings)).map_err(EngineError)?;
        let linker = linker(&wasmtime).map_err(EngineError)?;
        let mut programs = wasmtime::Linker::new(&wasmtime);
        wasmtime_wasi::p1::add_to_linker_async(&mut programs, |context: &mut Context| {
            &mut context.wasi
        })
        .map_err(EngineError)?;
        let mut programs_with_files = programs.clone();
        preview1::add_to_linker(&mut programs_with_files).map_err(EngineError)?;
        let heartbeat = Heartbeat::new(wasmtime.clone(), platform.clone());
        let running = Semaphore::new(RUNNING_SANDBOXES_MAX as usize);
        let warm = WarmSandboxes::new(WARM_SANDBOXES_MAX as usize);
        let compiled = Compiled::new(settings.cache_dir.clone());
        let runtimes = Runtimes::new(settings.runtimes_dir.clone());
        let shared = Shared {
            platform,
            settings,
            wasmtime,
            linker,
            programs,
            programs_with_files,
            heartbeat,
            logs,
            capsules: OnceLock::new(),
            running,
            warm,
            scratch: Arc::default(),
            compiled,
            runtimes,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Whether the language runtime of this digest is at hand.
    pub async fn has_runtime(&self, digest: Digest) -> bool {
        self.shared.runtimes.has(&self.shared, digest).await
    }

    /// Keeps a language runtime for code that names it.
    pub async fn keep_runtime(&self, bytes: &[u8]) -> io::Result<Digest> {
        self.shared.runtimes.put(&self.shared, bytes).await
    }

    /// Hands invocations that fail to `sink` from now on; only the first call counts.
    pub fn keep_failures(&self, sink: Arc<dyn CapsuleSink>) {
        drop(self.shared.capsules.set(sink));
    }
}

fn config(settings: &EngineSettings) -> Config {
    let optimised = if settings.quick {
        OptLevel::None
    } else {
        OptLevel::Speed
    };
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool()))
        .memory_init_cow(true)
        .concurrency_support(false)
        .cranelift_opt_level(optimised)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Frames are walked by their pointers: tables for a native unwinder would only be read, and registered, at each load.
        .native_unwind_info(false)
        .memory_reservation(MEMORY_ADDRESS_BYTES_MAX as u64)
        .max_wasm_stack(STACK_BYTES_MAX)
        .async_stack_size(ASYNC_STACK_BYTES);
    if settings.simulation {
        config
            .consume_fuel(true)
            .cranelift_nan_canonicalization(true)
            .relaxed_simd_deterministic(true);
    } else {
        config.epoch_interruption(true);
    }
    config
}

fn pool() -> PoolingAllocationConfig {
    let keep_resident = if PoolingAllocationConfig::is_pagemap_scan_available() {
        KEEP_RESIDENT_BYTES
    } else {
        KEEP_RESIDENT_BLIND_BYTES
    };
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(SANDBOXES_MAX)
        .total_core_instances(SANDBOXES_MAX * 8)
        .total_memories(SANDBOXES_MAX * 2)
        .total_tables(SANDBOXES_MAX * 4)
        .total_stacks(SANDBOXES_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT_MAX)
        .max_memory_size(MEMORY_ADDRESS_BYTES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(keep_resident)
        .table_keep_resident(KEEP_RESIDENT_BLIND_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}

fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Context>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    preopens::add_to_linker::<_, FilesOfGuest>(&mut linker, Context::files)?;
    filesystem::add_to_linker::<_, FilesOfGuest>(&mut linker, Context::files)?;
    linker.allow_shadowing(false);
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    types::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context)?;
    invocation::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context)?;
    host::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context)?;
    state::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context)?;
    bundle::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context)?;
    scratch::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context)?;
    network::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context)?;
    Ok(linker)
}
