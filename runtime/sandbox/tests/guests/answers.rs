//! Guests that answer: outputs with their source, keyed state, failures of single records, what a guest can see.

use std::sync::Arc;

use model::{FaultClass, Invocation, Outcome, RecordAction};
use serde_json::{Value, json};
use shardmill_sandbox::{FunctionLimits, Kind};

use crate::world::{Away, Kept, World, batch, component, generous, texts};

const FLIGHTS: &[(&str, &str)] = &[("ORD", "1"), ("LAX", "2"), ("ORD", "3")];

#[tokio::test]
async fn echo_puts_out_every_record_with_its_source() {
    let world = World::real();
    let echo = world.load("echo", generous()).await;
    assert_eq!(echo.kind(), Kind::Stream);
    let answer = world.answer(&echo, batch(FLIGHTS)).await;
    let put_out: Vec<_> = answer
        .outputs
        .iter()
        .map(|emitted| {
            (
                &emitted.partition_key[..],
                &emitted.data[..],
                emitted.source,
            )
        })
        .collect();
    let expect: Vec<_> = (0..)
        .zip(FLIGHTS)
        .map(|(index, (key, data))| (key.as_bytes(), data.as_bytes(), Some(index)))
        .collect();
    assert_eq!(put_out, expect);
    assert!(answer.failures.is_empty());
}

#[tokio::test]
async fn counter_reads_its_own_writes_within_a_batch_and_in_the_next() {
    let world = World::real();
    let counter = world.load("counter", generous()).await;
    let kept = Arc::new(Kept::default());
    for expect in [["1", "1", "2"], ["3", "2", "4"]] {
        let invocation = Invocation {
            state: Some(Arc::<Kept>::clone(&kept)),
            ..batch(FLIGHTS)
        };
        let answer = world.answer(&counter, invocation.clone()).await;
        assert_eq!(texts(&answer), expect);
        kept.take(&invocation, answer.state);
    }
}

#[tokio::test]
async fn state_that_is_not_granted_is_refused_with_the_line_to_add() {
    let world = World::real();
    let counter = world.load("counter", generous()).await;
    let answer = world.answer(&counter, batch(&[("ORD", "1")])).await;
    let [failure] = &answer.failures[..] else {
        panic!("{:?}", answer.failures);
    };
    assert_eq!(failure.kind, "NotGranted");
    assert!(
        failure
            .reason
            .contains("add `state: {}` to `triggers.board` in triggers.yaml"),
        "{}",
        failure.reason
    );
}

#[tokio::test]
async fn a_store_that_is_away_uses_no_attempt() {
    let world = World::real();
    let counter = world.load("counter", generous()).await;
    let invocation = Invocation {
        state: Some(Arc::new(Away)),
        ..batch(&[("ORD", "1")])
    };
    let fault = world.fault(&counter, invocation).await;
    assert_eq!(
        (fault.class, &fault.kind[..]),
        (FaultClass::Invoke, "StateUnavailable")
    );
}

#[tokio::test]
async fn fails_on_chooses_what_becomes_of_each_record() {
    let world = World::real();
    let fails_on = world.load("fails-on", generous()).await;
    let records = [("a", "good"), ("b", "fail"), ("c", "dead")];
    let answer = world.answer(&fails_on, batch(&records)).await;
    let failed: Vec<_> = answer
        .failures
        .iter()
        .map(|failure| (failure.index, failure.action, &failure.reason[..]))
        .collect();
    assert_eq!(
        failed,
        [
            (1, RecordAction::Retry, "asked to fail"),
            (2, RecordAction::DeadLetter, "asked to die"),
        ]
    );
    assert_eq!(
        texts(&answer),
        ["good"],
        "effects of failed records are dropped"
    );
}

#[tokio::test]
async fn an_event_function_gets_lambdas_document_and_names_what_failed() {
    let world = World::real();
    let function = world.load("event-echo", generous()).await;
    assert_eq!(function.kind(), Kind::Event);
    let answer = world
        .answer(&function, batch(&[("a", "good"), ("b", "fail")]))
        .await;
    let failed: Vec<u32> = answer
        .failures
        .iter()
        .map(|failure| failure.index)
        .collect();
    assert_eq!(failed, [1]);
}

