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
const BATCHES: [usize; 3] = [1, 100, 1_000];
/// Which is what a trigger has when nothing is said.
const USUAL_BATCH: usize = 100;
/// On one shard, of 1 KiB.
const RECORDS_PER_SECOND_MIN: f64 = 150_000.0;
/// On four shards, of 100 B.
const SMALL_PER_SECOND_MIN: f64 = 300_000.0;

/// What lies in a stream.
#[derive(Clone, Copy)]
struct Backlog {
    stream: &'static str,
    shards: usize,
    record_bytes: usize,
    size: &'static str,
    batches: &'static [usize],
}

const BACKLOGS: [Backlog; 3] = [
    Backlog {
        stream: "narrow",
        shards: 1,
        record_bytes: 1 << 10,
        size: "1 KiB",
        batches: &BATCHES,
    },
    Backlog {
        stream: "wide",
        shards: 4,
        record_bytes: 1 << 10,
        size: "1 KiB",
        batches: &BATCHES,
    },
    Backlog {
        stream: "small",
        shards: 4,
        record_bytes: 100,
        size: "100 B",
        batches: &[USUAL_BATCH],
    },
];

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("triggers");
    let server = project.start("triggers", &file()?).await?;
    let mut usual = Vec::new();
    for backlog in BACKLOGS {
        let mut connection = server.connect().await?;
        for batch in backlog.batches {
            let pause = format!("{}/pause", backlog.path(*batch));
            connection.post(&pause, Bytes::new()).await?;
        }
        backlog.put(&server).await?;
        for batch in backlog.batches {
            let done = backlog.work_off(&server, *batch).await?;
            let raw = report.value(WRITE) * 1e6 / backlog.record_bytes as f64;
            let row = Row::new(backlog.what(*batch), done.records_per_second, "records/s")
                .server_us(done.server_us)
                .beside("the raw write", raw);
            report.add(match (backlog.stream, *batch) {
                ("narrow", USUAL_BATCH) => row.target(Target::AtLeast(RECORDS_PER_SECOND_MIN)),
                ("small", USUAL_BATCH) => row.target(Target::AtLeast(SMALL_PER_SECOND_MIN)),
                _ => row,
            });
            if *batch == USUAL_BATCH {
                usual.push(done.records_per_second);
            }
        }
    }
    if let [narrow, wide, ..] = usual.as_slice() {
        let what = "trigger, batch 100 x 1 KiB, empty function, 4 shards against 1";
        report.add(Row::new(what, wide / narrow, "x").target(Target::AtLeast(1.0)));
    }
    Ok(())
}

fn file() -> Result<String> {
    let mut streams = String::new();
    let mut triggers = String::new();
    for backlog in BACKLOGS {
        let (stream, shards) = (backlog.stream, backlog.shards);
        writeln!(streams, "  {stream}: {{ shards: {shards} }}")?;
        for batch in backlog.batches {
            let trigger = backlog.trigger(*batch);
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

impl Backlog {
    fn what(self, batch: usize) -> String {
        let (size, shards) = (self.size, self.shards);
        format!("trigger, batch {batch} x {size}, empty function, {shards} shards")
    }

    fn trigger(self, batch: usize) -> String {
        format!("{}-batch-{batch}", self.stream)
    }

    fn path(self, batch: usize) -> String {
        format!("/_shardmill/api/triggers/{}", self.trigger(batch))
    }

    async fn work_off(self, server: &Server, batch: usize) -> Result<WorkedOff> {
        let mut connection = server.connect().await?;
        let (name, path) = (self.trigger(batch), self.path(batch));
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

    async fn put(self, server: &Server) -> Result<()> {
        let bodies = put_records(self.stream, self.record_bytes);
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
}
