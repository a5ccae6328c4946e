//! A split while every core is busy with puts: how long it holds up those who put.
//!
//! What counts is the longest round trip of any producer that was under way about the moment when the shards change, which is
//! when the stream has been UPDATING for its while, beside the longest one of a moment before.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    report::{Report, Row, Target, say},
    requests::put_records,
    server::{Project, Server},
};

const PRODUCERS: usize = 4;
const SHARDS: u128 = 8;
const SPLITS: u128 = 5;
const BETWEEN: Duration = Duration::from_millis(200);
const BEFORE: Duration = Duration::from_millis(100);
/// From the answer to the change.
const UPDATING: Duration = Duration::from_millis(500);
const AROUND: Duration = Duration::from_millis(50);
const PAUSE_MS_MAX: f64 = 20.0;
const TRIPS_MAX: usize = 65_536;
const FILE: &str = "version: 1\nstreams: { split: { shards: 8 } }\n";

type Trip = (Instant, Instant);

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("a split under load");
    let server = project.start("split", FILE).await?;
    let (sender, mut trips) = mpsc::channel(TRIPS_MAX);
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        let (connection, sender) = (server.connect().await?, sender.clone());
        producers.spawn(produce(connection, sender));
    }
    let (mut pauses, mut usual) = (Vec::new(), Vec::new());
    for shard in 0..SPLITS {
        tokio::time::sleep(BETWEEN).await;
        let (began, ended) = split(&server, shard).await?;
        tokio::time::sleep(UPDATING + 2 * AROUND).await;
        let mut seen = Vec::new();
        while let Ok(trip) = trips.try_recv() {
            seen.push(trip);
        }
        let change = ended + UPDATING;
        pauses.push(longest(&seen, change - AROUND, change + AROUND));
        usual.push(longest(&seen, began - BEFORE, began));
    }
    producers.shutdown().await;
    let usual = middle(usual);
    report.add(
        Row::new(
            "a split under full load, the longest put meanwhile",
            middle(pauses),
            "ms",
        )
        .beside("the longest put of 100 ms before", usual)
        .target(Target::AtMost(PAUSE_MS_MAX)),
    );
    Ok(())
}

/// Until nobody listens any more.
async fn produce(
    mut connection: crate::client::Connection,
    trips: mpsc::Sender<Trip>,
) -> Result<()> {
    for body in put_records("split", 1 << 10).into_iter().cycle() {
        let began = Instant::now();
        connection.kinesis("PutRecords", body).await?;
        if trips.send((began, Instant::now())).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// In the middle of the shard's range.
async fn split(server: &Server, shard: u128) -> Result<Trip> {
    let width = u128::MAX / SHARDS;
    let ask = json!({
        "StreamName": "split",
        "ShardToSplit": format!("shardId-{shard:012}"),
        "NewStartingHashKey": (shard * width + width / 2).to_string(),
    });
    let mut connection = server.connect().await?;
    let began = Instant::now();
    connection
        .kinesis("SplitShard", Bytes::from(ask.to_string()))
        .await?;
    Ok((began, Instant::now()))
}

/// In milliseconds, of the trips that overlap a span.
fn longest(trips: &[Trip], from: Instant, to: Instant) -> f64 {
    let during = trips
        .iter()
        .filter(|(began, ended)| *began < to && *ended > from);
    let times = during.map(|(began, ended)| ended.duration_since(*began).as_secs_f64() * 1e3);
    times.fold(0.0, f64::max)
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trips_that_overlap_count() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let trips = [(at(0), at(50)), (at(50), at(60)), (at(60), at(63))];
        for (from, to, expect) in [(0, 10, 50.0), (55, 61, 10.0), (61, 70, 3.0), (70, 80, 0.0)] {
            assert_eq!(longest(&trips, at(from), at(to)).round(), expect);
        }
    }
}
