//! Puts that are durable when they are answered, and reads; beside the sum of their parts.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    calibration::{NO_OP_64, WRITE},
    load::{self, Call, Load},
    parts::{AllParts, Parts},
    report::{Report, Row, Target, say},
    requests::{RECORDS_PER_PUT, put_record, put_records, put_records_cbor},
    server::{Project, Server},
};

const KIB: usize = 1 << 10;
const CONNECTIONS: [usize; 3] = [1, 4, 16];
const READ_REQUESTS: usize = 20;
/// Of the processor time that our server needs, as much has to be one of the parts.
const PARTS_RATIO_MIN: f64 = 0.6;
/// Requests for each second of the server's processor time.
const PUT_RECORD_RATE_MIN: f64 = 24_000.0;
/// The same records cost so much more in JSON.
const CBOR_RATIO_MIN: f64 = 1.3;
const MANY_SHARDS_RATIO_MIN: f64 = 0.8;

const FILE: &str = "version: 1
streams:
  puts: { shards: 4 }
  gets: { shards: 1 }
  narrow: { shards: 1 }
  wide: { shards: 64 }
";

pub(crate) async fn measure(report: &mut Report, project: &Project, parts: AllParts) -> Result<()> {
    say("puts and reads");
    let server = project.start("streams", FILE).await?;
    many_records(report, &server, 100, "100 B", parts.put_records_100).await?;
    many_records(report, &server, KIB, "1 KiB", parts.put_records_1024).await?;
    one_record(report, &server, parts.put_record).await?;
    codecs(report, &server).await?;
    shards(report, &server).await?;
    gets(report, &server).await
}

async fn many_records(
    report: &mut Report,
    server: &Server,
    record_bytes: usize,
    size: &str,
    parts: Parts,
) -> Result<()> {
    let bodies = put_records("puts", record_bytes);
    let mut loads = Vec::new();
    for connections in CONNECTIONS {
        let load = load::run(server, connections, Call::Kinesis("PutRecords"), &bodies).await?;
        let name = format!("PutRecords 500 x {size}, {connections} connections");
        let row = Row::new(name, records(&load), "records/s");
        let raw = report.value(WRITE) * 1e6 / record_bytes as f64;
        report.add(
            row.server_us(load.server_us(RECORDS_PER_PUT))
                .beside("the raw write", raw),
        );
        loads.push(load);
    }
    let [first, more @ ..] = loads.as_slice() else {
        return Ok(());
    };
    let slowest = more.iter().map(records).fold(f64::INFINITY, f64::min);
    report.add(
        Row::new(
            format!("PutRecords 500 x {size}, the slowest of 4 and 16 connections against 1"),
            slowest / records(first),
            "x",
        )
        .target(Target::AtLeast(1.0)),
    );
    for load in more.iter().take(1) {
        let what = format!("PutRecords 500 x {size}, 4 connections");
        against_parts(report, &what, parts, load.server_us(1));
    }
    Ok(())
}

async fn one_record(report: &mut Report, server: &Server, parts: Parts) -> Result<()> {
    let bodies = put_record("puts", KIB);
    let load = load::run(server, 64, Call::Kinesis("PutRecord"), &bodies).await?;
    let what = "PutRecord 1 KiB, 64 connections";
    report.add(
        Row::new(what, load.per_second(), "requests/s")
            .server_us(load.server_us(1))
            .beside("GET /healthz", report.value(NO_OP_64)),
    );
    report.add(
        Row::new(
            "PutRecord 1 KiB, 64 connections, for each second of server CPU",
            1e6 / load.server_us(1),
            "requests",
        )
        .target(Target::AtLeast(PUT_RECORD_RATE_MIN)),
    );
    against_parts(report, what, parts, load.server_us(1));
    Ok(())
}

fn against_parts(report: &mut Report, what: &str, parts: Parts, server_us: f64) {
    let ratio = |of: &str, us: f64| {
        let what = format!("{what}, CPU of {of} against the server's");
        Row::new(what, us / server_us, "x")
    };
    let sum = ratio("the sum of parts", parts.sum);
    report.add(sum.target(Target::AtLeast(PARTS_RATIO_MIN)));
    report.add(ratio("the floor", parts.floor));
}

