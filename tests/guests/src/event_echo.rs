//! An event function. A Kinesis event gets `batchItemFailures` for data containing `fail`, the last record first, and for the
//! whole aggregate where it contains `whole`; any other comes back.
use shardmill::prelude::*;

#[handler(event)]
fn event_echo(event: Value) -> Result<Value> {
    let Some(records) = event["Records"].as_array() else {
        return Ok(json!({ "echo": event }));
    };
    let mut failures = Vec::new();
    for record in records {
        let kinesis = &record["kinesis"];
        let encoded = kinesis["data"].as_str().or_retry("a record without data")?;
        let data = base64_simd::STANDARD.decode_to_vec(encoded)?;
        let text = String::from_utf8_lossy(&data);
        if text.contains("fail") {
            let sequence = kinesis["sequenceNumber"].as_str().unwrap_or_default();
            let id = match kinesis["subSequenceNumber"].as_u64() {
                Some(sub) if !text.contains("whole") => format!("{sequence}:{sub}"),
                Some(_) | None => sequence.to_owned(),
            };
            failures.push(json!({ "itemIdentifier": id }));
        }
    }
    failures.reverse();
    Ok(json!({ "batchItemFailures": failures }))
}
