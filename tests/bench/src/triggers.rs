//! A trigger that works off a backlog: 1 KiB records, an empty function, a fresh sandbox for every batch.
//!
//! All triggers of a stream are paused while its backlog is put and resumed one after the other once it is durable; the
//! time ends when everything is settled.

use std::{fmt::Write as _, time::Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    calibration::WRITE,
    load::Subject as _,
    report::{Report, Row, Target, say},
    requests::{RECORDS_PER_PUT, put_records},
    server::{Project, Server},
};

const BACKLOG: usize = 200_000;
const PRODUCERS: usize = 4;
const SHARDS: [usize; 2] = [1, 4];
const BATCHES: [usize; 3] = [1, 100, 1_000];
/// On one shard, with the batches that a trigger has when nothing is said.
const RECORDS_PER_SECOND_MIN: f64 = 150_000.0;
const USUAL_BATCH: usize = 100;

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("triggers");
    let server = project.start("triggers", &file()?).await?;
    for shards in SHARDS {
        let mut connection = server.connect().await?;
        for batch in BATCHES {
            let pause = format!("{}/pause", path(shards, batch));
            connection.post(&pause, Bytes::new()).await?;
        }
        put_backlog(&server, &stream(shards)).await?;
        for batch in BATCHES {
            let done = work_off(&server, shards, batch).await?;
            let row = Row::new(
                format!("trigger, batch {batch} x 1 KiB, empty function, {shards} shards"),
                done.records_per_second,
                "records/s",
            )
            .server_us(done.server_us)
            .beside("the raw write", report.value(WRITE) * 1e6 / 1024.0);
            report.add(if shards == 1 && batch == USUAL_BATCH {
                row.target(Target::AtLeast(RECORDS_PER_SECOND_MIN))
            } else {
                row
            });
        }
    }
    Ok(())
}

fn stream(shards: usize) -> String {
    format!("wide-{shards}")
}

fn trigger(shards: usize, batch: usize) -> String {
    format!("wide-{shards}-batch-{batch}")
}

fn path(shards: usize, batch: usize) -> String {
    format!("/_shardmill/api/triggers/{}", trigger(shards, batch))
}

fn file() -> Result<String> {
    let mut streams = String::new();
    let mut triggers = String::new();
    for shards in SHARDS {
        let stream = stream(shards);
        writeln!(streams, "  {stream}: {{ shards: {shards} }}")?;
        for batch in BATCHES {
            let trigger = trigger(shards, batch);
            writeln!(
                triggers,
                "  {trigger}: {{ stream: {stream}, function: empty, batch: {{ records: {batch} }} }}"
            )?;
        }
    }
    Ok(format!(
        "version: 1\nstreams:\n{streams}functions:\n  empty: {{ source: empty.wasm }}\ntriggers:\n{triggers}"
    ))
}

struct WorkedOff {
    records_per_second: f64,
    server_us: f64,
}

async fn work_off(server: &Server, shards: usize, batch: usize) -> Result<WorkedOff> {
    let mut connection = server.connect().await?;
    let (name, path) = (trigger(shards, batch), path(shards, batch));
    let wait = Bytes::from(json!({"trigger": name, "timeout_ms": 120_000}).to_string());
    let cpu = server.cpu_seconds()?;
    let began = Instant::now();
    connection
        .post(&format!("{path}/resume"), Bytes::new())
        .await?;
    connection.post("/_shardmill/api/wait", wait).await?;
    let seconds = began.elapsed().as_secs_f64();
    let server_seconds = server.cpu_seconds()? - cpu;
    let shown: Value = serde_json::from_slice(&connection.get(&path).await?)?;
    let settled: u64 = shown["shards"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|shard| shard["settled"].as_u64())
        .sum();
    if settled != BACKLOG as u64 {
        bail!("trigger {name} settled {settled} of {BACKLOG} records");
    }
    Ok(WorkedOff {
        records_per_second: BACKLOG as f64 / seconds,
        server_us: server_seconds * 1e6 / BACKLOG as f64,
    })
}

async fn put_backlog(server: &Server, stream: &str) -> Result<()> {
    let bodies = put_records(stream, 1 << 10);
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        let mut connection = server.connect().await?;
        let bodies = bodies.clone();
        producers.spawn(async move {
            let puts = BACKLOG / RECORDS_PER_PUT / PRODUCERS;
            for body in bodies.into_iter().cycle().take(puts) {
                connection.kinesis("PutRecords", body).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = producers.join_next().await {
        ended??;
    }
    Ok(())
}
