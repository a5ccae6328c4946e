//! One sandbox: a store with an instance of the guest, made for one call or kept warm for many.
//!
//! A sandbox that failed in any way is dropped with all it held; only one that answered may be used again.

use std::time::Duration;

use bytes::Bytes;

use wasmtime::{Store, TypedFunc, UpdateDeadline};
use wasmtime_wasi::{I32Exit, p2::bindings::Command};
use wasmtime_wasi_http::p2::bindings::Proxy;

use crate::{
    adapt::START,
    bindings::{Columns, EventFunction, LanguageRuntime, StreamFunction, types},
    command::Printed,
    context::Context,
    engine::Shared,
    fault::DeadlinePassed,
    function::Guest,
    limits::{FUEL_PER_MS, FUEL_YIELD_INTERVAL, HOSTCALL_SLACK_BYTES},
};

pub(crate) struct Sandbox {
    pub(crate) store: Store<Context>,
    instance: Option<Instance>,
    pub(crate) invocations: u32,
    /// How long making its instance took, where the last call did.
    pub(crate) init: Option<Duration>,
}

enum Instance {
    Stream(StreamFunction),
    Event(EventFunction),
    Runtime(LanguageRuntime),
    Http(Proxy),
    Command(Command),
    Program(TypedFunc<(), ()>),
}

/// What a handler is called with.
#[derive(Debug)]
pub(crate) enum Passed {
    Bytes(Vec<u8>),
    /// An event's records as a language runtime takes them.
    Columns(Box<Columns>),
}

impl Default for Passed {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Passed {
    /// Columns are for language runtimes alone.
    fn bytes(&self) -> wasmtime::Result<&Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Columns(_) => Err(wasmtime::format_err!("it takes its records as bytes")),
        }
    }
}

/// What a guest answered, before anyone believed it.
pub(crate) enum GuestAnswer {
    Stream(types::Response),
    Event(Vec<u8>),
    /// What a command printed, else how many bytes it were: too many.
    Printed(Result<Bytes, usize>),
    Fault(types::Fault),
    /// It ended; what it answered went its own way.
    Served,
}

impl Sandbox {
    /// A store without an instance: making one already runs code of the guest.
    pub(crate) fn new(shared: &Shared, context: Context) -> Self {
        let output_bytes_max = context.call.output_bytes_max;
        let mut store = Store::new(&shared.wasmtime, context);
        store.limiter(|context| &mut context.memory);
        store.set_hostcall_fuel(output_bytes_max.saturating_add(HOSTCALL_SLACK_BYTES));
        if !shared.settings.simulation {
            store.epoch_deadline_callback(|caller| {
                let context = caller.data();
                if context.clock.monotonic() >= context.call.deadline {
                    return Err(DeadlinePassed.into());
                }
                Ok(UpdateDeadline::Yield(1))
            });
        }
        Self {
            store,
            instance: None,
            invocations: 0,
            init: None,
        }
    }

    /// Runs the guest once. The caller drops the sandbox when this fails or is dropped itself.
    pub(crate) async fn call(
        &mut self,
        shared: &Shared,
        guest: &Guest,
        input: &Passed,
        timeout: Duration,
    ) -> wasmtime::Result<GuestAnswer> {
        if shared.settings.simulation {
            self.store.set_fuel(fuel(timeout))?;
            self.store
                .fuel_async_yield_interval(Some(FUEL_YIELD_INTERVAL))?;
        } else {
            self.store.set_epoch_deadline(1);
        }
        self.invocations += 1;
        let instance = match self.instance.take() {
            Some(instance) => {
                self.init = None;
                instance
            }
            None => {
                let clock = &shared.platform.clock;
                let began = clock.monotonic();
                let instance = guest.instantiate(&mut self.store).await;
                self.init = Some(clock.monotonic().0.saturating_sub(began.0));
                instance?
            }
        };
        self.store.data().world.begin();
        let answer = instance.handle(&mut self.store, input).await?;
        self.instance = Some(instance);
        Ok(answer)
    }