/// The same records in both codecs, one after the other and again, so that a slow moment of the machine meets both.
async fn codecs(report: &mut Report, server: &Server) -> Result<()> {
    const ROUNDS: usize = 2;
    let loads = [
        (
            "JSON",
            Call::Kinesis("PutRecords"),
            put_records("puts", KIB),
        ),
        (
            "CBOR",
            Call::KinesisCbor("PutRecords"),
            put_records_cbor("puts", KIB),
        ),
    ];
    let mut costs = [0.0; 2];
    for _ in 0..ROUNDS {
        for (cost, (_, call, bodies)) in costs.iter_mut().zip(&loads) {
            let load = load::run(server, 4, *call, bodies).await?;
            *cost += load.server_us(RECORDS_PER_PUT) / ROUNDS as f64;
        }
    }
    for (cost, (codec, ..)) in costs.iter().zip(&loads) {
        let what = format!("PutRecords 500 x 1 KiB in {codec}, 4 connections, server CPU a record");
        report.add(Row::new(what, *cost, "us"));
    }
    let [json, cbor] = costs;
    report.add(
        Row::new(
            "PutRecords in JSON against CBOR, server CPU",
            json / cbor,
            "x",
        )
        .target(Target::AtLeast(CBOR_RATIO_MIN)),
    );
    Ok(())
}

async fn shards(report: &mut Report, server: &Server) -> Result<()> {
    let mut rates = Vec::new();
    for (stream, shards) in [("narrow", 1), ("wide", 64)] {
        let bodies = put_records(stream, KIB);
        let load = load::run(server, 4, Call::Kinesis("PutRecords"), &bodies).await?;
        let what = format!("PutRecords 500 x 1 KiB, 4 connections, {shards} shards");
        report.add(
            Row::new(what, records(&load), "records/s").server_us(load.server_us(RECORDS_PER_PUT)),
        );
        rates.push(records(&load));
    }
    if let [narrow, wide] = rates.as_slice() {
        report.add(
            Row::new("64 shards against 1", wide / narrow, "x")
                .target(Target::AtLeast(MANY_SHARDS_RATIO_MIN)),
        );
    }
    Ok(())
}

fn records(load: &Load) -> f64 {
    load.per_second() * RECORDS_PER_PUT as f64
}

/// Pages of up to 10 MiB from the beginning of a shard.
async fn gets(report: &mut Report, server: &Server) -> Result<()> {
    let mut connection = server.connect().await?;
    for body in put_records("gets", KIB) {
        connection.kinesis("PutRecords", body).await?;
    }
    for limit in [100, 5_000] {
        let page = Page::of(server, "gets", limit).await?;
        let load = page.load(server).await?;
        report.add(
            Row::new(
                format!("GetRecords, {} x 1 KiB a page, 1 connection", page.records),
                load.per_second() * page.records as f64,
                "records/s",
            )
            .server_us(load.server_us(page.records))
            .beside("memcpy", report.value("memcpy of 1 MiB") * 1e6 / KIB as f64),
        );
    }
    Ok(())
}

/// A request for the first records of a stream, and how many come.
pub(crate) struct Page {
    body: Bytes,
    pub(crate) records: usize,
}

impl Page {
    pub(crate) async fn of(server: &Server, stream: &str, limit: usize) -> Result<Self> {
        let mut connection = server.connect().await?;
        let ask = json!({
            "StreamName": stream,
            "ShardId": "shardId-000000000000",
            "ShardIteratorType": "TRIM_HORIZON",
        });
        let answer = connection
            .kinesis("GetShardIterator", Bytes::from(ask.to_string()))
            .await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let iterator = answer["ShardIterator"]
            .as_str()
            .context("find the iterator")?;
        let body = Bytes::from(json!({"ShardIterator": iterator, "Limit": limit}).to_string());
        let page: Value =
            serde_json::from_slice(&connection.kinesis("GetRecords", body.clone()).await?)?;
        let records = page["Records"].as_array().map_or(0, Vec::len);
        Ok(Self { body, records })
    }

    /// Reads it again and again over one connection.
    pub(crate) async fn load(&self, server: &Server) -> Result<Load> {
        let bodies = vec![self.body.clone(); READ_REQUESTS];
        load::run(server, 1, Call::Kinesis("GetRecords"), &bodies).await
    }
}
