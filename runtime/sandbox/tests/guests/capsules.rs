//! Capsules: what failed is run again to the same result, whatever the clock says and chance brings meanwhile.

use std::sync::{Arc, Mutex};

use model::{
    Invocation, Outcome, Timestamp,
    invocation::{TumblingWindow, WindowKept},
};
use serde_json::Value;
use shardmill_sandbox::{Capsule, CapsuleError, CapsuleSink, Facts, result};

use crate::world::{Kept, World, batch, generous};

#[derive(Debug, Default)]
struct Shelf(Mutex<Vec<Capsule>>);

impl CapsuleSink for Shelf {
    fn keep(&self, capsule: &Capsule) {
        self.0
            .lock()
            .expect("no test panicked")
            .push(capsule.clone());
    }
}

impl Shelf {
    fn only(&self) -> Capsule {
        let shelf = self.0.lock().expect("no test panicked");
        assert_eq!(shelf.len(), 1, "only what failed is kept");
        shelf[0].clone()
    }
}

fn shelf(world: &World) -> Arc<Shelf> {
    let shelf = Arc::new(Shelf::default());
    world.engine.keep_failures(Arc::clone(&shelf) as _);
    shelf
}

#[tokio::test]
async fn a_capsule_comes_to_the_same_a_hundred_times_from_its_file_too() {
    let world = World::real();
    let shelf = shelf(&world);
    let tells = world.load("tells", generous()).await;
    world.answer(&tells, batch(&[("a", "1")])).await;
    world
        .fault(&tells, batch(&[("a", "1"), ("b", "2"), ("c", "panic")]))
        .await;
    let failed = shelf.only();
    assert_eq!(failed.id(), "board/4-1");
    let stored = failed.encode();
    let failed = Capsule::decode(&stored).expect("it was written by us");
    assert_eq!(failed.encode(), stored);
    assert_eq!(result(&tells.replay(&failed).await), failed.result);

    // Without the record that panics the function says what it sees: the clock and the chance of then.
    let seeing = Capsule {
        invocation: Facts {
            records: failed.invocation.records[..2].into(),
            ..failed.invocation.clone()
        },
        ..failed.clone()
    };
    let first = result(&tells.replay(&seeing).await);
    for _ in 0..100 {
        assert_eq!(result(&tells.replay(&seeing).await), first);
    }
    let Outcome::Answered(answer) = tells.replay(&seeing).await else {
        panic!("nothing in it panics");
    };
    let seen: Value = serde_json::from_slice(&answer.outputs[0].data).expect("it says JSON");
    let clock = seen["clock_ms"].as_u64().expect("a time");
    assert!(
        failed.told.wall_ms.contains(&clock),
        "{clock} {:?}",
        failed.told.wall_ms
    );
    assert_eq!(seen["request"], "board/4/1");
    // What is said in a replay is not said by the trigger, and keeps nothing.
    assert!(
        world
            .said
            .heads()
            .iter()
            .any(|line| line.trigger.as_str() == "replay")
    );
    shelf.only();
}

#[tokio::test]
async fn state_is_as_it_was_read_and_other_code_comes_to_something_else() {
    let world = World::real();
    let shelf = shelf(&world);
    let kept = Arc::new(Kept::default());
    let counter = world.load("counter", generous()).await;
    let counted = |records| Invocation {
        state: Some(Arc::clone(&kept) as _),
        ..batch(records)
    };
    let answer = world.answer(&counter, counted(&[("a", "1")])).await;
    kept.take(&counted(&[("a", "1")]), answer.state);
    let fails = world.load("fails-on", generous()).await;
    world.answer(&fails, counted(&[("a", "\"dead\"")])).await;
    let failed = shelf.only();
    assert_eq!(result(&fails.replay(&failed).await), failed.result);
    let other = result(&counter.replay(&failed).await);
    assert_ne!(other, failed.result);
    // The function that failed read no value, so none is in its capsule: the count begins anew.
    let unseen = Invocation {
        state: Some(Arc::new(Kept::default())),
        ..batch(&[("a", "\"dead\"")])
    };
    let once = Outcome::Answered(world.answer(&counter, unseen).await);
    assert_eq!(other, result(&once));
    // Where somebody has the values of now, what the earlier run did not read is read there.
    let more = Some(Arc::clone(&kept) as _);
    let Outcome::Answered(beside) = counter.beside(&failed, more).await else {
        panic!("it counts");
    };
    assert_eq!(beside.outputs[0].data, "2");
}

