//! Takes memory until there is none, and touches all of it.
use shardmill::prelude::*;
use std::hint::black_box;

#[handler]
fn allocates(_batch: Batch<'_>) -> Result<Verdict> {
    let mut taken = Vec::new();
    while black_box(true) {
        taken.push(black_box(vec![1_u8; 1024 * 1024]));
    }
    Ok(Verdict::all_done())
}
