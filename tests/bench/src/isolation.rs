//! What one record that always fails costs the others: the search for it, the keys beside it, the throughput once its key is parked.
//!
//! A function that traps says nothing of the record it was at; run once more it is asked to say where it is. Backlogs are put
//! while the triggers are paused.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    calibration::at,
    consumer::{host_seconds, order, put, shown},
    latency::after,
    load::{histogram, micros},
    report::{Report, Row, Target, say},
    requests::{RECORDS_PER_PUT, put_keyed, put_made},
    server::{Project, Server},
};

const POISONED_RECORDS: usize = 10_000;
const EXACT_INVOCATIONS_MAX: f64 = 3.0;
const ISOLATE_MS_MAX: f64 = 10.0;
const KEYS: usize = 1_000;
const KEYED_RECORDS: usize = 200_000;
const PARKED_RATIO_MIN: f64 = 0.95;
/// One record each, while the poisoned one is looked for.
const LIVE_RECORDS: usize = 2_000;
const PACE: Duration = Duration::from_millis(1);
const OTHERS_MS_MAX: f64 = 50.0;

const FILE: &str = "version: 1
streams:
  whole: { shards: 1 }
  exact: { shards: 1 }
  sound: { shards: 1 }
  parking: { shards: 1 }
  live: { shards: 1 }
  lived: { shards: 1 }
  sink: { shards: 1 }
functions: { poisoned: { source: poisoned.wasm }, trips: { source: trips.wasm } }
triggers:
  whole: { stream: whole, function: poisoned, outputs: sink, batch: { records: 10000, bytes: 6MiB } }
  exact: { stream: exact, function: poisoned, outputs: sink, batch: { records: 10000, bytes: 6MiB }, retry: { attempts: 1 } }
  sound: { stream: sound, function: poisoned, outputs: sink, retry: { attempts: 1, then: park } }
  parking: { stream: parking, function: poisoned, outputs: sink, retry: { attempts: 1, then: park } }
  live: { stream: live, function: trips, outputs: lived, retry: { attempts: 1 } }
";

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("one record that fails");
    let server = project.start("isolation", FILE).await?;
    exact(report, &server).await?;
    parking(report, &server).await?;
    others(report, &server).await
}

fn data(number: usize, poisoned: bool) -> Vec<u8> {
    let text = if poisoned { "poison" } else { "fine" };
    format!("{text:90} {number:09}").into_bytes()
}

/// The function is run once more, and says where it is. Beside it stands what the same records cost without a poisoned one.
async fn exact(report: &mut Report, server: &Server) -> Result<()> {
    let mut connection = server.connect().await?;
    let mut costs = Vec::new();
    for (name, poisoned) in [("whole", None), ("exact", Some(POISONED_RECORDS / 3))] {
        order(&mut connection, name, "pause").await?;
        let record = |number: usize| data(number, poisoned == Some(number));
        let bodies = put_made(name, POISONED_RECORDS / RECORDS_PER_PUT, record);
        put(server, bodies, POISONED_RECORDS).await?;
        costs.push(host_seconds(server, &[name.to_owned()]).await?);
    }
    let [whole, exact] = costs.as_slice() else {
        bail!("two batches are measured");
    };
    let shown = shown(&mut connection, "exact").await?;
    let count = |name: &str| shown[name].as_f64().with_context(|| format!("find {name}"));
    if count("dead_letters")? != 1.0 {
        bail!("{shown}: one record is poisoned, and that one is given up");
    }
    let what = "one poisoned record among 10,000, with tracing";
    let row = Row::new(
        format!("{what}: invocations"),
        count("invocations")?,
        "invocations",
    );
    report.add(row.target(Target::AtMost(EXACT_INVOCATIONS_MAX)));
    let time = format!("{what}: processor time of the host");
    let row = Row::new(&time, exact * 1e3, "ms");
    report.add(row.target(Target::AtMost(ISOLATE_MS_MAX)));
    report.add(Row::new(
        "a sound batch of 10,000: processor time of the host",
        whole * 1e3,
        "ms",
    ));
    Ok(())
}

