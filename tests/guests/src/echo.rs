//! Writes every record to `default`, key and data as they are.
use shardmill::prelude::*;

#[handler]
fn echo(batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
    for record in &batch {
        out.from(record)
            .to("default", record.key(), record.data())?;
    }
    Ok(Verdict::all_done())
}
