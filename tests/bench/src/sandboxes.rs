//! What one invocation in a fresh sandbox costs, measured in this process: the processor time of the handlers' threads.
//!
//! That is everything from the packed batch to the sandbox's end. A task that does nothing takes the same way through
//! the handlers' runtime and stands beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use model::{
    AccountId, ByteSize, FencingToken, FunctionName, FunctionVersion, Invocation, Outcome,
    Position, Region, SequenceNumber, ShardId, StreamKey, StreamName, Timestamp, TriggerName,
    UserRecord, seams::Handler as _,
};
use platform::Platform;
use sandbox::{Engine, EngineSettings, Function, FunctionLimits, GuestLog, LogSink, SandboxPolicy};
use tokio::task::JoinSet;

use crate::{
    machine,
    report::{Report, Row, Target, say},
    server::Project,
};

const INVOCATIONS: u32 = 40_000;
const WARM_UP: u32 = 2_000;
/// So many that no core has to be woken for each.
const IN_FLIGHT: usize = 32;

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("sandboxes");
    let platform = Platform::real();
    let floor = tasks(&platform).await?;
    report.add(Row::new(
        "a task that does nothing, CPU",
        floor.cpu_us,
        "us",
    ));
    let engine = Engine::new(platform, EngineSettings::default(), Arc::new(Unheard))?;
    for (guest, what, target) in [
        ("empty.wasm", "fresh sandbox, without WASI", None),
        (
            "echo.wasm",
            "fresh sandbox with WASI and the SDK",
            Some(Target::AtMost(10.0)),
        ),
    ] {
        let bytes = std::fs::read(project.guests.join(guest))
            .with_context(|| format!("take the guest {guest}"))?;
        let function = engine.load(&bytes, limits()).await?;
        let records = [record()].into();
        invoke(&function, &records, WARM_UP).await?;
        let cost = invoke(&function, &records, INVOCATIONS).await?;
        let row = Row::new(format!("{what}, 1 record, CPU"), cost.cpu_us, "us")
            .beside("the task that does nothing", floor.cpu_us);
        report.add(match target {
            Some(target) => row.target(target),
            None => row,
        });
        report.add(Row::new(
            format!("{what}, 1 record"),
            cost.per_second,
            "invocations/s",
        ));
    }
    Ok(())
}

pub(crate) fn limits() -> FunctionLimits {
    FunctionLimits {
        memory: ByteSize::mib(128),
        memory_told: ByteSize::mib(128),
        timeout: Duration::from_secs(60),
        output_bytes: ByteSize::mib(16),
        log_bytes: ByteSize::kib(64),
        env: BTreeMap::new(),
        secrets: sandbox::Secrets::default(),
        network: sandbox::Network::default(),
        scratch: ByteSize(0),
        sandbox: Some(SandboxPolicy::Fresh),
        concurrency: 64,
    }
}

struct Cost {
    cpu_us: f64,
    per_second: f64,
}

async fn tasks(platform: &Platform) -> Result<Cost> {
    cost(INVOCATIONS, || {
        let platform = platform.clone();
        async move {
            platform.tasks.handlers().spawn("nothing", async {}).await?;
            Ok(())
        }
    })
    .await
}

async fn invoke(function: &Function, records: &Arc<[UserRecord]>, times: u32) -> Result<Cost> {
    cost(times, || {
        let (function, invocation) = (function.clone(), invocation(records));
        async move {
            match function.invoke(invocation?).await {
                Outcome::Answered(_) => Ok(()),
                Outcome::Failed(fault) => bail!("the guest failed: {}", fault.message),
            }
        }
    })
    .await
}

/// Runs `work` so many times, `IN_FLIGHT` at a time.
async fn cost<F, W>(times: u32, work: F) -> Result<Cost>
where
    F: Fn() -> W,
    W: Future<Output = Result<()>> + Send + 'static,
{
    let before = machine::threads_cpu_seconds(machine::HANDLERS)?;
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..times {
        if running.len() >= IN_FLIGHT
            && let Some(ended) = running.join_next().await
        {
            ended??;
        }
        running.spawn(work());
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let count = f64::from(times);
    Ok(Cost {
        per_second: count / began.elapsed().as_secs_f64(),
        cpu_us: (machine::threads_cpu_seconds(machine::HANDLERS)? - before) * 1e6 / count,
    })
}

pub(crate) fn invocation(records: &Arc<[UserRecord]>) -> Result<Invocation> {
    Ok(Invocation {
        trigger: TriggerName::parse("bench")?,
        function: FunctionName::parse("bench")?,
        version: FunctionVersion(1),
        stream: StreamKey {
            account: AccountId::parse("000000000000")?,
            region: Region::parse("us-east-1")?,
            name: StreamName::parse("bench")?,
        },
        shard: ShardId(0),
        request_id: "bench".to_owned(),
        attempt: 1,
        attempts_max: None,
        fencing_token: FencingToken(1),
        behind_ms: 0,
        started: Timestamp::from_millis(0),
        records: Arc::clone(records),
        outputs: Arc::new(BTreeSet::from(["default".to_owned()])),
        state: None,
        window: None,
        tracing: false,
        envelope: false,
        item_failures: model::invocation::ItemFailures::default(),
        role: None,
        qualifier: None,
        client_context: None,
        trace_parent: None,
        begun: model::invocation::Begun::default(),
        replayed_to: None,
    })
}

pub(crate) fn record() -> UserRecord {
    UserRecord {
        position: Position {
            sequence: SequenceNumber([0, 0, 1]),
            sub_sequence: 0,
        },
        arrived: Timestamp::from_millis(0),
        partition_key: Bytes::from_static(b"key"),
        explicit_hash_key: None,
        data: Bytes::from_static(&[b'x'; 100]),
        aggregated: false,
        deliveries: 1,
    }
}

/// The guests of the bench have nothing to say.
#[derive(Debug)]
pub(crate) struct Unheard;

impl LogSink for Unheard {
    fn log(&self, _: GuestLog) {}
}
