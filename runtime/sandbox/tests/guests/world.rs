//! What the tests share: guests built on first use, an engine that keeps what they say, batches, state in memory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use model::{
    AccountId, Answer, ByteSize, Fault, FencingToken, FunctionName, FunctionVersion, HashKey,
    Invocation, Outcome, Position, Region, SequenceNumber, ShardId, StateWrite, StreamKey,
    StreamName, Timestamp, TriggerName, UserRecord,
    invocation::{StateReader, StateUnavailable},
    seams::Handler as _,
};
use platform::{Platform, watch};
use serde_json::Value;
use shardmill_sandbox::{
    Engine, EngineSettings, Function, FunctionLimits, GuestLog, LogSink, SandboxPolicy,
};

/// No test waits longer.
const DEADLINE: Duration = Duration::from_secs(60);

/// The bytes of a guest of `tests/guests`.
pub(crate) fn component(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
        let target = "wasm32-wasip2";
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--release",
                "--examples",
                "--target",
                target,
            ])
            .current_dir(&guests)
            .status()
            .expect("cargo runs");
        assert!(
            built.success(),
            "the guests do not build: `rustup target add {target}`?"
        );
        guests.join("target/wasm32-wasip2/release/examples")
    });
    let path = folder.join(name.replace('-', "_")).with_extension("wasm");
    std::fs::read(&path).expect("the guest has been built")
}

/// The lines of guests, newest last.
#[derive(Debug)]
pub(crate) struct Said(watch::Sender<Vec<GuestLog>>);

impl LogSink for Said {
    fn log(&self, line: GuestLog) {
        self.0.send_modify(|lines| lines.push(line));
    }
}

impl Said {
    /// Level and text of each line.
    pub(crate) fn lines(&self) -> Vec<(u32, String)> {
        let lines = self.0.borrow();
        lines
            .iter()
            .map(|line| (line.level, line.message.clone()))
            .collect()
    }

    pub(crate) fn heads(&self) -> Vec<GuestLog> {
        self.0.borrow().clone()
    }

    pub(crate) async fn wait_for(&self, message: &str) {
        let is = |lines: &Vec<GuestLog>| lines.iter().any(|line| line.message == message);
        self.0
            .subscribe()
            .wait_for(is)
            .await
            .expect("the sender is alive");
    }
}

/// Limits that no guest meets by chance.
pub(crate) fn generous() -> FunctionLimits {
    FunctionLimits {
        memory: ByteSize::mib(128),
        memory_told: ByteSize::mib(128),
        timeout: Duration::from_secs(60),
        output_bytes: ByteSize::mib(16),
        log_bytes: ByteSize::kib(64),
        env: BTreeMap::new(),
        secrets: shardmill_sandbox::Secrets::default(),
        network: shardmill_sandbox::Network::default(),
        scratch: ByteSize(0),
        sandbox: Some(SandboxPolicy::Fresh),
        concurrency: 64,
    }
}

pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) said: Arc<Said>,
    pub(crate) engine: Engine,
}

impl World {
    pub(crate) fn real() -> Self {
        Self::new(Platform::real(), EngineSettings::default())
    }

    pub(crate) fn simulated(seed: u64) -> Self {
        let settings = EngineSettings {
            simulation: true,
            ..EngineSettings::default()
        };
        Self::new(Platform::simulated(seed), settings)
    }

    pub(crate) fn new(platform: Platform, settings: EngineSettings) -> Self {
        let said = Arc::new(Said(watch::Sender::default()));
        let sink = Arc::clone(&said) as Arc<dyn LogSink>;
        let engine = Engine::new(platform.clone(), settings, sink).expect("the engine starts");
        Self {
            platform,
            said,
            engine,
        }
    }

    pub(crate) async fn load(&self, guest: &str, limits: FunctionLimits) -> Function {
        let loaded = self.engine.load(&component(guest), limits).await;
        loaded.expect("the guest is a function")
    }

    pub(crate) async fn refusal(&self, guest: &str) -> String {
        let loaded = self.engine.load(&component(guest), generous()).await;
        loaded.expect_err("the guest is no function").to_string()
    }

    /// Within the deadline of all tests.
    pub(crate) async fn run(&self, function: &Function, invocation: Invocation) -> Outcome {
        let outcome = self
            .platform
            .clock
            .timeout(DEADLINE, function.invoke(invocation));
        outcome.await.expect("the invocation ends")
    }

