//! Guests written as text: what each way to answer or misbehave comes to, in production and in simulation mode.

mod commands;
mod guests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use model::{
    AccountId, ByteSize, FencingToken, FunctionName, FunctionVersion, Invocation, Outcome,
    Position, Region, SequenceNumber, ShardId, StreamKey, StreamName, Timestamp, TriggerName,
    UserRecord, seams::Handler as _,
};
use platform::Platform;

use crate::{
    Engine, EngineSettings, Function, FunctionLimits, GuestLog, Kind, LoadError, LogSink,
    SandboxPolicy,
};

#[derive(Debug, Default)]
struct Said(Mutex<Vec<String>>);

impl LogSink for Said {
    fn log(&self, line: GuestLog) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{} {}", line.level, line.message));
    }
}

fn engine(simulation: bool) -> Engine {
    engine_with(
        EngineSettings {
            simulation,
            ..EngineSettings::default()
        },
        &Arc::default(),
    )
}

fn engine_with(settings: EngineSettings, said: &Arc<Said>) -> Engine {
    let sink: Arc<dyn LogSink> = Arc::<Said>::clone(said);
    Engine::new(Platform::real(), settings, sink).unwrap()
}

fn limits() -> FunctionLimits {
    FunctionLimits {
        memory: ByteSize::mib(4),
        memory_told: ByteSize::mib(128),
        timeout: Duration::from_millis(100),
        output_bytes: ByteSize(1000),
        log_bytes: ByteSize(52),
        env: BTreeMap::new(),
        secrets: crate::Secrets::default(),
        network: crate::Network::default(),
        scratch: ByteSize(0),
        sandbox: Some(SandboxPolicy::Fresh),
        concurrency: 64,
    }
}

async fn load(engine: &Engine, text: &str, limits: FunctionLimits) -> Function {
    engine
        .load(&wat::parse_str(text).unwrap(), limits)
        .await
        .unwrap()
}

pub(crate) fn invocation(outputs: &[&str]) -> Invocation {
    let record = |low| UserRecord {
        position: Position {
            sequence: SequenceNumber([0, 0, low]),
            sub_sequence: 0,
        },
        arrived: Timestamp::from_millis(5),
        partition_key: Bytes::from_static(b"key"),
        explicit_hash_key: None,
        data: Bytes::from_static(b"data"),
        aggregated: false,
        deliveries: 1,
    };
    Invocation {
        trigger: TriggerName::parse("orders").unwrap(),
        function: FunctionName::parse("enrich").unwrap(),
        version: FunctionVersion(3),
        stream: StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("clicks").unwrap(),
        },
        shard: ShardId(0),
        request_id: "r-1".into(),
        attempt: 1,
        attempts_max: None,
        fencing_token: FencingToken(1),
        behind_ms: 0,
        started: Timestamp::from_millis(5),
        records: Arc::from(vec![record(7), record(8)]),
        outputs: Arc::new(
            outputs
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<BTreeSet<_>>(),
        ),
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

fn fault(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::Failed(fault) => (fault.kind, fault.message),
        Outcome::Answered(answer) => panic!("answered {answer:?}"),
    }
}

async fn kind_of_fault(engine: &Engine, text: &str) -> (String, String) {
    let function = load(engine, text, limits()).await;
    fault(function.invoke(invocation(&["default"])).await)
}

#[tokio::test]
async fn each_misbehaviour_has_its_own_kind() {
    let engine = engine(false);
    let cases = [
        ("Trap", guests::traps()),
        ("Timeout", guests::loops()),
        ("OutOfMemory", guests::allocates()),
        ("StackOverflow", guests::recurses()),
        ("MalformedOutput", guests::stream(&guests::output(600, 31))),
        (
            "MalformedOutput",
            guests::stream(&guests::output(0x7fff_0000, 31)),
        ),
        ("OutputTooLarge", guests::stream(&guests::output(600, 2000))),
        ("Flaky", guests::faults()),
    ];
    for (expect, text) in cases {
        let (kind, message) = kind_of_fault(&engine, &text).await;
        assert_eq!(kind, expect, "{message}");
    }
}

