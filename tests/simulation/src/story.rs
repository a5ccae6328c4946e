//! One story from its first to its last line: producers put, crashes come, all is settled, the end is looked at.
//!
//! Every choice is drawn from the seed. The story has a deadline in simulated time: a server that hangs fails it.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use platform::{Platform, Rng};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::{
    client::{Ask, Client},
    compiled::compiled,
    producer::{Acknowledged, Place, Producer},
    server::{Crash, Server, furnish},
    totals::Totals,
    trace::{Ear, Trace},
};

const WEEK: &str = include_str!("../../../functions/samples/flights-2013-01-week1.ndjson");
const FLIGHTS: usize = 500;
const PRODUCERS: usize = 3;
const CRASHES: usize = 3;
const LIFE_MAX_MS: u64 = 250;
/// A crash comes after so many rounds of the scheduler, so that it finds work half done.
const ROUNDS_MAX: u64 = 60;
const DOWN_MAX_MS: u64 = 100;
const SYNC_MAX: Duration = Duration::from_millis(3);
const STORY_MAX: Duration = Duration::from_secs(600);
const PAGE_ROWS: usize = 1_000;

/// What is there when everything is settled.
#[derive(Debug)]
pub struct Ending {
    /// The flights that were put; a line's number is its index.
    pub lines: Vec<&'static str>,
    /// By the number of the line.
    pub acknowledged: BTreeMap<usize, Place>,
    /// All records of the stream `flights`.
    pub flights: BTreeMap<Place, String>,
    /// Bodies of the streams that the functions wrote.
    pub departures: Vec<String>,
    pub late: Vec<String>,
    pub boards: Vec<String>,
    pub totals: Totals,
    pub dead_letters: Vec<Value>,
    pub trace: Vec<String>,
}

/// Plays the story of a seed.
#[must_use]
pub fn run(seed: u64) -> Ending {
    let compiled = compiled();
    let trace = Trace::default();
    tracing::subscriber::with_default(Ear(trace.clone()), || {
        simulated(played(seed, compiled, &trace))
    })
}

/// Runs on time that passes only while everybody waits.
pub(crate) fn simulated<T>(told: impl Future<Output = T>) -> T {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(told)
}

async fn played(seed: u64, compiled: &BTreeMap<String, Bytes>, trace: &Trace) -> Ending {
    let world = Platform::simulated(seed);
    trace.follow(&world.clock);
    furnish(&world.disk, compiled)
        .await
        .expect("a disk that is empty");
    world.disk.wear(world.rng.fork("disk"), SYNC_MAX);
    let told = tell(&world, trace);
    world
        .clock
        .timeout(STORY_MAX, told)
        .await
        .unwrap_or_else(|_| {
            panic!(
                "after {STORY_MAX:?} the story has not ended:\n{}",
                last(trace)
            )
        })
}

fn last(trace: &Trace) -> String {
    let lines = trace.take();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

async fn tell(world: &Platform, trace: &Trace) -> Ending {
    let lines: Vec<&'static str> = WEEK.lines().take(FLIGHTS).collect();
    let acknowledged = Acknowledged::default();
    let mut server = Server::start(world, trace);
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|turn| {
            let name = format!("producer-{turn}");
            let flights = lines.iter().copied().enumerate();
            let producer = Producer {
                client: Client::new(world, &name, trace),
                rng: world.rng.fork(&name),
                flights: flights.skip(turn).step_by(PRODUCERS).collect(),
                acknowledged: acknowledged.clone(),
                name,
            };
            world.tasks.spawn("producer", producer.run())
        })
        .collect();
    let rng = world.rng.fork("crashes");
    for _ in 0..CRASHES {
        server = crashed(server, world, trace, &rng).await;
    }
    for producer in producers {
        producer.await.expect("a producer ends well");
    }
    let mut client = Client::new(world, "looker", trace);
    let wait = Ask::post("wait", &json!({ "timeout_ms": 60_000 }));
    client.ask(&wait).await;
    let ending = look(&mut client, lines, acknowledged.take(), trace).await;
    drop(server);
    ending
}

/// One life of the server ends at a drawn moment, the next begins.
async fn crashed(server: Server, world: &Platform, trace: &Trace, rng: &Rng) -> Server {
    let drawn = |most| Duration::from_millis(rng.below(most));
    world.clock.sleep(drawn(LIFE_MAX_MS)).await;
    for _ in 0..rng.below(ROUNDS_MAX) {
        tokio::task::yield_now().await;
    }
    let crash = if rng.below(3) == 0 {
        Crash::Killed
    } else {
        Crash::PowerLoss
    };
    server.crash(crash).await;
    world.clock.sleep(drawn(DOWN_MAX_MS)).await;
    Server::start(world, trace)
}

async fn look(
    client: &mut Client,
    lines: Vec<&'static str>,
    acknowledged: BTreeMap<usize, Place>,
    trace: &Trace,
) -> Ending {
    let flights = records(client, "flights").await.into_iter().collect();
    let mut bodies = Vec::new();
    for stream in ["departures", "late-flights", "boards"] {
        let stored = records(client, stream).await;
        bodies.push(stored.into_iter().map(|(_, body)| body).collect());
    }
    let [departures, late, boards] = bodies.try_into().unwrap_or_default();
    let state = client.ask(&Ask::get("state/board")).await;
    let mut totals = Totals::default();
    for row in rows(&state, "values") {
        totals.add_board(&text(row, "key"), &text(row, "value"));
    }
    let letters = client.ask(&Ask::get("dead-letters")).await;
    let dead_letters = rows(&letters, "dead_letters").to_vec();
    client.ask(&Ask::get("status")).await;
    Ending {
        lines,
        acknowledged,
        flights,
        departures,
        late,
        boards,
        totals,
        dead_letters,
        trace: trace.take(),
    }
}

/// Every record of a stream, from its oldest on.
async fn records(client: &mut Client, stream: &str) -> Vec<(Place, String)> {
    let first = format!("streams/{stream}/records?from=oldest&limit={PAGE_ROWS}");
    let mut page = client.ask(&Ask::get(&first)).await;
    let mut found = Vec::new();
    while page["at_tip"] != true {
        found.extend(rows(&page, "records").iter().map(stored));
        let after = text(&page, "after");
        let next = format!("streams/{stream}/records?after={after}&limit={PAGE_ROWS}");
        page = client.ask(&Ask::get(&next)).await;
    }
    found
}

fn stored(record: &Value) -> (Place, String) {
    let place = Place {
        shard: text(record, "shard"),
        sequence: text(record, "sequence"),
    };
    let body = base64_simd::STANDARD
        .decode_to_vec(text(record, "data"))
        .expect("the API shows data as base64");
    (
        place,
        String::from_utf8(body).expect("flights and what becomes of them are text"),
    )
}

fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
