//! Bodies of requests, made before anything is measured: the same records again and again, spread over all shards.

use bytes::Bytes;
use serde_json::{Value, json};

/// Different bodies of one load, so that keys and data are not always the same.
pub(crate) const BODIES: usize = 16;
pub(crate) const RECORDS_PER_PUT: usize = 500;

pub(crate) fn put_records(stream: &str, record_bytes: usize) -> Vec<Bytes> {
    let body = |number: usize| {
        let records: Vec<Value> = (0..RECORDS_PER_PUT)
            .map(|index| {
                let (data, key) = record(number * RECORDS_PER_PUT + index, record_bytes);
                json!({"Data": data, "PartitionKey": key})
            })
            .collect();
        Bytes::from(json!({"StreamName": stream, "Records": records}).to_string())
    };
    (0..BODIES).map(body).collect()
}

pub(crate) fn put_record(stream: &str, record_bytes: usize) -> Vec<Bytes> {
    let body = |number: usize| {
        let (data, key) = record(number, record_bytes);
        Bytes::from(json!({"StreamName": stream, "Data": data, "PartitionKey": key}).to_string())
    };
    (0..BODIES).map(body).collect()
}

/// Data as base64, and a partition key.
fn record(number: usize, bytes: usize) -> (String, String) {
    let text = format!("{number:08} ").repeat(bytes / 9 + 1);
    let data = base64_simd::STANDARD.encode_to_string(&text.as_bytes()[..bytes]);
    (data, format!("passenger-{number:06}"))
}
