//! Counts the records of each key in durable state.
use shardmill::prelude::*;

#[handler]
fn counter(_body: Value, count: &mut u64, out: &mut Outputs) -> Result {
    *count += 1;
    out.json("default", count)
}
