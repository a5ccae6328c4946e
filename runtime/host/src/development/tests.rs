//! What the loop does to batches, with functions that only say how they end.

use std::collections::BTreeSet;

use bytes::Bytes;
use model::{
    AccountId, Emitted, FencingToken, Position, RecordFailure, Region, SequenceNumber, StreamName,
    Timestamp,
    invocation::{Begun, ItemFailures},
};
use platform::Stop;
use tokio::sync::mpsc;

use super::*;

/// How a function ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Good,
    Fails,
    DeadLetters,
}

impl Handler for Ends {
    fn version(&self, before: Option<FunctionVersion>, _: f64) -> FunctionVersion {
        before.unwrap_or(FunctionVersion(1))
    }

    fn invoke(&self, _: Invocation) -> BoxFuture<'_, Outcome> {
        let outcome = match self {
            Self::Good => Outcome::Answered(Answer {
                outputs: vec![Emitted {
                    output: "default".to_owned(),
                    partition_key: Bytes::from_static(b"k"),
                    explicit_hash_key: None,
                    data: Bytes::from_static(b"out"),
                    source: Some(0),
                }],
                ..Answer::default()
            }),
            Self::Fails => Outcome::Failed(Fault {
                class: FaultClass::Function,
                kind: "KeyError".to_owned(),
                message: "'delay'".to_owned(),
                retry_after: None,
                usage: Usage::default(),
            }),
            Self::DeadLetters => Outcome::Answered(Answer {
                failures: vec![RecordFailure {
                    index: 0,
                    action: RecordAction::DeadLetter,
                    kind: "BadJson".to_owned(),
                    reason: "no".to_owned(),
                }],
                ..Answer::default()
            }),
        };
        Box::pin(async move { outcome })
    }

    fn encoded_len(&self, _: &StreamKey, _: &UserRecord) -> usize {
        0
    }
}

#[derive(Debug)]
struct Silent;

impl LogTail for Silent {
    fn tail(&self, _: &str, _: u32, _: Timestamp, _: usize) -> String {
        String::new()
    }
}

fn invocation() -> Invocation {
    let record = UserRecord {
        position: Position {
            sequence: SequenceNumber([0, 0, 7]),
            sub_sequence: 0,
        },
        arrived: Timestamp::from_millis(5),
        partition_key: Bytes::from_static(b"EWR"),
        explicit_hash_key: None,
        data: Bytes::from_static(b"data"),
        aggregated: false,
        deliveries: 1,
    };
    Invocation {
        trigger: TriggerName::parse("t").unwrap(),
        function: FunctionName::parse("f").unwrap(),
        version: FunctionVersion(1),
        stream: StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("events").unwrap(),
        },
        shard: ShardId(0),
        request_id: "r".to_owned(),
        attempt: 1,
        attempts_max: None,
        fencing_token: FencingToken(1),
        behind_ms: 0,
        started: Timestamp::from_millis(5),
        records: Arc::from(vec![record]),
        outputs: Arc::new(BTreeSet::from(["default".to_owned()])),
        state: None,
        window: None,
        tracing: false,
        envelope: false,
        item_failures: ItemFailures::default(),
        role: None,
        qualifier: None,
        client_context: None,
        trace_parent: None,
        begun: Begun::default(),
        replayed_to: None,
    }
}

struct Loop {
    development: Development,
    told: mpsc::Receiver<Told>,
    stop: Stop,
}

fn start(handler: Arc<dyn Handler>) -> platform::Task<Outcome> {
    let tasks = Platform::real().tasks;
    tasks.spawn("test", async move { handler.invoke(invocation()).await })
}

/// A loop whose next reload puts `next` in place as version 2.
fn a_loop(next: Ends) -> Loop {
    let (send, told) = mpsc::channel(16);
    let development = Development::new(move |event| drop(send.try_send(event)));
    let (stop, token) = Stop::new();
    let reload: Arc<Reload> = Arc::new(move |_, _| {
        Box::pin(async move {
            Ok(Reloaded {
                version: FunctionVersion(2),
                handler: Arc::new(next),
            })
        })
    });
    development.attach(&Platform::real(), Arc::new(Silent), reload, token);
    Loop {
        development,
        told,
        stop,
    }
}

#[tokio::test]
async fn a_batch_that_failed_waits_for_the_next_save_and_runs_with_it() {
    let Loop {
        development,
        mut told,
        stop: _stop,
    } = a_loop(Ends::Good);
    let handler = development.before(Arc::new(Ends::Fails));
    let running = start(handler);
    let held = told.recv().await.unwrap();
    let Told::Held(seen) = held else {
        panic!("{held:?}")
    };
    assert_eq!(
        (seen.version, seen.attempt, seen.problem().as_str()),
        (1, 1, "KeyError: 'delay'")
    );
    let trigger = TriggerName::parse("t").unwrap();
    let why = development.waits(&trigger, ShardId(0)).unwrap();
    assert_eq!(why, "waits for your next save: KeyError: 'delay'");
    let (version, compared) = development.reload("f", PathBuf::new()).await.unwrap();
    assert_eq!((version, compared), (2, None));
    assert!(matches!(running.await.unwrap(), Outcome::Answered(_)));
    let Told::Done(seen) = told.recv().await.unwrap() else {
        panic!("it is done")
    };
    assert_eq!((seen.version, seen.attempt, seen.outputs.len()), (2, 2, 1));
    assert_eq!(development.waits(&trigger, ShardId(0)), None);
    let replayed = development.replay().await.unwrap();
    assert!(replayed.is_good(), "the failure, with the version of now");
}

#[tokio::test]
async fn a_reload_compares_the_last_good_batch_without_effects() {
    let Loop {
        development,
        mut told,
        stop: _stop,
    } = a_loop(Ends::DeadLetters);
    let handler = development.before(Arc::new(Ends::Good));
    assert!(matches!(
        handler.invoke(invocation()).await,
        Outcome::Answered(_)
    ));
    let (_, compared) = development.reload("f", PathBuf::new()).await.unwrap();
    let compared = compared.unwrap();
    assert_eq!(
        (
            compared.number,
            compared.before,
            compared.after.outputs.len()
        ),
        (1, 1, 0)
    );
    assert!(matches!(told.try_recv(), Ok(Told::Done(_))));
    assert!(told.try_recv().is_err(), "a comparison is no batch");
    // What a handler gives up itself is settled as it says.
    assert!(
        matches!(handler.invoke(invocation()).await, Outcome::Answered(answer) if answer.failures.len() == 1)
    );
}

#[tokio::test]
async fn a_pause_holds_batches_and_a_step_lets_one_pass() {
    let Loop {
        development,
        mut told,
        stop,
    } = a_loop(Ends::Good);
    assert!(development.toggle_pause());
    let handler = development.before(Arc::new(Ends::Good));
    let again = Arc::clone(&handler);
    let first = start(handler);
    assert!(matches!(
        told.recv().await.unwrap(),
        Told::Ready { records: 1, .. }
    ));
    development.step();
    assert!(matches!(first.await.unwrap(), Outcome::Answered(_)));
    assert!(matches!(told.recv().await.unwrap(), Told::Done(_)));
    let second = start(again);
    assert!(matches!(told.recv().await.unwrap(), Told::Ready { .. }));
    stop.stop();
    match second.await.unwrap() {
        Outcome::Failed(fault) => assert_eq!(
            (fault.class, fault.kind.as_str()),
            (FaultClass::Invoke, "Stopping")
        ),
        Outcome::Answered(answer) => panic!("{answer:?}"),
    }
}
