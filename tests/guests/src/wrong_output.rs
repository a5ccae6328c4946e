//! Writes to an output that no trigger has.
use shardmill::prelude::*;

#[handler]
fn wrong_output(batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
    for record in &batch {
        out.from(record)
            .to("nowhere", record.key(), record.data())?;
    }
    Ok(Verdict::all_done())
}
