//! Sends parcels on as they came; one that customs hold fails until its time has come. What has no papers passes.
use shardmill::prelude::*;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[handler]
fn parcels(batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut verdict = Verdict::all_done();
    for record in &batch {
        if verdict.holds(record) {
            continue;
        }
        let papers: Value = record.json().unwrap_or_default();
        let held = Duration::from_millis(papers["held_until_ms"].as_u64().unwrap_or(0));
        if held > now {
            verdict.retry(record, Error::retry("held by customs").kind("Held"));
        } else {
            out.from(record)
                .to("default", record.key(), record.data())?;
        }
    }
    Ok(verdict)
}
