//! Registered consumers of one shard: how long a record takes to them, and what each delivered megabyte costs the server
//! with one of them and with twenty.
//!
//! A put is sent when every consumer has the last one, so that all of them stay at the tip. The processor time of the
//! same puts without any consumer is taken off.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    calibration::{SYNC_4, at},
    client::Connection,
    load::{histogram, micros},
    machine::Spinners,
    report::{Report, Row, Target, say},
    requests::{RECORDS_PER_PUT, put_record, put_records},
    server::{Project, Server},
};

const KIB: usize = 1 << 10;
const STREAM: &str = "fan";
const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/fan";
const FILE: &str = "version: 1\nstreams: { fan: { shards: 1 } }\n";
const CONSUMERS: [usize; 2] = [1, 20];
const PUTS: usize = 60;
const SINGLE_PUTS: usize = 500;
const EVENT_US_MAX: f64 = 2_000.0;
/// With twenty consumers a delivered byte costs so much less, because each event is encoded once.
const MANY_RATIO_MAX: f64 = 0.85;
/// A consumer that subscribed is not let in again before.
const AGAIN: Duration = Duration::from_millis(5_100);
const ACTIVE_MAX: Duration = Duration::from_secs(30);
const ACTIVE_LOOK: Duration = Duration::from_millis(50);

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("registered consumers");
    let server = project.start("fan-out", FILE).await?;
    let mut connection = server.connect().await?;
    let most = CONSUMERS.into_iter().max().unwrap_or_default();
    let mut arns = Vec::new();
    for number in 0..most {
        arns.push(register(&mut connection, number).await?);
    }
    latency(report, &server, &arns).await?;
    let alone = put_paced(&server, &mut []).await?;
    let mut costs = Vec::new();
    for consumers in CONSUMERS {
        tokio::time::sleep(AGAIN).await;
        let mut subscribers = subscribe(&server, arns.iter().take(consumers)).await?;
        let seconds = put_paced(&server, &mut subscribers).await? - alone;
        let delivered = (PUTS * RECORDS_PER_PUT * KIB * consumers) as f64 / 1e6;
        let cost = seconds * 1e6 / delivered;
        let what = format!("SubscribeToShard, {consumers} consumers, server CPU a delivered MB");
        report.add(Row::new(what, cost, "us"));
        costs.push(cost);
    }
    if let [one, many] = costs.as_slice() {
        report.add(
            Row::new(
                "a delivered MB with 20 consumers against 1, server CPU",
                many / one,
                "x",
            )
            .target(Target::AtMost(MANY_RATIO_MAX)),
        );
    }
    Ok(())
}

async fn latency(report: &mut Report, server: &Server, arns: &[String]) -> Result<()> {
    let spinners = Spinners::start();
    let mut subscribers = subscribe(server, arns.iter().take(1)).await?;
    let subscriber = subscribers.first_mut().context("find the subscriber")?;
    let mut producer = server.connect().await?;
    let mut times = histogram();
    for body in put_record(STREAM, KIB).iter().cycle().take(SINGLE_PUTS) {
        let began = Instant::now();
        let (put, seen) = tokio::join!(
            producer.kinesis("PutRecord", body.clone()),
            subscriber.records(1)
        );
        put?;
        seen?;
        times.saturating_record(micros(began.elapsed()));
    }
    drop(spinners);
    for (quantile, name) in [(0.5, "p50"), (0.99, "p99")] {
        let what = format!("put -> event of SubscribeToShard, awake cores, {name}");
        let row = Row::new(what, at(&times, quantile), "us");
        let row = row.beside("the raw 4 KiB sync", report.value(SYNC_4));
        report.add(if name == "p50" {
            row.target(Target::AtMost(EVENT_US_MAX))
        } else {
            row
        });
    }
    Ok(())
}

/// Returns the server's processor time, in seconds.
async fn put_paced(server: &Server, subscribers: &mut [Subscriber]) -> Result<f64> {
    let mut producer = server.connect().await?;
    let bodies = put_records(STREAM, KIB);
    let before = server.idle_cpu_seconds()?;
    for body in bodies.into_iter().cycle().take(PUTS) {
        producer.kinesis("PutRecords", body).await?;
        for subscriber in &mut *subscribers {
            subscriber.records(RECORDS_PER_PUT).await?;
        }
    }
    Ok(server.idle_cpu_seconds()? - before)
}

/// Registers a consumer, waits until it may subscribe, and returns its ARN.
async fn register(connection: &mut Connection, number: usize) -> Result<String> {
    let name = json!({"StreamARN": ARN, "ConsumerName": format!("reader-{number}")});
    let name = Bytes::from(name.to_string());
    connection
        .kinesis("RegisterStreamConsumer", name.clone())
        .await?;
    let began = Instant::now();
    loop {
        let shown = connection
            .kinesis("DescribeStreamConsumer", name.clone())
            .await?;
        let shown: Value = serde_json::from_slice(&shown)?;
        let consumer = &shown["ConsumerDescription"];
        if consumer["ConsumerStatus"] == "ACTIVE" {
            let arn = consumer["ConsumerARN"].as_str();
            return arn.map(str::to_owned).context("find the consumer's ARN");
        }
        if began.elapsed() > ACTIVE_MAX {
            bail!("a consumer did not become active");
        }
        tokio::time::sleep(ACTIVE_LOOK).await;
    }
}

async fn subscribe(
    server: &Server,
    arns: impl Iterator<Item = &String>,
) -> Result<Vec<Subscriber>> {
    let mut running = JoinSet::new();
    for arn in arns {
        let ask = json!({
            "ConsumerARN": arn,
            "ShardId": "shardId-000000000000",
            "StartingPosition": {"Type": "LATEST"},
        });
        let mut connection = server.connect().await?;
        running.spawn(async move {
            let ask = Bytes::from(ask.to_string());
            let body = connection.live("SubscribeToShard", ask).await?;
            let mut subscriber = Subscriber {
                body,
                read: BytesMut::new(),
                _connection: connection,
            };
            // The initial response: from now on nothing is missed.
            subscriber.message().await?;
            anyhow::Ok(subscriber)
        });
    }
    let mut subscribers = Vec::new();
    while let Some(subscriber) = running.join_next().await {
        subscribers.push(subscriber??);
    }
    Ok(subscribers)
}

struct Subscriber {
    body: Incoming,
    read: BytesMut,
    _connection: Connection,
}

impl Subscriber {
    /// Reads events until so many records came.
    async fn records(&mut self, wanted: usize) -> Result<()> {
        let mut came = 0;
        while came < wanted {
            let message = self.message().await?;
            came += memchr::memmem::find_iter(&message, b"\"PartitionKey\"").count();
        }
        if came > wanted {
            bail!("a consumer got {came} records where {wanted} were put");
        }
        Ok(())
    }

    /// A message of the event stream begins with its own length.
    async fn message(&mut self) -> Result<BytesMut> {
        loop {
            if let Some(length) = self.read.first_chunk::<4>() {
                let length = u32::from_be_bytes(*length) as usize;
                if length <= self.read.len() {
                    return Ok(self.read.split_to(length));
                }
            }
            let frame = self.body.frame().await;
            let frame = frame.context("the subscription ended early")??;
            if let Some(data) = frame.data_ref() {
                self.read.extend_from_slice(data);
            }
        }
    }
}
