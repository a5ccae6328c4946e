//! One story from its first to its last line: producers put, lives of the server end, all is settled, the end is looked at.
//!
//! Every choice is drawn from the seed. The story has a deadline in simulated time: a server that hangs fails it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use platform::{Platform, Rng, Stop, Task};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::{
    between::Between,
    client::{Ask, Client},
    compiled::compiled,
    events::Event,
    fault::{Fault, Faults},
    life::Fate,
    operator::MOVED,
    packer::{Packed, Packer},
    pages::{Pages, Stored, dead_letters, documents, rows, text},
    parcels,
    people::{Gone, People},
    plan::{Part, Plan},
    post::Post,
    producer::{Acknowledged, Place, Producer},
    server::{FAILED, Server, furnish},
    totals::Totals,
    trace::{Ear, Trace},
    trouble::Trouble,
};

const WEEK: &str = include_str!("../../../functions/samples/flights-2013-01-week1.ndjson");
const FLIGHTS_MIN: u64 = 50;
pub(crate) const FLIGHTS_MAX: u64 = 500;
const PRODUCERS_MAX: u64 = 4;
pub(crate) const LIVES_MAX: u64 = 6;
/// One line in so many is no flight.
const BROKEN: u64 = 40;
/// One story in so many begins in a folder that nobody has synced yet; without compiled code it takes seconds.
const NEW_FOLDER: u64 = 20;
const SYNC_MAX: Duration = Duration::from_millis(3);
const SLOW_SYNC_MAX: Duration = Duration::from_millis(80);
/// More than a tumbling window takes, and the longest pause before a failure document is sent again.
/// So is a clock that was set forward.
const ALL_COMES: Duration = Duration::from_secs(180);
const STORY_MAX: Duration = Duration::from_secs(12 * 3600);

/// What is there when everything is settled.
#[derive(Debug)]
pub struct Ending {
    /// What was put; a line's number is its index.
    pub lines: Vec<String>,
    /// The numbers of the lines that are no flights.
    pub broken: BTreeSet<usize>,
    /// By the number of the line.
    pub acknowledged: BTreeMap<usize, Place>,
    /// The end of each life but the last.
    pub between: Vec<Between>,
    /// What a reader was shown along the way.
    pub shown: Vec<Stored>,
    /// All records of the stream `flights`.
    pub flights: BTreeMap<Place, String>,
    /// Records of the streams that the functions wrote, in order within each shard.
    pub departures: Vec<Stored>,
    pub late: Vec<Stored>,
    pub boards: Vec<Stored>,
    /// What the trigger wrote that an operator moved back.
    pub replays: Vec<Stored>,
    /// What the triggers with tumbling windows counted, by key and by shard.
    pub tallies: Vec<Stored>,
    pub sums: Vec<Stored>,
    pub totals: Totals,
    pub post: Post,
    /// The records that were given up, each with its trigger.
    pub dead_letters: Vec<(String, String)>,
    /// The records in the documents that the failure destination of `departures` got.
    pub documents: Vec<String>,
    /// Answers to `why` along the way, the last one from the end.
    pub looks: Vec<Value>,
    /// What triggers said of their records along the way.
    pub counts: Vec<Value>,
    pub faults: Faults,
    /// What the workers of triggers did, in order.
    pub events: Vec<Event>,
    /// Of each shard of each stream that a trigger reads.
    pub parents: BTreeMap<(String, String), Vec<String>>,
    /// Whether a shard may have been handled in lanes, so that only the order of a key holds.
    pub lanes: bool,
    /// Simulated.
    pub took: Duration,
}

/// Which stream each trigger reads.
const READS: [(&str, &str); 8] = [
    ("departures", "flights"),
    ("replays", "flights"),
    ("tallies", "flights"),
    ("sums", "flights"),
    ("customs", "parcels"),
    ("heavy", "parcels"),
    ("board", "departures"),
    ("quake-alerts", "earthquakes"),
];

