//! How long after a put was answered a reader that waits for it has the record: one reader, and sixteen of them.
//!
//! Readers hang on the tail of the stream in long polls. The load comes from this process on the same cores, so with
//! sixteen readers the figure contains sixteen answers read by one client.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::sync::mpsc;

use crate::{
    calibration::at,
    client::Connection,
    latency::after,
    load::{histogram, micros},
    machine::Spinners,
    report::{Report, Row, Target, say},
    requests::put_record,
    server::{Project, Server},
};

const PUTS: usize = 200;
const READERS: [usize; 2] = [1, 16];
const DELAY_US_MAX: f64 = 100.0;
/// Until the requests of all readers are with the server.
const SETTLE: Duration = Duration::from_millis(2);
const PAGE: &str = "/_shardmill/api/streams/tail/records";

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("tail readers");
    let file = "version: 1\nstreams: { tail: {} }\n";
    let server = project.start("readers", file).await?;
    let spinners = Spinners::start();
    for readers in READERS {
        let delays = delays(&server, readers).await?;
        for (quantile, name) in [(0.5, "p50"), (0.99, "p99")] {
            let row = Row::new(
                format!("record read after its put was answered, {readers} readers, {name}"),
                at(&delays, quantile),
                "us",
            );
            report.add(if name == "p50" {
                row.target(Target::AtMost(DELAY_US_MAX))
            } else {
                row
            });
        }
    }
    drop(spinners);
    Ok(())
}

/// One delay for each put and reader; a reader that was faster than the put's answer counts as 0.
async fn delays(server: &Server, readers: usize) -> Result<Histogram<u64>> {
    let (asking, mut asked) = mpsc::channel(readers);
    let (reading, mut read) = mpsc::channel(readers);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..readers {
        let reader = Reader {
            connection: server.connect().await?,
            asking: asking.clone(),
            reading: reading.clone(),
        };
        running.spawn(reader.run());
    }
    let mut producer = server.connect().await?;
    let bodies = put_record("tail", 1 << 10);
    let mut delays = histogram();
    for body in bodies.iter().cycle().take(PUTS) {
        for _ in 0..readers {
            asked.recv().await.context("wait for the readers to ask")?;
        }
        tokio::time::sleep(SETTLE).await;
        producer.kinesis("PutRecord", body.clone()).await?;
        let answered = Instant::now();
        for _ in 0..readers {
            let at: Instant = read.recv().await.context("wait for the readers")?;
            delays.saturating_record(micros(at.saturating_duration_since(answered)));
        }
    }
    running.shutdown().await;
    Ok(delays)
}

struct Reader {
    connection: Connection,
    asking: mpsc::Sender<()>,
    reading: mpsc::Sender<Instant>,
}

impl Reader {
    /// Until nobody listens any more.
    async fn run(mut self) -> Result<()> {
        let page = self.connection.get(&format!("{PAGE}?from=latest")).await?;
        let mut place = after(&page)?;
        while self.asking.send(()).await.is_ok() {
            let address = format!("{PAGE}?wait_ms=10000&after={place}");
            let page = self.connection.get(&address).await?;
            if self.reading.send(Instant::now()).await.is_err() {
                break;
            }
            place = after(&page)?;
        }
        Ok(())
    }
}
