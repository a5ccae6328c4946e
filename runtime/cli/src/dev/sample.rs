//! The sample of a stream: `samples/STREAM.ndjson` beside the project's file. The first field of each record is its key.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::{Client, ProducerNumber, World};
use crate::failure::{Exit, Failure};
use crate::output::text;
use crate::server::Address;

pub(super) fn place(file: &Path, stream: &str) -> PathBuf {
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    folder.join(format!("samples/{stream}.ndjson"))
}

/// Puts the sample of one stream, and says how many records that were.
pub(super) async fn put(address: &str, file: &Path, stream: &str) -> Result<usize, Failure> {
    let place = place(file, stream);
    let sample = std::fs::read_to_string(&place).map_err(|error| {
        Failure::new(Exit::NotFound, format!("read {}: {error}", place.display()))
            .hint("the sample of a stream is a file with one JSON record a line; `shardmill put` puts any other")
    })?;
    let mut client = Client::connect(Address::parse(address)?).await?;
    let facts = client.get(&format!("streams/{stream}")).await?;
    let world = World {
        account: text(&facts, "/account"),
        region: text(&facts, "/region"),
    };
    let lines = sample.lines().filter(|line| !line.trim().is_empty());
    let records: Vec<Value> = lines
        .map(|line| json!({"Data": base64_simd::STANDARD.encode_to_string(line), "PartitionKey": key_of(line)}))
        .collect();
    let producer = ProducerNumber {
        producer: uuid::Uuid::now_v7().to_string(),
        number: 1,
    };
    for (number, some) in (1..).zip(records.chunks(crate::limits::PUT_RECORDS_MAX)) {
        let body = Bytes::from(json!({"StreamName": stream, "Records": some}).to_string());
        let producer = ProducerNumber {
            number,
            ..producer.clone()
        };
        client
            .kinesis("PutRecords", body, &world, &producer)
            .await?;
    }
    Ok(records.len())
}

/// The first field's value, as it is written.
pub(crate) fn key_of(line: &str) -> String {
    let first = line.trim_start().strip_prefix('{').and_then(|rest| {
        let mut inside = false;
        let mut escaped = false;
        let end = rest.char_indices().find(|(_, c)| {
            match (*c, escaped, inside) {
                (_, true, _) => escaped = false,
                ('\\', ..) => escaped = true,
                ('"', ..) => inside = !inside,
                (',' | '}', _, false) => return true,
                _ => {}
            }
            false
        });
        rest.get(..end?.0)
    });
    let value = first.and_then(|field| serde_json::from_str::<Value>(&format!("{{{field}}}")).ok());
    let value = value
        .as_ref()
        .and_then(Value::as_object)
        .and_then(|map| map.values().next());
    match value {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(value) if value.is_number() || value.is_boolean() => value.to_string(),
        Some(_) | None => "sample".to_owned(),
    }
}
