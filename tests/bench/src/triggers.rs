//! A trigger that works off a backlog: batches of 100 x 1 KiB, an empty function, a fresh sandbox for every batch.
//!
//! The trigger is paused while the backlog is put and resumed when it is durable; the time ends when everything is settled.

use std::time::Instant;

use anyhow::{Result, bail};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    calibration::WRITE,
    report::{Report, Row, Target, say},
    requests::{RECORDS_PER_PUT, put_records},
    server::Server,
};

const BACKLOG: usize = 200_000;
const PRODUCERS: usize = 4;

pub(crate) async fn measure(report: &mut Report, server: &Server) -> Result<()> {
    say("triggers");
    for (name, shards) in [("one", 1), ("four", 4)] {
        let before = work_off(server, name).await?;
        let row = Row::new(
            format!("trigger, batch 100 x 1 KiB, empty function, {shards} shards"),
            before.records_per_second,
            "records/s",
        )
        .server_us(before.server_us)
        .beside("the raw write", report.value(WRITE) * 1e6 / 1024.0);
        report.add(if shards == 1 {
            row.target(Target::AtLeast(50_000.0))
        } else {
            row
        });
    }
    Ok(())
}

struct WorkedOff {
    records_per_second: f64,
    server_us: f64,
}

async fn work_off(server: &Server, name: &'static str) -> Result<WorkedOff> {
    let mut connection = server.connect().await?;
    let trigger = format!("/_shardmill/api/triggers/{name}");
    connection
        .post(&format!("{trigger}/pause"), Bytes::new())
        .await?;
    put_backlog(server, name).await?;
    let wait = Bytes::from(json!({"trigger": name, "timeout_ms": 120_000}).to_string());
    let cpu = server.cpu_seconds()?;
    let began = Instant::now();
    connection
        .post(&format!("{trigger}/resume"), Bytes::new())
        .await?;
    connection.post("/_shardmill/api/wait", wait).await?;
    let seconds = began.elapsed().as_secs_f64();
    let server_seconds = server.cpu_seconds()? - cpu;
    let shown: Value = serde_json::from_slice(&connection.get(&trigger).await?)?;
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
