//! Echoes, and fails what asks for it: data containing `fail` is to be retried, containing `dead` dead-lettered.
use shardmill::prelude::*;

#[handler]
fn fails_on(batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
    let mut verdict = Verdict::all_done();
    for record in &batch {
        let text = String::from_utf8_lossy(record.data());
        // Written before the failure is known, as a real handler would: it must not be seen.
        out.from(record)
            .to("default", record.key(), record.data())?;
        if text.contains("fail") {
            verdict.retry(record, Error::retry("asked to fail").kind("Asked"));
        } else if text.contains("dead") {
            verdict.dead_letter(record, Error::dead_letter("asked to die").kind("Asked"));
        }
    }
    Ok(verdict)
}