#[tokio::test]
async fn a_trap_names_the_function_and_where_it_was() {
    let (_, message) = kind_of_fault(&engine(false), &guests::traps()).await;
    assert!(
        message.starts_with("function enrich trapped: "),
        "{message}"
    );
    assert!(message.contains("broken_part"), "{message}");
}

#[tokio::test]
async fn in_simulation_a_runaway_ends_by_fuel_at_the_same_place() {
    let engine = engine(true);
    let function = load(&engine, &guests::loops(), limits()).await;
    let mut fuel = Vec::new();
    for _ in 0..2 {
        match function.invoke(invocation(&[])).await {
            Outcome::Failed(fault) => {
                assert_eq!(fault.kind, "Timeout");
                fuel.push(fault.usage.fuel.unwrap());
            }
            Outcome::Answered(answer) => panic!("answered {answer:?}"),
        }
    }
    assert_eq!(fuel[0], fuel[1]);
}

#[tokio::test]
async fn an_answer_to_an_output_that_is_not_granted_is_refused() {
    let engine = engine(false);
    let function = load(&engine, &guests::stream(&guests::output(600, 31)), limits()).await;
    let (kind, message) = fault(function.invoke(invocation(&[])).await);
    assert_eq!(kind, "MalformedOutput");
    assert!(
        message.contains("under `triggers.orders.outputs` in triggers.yaml"),
        "{message}"
    );
}

#[tokio::test]
async fn a_warm_sandbox_remembers_and_a_fresh_one_does_not() {
    let engine = engine(false);
    for (sandbox, second_answers) in [(SandboxPolicy::Fresh, true), (SandboxPolicy::Warm, false)] {
        let limits = FunctionLimits {
            sandbox: Some(sandbox),
            ..limits()
        };
        let function = load(&engine, &guests::traps_the_second_time(), limits).await;
        let mut answered = Vec::new();
        for _ in 0..3 {
            let outcome = function.invoke(invocation(&[])).await;
            answered.push(matches!(outcome, Outcome::Answered(_)));
        }
        // After its trap the warm sandbox is gone: the third call has a new one.
        assert_eq!(answered, [true, second_answers, true], "{sandbox:?}");
    }
}

