//! Guests that misbehave: each ends as an outcome with a kind of its own and a sentence that helps.

use std::time::Duration;

use model::{ByteSize, FaultClass};
use shardmill_sandbox::FunctionLimits;

use crate::world::{World, batch, generous};

const TIMEOUT: Duration = Duration::from_millis(200);

fn limits() -> FunctionLimits {
    FunctionLimits {
        memory: ByteSize::mib(16),
        memory_told: ByteSize::mib(128),
        timeout: TIMEOUT,
        ..generous()
    }
}

#[tokio::test]
async fn each_says_what_is_wrong_and_what_to_do() {
    let world = World::real();
    let cases = [
        (
            "loops",
            "Timeout",
            "function gates did not end within its timeout of 200ms: do less at a time, or raise `timeout`",
        ),
        (
            "allocates",
            "OutOfMemory",
            "function gates ran out of memory: its limit is 16MiB, raise `memory` of the function",
        ),
        (
            "recurses",
            "StackOverflow",
            "function gates called itself too deeply: the stack is full",
        ),
        (
            "wrong-output",
            "NoSuchOutput",
            "output `nowhere`: trigger board has no output `nowhere`: name it under `triggers.board.outputs` in triggers.yaml",
        ),
        (
            "malformed",
            "MalformedOutput",
            "function gates: output `default`: it has 5 bytes, less than the header of 32",
        ),
    ];
    for (guest, kind, message) in cases {
        let function = world.load(guest, limits()).await;
        let fault = world.fault(&function, batch(&[("a", "x")])).await;
        assert_eq!(fault.class, FaultClass::Function, "{guest}");
        assert_eq!(fault.kind, kind, "{guest}: {}", fault.message);
        assert!(
            fault.message.starts_with(message),
            "{guest}: {}",
            fault.message
        );
    }
}

#[tokio::test]
async fn a_runaway_ends_near_its_deadline() {
    let world = World::real();
    let function = world.load("loops", limits()).await;
    let fault = world.fault(&function, batch(&[("a", "x")])).await;
    let late = fault
        .usage
        .duration
        .checked_sub(TIMEOUT)
        .expect("it had its time");
    // 3 ms on an idle machine; a busy one may take the processor away for longer.
    assert!(late < Duration::from_secs(2), "{late:?}");
}

#[tokio::test]
async fn nothing_malformed_is_believed() {
    let world = World::real();
    let function = world.load("malformed", limits()).await;
    let cases = [
        ("magic", "MalformedOutput", "not with \"SMO1\""),
        ("count", "MalformedOutput", "it announces 9 records"),
        ("offset", "MalformedOutput", "lies outside of the buffer"),
        ("utf8", "MalformedOutput", "is not UTF-8"),
        ("source", "MalformedOutput", "is not in the batch of 1"),
        (
            "index",
            "MalformedOutput",
            "failed record 1000000 is not in the batch of 1",
        ),
        ("action", "MalformedOutput", "action 99 is unknown"),
        ("emit", "Refused", "4: output `default`: it has 5 bytes"),
    ];
    for (asked, kind, message) in cases {
        let fault = world.fault(&function, batch(&[("a", asked)])).await;
        assert_eq!(fault.kind, kind, "{asked}: {}", fault.message);
        assert!(
            fault.message.contains(message),
            "{asked}: {}",
            fault.message
        );
    }
}

#[tokio::test]
async fn a_panic_is_told_with_its_text_and_the_guests_own_frames() {
    let world = World::real();
    let function = world.load("panics", limits()).await;
    let fault = world
        .fault(&function, batch(&[("a", "x"), ("b", "y")]))
        .await;
    assert_eq!(fault.kind, "Trap");
    let mut lines = fault.message.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("function gates trapped: "), "{first}");
    assert!(first.contains("panicked at src/panics.rs:"), "{first}");
    assert!(first.ends_with("no gate for 2 records"), "{first}");
    let frames: Vec<&str> = lines.collect();
    let expect = [
        "  at panics::lookup_gate",
        "  at panics::assign_gate",
        "  at panics::board_flight",
    ];
    assert_eq!(frames[..3], expect, "{frames:?}");
    let foreign = frames
        .iter()
        .find(|frame| frame.contains("panicking") || frame.contains("std::"));
    assert_eq!(foreign, None);
}

#[tokio::test]
async fn a_flood_is_cut_at_the_limit_and_one_line_says_how_much_was_dropped() {
    let world = World::real();
    let limits = FunctionLimits {
        log_bytes: ByteSize::kib(4),
        ..generous()
    };
    let function = world.load("floods", limits).await;
    world.answer(&function, batch(&[("a", "x")])).await;
    let lines = world.said.lines();
    let ((level, last), kept) = lines.split_last().unwrap();
    let bytes: usize = kept.iter().map(|(_, line)| line.len()).sum();
    assert_eq!(bytes + 16 * kept.len(), 4096);
    let whole = 16 + "flood ".len() * 171;
    let dropped = 100_000 * whole - 4096;
    let expect = format!(
        "{dropped} bytes of log dropped, where each line counts 16 more: an invocation may say 4096 bytes (log limit of the function)"
    );
    assert_eq!((*level, last), (3, &expect));
}

#[tokio::test]
async fn what_exports_no_handler_is_refused_when_it_is_loaded() {
    let refusal = World::real().refusal("wrong-interface").await;
    assert_eq!(
        refusal,
        "it exports guests:other/greeter@1.0.0, where a trigger needs \
         shardmill:function/stream-handler@0.1.0, shardmill:function/event-handler@0.1.0, wasi:http/incoming-handler@0.2 or a WASI command \
         (wasi:cli/run@0.2 or _start)"
    );
}