#[tokio::test]
async fn an_event_reaches_an_event_function_as_it_is_and_its_document_comes_back() {
    let world = World::real();
    let function = world.load("event-echo", generous()).await;
    let event = br#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#.to_vec();
    let called = function.call(batch(&[]), Some(event)).await;
    assert!(matches!(called.outcome, Outcome::Answered(_)), "{called:?}");
    let document: Value = serde_json::from_slice(&called.document.unwrap()).unwrap();
    let expect = json!({"echo": {"batchItemFailures": [{"itemIdentifier": "1"}]}});
    assert_eq!(document, expect);
}

#[tokio::test]
async fn a_stream_function_takes_no_event() {
    let world = World::real();
    let function = world.load("echo", generous()).await;
    let called = function.call(batch(&[]), Some(b"{}".to_vec())).await;
    match called.outcome {
        Outcome::Failed(fault) => {
            assert_eq!(
                (fault.class, &fault.kind[..]),
                (FaultClass::Invoke, "NoEvents")
            );
        }
        Outcome::Answered(answer) => panic!("answered {answer:?}"),
    }
}

#[tokio::test]
async fn a_sequence_number_names_all_that_came_out_of_an_aggregate() {
    let world = World::real();
    let function = world.load("event-echo", generous()).await;
    let mut invocation = batch(&[("a", "x"), ("b", "x"), ("c", "fail whole"), ("d", "x")]);
    let mut records = invocation.records.to_vec();
    for (sub_sequence, record) in (0..).zip(&mut records[1..3]) {
        record.position.sequence = model::SequenceNumber([0, 0, 2]);
        record.position.sub_sequence = sub_sequence;
        record.aggregated = true;
    }
    invocation.records = records.into();
    let answer = world.answer(&function, invocation).await;
    let failures = answer.failures.iter();
    let failed: Vec<u32> = failures.map(|failure| failure.index).collect();
    assert_eq!(failed, [1, 2], "the one that failed, and its neighbour");
}

#[tokio::test]
async fn a_guest_sees_its_invocation_and_the_granted_environment_alone() {
    let world = World::real();
    let env = [("THRESHOLD".to_owned(), "15".to_owned())].into();
    let limits = FunctionLimits { env, ..generous() };
    let tells = world.load("tells", limits).await;
    let answer = world.answer(&tells, batch(&[("a", "x")])).await;
    let mut seen: Value = serde_json::from_slice(&answer.outputs[0].data).unwrap();
    let by_chance = ["clock_ms", "draw"].map(|name| seen[name].take());
    assert!(by_chance.iter().all(Value::is_u64), "{by_chance:?}");
    assert_eq!(
        seen,
        json!({
            "calls": 1,
            "env": { "THRESHOLD": "15" },
            "function": "gates",
            "version": "3",
            "trigger": "board",
            "stream": "flights",
            "shard": "shardId-000000000004",
            "request": "board/4/1",
            "trace_parent": null,
            "attempt": [2, 5],
            "clock_ms": null,
            "draw": null,
        })
    );
}

#[tokio::test]
async fn standard_output_and_error_are_lines_of_the_log_with_their_invocation() {
    let world = World::real();
    let tells = world.load("tells", generous()).await;
    world.answer(&tells, batch(&[("a", "x")])).await;
    let expect = [
        (2, "call 1".to_owned()),
        (4, "not ended by a line break".to_owned()),
    ];
    assert_eq!(world.said.lines(), expect);
    let heads = world.said.heads();
    assert!(heads.iter().all(|line| {
        let invocation = batch(&[]);
        line.trigger == invocation.trigger
            && line.function == invocation.function
            && line.version == invocation.version
            && line.shard == invocation.shard
            && line.request_id == invocation.request_id
            && line.attempt == invocation.attempt
    }));
}

#[tokio::test]
async fn a_digest_is_that_of_the_bytes() {
    let world = World::real();
    let echo = world.load("echo", generous()).await;
    let again = world.load("echo", generous()).await;
    let other = world.load("counter", generous()).await;
    assert_eq!(echo.digest(), again.digest());
    assert_ne!(component("echo"), component("counter"));
    assert_ne!(echo.digest(), other.digest());
}