#[tokio::test]
async fn warm_sandboxes_never_take_the_place_of_one_that_runs() {
    let engine = engine(false);
    let mut functions = Vec::new();
    for _ in 0..8 {
        let limits = FunctionLimits {
            sandbox: Some(SandboxPolicy::Warm),
            timeout: Duration::from_secs(10),
            ..limits()
        };
        functions.push(load(&engine, &guests::traps_the_second_time(), limits).await);
    }
    for shard in 0..64 {
        for function in &functions {
            let invocation = Invocation {
                shard: ShardId(shard),
                ..invocation(&[])
            };
            let outcome = function.invoke(invocation).await;
            assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_guest_logs_up_to_its_limit_and_the_rest_is_counted() {
    let said = Arc::new(Said::default());
    let engine = engine_with(EngineSettings::default(), &said);
    let function = load(&engine, &guests::logs(), limits()).await;
    assert!(matches!(
        function.invoke(invocation(&[])).await,
        Outcome::Answered(_)
    ));
    assert_eq!(
        *said.0.lock().unwrap(),
        [
            "3 twelve bytes",
            "3 twelve b",
            "3 4 bytes of log dropped, where each line counts 16 more: an invocation may say 52 bytes (log limit of the function)",
        ]
    );
}

#[tokio::test]
async fn empty_lines_count_too() {
    let said = Arc::new(Said::default());
    let engine = engine_with(EngineSettings::default(), &said);
    let limits = FunctionLimits {
        log_bytes: ByteSize(100),
        timeout: Duration::from_secs(10),
        ..limits()
    };
    let function = load(&engine, &guests::logs_empty_lines(1_000), limits).await;
    let outcome = function.invoke(invocation(&[])).await;
    assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
    let lines = said.0.lock().unwrap();
    assert_eq!(lines.len(), 6 + 1, "{lines:?}");
    assert!(
        lines[6].starts_with("3 15904 bytes of log dropped"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn an_event_function_reports_records_by_sequence_number() {
    let engine = engine(false);
    let text = guests::event(r#"{\"batchItemFailures\":[{\"itemIdentifier\":\"8\"}]}"#);
    let eight = SequenceNumber([0, 0, 8]).to_string();
    assert_eq!(eight, "8");
    let function = load(&engine, &text, limits()).await;
    assert_eq!(function.kind(), Kind::Event);
    match function.invoke(invocation(&[])).await {
        Outcome::Answered(answer) => {
            let failed: Vec<u32> = answer
                .failures
                .iter()
                .map(|failure| failure.index)
                .collect();
            assert_eq!(failed, [1]);
        }
        Outcome::Failed(fault) => panic!("failed {fault:?}"),
    }
    let text = guests::event(r#"{\"batchItemFailures\":[{\"itemIdentifier\":\"9\"}]}"#);
    assert_eq!(kind_of_fault(&engine, &text).await.0, "MalformedOutput");
}

#[tokio::test]
async fn what_is_no_function_is_refused_in_one_sentence() {
    let engine = engine(false);
    let cases = [
        (b"#!/bin/sh".to_vec(), LoadError::NotWebAssembly),
        (
            wat::parse_str("(module)").unwrap(),
            LoadError::NoHandler {
                exports: "nothing".into(),
            },
        ),
        (
            wat::parse_str(guests::exports_something_else()).unwrap(),
            LoadError::NoHandler {
                exports: "shout".into(),
            },
        ),
        (
            wat::parse_str(r#"(module (memory (export "memory") 32768) (func (export "_start")))"#)
                .unwrap(),
            LoadError::TooMuch {
                asked: "memory has a minimum byte size of 2147483648".into(),
            },
        ),
        (
            wat::parse_str(
                r#"(module (memory (export "memory") 1) (table 200000 funcref) (func (export "_start")))"#,
            )
            .unwrap(),
            LoadError::TooMuch {
                asked: "table index 0 has a minimum element size of 200000".into(),
            },
        ),
    ];
    for (bytes, expect) in cases {
        assert_eq!(engine.load(&bytes, limits()).await.unwrap_err(), expect);
    }
}

#[tokio::test]
async fn a_compiled_function_is_kept_and_opened_again_and_damage_is_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let settings = EngineSettings {
        simulation: false,
        quick: false,
        cache_dir: Some(dir.path().join("cache")),
        runtimes_dir: None,
    };
    let bytes = wat::parse_str(guests::stream("(i32.const 512)")).unwrap();
    let said = Arc::default();
    for damage in [false, false, true] {
        let kept = || {
            std::fs::read_dir(dir.path().join("cache"))
                .into_iter()
                .flatten()
                .flatten()
        };
        if damage {
            let path = kept().next().unwrap().path();
            std::fs::write(path, b"no longer code").unwrap();
        }
        let function = engine_with(settings.clone(), &said)
            .load(&bytes, limits())
            .await
            .unwrap();
        assert!(matches!(
            function.invoke(invocation(&[])).await,
            Outcome::Answered(_)
        ));
        assert_eq!(kept().count(), 1);
    }
}

#[tokio::test]
async fn compiled_functions_that_nobody_loads_any_more_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let settings = EngineSettings {
        simulation: false,
        quick: false,
        cache_dir: Some(dir.path().to_owned()),
        runtimes_dir: None,
    };
    let said = Arc::default();
    let names = || {
        let files = std::fs::read_dir(dir.path()).unwrap().flatten();
        files.map(|file| file.file_name()).collect::<BTreeSet<_>>()
    };
    let (old, new) = (guests::traps(), guests::faults());
    let before = engine_with(settings.clone(), &said);
    load(&before, &new, limits()).await;
    let needed = names();
    load(&before, &old, limits()).await;
    std::fs::write(dir.path().join("notes.txt"), b"not ours").unwrap();
    before.remove_unused(&BTreeSet::new()).await;
    assert_eq!(names().len(), 3, "both were loaded");
    let after = engine_with(settings, &said);
    load(&after, &new, limits()).await;
    after.remove_unused(&BTreeSet::new()).await;
    let expect: BTreeSet<_> = needed.into_iter().chain(["notes.txt".into()]).collect();
    assert_eq!(names(), expect);
}
