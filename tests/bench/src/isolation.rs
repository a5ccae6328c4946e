//! What one record that always fails costs the others: the search for it, the keys beside it, the throughput once its key is parked.
//!
//! A function that traps says nothing of the record it was at; run once more it is asked to say where it is, or its batch is
//! halved. Backlogs are put while the triggers are paused. What is compared runs in turns, some rounds, and the middle counts.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

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

const ROUNDS: usize = 5;
const POISONED_RECORDS: usize = 10_000;
const EXACT_INVOCATIONS_MAX: f64 = 3.0;
const HALVES_INVOCATIONS_MAX: f64 = 29.0;
const ISOLATE_MS_MAX: f64 = 10.0;
const KEYS: usize = 1_000;
/// Enough that the last row, which is written a moment after the last record, does not count.
const KEYED_RECORDS: usize = 800_000;
const PARKED_RATIO_MIN: f64 = 0.95;
/// One record each, while the poisoned one is looked for.
const LIVE_RECORDS: usize = 2_000;
const PACE: Duration = Duration::from_millis(1);
const OTHERS_MS_MAX: f64 = 50.0;

/// Of the triggers that are measured in rounds, each on a stream of its own: what else they say.
const IN_ROUNDS: [(&str, &str); 5] = [
    ("whole", WHOLE),
    ("exact", EXACT),
    ("halves", HALVES),
    ("sound", PARKING),
    ("parking", PARKING),
];
const WHOLE: &str = "batch: { records: 10000, bytes: 6MiB }";
const EXACT: &str = "batch: { records: 10000, bytes: 6MiB }, retry: { attempts: 1 }";
const HALVES: &str =
    "batch: { records: 10000, bytes: 6MiB }, retry: { isolate: halves, attempts: 1 }";
const PARKING: &str = "retry: { attempts: 1, then: park }";

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("one record that fails");
    let server = project.start("isolation", &file()?).await?;
    search(report, &server).await?;
    parking(report, &server).await?;
    others(report, &server).await
}

fn file() -> Result<String> {
    let (mut streams, mut triggers) = (String::new(), String::new());
    for (name, more) in IN_ROUNDS {
        for round in 0..ROUNDS {
            writeln!(streams, "  {name}-{round}: {{ shards: 1 }}")?;
            let of = format!("stream: {name}-{round}, function: poisoned, outputs: sink");
            writeln!(triggers, "  {name}-{round}: {{ {of}, {more} }}")?;
        }
    }
    Ok(format!(
        "version: 1
streams:
  live: {{ shards: 1 }}
  lived: {{ shards: 1 }}
  sink: {{ shards: 1 }}
{streams}functions: {{ poisoned: {{ source: poisoned.wasm }}, trips: {{ source: trips.wasm }} }}
triggers:
  live: {{ stream: live, function: trips, outputs: lived, retry: {{ attempts: 1 }} }}
{triggers}"
    ))
}

fn data(number: usize, poisoned: bool) -> Vec<u8> {
    let text = if poisoned { "poison" } else { "fine" };
    format!("{text:90} {number:09}").into_bytes()
}

/// One batch each: without a poisoned record; with one, and the function is run once more and says where it is; with one, and
/// the batch is halved. The search costs what the others need more than the first.
async fn search(report: &mut Report, server: &Server) -> Result<()> {
    let names = ["whole", "exact", "halves"];
    let mut costs: [Vec<f64>; 3] = Default::default();
    let mut invocations = [0.0; 3];
    for round in 0..ROUNDS {
        for ((name, costs), invocations) in names.iter().zip(&mut costs).zip(&mut invocations) {
            let poisoned = (*name != "whole").then_some(POISONED_RECORDS / 3);
            let trigger = format!("{name}-{round}");
            let (seconds, needed) = one_batch(server, &trigger, poisoned).await?;
            costs.push(seconds * 1e3);
            *invocations = needed;
        }
    }
    let [whole, exact, halves] = costs.map(middle);
    let what = "a sound batch of 10,000: processor time of the host";
    report.add(Row::new(what, whole, "ms"));
    let [_, by_tracing, by_halves] = invocations;
    for (how, needed, most, ms) in [
        ("with tracing", by_tracing, EXACT_INVOCATIONS_MAX, exact),
        ("by halves", by_halves, HALVES_INVOCATIONS_MAX, halves),
    ] {
        let what = format!("one poisoned record among 10,000, {how}");
        let row = Row::new(format!("{what}: invocations"), needed, "invocations");
        report.add(row.target(Target::AtMost(most)));
        let all = format!("{what}: processor time of the host");
        report.add(Row::new(all, ms, "ms"));
        let more = format!("{what}: of it more than for a sound batch");
        let row = Row::new(more, ms - whole, "ms");
        report.add(row.target(Target::AtMost(ISOLATE_MS_MAX)));
    }
    Ok(())
}

/// Processor time of the host for a backlog of one batch, and how often the function was invoked.
async fn one_batch(server: &Server, trigger: &str, poisoned: Option<usize>) -> Result<(f64, f64)> {
    let mut connection = server.connect().await?;
    order(&mut connection, trigger, "pause").await?;
    let record = |number: usize| data(number, poisoned == Some(number));
    let bodies = put_made(trigger, POISONED_RECORDS / RECORDS_PER_PUT, record);
    put(server, bodies, POISONED_RECORDS).await?;
    let seconds = host_seconds(server, &[trigger.to_owned()]).await?;
    let shown = shown(&mut connection, trigger).await?;
    let count = |name: &str| shown[name].as_f64().with_context(|| format!("find {name}"));
    let expected = if poisoned.is_some() { 1.0 } else { 0.0 };
    if count("dead_letters")? != expected {
        bail!("{shown}: {expected} records are poisoned, and those are given up");
    }
    Ok((seconds, count("invocations")?))
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A thousand keys, and the same with one that always fails and is parked.
async fn parking(report: &mut Report, server: &Server) -> Result<()> {
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let sound = keyed(server, &format!("sound-{round}"), None).await?;
        let parking = keyed(server, &format!("parking-{round}"), Some(KEYS / 2)).await?;
        rates.push(parking);
        ratios.push(parking / sound);
    }
    let what = "1,000 keys, one bad and parked";
    let row = Row::new(format!("{what}: records"), middle(rates), "records/s");
    report.add(row);
    let row = Row::new(format!("{what}, against none bad"), middle(ratios), "x");
    report.add(row.target(Target::AtLeast(PARKED_RATIO_MIN)));
    Ok(())
}

/// Records a second, of a backlog in which those of the bad key fail.
async fn keyed(server: &Server, trigger: &str, bad: Option<usize>) -> Result<f64> {
    let mut connection = server.connect().await?;
    order(&mut connection, trigger, "pause").await?;
    let record = |number: usize| {
        let key = number % KEYS;
        (format!("key-{key:04}"), data(number, bad == Some(key)))
    };
    let bodies = put_keyed(trigger, 2 * KEYS / RECORDS_PER_PUT, record);
    put(server, bodies, KEYED_RECORDS).await?;
    let began = Instant::now();
    host_seconds(server, &[trigger.to_owned()]).await?;
    let rate = KEYED_RECORDS as f64 / began.elapsed().as_secs_f64();
    let shown = shown(&mut connection, trigger).await?;
    let parked = shown["parked"].as_u64().context("find what is parked")?;
    let expected = bad.map_or(0, |_| KEYED_RECORDS / KEYS);
    if parked != expected as u64 {
        bail!("{parked} records are parked, {expected} are of the key that fails");
    }
    Ok(rate)
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
