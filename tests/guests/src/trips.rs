//! Echoes what comes; data that begins with `poison` make it panic, which says nothing of where it was.
use shardmill::prelude::*;

#[handler]
fn trips(batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
    for record in &batch {
        assert!(!record.data().starts_with(b"poison"), "poisoned");
        out.from(record)
            .to("default", record.key(), record.data())?;
    }
    Ok(Verdict::all_done())
}
