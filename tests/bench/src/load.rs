//! A closed loop: so many connections, each sending its next request when the last was answered.
//!
//! What comes out counts requests and the server's processor time while they ran, and has a histogram of their
//! round trips. The first moments are not counted.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::{client::Connection, server::Server};

const WARM_UP: Duration = Duration::from_millis(300);
const MEASURED: Duration = Duration::from_secs(2);

/// What each request of a load is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    Kinesis(&'static str),
    Get(&'static str),
    /// To where nobody reads the body.
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
    server: &Server,
    connections: usize,
    call: Call,
    bodies: &[Bytes],
) -> Result<Load> {
    warm(server, connections, call, bodies).await?;
    let before = server.cpu_seconds()?;
    let began = Instant::now();
    let trips = during(server, connections, call, bodies, MEASURED).await?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Load {
        requests: trips.len(),
        seconds,
        server_seconds: server.cpu_seconds()? - before,
        trips,
    })
}

async fn warm(server: &Server, connections: usize, call: Call, bodies: &[Bytes]) -> Result<()> {
    during(server, connections, call, bodies, WARM_UP)
        .await
        .map(drop)
}

async fn during(
    server: &Server,
    connections: usize,
    call: Call,
    bodies: &[Bytes],
    time: Duration,
) -> Result<Histogram<u64>> {
    let mut loops = JoinSet::new();
    for first in 0..connections {
        let connection = server.connect().await?;
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
        Call::Kinesis(action) => connection.kinesis(action, body).await,
        Call::Get(path) => connection.get(path).await,
        Call::InVain => connection.in_vain(body).await,
    }
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