impl Ending {
    /// The shards that became this one.
    pub(crate) fn parents_of(&self, trigger: &str, shard: &str) -> &[String] {
        let read = READS.iter().find(|(name, _)| *name == trigger);
        let stream = read.map_or("", |(_, stream)| stream);
        let key = (stream.to_owned(), shard.to_owned());
        self.parents.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Whether an operator may have moved the trigger.
    pub(crate) fn is_moved(&self, trigger: &str) -> bool {
        trigger == MOVED && self.came(Fault::Seek) > 0
    }

    pub(crate) fn came(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or(0)
    }

    pub(crate) fn is_resharded(&self) -> bool {
        self.parents.values().any(|parents| !parents.is_empty())
    }
}

/// Plays the whole story of a seed; everything that is said goes into the trace.
#[must_use]
pub fn run(seed: u64, trace: &Trace) -> Ending {
    run_as_planned(seed, &Plan::default(), trace)
}

/// Plays as much of the story of a seed as the plan says.
#[must_use]
pub fn run_as_planned(seed: u64, plan: &Plan, trace: &Trace) -> Ending {
    let compiled = compiled();
    tracing::subscriber::with_default(Ear(trace.clone()), || {
        simulated(played(seed, plan, compiled, trace))
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

async fn played(
    seed: u64,
    plan: &Plan,
    compiled: &BTreeMap<String, Bytes>,
    trace: &Trace,
) -> Ending {
    let world = Platform::simulated(seed);
    trace.follow(&world.clock);
    furnish(&world.disk, compiled)
        .await
        .expect("a disk that is empty");
    let fate = Fate {
        world: world.clone(),
        trace: trace.clone(),
        rng: world.rng.fork("fate"),
        trouble: Trouble::default(),
        plan: plan.clone(),
        lanes: world.rng.below(2) == 0 && plan.has(Part::Lanes),
    };
    if fate.rng.below(NEW_FOLDER) > 0 {
        world
            .disk
            .sync_tree(Path::new("/"))
            .expect("a disk without faults");
    }
    fate.trouble.watch(&world.disk, trace);
    let told = world.clock.timeout(STORY_MAX, tell(&fate)).await;
    Trouble::calm(&world.disk);
    told.unwrap_or_else(|_| panic!("after {STORY_MAX:?} the story has not ended"))
}

async fn tell(fate: &Fate) -> Ending {
    let (world, trace) = (&fate.world, &fate.trace);
    let slow = fate.rng.below(5) == 0 && fate.plan.has(Part::SlowDisks);
    if slow {
        trace.fault(Fault::SlowDisk);
    }
    let sync_max = if slow { SLOW_SYNC_MAX } else { SYNC_MAX };
    world.disk.wear(world.rng.fork("disk"), sync_max);
    let (lines, broken) = lines(&fate.rng, fate.plan.flights_max);
    let acknowledged = Acknowledged::default();
    let mut producers = producers(fate, &lines, &acknowledged);
    let (packer, parcels, places) = packer(fate);
    producers.push(world.tasks.spawn("packer", packer.run()));
    let (stop, token) = Stop::new();
    let people = People::come(fate, &token);
    let mut between = Vec::new();
    for _ in 0..fate.rng.below(LIVES_MAX).min(fate.plan.lives_max) {
        between.push(fate.life(&acknowledged).await);
    }
    fate.draw_lanes().await;
    let server = Server::start(world, trace, None);
    for producer in producers {
        producer.await.expect("a producer ends well");
    }
    stop.stop();
    let Gone {
        shown,
        looks,
        clerk,
    } = people.gone().await;
    let counts = clerk.finish().await;
    let mut ending = look(world, trace).await;
    fate.rest().await;
    let rested = look(world, trace).await;
    assert_eq!(rested.boards, ending.boards, "a server at rest went on");
    ending.took = rested.took;
    drop(server);
    ending.looks.splice(0..0, looks);
    let post = Post {
        parcels,
        places: places.take(),
        ..ending.post
    };
    Ending {
        post,
        counts,
        lines,
        broken,
        acknowledged: acknowledged.take(),
        between,
        lanes: fate.lanes,
        shown,
        ..ending
    }
}

/// With what it puts, and the book of where that comes to lie.
fn packer(fate: &Fate) -> (Packer, Vec<parcels::Parcel>, Packed) {
    let world = &fate.world;
    let rng = world.rng.fork("packer");
    let mut parcels = parcels::drawn(&rng, world.clock.wall().as_millis());
    if !fate.plan.has(Part::Parcels) {
        parcels.clear();
    }
    let packed = Packed::default();
    let packer = Packer {
        client: Client::new(world, "packer", &fate.trace),
        rng,
        parcels: parcels.clone(),
        packed: packed.clone(),
    };
    (packer, parcels, packed)
}

fn lines(rng: &Rng, most: u64) -> (Vec<String>, BTreeSet<usize>) {
    let count = FLIGHTS_MIN + rng.below(FLIGHTS_MAX - FLIGHTS_MIN);
    let mut broken = BTreeSet::new();
    let lines = (0..usize::try_from(count).unwrap_or_default())
        .zip(WEEK.lines())
        .map(|(number, flight)| {
            if rng.below(BROKEN) == 0 {
                broken.insert(number);
                format!("line {number} is no flight")
            } else {
                flight.to_owned()
            }
        });
    let mut lines: Vec<String> = lines.collect();
    lines.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    broken.retain(|number| *number < lines.len());
    (lines, broken)
}

fn producers(fate: &Fate, lines: &[String], acknowledged: &Acknowledged) -> Vec<Task<()>> {
    let world = &fate.world;
    let count = usize::try_from(1 + fate.rng.below(PRODUCERS_MAX)).unwrap_or(1);
    (0..count)
        .map(|turn| {
            let name = format!("producer-{turn}");
            let mine = lines.iter().cloned().enumerate().skip(turn).step_by(count);
            let producer = Producer {
                client: Client::new(world, &name, &fate.trace),
                rng: world.rng.fork(&name),
                trace: fate.trace.clone(),
                lines: mine.collect(),
                acknowledged: acknowledged.clone(),
                hangs_up: fate.plan.has(Part::HangUps),
                name,
            };
            world.tasks.spawn("producer", producer.run())
        })
        .collect()
}

/// Waits until everything is settled and looks at what is there.
async fn look(world: &Platform, trace: &Trace) -> Ending {
    let mut client = Client::new(world, "looker", trace);
    let wait = Ask::post("wait", &json!({ "timeout_ms": 60_000 }));
    client.ask(&wait).await;
    // The last tumbling windows close by the clock, and a destination that failed is tried again.
    world.clock.sleep(ALL_COMES).await;
    client.ask(&wait).await;
    let client = &mut client;
    let mut totals = Totals::default();
    let state = client.ask(&Ask::get("state/board")).await;
    for row in rows(&state, "values") {
        totals.add_board(&text(row, "key"), &text(row, "value"));
    }
    let flights = Pages::oldest("flights").all(client).await;
    let flights = flights
        .into_iter()
        .map(|stored| (stored.place, stored.body));
    let mut parents = BTreeMap::new();
    for (_, stream) in READS {
        let facts = client.ask(&Ask::get(&format!("streams/{stream}"))).await;
        for shard in rows(&facts, "shards") {
            let names = rows(shard, "parents").iter();
            let names = names.filter_map(Value::as_str).map(str::to_owned);
            parents.insert((stream.to_owned(), text(shard, "id")), names.collect());
        }
    }
    Ending {
        lines: Vec::new(),
        broken: BTreeSet::new(),
        acknowledged: BTreeMap::new(),
        between: Vec::new(),
        shown: Vec::new(),
        flights: flights.collect(),
        departures: Pages::oldest("departures").all(client).await,
        late: Pages::oldest("late-flights").all(client).await,
        boards: Pages::oldest("boards").all(client).await,
        replays: Pages::oldest("replays").all(client).await,
        tallies: Pages::oldest("tallies").all(client).await,
        sums: Pages::oldest("sums").all(client).await,
        parents,
        totals,
        post: Post::look(client).await,
        counts: Vec::new(),
        dead_letters: dead_letters(client).await,
        documents: documents(&world.disk, Path::new(FAILED)).await,
        looks: vec![client.ask(&Ask::get("why")).await],
        faults: trace.faults(),
        events: trace.events(),
        lanes: false,
        took: world.clock.monotonic().0,
    }
}