/// A thousand keys, and the same with one that always fails and is parked.
async fn parking(report: &mut Report, server: &Server) -> Result<()> {
    let mut connection = server.connect().await?;
    let mut rates = Vec::new();
    for (stream, bad) in [("sound", None), ("parking", Some(KEYS / 2))] {
        order(&mut connection, stream, "pause").await?;
        let record = |number: usize| {
            let key = number % KEYS;
            (format!("key-{key:04}"), data(number, bad == Some(key)))
        };
        let bodies = put_keyed(stream, 2 * KEYS / RECORDS_PER_PUT, record);
        put(server, bodies, KEYED_RECORDS).await?;
        let began = Instant::now();
        host_seconds(server, &[stream.to_owned()]).await?;
        rates.push(KEYED_RECORDS as f64 / began.elapsed().as_secs_f64());
        let shown = shown(&mut connection, stream).await?;
        let parked = shown["parked"].as_u64().context("find what is parked")?;
        let expected = bad.map_or(0, |_| KEYED_RECORDS / KEYS);
        if parked != expected as u64 {
            bail!("{parked} records are parked, {expected} are of the key that fails");
        }
    }
    let [sound, parking] = rates.as_slice() else {
        bail!("two rates are measured");
    };
    let what = "1,000 keys, one bad and parked";
    report.add(Row::new(format!("{what}: records"), *parking, "records/s"));
    let row = Row::new(format!("{what}, against none bad"), parking / sound, "x");
    report.add(row.target(Target::AtLeast(PARKED_RATIO_MIN)));
    Ok(())
}

/// Records of other keys that are put while the culprit is looked for, from their put to a reader of what came of them.
async fn others(report: &mut Report, server: &Server) -> Result<()> {
    let began = Instant::now();
    let reading = tokio::spawn(delays(server.connect().await?, began));
    let mut producer = server.connect().await?;
    for number in 0..LIVE_RECORDS {
        let is_poison = number == LIVE_RECORDS / 2;
        let at = began.elapsed().as_micros();
        let text = if is_poison {
            "poison".to_owned()
        } else {
            format!("at {at}")
        };
        let data = base64_simd::STANDARD.encode_to_string(text);
        let key = format!("key-{number:06}");
        let body = json!({"StreamName": "live", "Data": data, "PartitionKey": key});
        let body = Bytes::from(body.to_string());
        producer.kinesis("PutRecord", body).await?;
        tokio::time::sleep(PACE).await;
    }
    let delays = reading.await.context("the reader")??;
    let row = Row::new(
        "one poisoned record, other keys meanwhile, put -> output read, p99",
        delays / 1e3,
        "ms",
    );
    report.add(row.target(Target::AtMost(OTHERS_MS_MAX)));
    Ok(())
}

/// Of the second half, which begins with the poisoned record: the delay of one in a hundred, in microseconds.
async fn delays(mut reader: crate::client::Connection, began: Instant) -> Result<f64> {
    let page = "/_shardmill/api/streams/lived/records";
    let mut from = "from=oldest".to_owned();
    let mut times = histogram();
    let mut seen = 0;
    while seen < LIVE_RECORDS - 1 {
        let got = reader.get(&format!("{page}?wait_ms=10000&{from}")).await?;
        let now = began.elapsed();
        let read: Value = serde_json::from_slice(&got)?;
        let records = read["records"].as_array().context("find the records")?;
        if records.is_empty() {
            bail!("{seen} of {LIVE_RECORDS} records came out");
        }
        for record in records {
            let data = record["data"].as_str().context("find the data")?;
            let text = String::from_utf8(base64_simd::STANDARD.decode_to_vec(data)?)?;
            let at = text.strip_prefix("at ").context("find when it was put")?;
            let at: u64 = at.parse()?;
            if seen >= LIVE_RECORDS / 2 {
                let delay = now.saturating_sub(Duration::from_micros(at));
                times.saturating_record(micros(delay));
            }
            seen += 1;
        }
        from = format!("after={}", after(&got)?);
    }
    Ok(at(&times, 0.99))
}