const TRACED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn an_event_that_failed_comes_to_the_same_from_its_file() {
    let world = World::real();
    let shelf = shelf(&world);
    let replies = world.load("replies", generous()).await;
    let told = |text: &str| Some(text.as_bytes().to_vec());
    let asked = Invocation {
        request_id: "board/2026-11-29T02:00:00Z".to_owned(),
        client_context: Some("{}".into()),
        trace_parent: model::TraceParent::parse(TRACED),
        ..batch(&[])
    };
    replies.call(asked.clone(), told("{\"reply\":1}")).await;
    replies.call(asked, told("{\"fail\":\"as told\"}")).await;
    let failed = shelf.only();
    assert_eq!(failed.id(), "board/2026-11-29T02-00-00Z");
    let failed = Capsule::decode(&failed.encode()).expect("it was written by us");
    let event = failed.invocation.event.as_ref().expect("an event");
    assert_eq!(event, "{\"fail\":\"as told\"}");
    assert_eq!(failed.invocation.client_context.as_deref(), Some("{}"));
    let parent = failed.invocation.trace_parent.as_ref();
    assert_eq!(parent.map(model::TraceParent::as_str), Some(TRACED));
    assert_eq!(failed.result["kind"], "Asked");
    assert_eq!(result(&replies.replay(&failed).await), failed.result);
    let echo = world.load("event-echo", generous()).await;
    assert_ne!(result(&echo.replay(&failed).await), failed.result);
    shelf.only();
}

#[tokio::test]
async fn a_tumbling_window_is_in_its_capsule_with_what_it_had_come_to() {
    let world = World::real();
    let shelf = shelf(&world);
    let windowed = |kept| TumblingWindow {
        start: Timestamp::from_millis(60_000),
        end: Timestamp::from_millis(120_000),
        kept,
        is_final: true,
        is_early: false,
    };
    let tells = world.load("tells", generous()).await;
    let by_shard = windowed(WindowKept::ByShard("7".into()));
    let closing = Invocation {
        window: Some(by_shard.clone()),
        ..batch(&[("c", "panic")])
    };
    world.fault(&tells, closing).await;
    let failed = shelf.only();
    let failed = Capsule::decode(&failed.encode()).expect("it was written by us");
    assert_eq!(failed.invocation.window, Some(by_shard));
    assert_eq!(result(&tells.replay(&failed).await), failed.result);
    let without_records = Capsule {
        invocation: Facts {
            records: Arc::default(),
            window: Some(windowed(WindowKept::ByKey)),
            ..failed.invocation.clone()
        },
        ..failed
    };
    assert_eq!(without_records.id(), "board/4-window-60000");
    let read = Capsule::decode(&without_records.encode());
    assert_eq!(read, Ok(without_records));
}

#[test]
fn what_is_no_capsule_is_refused() {
    for (text, version) in [("", None), ("{}", None), (r#"{"capsule":2}"#, Some(2))] {
        let refused = Capsule::decode(text.as_bytes()).expect_err(text);
        match (&refused, version) {
            (CapsuleError::Version(found), Some(expect)) => assert_eq!(*found, expect),
            (CapsuleError::Unreadable(_), None) => {}
            (CapsuleError::Version(_) | CapsuleError::Unreadable(_), _) => panic!("{refused}"),
        }
    }
}
