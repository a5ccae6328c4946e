//! What a sandbox holds besides its memory: the running call, its limits, its log and its view of WASI.
//!
//! A context belongs to one store. It collects what the guest emits and writes; the host takes it only when the
//! invocation succeeded.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use model::{Emitted, HashKey, Invocation, StateWrite, Timestamp};
use platform::{Clock, Monotonic, Platform};
use wasmtime::{ResourceLimiter, component::HasData};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtxBuilder, WasiCtxView, WasiView,
    cli::{StdinStream as _, StdoutStream as _},
    p1::WasiP1Ctx,
};
use wasmtime_wasi_http::WasiHttpCtx;

use crate::{
    bundle::Bundle,
    command::{Printed, Stdin},
    http::Exchange,
    limits::TABLE_ELEMENTS_MAX,
    logs::{InvocationLog, Stream},
    network::Network,
    outgoing::Outgoing,
    preview1::ProgramFiles,
    scratch::Scratch,
    world::World,
};

pub(crate) struct Context {
    pub(crate) call: Call,
    pub(crate) memory: MemoryLimit,
    pub(crate) log: InvocationLog,
    pub(crate) clock: Clock,
    pub(crate) world: World,
    /// What a command prints; others print into their log.
    pub(crate) printed: Option<Printed>,
    /// The code that a language runtime runs.
    pub(crate) bundle: Option<Arc<Bundle>>,
    pub(crate) environment: Arc<BTreeMap<String, String>>,
    /// Both previews: components use the second, programs of the first that one.
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) outgoing: Outgoing,
    /// Files of its own, where they are granted.
    pub(crate) scratch: Option<Scratch>,
    /// The files of its bundle.
    pub(crate) code: Option<Scratch>,
    /// Scratch space for a command, should it be one of preview 1.
    pub(crate) program_files: Option<ProgramFiles>,
}

impl HasData for Context {
    type Data<'a> = &'a mut Self;
}

impl WasiView for Context {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl Context {
    pub(crate) fn new(
        platform: &Platform,
        env: &Arc<BTreeMap<String, String>>,
        facts: ContextFacts,
    ) -> Self {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stderr(facts.log.stream(Stream::Error));
        let mut program_files = None;
        let printed = facts.stdin.map(|stdin| {
            let printed = Printed::new(facts.call.output_bytes_max);
            program_files = facts.scratch.as_ref().map(|scratch| {
                let error = facts.log.stream(Stream::Error);
                let output = [printed.p2_stream(), error.p2_stream()];
                ProgramFiles::new(scratch, stdin.p2_stream(), output)
            });
            wasi.stdin(stdin).stdout(printed.clone());
            printed
        });
        if printed.is_none() {
            wasi.stdout(facts.log.stream(Stream::Output));
        }
        wasi.allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        for (name, value) in env.iter() {
            wasi.env(name, value);
        }
        let world = facts.world;
        let function = &facts.call.invocation.function;
        let outgoing = Outgoing::new(platform, &facts.network, function, &facts.log);
        wasi.wall_clock(GuestClock(world.clone()));
        wasi.monotonic_clock(GuestClock(world.clone()));
        wasi.secure_random(world.random());
        wasi.insecure_random(world.random());
        wasi.insecure_random_seed(u128::from_le_bytes(world.sixteen()));
        Self {
            call: facts.call,
            memory: MemoryLimit {
                bytes_max: facts.memory_bytes_max,
                bytes: 0,
                refused: false,
            },
            log: facts.log,
            clock: platform.clock.clone(),
            world,
            printed,
            bundle: facts.bundle,
            environment: Arc::clone(env),
            wasi: wasi.build_p1(),
            http: WasiHttpCtx::new(),
            outgoing,
            scratch: facts.scratch,
            code: facts.code,
            program_files,
        }
    }
}

/// What differs from one context to the next.
pub(crate) struct ContextFacts {
    pub(crate) call: Call,
    pub(crate) log: InvocationLog,
    pub(crate) memory_bytes_max: usize,
    /// For a command: what it reads.
    pub(crate) stdin: Option<Stdin>,
    pub(crate) bundle: Option<Arc<Bundle>>,
    pub(crate) world: World,
    pub(crate) network: Arc<Network>,
    pub(crate) scratch: Option<Scratch>,
    pub(crate) code: Option<Scratch>,
}

/// One invocation as the guest's imports see it, with what it has caused so far.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) invocation: Invocation,
    /// When the host ends it.
    pub(crate) deadline: Monotonic,
    /// What the guest is told of that: in a repeated run, what it was told then.
    pub(crate) told_deadline: Monotonic,
    pub(crate) deadline_wall: Timestamp,
    pub(crate) outputs: Vec<Emitted>,
    pub(crate) output_bytes: usize,
    pub(crate) output_bytes_max: usize,
    pub(crate) state: Vec<StateWrite>,
    /// The newest write of each key and name: an index into `state`.
    pub(crate) state_newest: BTreeMap<(HashKey, Bytes, String), usize>,
    pub(crate) progress: Option<u32>,
    /// What an event function answered.
    pub(crate) document: Option<Bytes>,
    /// What callers are told of the error that it failed with, in the words of its language.
    pub(crate) error_document: Option<Bytes>,
    /// The request that is to be answered.
    pub(crate) exchange: Option<Box<Exchange>>,
}

impl Call {
    pub(crate) fn new(
        invocation: Invocation,
        deadline: Monotonic,
        (told_deadline, deadline_wall): (Monotonic, Timestamp),
        output_bytes_max: usize,
    ) -> Self {
        Self {
            invocation,
            deadline,
            told_deadline,
            deadline_wall,
            outputs: Vec::new(),
            output_bytes: 0,
            output_bytes_max,
            state: Vec::new(),
            state_newest: BTreeMap::new(),
            progress: None,
            document: None,
            error_document: None,
            exchange: None,
        }
    }
}

/// Counts what the guest's memories hold and refuses what goes beyond.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    pub(crate) bytes_max: usize,
    pub(crate) bytes: usize,
    pub(crate) refused: bool,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let after = self.bytes.saturating_add(desired.saturating_sub(current));
        if after > self.bytes_max {
            self.refused = true;
            return Ok(false);
        }
        self.bytes = after;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}

/// The clocks of a guest's world as WASI sees them.
struct GuestClock(World);

impl HostWallClock for GuestClock {
    fn resolution(&self) -> std::time::Duration {
        std::time::Duration::from_millis(1)
    }

    fn now(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.wall().as_millis())
    }
}

impl HostMonotonicClock for GuestClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.monotonic().0.as_nanos()).unwrap_or(u64::MAX)
    }
}
