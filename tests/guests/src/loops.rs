//! Never ends: the deadline has to end it.
use shardmill::prelude::*;
use std::hint::black_box;

#[handler]
fn loops(_batch: Batch<'_>) -> Result<Verdict> {
    let mut turns = 0_u64;
    while black_box(true) {
        turns = black_box(turns.wrapping_add(1));
    }
    Ok(Verdict::all_done())
}
