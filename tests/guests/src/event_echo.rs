//! An event function. A Kinesis event gets `batchItemFailures` for data containing `fail`; any other comes back.
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
        if String::from_utf8_lossy(&data).contains("fail") {
            failures.push(json!({ "itemIdentifier": kinesis["sequenceNumber"] }));
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}
