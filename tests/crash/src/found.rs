//! What a client finds after a crash: the records of a stream from where it left off, and the state of a trigger.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{
    http,
    ledger::{Read, Spot},
};

const API: &str = "/_shardmill/api";

/// Reads a stream on from where it ended before.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: &'static str,
    after: Option<String>,
}

impl Reader {
    pub(crate) fn new(stream: &'static str) -> Self {
        Self {
            stream,
            after: None,
        }
    }

    pub(crate) fn read_on(&mut self, address: SocketAddr) -> Result<Vec<Read>> {
        let mut reads = Vec::new();
        loop {
            let from = self.after.as_ref().map_or_else(
                || "from=oldest".to_owned(),
                |after| format!("after={after}"),
            );
            let path = format!("{API}/streams/{}/records?{from}", self.stream);
            let page = http::get(address, &path)?;
            self.after = Some(text(&page["after"])?.to_owned());
            let records = page["records"].as_array().context("find the records")?;
            if records.is_empty() {
                return Ok(reads);
            }
            for record in records {
                reads.push(read(record)?);
            }
        }
    }
}

/// Returns once all that was put is settled.
pub(crate) fn wait(address: SocketAddr) -> Result<()> {
    let path = format!("{API}/wait");
    http::post(address, &path, &json!({"timeout_ms": 100_000})).map(drop)
}

/// Lets wall time pass for a server that runs with `--testing`.
pub(crate) fn advance_clock(address: SocketAddr, by: Duration) -> Result<()> {
    let by = json!({"advance_ms": u64::try_from(by.as_millis())?});
    http::post(address, "/_shardmill/clock", &by).map(drop)
}

/// What the function that counts has kept, by key.
pub(crate) fn counts(address: SocketAddr) -> Result<BTreeMap<String, u64>> {
    let state = http::get(address, &format!("{API}/state/count"))?;
    let values = state["values"].as_array().or_else(|| state.as_array());
    values
        .context("find the values")?
        .iter()
        .map(|value| {
            let count = text(&value["value"])?.parse().context("read a count")?;
            Ok((text(&value["key"])?.to_owned(), count))
        })
        .collect()
}

fn read(record: &Value) -> Result<Read> {
    let data = base64_simd::STANDARD
        .decode_to_vec(text(&record["data"])?)
        .context("read data")?;
    Ok(Read {
        spot: Spot {
            shard: text(&record["shard"])?.to_owned(),
            sequence: text(&record["sequence"])?.to_owned(),
        },
        key: text(&record["key"])?.to_owned(),
        // What is not text is nothing that was put, and is found as that.
        data: String::from_utf8_lossy(&data).into_owned(),
    })
}

fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .with_context(|| format!("read {value} as text"))
}
