//! What the consumer itself costs: many triggers on one shard, and a filter.
//!
//! Time of the host is processor time of all threads but those that run functions. Backlogs are put while the triggers
//! are paused, as in `triggers`.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    client::Connection,
    report::{Report, Row, Target, say},
    requests::{BODIES, RECORDS_PER_PUT, put_made, put_records},
    server::{Project, Server},
};

const KIB: usize = 1 << 10;
const CROWD: usize = 20;
/// A stream for each backlog, in records: one that is still in memory, and one that is read back from the log.
const CROWDS: [(&str, usize, &str); 2] = [
    ("near", 50_000, "a shard from memory"),
    ("far", 200_000, "a shard from the log"),
];
/// Twenty readers against one.
const CROWD_RATIO_MAX: f64 = 3.0;
const SIFTED_RECORDS: usize = 50_000;
const FILTER_NS_MAX: f64 = 300.0;

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("the consumer");
    let server = project.start("consumer", &file()?).await?;
    for (stream, records, what) in CROWDS {
        crowd(report, &server, stream, records, what).await?;
    }
    filter(report, &server).await
}

fn file() -> Result<String> {
    let mut triggers = String::new();
    for (stream, _, _) in CROWDS {
        for number in 0..=CROWD {
            writeln!(
                triggers,
                "  {stream}-{number}: {{ stream: {stream}, function: empty, batch: {{ records: 10000 }}, \
                 filter: [ {{ partitionKey: [ nobody ] }} ] }}"
            )?;
        }
    }
    Ok(format!(
        "version: 1
streams: {{ near: {{ shards: 1 }}, far: {{ shards: 1 }}, sieve: {{ shards: 1 }} }}
functions: {{ empty: {{ source: empty.wasm }} }}
triggers:
{triggers}  by-key: {{ stream: sieve, function: empty, filter: [ {{ partitionKey: [ nobody ] }} ] }}
  by-data: {{ stream: sieve, function: empty, filter: [ {{ data: {{ carrier: [ nobody ] }} }} ] }}
  by-same-data: {{ stream: sieve, function: empty, filter: [ {{ data: {{ origin: [ nowhere ] }} }} ] }}
"
    ))
}

/// Triggers that take nothing of what they read, so that reading is all that they do.
async fn crowd(
    report: &mut Report,
    server: &Server,
    stream: &'static str,
    records: usize,
    what: &str,
) -> Result<()> {
    let mut connection = server.connect().await?;
    let all: Vec<String> = (0..=CROWD)
        .map(|number| format!("{stream}-{number}"))
        .collect();
    for trigger in &all {
        order(&mut connection, trigger, "pause").await?;
    }
    put(server, put_records(stream, KIB), records).await?;
    let (first, rest) = all.split_first().context("there are triggers")?;
    let one = host_seconds(server, std::slice::from_ref(first)).await?;
    let many = host_seconds(server, rest).await?;
    for (triggers, seconds) in [("1 trigger", one), ("20 triggers", many)] {
        let us = seconds * 1e6 / records as f64;
        let what = format!("reading {what}, {triggers}, server CPU a record of 1 KiB");
        report.add(Row::new(what, us, "us"));
    }
    let what = format!("reading {what}, 20 triggers against 1, server CPU");
    let row = Row::new(what, many / one, "x");
    report.add(row.target(Target::AtMost(CROWD_RATIO_MAX)));
    Ok(())
}

/// The same records past a filter that reads their bodies and past one that reads their keys; and past another filter that
/// reads bodies which were looked at before.
async fn filter(report: &mut Report, server: &Server) -> Result<()> {
    let mut connection = server.connect().await?;
    for trigger in ["by-key", "by-data", "by-same-data"] {
        order(&mut connection, trigger, "pause").await?;
    }
    let flight = |number: usize| {
        let pad = "x".repeat(KIB - 100);
        let flight = json!({"flight": number, "origin": "JFK", "carrier": "UA", "note": pad});
        flight.to_string().into_bytes()
    };
    let bodies = put_made("sieve", BODIES, flight);
    put(server, bodies, SIFTED_RECORDS).await?;
    let by_key = host_seconds(server, &["by-key".to_owned()]).await?;
    for (trigger, what) in [
        ("by-data", "that does not match"),
        ("by-same-data", "that does not match, of a second trigger"),
    ] {
        let by_data = host_seconds(server, &[trigger.to_owned()]).await?;
        let ns = (by_data - by_key) * 1e9 / SIFTED_RECORDS as f64;
        let what = format!("a filter clause on a JSON body of 1 KiB {what}");
        let row = Row::new(what, ns, "ns");
        report.add(row.target(Target::AtMost(FILTER_NS_MAX)));
    }
    Ok(())
}

/// Puts a backlog, until it costs the server nothing more.
pub(crate) async fn put(server: &Server, bodies: Vec<Bytes>, records: usize) -> Result<()> {
    let mut connection = server.connect().await?;
    for body in bodies.into_iter().cycle().take(records / RECORDS_PER_PUT) {
        connection.kinesis("PutRecords", body).await?;
    }
    server.rest().await
}

pub(crate) async fn order(connection: &mut Connection, trigger: &str, verb: &str) -> Result<Bytes> {
    let path = format!("/_shardmill/api/triggers/{trigger}/{verb}");
    connection.post(&path, Bytes::new()).await
}

pub(crate) async fn shown(connection: &mut Connection, trigger: &str) -> Result<Value> {
    let path = format!("/_shardmill/api/triggers/{trigger}");
    let shown: Value = serde_json::from_slice(&connection.get(&path).await?)?;
    shown["shards"].get(0).cloned().context("find its shard")
}

/// Processor time of the host until these triggers, which begin at once, have worked off what there is.
pub(crate) async fn host_seconds(server: &Server, triggers: &[String]) -> Result<f64> {
    let mut connections = Vec::new();
    for _ in triggers {
        connections.push(server.connect().await?);
    }
    let before = server.host_cpu_seconds()?;
    let mut resumed = JoinSet::new();
    for (trigger, mut connection) in triggers.iter().cloned().zip(connections) {
        resumed.spawn(async move {
            order(&mut connection, &trigger, "resume").await?;
            let wait = json!({"trigger": trigger, "timeout_ms": 60_000}).to_string();
            connection.post("/_shardmill/api/wait", wait.into()).await
        });
    }
    while let Some(worked_off) = resumed.join_next().await {
        worked_off??;
    }
    Ok(server.host_cpu_seconds()? - before)
}
