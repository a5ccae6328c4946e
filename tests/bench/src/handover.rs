//! A shard that goes from one worker to another under load: how long nothing comes out of it, and whether anything comes twice.
//!
//! A fault on purpose makes the worker stand still right after a checkpoint; another takes its lease meanwhile. A producer
//! goes on all the time, and a reader notes when each record is there that the function wrote.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    client::Connection,
    latency::after,
    report::{Report, Row, Target, say},
    server::Project,
};

const RECORDS: usize = 2_000;
const PACE: Duration = Duration::from_millis(1);
const PAUSE_MS_MAX: f64 = 1_000.0;
const NAME: &str = "handover";
const FILE: &str = "version: 1
streams: { moved: { shards: 1 }, arrived: { shards: 1 } }
functions: { trips: { source: trips.wasm } }
triggers: { moved: { stream: moved, function: trips, outputs: arrived } }
";
/// It stands still for longer than all records take.
const FAULTS: &str = "version: 1
faults:
  - freeze: { trigger: moved, after: checkpoint, nth: 300, for: 30s, replaced: true }
";
/// What the server says in its log when it comes.
const FROZEN: &str = "frozen on purpose";

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("a shard that goes to another worker");
    project.write(NAME, "faults.yaml", FAULTS.as_bytes())?;
    let options = ["--testing", "--faults", "faults.yaml"];
    let server = project.start_with(NAME, FILE, &options).await?;
    let reading = tokio::spawn(arrivals(server.connect().await?));
    let mut producer = server.connect().await?;
    for number in 0..RECORDS {
        let data = base64_simd::STANDARD.encode_to_string(format!("at {number}"));
        let body = json!({"StreamName": "moved", "Data": data, "PartitionKey": "k"});
        producer
            .kinesis("PutRecord", Bytes::from(body.to_string()))
            .await?;
        tokio::time::sleep(PACE).await;
    }
    let arrivals = reading.await.context("the reader")??;
    let said = std::fs::read_to_string(project.folder.join(NAME).join("server.log"))?;
    if !said.contains(FROZEN) {
        bail!("no worker stood still:\n{said}");
    }
    let what = "a shard that goes to another worker under load";
    let pauses = arrivals.windows(2).map(|pair| match pair {
        [(_, before), (_, after)] => after.duration_since(*before).as_secs_f64() * 1e3,
        _ => 0.0,
    });
    let pause = pauses.fold(0.0, f64::max);
    let row = Row::new(format!("{what}: the longest pause"), pause, "ms");
    report.add(row.target(Target::AtMost(PAUSE_MS_MAX)));
    let once: BTreeSet<&String> = arrivals.iter().map(|(text, _)| text).collect();
    let twice = arrivals.len() - once.len();
    let row = Row::new(format!("{what}: came twice"), twice as f64, "records");
    report.add(row.target(Target::AtMost(0.0)));
    Ok(())
}

/// What comes out, and when, until all of it has come at least once.
async fn arrivals(mut reader: Connection) -> Result<Vec<(String, Instant)>> {
    let page = "/_shardmill/api/streams/arrived/records";
    let mut from = "from=oldest".to_owned();
    let mut arrivals = Vec::new();
    let mut seen = BTreeSet::new();
    while seen.len() < RECORDS {
        let got = reader.get(&format!("{page}?wait_ms=10000&{from}")).await?;
        let now = Instant::now();
        let read: Value = serde_json::from_slice(&got)?;
        let records = read["records"].as_array().context("find the records")?;
        if records.is_empty() {
            bail!("{} of {RECORDS} records came out", seen.len());
        }
        for record in records {
            let data = record["data"].as_str().context("find the data")?;
            let text = String::from_utf8(base64_simd::STANDARD.decode_to_vec(data)?)?;
            seen.insert(text.clone());
            arrivals.push((text, now));
        }
        from = format!("after={}", after(&got)?);
    }
    Ok(arrivals)
}
