//! Calls itself until the stack ends.
use shardmill::prelude::*;
use std::hint::black_box;

#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    match black_box(depth) {
        u64::MAX => 0,
        _ => deeper(depth + 1) + black_box(frame[0]),
    }
}

#[handler]
fn recurses(_batch: Batch<'_>) -> Result<Verdict> {
    log::info!("reached {}", deeper(0));
    Ok(Verdict::all_done())
}
