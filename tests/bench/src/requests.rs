//! Bodies of requests, made before anything is measured: the same records again and again, spread over all shards.

use std::convert::Infallible;

use bytes::Bytes;
use serde_json::{Value, json};

/// Different bodies of one load, so that keys and data are not always the same.
pub(crate) const BODIES: usize = 16;
pub(crate) const RECORDS_PER_PUT: usize = 500;

pub(crate) fn put_records(stream: &str, record_bytes: usize) -> Vec<Bytes> {
    put_made(stream, BODIES, |number| {
        plain_record(number, record_bytes).0
    })
}

/// So many bodies, with these data in their records.
pub(crate) fn put_made(stream: &str, bodies: usize, data: impl Fn(usize) -> Vec<u8>) -> Vec<Bytes> {
    put_keyed(stream, bodies, |number| (key(number), data(number)))
}

/// So many bodies, with these keys and data in their records.
pub(crate) fn put_keyed(
    stream: &str,
    bodies: usize,
    record: impl Fn(usize) -> (String, Vec<u8>),
) -> Vec<Bytes> {
    let body = |number: usize| {
        let records: Vec<Value> = (0..RECORDS_PER_PUT)
            .map(|index| {
                let number = number * RECORDS_PER_PUT + index;
                let (key, data) = record(number);
                let data = base64_simd::STANDARD.encode_to_string(data);
                json!({"Data": data, "PartitionKey": key})
            })
            .collect();
        Bytes::from(json!({"StreamName": stream, "Records": records}).to_string())
    };
    (0..bodies).map(body).collect()
}

/// The same records in CBOR, with lengths ahead and data as bytes, as clients of AWS write it.
pub(crate) fn put_records_cbor(stream: &str, record_bytes: usize) -> Vec<Bytes> {
    let body = |number: usize| {
        let mut body = minicbor::Encoder::new(Vec::new());
        let written = write_cbor(&mut body, stream, number, record_bytes);
        written.unwrap_or_else(|error| panic!("a vector takes everything: {error}"));
        Bytes::from(body.into_writer())
    };
    (0..BODIES).map(body).collect()
}

fn write_cbor(
    body: &mut minicbor::Encoder<Vec<u8>>,
    stream: &str,
    number: usize,
    record_bytes: usize,
) -> Result<(), minicbor::encode::Error<Infallible>> {
    body.map(2)?
        .str("StreamName")?
        .str(stream)?
        .str("Records")?;
    body.array(RECORDS_PER_PUT as u64)?;
    for index in 0..RECORDS_PER_PUT {
        let (data, key) = plain_record(number * RECORDS_PER_PUT + index, record_bytes);
        body.map(2)?.str("Data")?.bytes(&data)?;
        body.str("PartitionKey")?.str(&key)?;
    }
    Ok(())
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
    let (data, key) = plain_record(number, bytes);
    (base64_simd::STANDARD.encode_to_string(data), key)
}

fn plain_record(number: usize, bytes: usize) -> (Vec<u8>, String) {
    let mut data = format!("{number:08} ").repeat(bytes / 9 + 1).into_bytes();
    data.truncate(bytes);
    (data, key(number))
}

fn key(number: usize) -> String {
    format!("passenger-{number:06}")
}
