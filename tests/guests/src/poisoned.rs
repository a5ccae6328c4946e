//! Takes everything and writes nothing, but data that begins with `poison` make it panic.
use shardmill::prelude::*;

#[handler]
fn poisoned(batch: Batch<'_>, _: &mut Outputs) -> Result<Verdict> {
    for record in &batch {
        assert!(!record.data().starts_with(b"poison"), "poisoned");
    }
    Ok(Verdict::all_done())
}