    pub(crate) async fn answer(&self, function: &Function, invocation: Invocation) -> Answer {
        match self.run(function, invocation).await {
            Outcome::Answered(answer) => answer,
            Outcome::Failed(fault) => panic!("failed: {fault:?}"),
        }
    }

    pub(crate) async fn fault(&self, function: &Function, invocation: Invocation) -> Fault {
        match self.run(function, invocation).await {
            Outcome::Failed(fault) => fault,
            Outcome::Answered(answer) => panic!("answered: {answer:?}"),
        }
    }
}

/// What an event function answers to an event.
pub(crate) async fn told(world: &World, function: &Function, event: &Value) -> Value {
    let called = function.call(batch(&[]), Some(event.to_string().into_bytes()));
    let called = world.platform.clock.timeout(DEADLINE, called).await;
    let called = called.expect("the invocation ends");
    let document = called
        .document
        .unwrap_or_else(|| panic!("{:?}", called.outcome));
    serde_json::from_slice(&document).expect("JSON")
}

/// A batch of these keys and data that may write to `default`.
pub(crate) fn batch(records: &[(&'static str, &'static str)]) -> Invocation {
    let record = |(low, (key, data)): (u64, &(&'static str, &'static str))| UserRecord {
        position: Position {
            sequence: SequenceNumber([0, 0, low]),
            sub_sequence: 0,
        },
        arrived: Timestamp::from_millis(5),
        partition_key: Bytes::from_static(key.as_bytes()),
        explicit_hash_key: None,
        data: Bytes::from_static(data.as_bytes()),
        aggregated: false,
        deliveries: 1,
    };
    let named = "the name is valid";
    Invocation {
        trigger: TriggerName::parse("board").expect(named),
        function: FunctionName::parse("gates").expect(named),
        version: FunctionVersion(3),
        stream: StreamKey {
            account: AccountId::parse("000000000000").expect(named),
            region: Region::parse("us-east-1").expect(named),
            name: StreamName::parse("flights").expect(named),
        },
        shard: ShardId(4),
        request_id: "board/4/1".to_owned(),
        attempt: 2,
        attempts_max: Some(5),
        fencing_token: FencingToken(1),
        behind_ms: 0,
        started: Timestamp::from_millis(5),
        records: (1..).zip(records).map(record).collect(),
        outputs: Arc::new(["default".to_owned()].into()),
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
    }
}

/// What an answer put out, as texts.
pub(crate) fn texts(answer: &Answer) -> Vec<String> {
    let text = |data: &Bytes| String::from_utf8_lossy(data).into_owned();
    answer
        .outputs
        .iter()
        .map(|emitted| text(&emitted.data))
        .collect()
}

type Values = BTreeMap<(HashKey, Bytes, String), Bytes>;

/// Keyed state of one trigger, in memory.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Values>);

impl Kept {
    /// Commits what an invocation wrote.
    pub(crate) fn take(&self, invocation: &Invocation, writes: Vec<StateWrite>) {
        let mut values = self.0.lock().expect("no test panicked");
        for StateWrite {
            source,
            name,
            value,
        } in writes
        {
            let record = &invocation.records[source as usize];
            let key = (
                record.effective_hash_key(),
                record.partition_key.clone(),
                name,
            );
            match value {
                Some(value) => values.insert(key, value),
                None => values.remove(&key),
            };
        }
    }
}

impl StateReader for Kept {
    fn get(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
        name: &str,
    ) -> Result<Option<Bytes>, StateUnavailable> {
        let key = (
            hash_key,
            Bytes::copy_from_slice(partition_key),
            name.to_owned(),
        );
        Ok(self.0.lock().expect("no test panicked").get(&key).cloned())
    }

    fn names(&self, hash_key: HashKey, key: &[u8]) -> Result<Vec<String>, StateUnavailable> {
        let values = self.0.lock().expect("no test panicked");
        let under = values
            .keys()
            .filter(|(hash, of, _)| (*hash, &of[..]) == (hash_key, key));
        Ok(under.map(|(_, _, name)| name.clone()).collect())
    }
}

/// A store that is away.
#[derive(Debug)]
pub(crate) struct Away;

impl StateReader for Away {
    fn get(&self, _: HashKey, _: &[u8], _: &str) -> Result<Option<Bytes>, StateUnavailable> {
        Err(StateUnavailable("the log has stopped".to_owned()))
    }

    fn names(&self, _: HashKey, _: &[u8]) -> Result<Vec<String>, StateUnavailable> {
        Err(StateUnavailable("the log has stopped".to_owned()))
    }
}
