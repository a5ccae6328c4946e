//! Tells what a guest can see: its environment, facts of the invocation, the clock, a random number, and how many calls
//! this sandbox has had. Says one line on standard output and half a line on standard error; data `panic` and `loop` do so.
use shardmill::prelude::*;
use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

static CALLS: AtomicU64 = AtomicU64::new(0);

#[handler]
fn tells(batch: Batch<'_>, out: &mut Outputs, ctx: &Context) -> Result<Verdict> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    println!("call {calls}");
    eprint!("not ended by a line break");
    for record in &batch {
        assert_ne!(record.data(), b"panic", "asked to panic");
        while black_box(record.data() == b"loop") {}
        out.from(record)
            .json("default", record.key(), &seen(calls, ctx)?)?;
    }
    Ok(Verdict::all_done())
}

fn seen(calls: u64, ctx: &Context) -> Result<Value> {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    Ok(json!({
        "calls": calls,
        "env": env,
        "function": ctx.function_name(),
        "version": ctx.version(),
        "trigger": ctx.trigger(),
        "stream": ctx.stream_name(),
        "shard": ctx.shard_id(),
        "request": ctx.request_id(),
        "trace_parent": ctx.trace_parent(),
        "attempt": [ctx.attempt(), ctx.attempts_max().unwrap_or_default()],
        "clock_ms": u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?,
        "draw": RandomState::new().hash_one(0),
    }))
}
