//! From a put to what a function made of it, one record at a time, as a client sees it.
//!
//! "Handler returned" ends when the answer of `wait`, sent right after the put's own answer, is in: it contains two
//! round trips more than the server itself needs. "Output read" ends when a reader that waits has the function's output.

use std::time::Instant;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::{
    calibration::{SYNC_4, at},
    load::{histogram, micros},
    machine::Spinners,
    report::{Report, Row, Target, say},
    requests::put_record,
    server::{Project, Server},
};

const PUTS: usize = 500;
const SETTLED: &str = "put -> handler returned";
/// Of the median, and of one in a hundred.
const SETTLED_US_MAX: [f64; 2] = [2_000.0, 10_000.0];

const FILE: &str = "version: 1
streams: { quick: {}, ping: {}, pong: {} }
functions: { empty: { source: empty.wasm }, echo: { source: echo.wasm } }
triggers:
  quick: { stream: quick, function: empty }
  pingpong: { stream: ping, function: echo, outputs: pong }
";

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("latency");
    let server = project.start("latency", FILE).await?;
    let idle = settled(&server).await?;
    add(
        report,
        "idle cores",
        &idle,
        SETTLED,
        SETTLED_US_MAX.map(Some),
    );
    let Some(spinners) = Spinners::start() else {
        report.not_run("latency on awake cores", "chrt is missing");
        return Ok(());
    };
    let awake = settled(&server).await?;
    add(
        report,
        "awake cores",
        &awake,
        SETTLED,
        SETTLED_US_MAX.map(Some),
    );
    let read = read(&server).await?;
    add(
        report,
        "awake cores",
        &read,
        "put -> output read",
        [None; 2],
    );
    drop(spinners);
    Ok(())
}

fn add(
    report: &mut Report,
    cores: &str,
    times: &Histogram<u64>,
    what: &str,
    us_max: [Option<f64>; 2],
) {
    for ((quantile, name), most) in [(0.5, "p50"), (0.99, "p99")].into_iter().zip(us_max) {
        let row = Row::new(
            format!("{what}, {cores}, {name}"),
            at(times, quantile),
            "us",
        )
        .beside("the raw 4 KiB sync", report.value(SYNC_4));
        report.add(match most {
            Some(most) => row.target(Target::AtMost(most)),
            None => row,
        });
    }
}

async fn settled(server: &Server) -> Result<Histogram<u64>> {
    let mut connection = server.connect().await?;
    let bodies = put_record("quick", 1 << 10);
    let wait = Bytes::from(json!({"trigger": "quick", "timeout_ms": 10_000}).to_string());
    let mut times = histogram();
    for body in bodies.iter().cycle().take(PUTS) {
        let began = Instant::now();
        connection.kinesis("PutRecord", body.clone()).await?;
        connection
            .post("/_shardmill/api/wait", wait.clone())
            .await?;
        times.saturating_record(micros(began.elapsed()));
    }
    Ok(times)
}

async fn read(server: &Server) -> Result<Histogram<u64>> {
    let mut producer = server.connect().await?;
    let mut reader = server.connect().await?;
    let bodies = put_record("ping", 1 << 10);
    let page = "/_shardmill/api/streams/pong/records";
    let mut after = after(&reader.get(&format!("{page}?from=latest")).await?)?;
    let mut times = histogram();
    for body in bodies.iter().cycle().take(PUTS) {
        let address = format!("{page}?wait_ms=10000&after={after}");
        let began = Instant::now();
        let (put, got) = tokio::join!(
            producer.kinesis("PutRecord", body.clone()),
            reader.get(&address)
        );
        put?;
        let got = got?;
        times.saturating_record(micros(began.elapsed()));
        after = self::after(&got)?;
    }
    Ok(times)
}

/// Where the next page begins.
pub(crate) fn after(page: &[u8]) -> Result<String> {
    let page: Value = serde_json::from_slice(page)?;
    page["after"]
        .as_str()
        .map(str::to_owned)
        .context("find where a page ends")
}
