//! Logs 100,000 lines of 1 KiB: far more than any limit, and then it is done.
use shardmill::prelude::*;

#[handler]
fn floods(_batch: Batch<'_>) -> Result<Verdict> {
    let line = "flood ".repeat(171);
    for _ in 0..100_000 {
        log::warn!("{line}");
    }
    Ok(Verdict::all_done())
}
