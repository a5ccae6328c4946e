//! A closed loop: so many connections, each sending its next request when the last was answered.
//!
//! What comes out counts requests and the server's processor time while they ran, and has a histogram of their
//! round trips. The first moments are not counted.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::client::Connection;

const WARM_UP: Duration = Duration::from_millis(300);
const MEASURED: Duration = Duration::from_secs(2);

/// What answers a load, and what that costs it.
pub(crate) trait Subject {
    fn address(&self) -> SocketAddr;
    /// Processor time since its start.
    fn cpu_seconds(&self) -> Result<f64>;
}

/// What each request of a load is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    Kinesis(&'static str),
    KinesisCbor(&'static str),
    Get(&'static str),
    Post(&'static str),
    Lambda(&'static str),
    /// To where the body is read and thrown away.
    InVain,
}

#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) server_seconds: f64,
    /// Round trips in microseconds.
    pub(crate) trips: Histogram<u64>,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Microseconds of the server for each of `each` parts of a request.
    pub(crate) fn server_us(&self, each: usize) -> f64 {
        self.server_seconds * 1e6 / (self.requests as f64 * each as f64)
    }
}

pub(crate) fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 60_000_000, 3)
        .unwrap_or_else(|error| panic!("the bounds of a histogram are constants: {error}"));
    histogram.auto(true);
    histogram
}

/// Sends `bodies` in turn over `connections`, each beginning at another one.
pub(crate) async fn run(
    server: &impl Subject,
    connections: usize,
    call: Call,
    bodies: &[Bytes],
) -> Result<Load> {
    let address = server.address();
    drop(during(address, connections, call, bodies, WARM_UP).await?);
    let before = server.cpu_seconds()?;
    let began = Instant::now();
    let trips = during(address, connections, call, bodies, MEASURED).await?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Load {
        requests: trips.len(),
        seconds,
        server_seconds: server.cpu_seconds()? - before,
        trips,
    })
}

async fn during(
    address: SocketAddr,
    connections: usize,
    call: Call,
    bodies: &[Bytes],
    time: Duration,
) -> Result<Histogram<u64>> {
    let mut loops = JoinSet::new();
    for first in 0..connections {
        let connection = Connection::open(address).await?;
        let bodies: Vec<Bytes> = bodies
            .iter()
            .cycle()
            .skip(first)
            .take(bodies.len())
            .cloned()
            .collect();
        loops.spawn(closed_loop(connection, call, bodies, time));
    }
    let mut trips = histogram();
    while let Some(ended) = loops.join_next().await {
        trips.add(ended??)?;
    }
    Ok(trips)
}

async fn closed_loop(
    mut connection: Connection,
    call: Call,
    bodies: Vec<Bytes>,
    time: Duration,
) -> Result<Histogram<u64>> {
    let mut trips = histogram();
    let end = Instant::now() + time;
    for body in bodies.iter().cycle() {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        send(&mut connection, call, body.clone()).await?;
        trips.saturating_record(micros(sent.elapsed()));
    }
    Ok(trips)
}

async fn send(connection: &mut Connection, call: Call, body: Bytes) -> Result<Bytes> {
    match call {
        Call::Kinesis(action) => {
            let answer = connection.kinesis(action, body).await?;
            if action == "PutRecords" && !took_all(&answer) {
                bail!("PutRecords: some records were not taken");
            }
            Ok(answer)
        }
        Call::KinesisCbor(action) => {
            let answer = connection.kinesis_cbor(action, body).await?;
            if action == "PutRecords" && !answer.ends_with(b"FailedRecordCount\0") {
                bail!("PutRecords: some records were not taken");
            }
            Ok(answer)
        }
        Call::Get(path) => connection.get(path).await,
        Call::Post(path) => connection.post(path, body).await,
        Call::Lambda(path) => connection.lambda(path, body).await,
        Call::InVain => connection.in_vain(body).await,
    }
}

/// The count of failures stands at one of the ends, so that no answer is read whole.
fn took_all(answer: &[u8]) -> bool {
    const SEEN_BYTES: usize = 64;
    let seen = SEEN_BYTES.min(answer.len());
    [&answer[..seen], &answer[answer.len() - seen..]]
        .iter()
        .any(|end| {
            let text: String = String::from_utf8_lossy(end)
                .chars()
                .filter(|character| *character != ' ')
                .collect();
            text.contains("\"FailedRecordCount\":0")
        })
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_record_is_seen() {
        let long = "x".repeat(1_000);
        for (answer, taken) in [
            (
                format!("{{\"FailedRecordCount\":0,\"Records\":[{long}]}}"),
                true,
            ),
            (
                format!("{{\"Records\":[{long}],\"FailedRecordCount\": 0}}"),
                true,
            ),
            (
                format!("{{\"FailedRecordCount\":3,\"Records\":[{long}]}}"),
                false,
            ),
            ("{}".to_owned(), false),
        ] {
            assert_eq!(took_all(answer.as_bytes()), taken, "{answer}");
        }
    }
}