    /// Of the last call; 0 where fuel is not counted.
    pub(crate) fn fuel_used(&self, timeout: Duration) -> u64 {
        let left = self.store.get_fuel();
        left.map_or(0, |left| fuel(timeout).saturating_sub(left))
    }
}

/// What stands for a time limit where time does not pass by itself.
fn fuel(timeout: Duration) -> u64 {
    let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    ms.saturating_mul(FUEL_PER_MS)
}

impl Guest {
    async fn instantiate(&self, store: &mut Store<Context>) -> wasmtime::Result<Instance> {
        Ok(match self {
            Self::Stream(pre) => Instance::Stream(pre.instantiate_async(store).await?),
            Self::Event(pre) => Instance::Event(pre.instantiate_async(store).await?),
            Self::Runtime(pre) => Instance::Runtime(pre.instantiate_async(store).await?),
            Self::Http(pre) => Instance::Http(pre.instantiate_async(store).await?),
            Self::Command(pre) => Instance::Command(pre.instantiate_async(store).await?),
            Self::Program(pre) => {
                let program = pre.instantiate_async(&mut *store).await?;
                Instance::Program(program.get_typed_func(store, START)?)
            }
            Self::Process(_) => {
                return Err(wasmtime::format_err!("a process has no instance"));
            }
        })
    }
}

impl Instance {
    async fn handle(
        &self,
        store: &mut Store<Context>,
        input: &Passed,
    ) -> wasmtime::Result<GuestAnswer> {
        Ok(match self {
            Self::Stream(function) => {
                let handler = function.shardmill_function_stream_handler();
                match handler.call_handle(store, input.bytes()?).await? {
                    Ok(response) => GuestAnswer::Stream(response),
                    Err(fault) => GuestAnswer::Fault(fault),
                }
            }
            Self::Event(function) => {
                let handler = function.shardmill_function_event_handler();
                match handler.call_handle(store, input.bytes()?).await? {
                    Ok(answer) => GuestAnswer::Event(answer),
                    Err(fault) => GuestAnswer::Fault(fault),
                }
            }
            Self::Runtime(runtime) => {
                let handler = runtime.shardmill_function_text_handler();
                let answered = match input {
                    Passed::Columns(columns) => handler.call_handle_records(store, columns).await?,
                    // What was not read as JSON may be anything.
                    Passed::Bytes(bytes) => {
                        let text = String::from_utf8_lossy(bytes);
                        handler.call_handle(store, &text).await?
                    }
                };
                match answered {
                    Ok(answer) => GuestAnswer::Event(answer.into_bytes()),
                    Err(fault) => GuestAnswer::Fault(fault),
                }
            }
            Self::Http(proxy) => {
                let (request, answer) = store.data_mut().incoming()?;
                let handler = proxy.wasi_http_incoming_handler();
                handler.call_handle(&mut *store, request, answer).await?;
                GuestAnswer::Served
            }
            Self::Command(command) => {
                let ended = command.wasi_cli_run().call_run(&mut *store).await;
                let ended = ended.and_then(|ended| ended.map_err(|()| I32Exit(1).into()));
                printed(ended, store)?
            }
            Self::Program(start) => printed(start.call_async(&mut *store, ()).await, store)?,
        })
    }
}

/// Exit code 0, however it was said, is an answer; every other one fails the invocation.
fn printed(ended: wasmtime::Result<()>, store: &Store<Context>) -> wasmtime::Result<GuestAnswer> {
    if let Err(error) = ended
        && !matches!(error.downcast_ref(), Some(I32Exit(0)))
    {
        return Err(error);
    }
    let printed = store.data().printed.as_ref();
    let answer = printed.map_or(Ok(Bytes::new()), Printed::take);
    Ok(GuestAnswer::Printed(answer))
}
