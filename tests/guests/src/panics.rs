//! Panics three named functions deep: a test reads their names in the backtrace and the message in the log.
use shardmill::prelude::*;
use std::hint::black_box;

#[inline(never)]
fn board_flight(records: usize) -> usize {
    black_box(assign_gate(black_box(records))) + 1
}

#[inline(never)]
fn assign_gate(records: usize) -> usize {
    black_box(lookup_gate(black_box(records))) + 1
}

#[inline(never)]
fn lookup_gate(records: usize) -> usize {
    assert!(
        black_box(records) > 1_000_000,
        "no gate for {records} records"
    );
    records
}

#[handler]
fn panics(batch: Batch<'_>) -> Result<Verdict> {
    log::info!("boarded {}", board_flight(batch.len()));
    Ok(Verdict::all_done())
}
