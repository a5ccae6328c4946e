//! Stories of a schedule in virtual time: runs, failures, pauses, a server that is killed in the middle of everything.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use dispatch::{Condition, DeadLetters, Switch};
use model::{
    Answer, Emitted, Fault, FaultClass, FunctionVersion, Invocation, Outcome, ShardId, Timestamp,
    TriggerName,
    outcome::Usage,
    seams::{BoxFuture, LogTail, ReadFrom, ReadLimit},
};
use platform::{Platform, Stop};
use sandbox::Called;
use serde_json::Value;

use super::{Parts, Runs, ScheduleHandle, ScheduleState, ScheduleStatus};
use crate::{
    api::streams::key,
    assemble::{Rooms, assemble},
    config,
    options::UpOptions,
    plan,
};

const MINUTE: Duration = Duration::from_secs(60);
const STREAMS: &str =
    "version: 1\nstreams: { done: {} }\nfunctions: { report: { source: report.wasm } }\n";

/// Puts the time of each event into a stream; takes as long and fails as often as it is told to.
#[derive(Debug)]
struct Reporter {
    platform: Platform,
    takes: Duration,
    fails: u32,
    invoked: AtomicU32,
}

impl Runs for Reporter {
    fn version(&self) -> FunctionVersion {
        FunctionVersion(1)
    }

    fn run(&self, invocation: Invocation, event: Vec<u8>) -> BoxFuture<'_, Called> {
        Box::pin(async move {
            let invoked = self.invoked.fetch_add(1, Ordering::Relaxed);
            let most = u64::try_from(self.takes.as_millis()).unwrap();
            let takes = Duration::from_millis(self.platform.rng.below(most + 1));
            self.platform.clock.sleep(takes).await;
            let outcome = if invoked < self.fails {
                Outcome::Failed(Fault {
                    class: FaultClass::Function,
                    kind: "NoData".to_owned(),
                    message: format!("attempt {}", invocation.attempt),
                    retry_after: None,
                    usage: Usage::default(),
                })
            } else {
                let event: Value = serde_json::from_slice(&event).unwrap();
                let time = event["time"].as_str().unwrap().to_owned();
                Outcome::Answered(Answer {
                    outputs: vec![Emitted {
                        output: "default".to_owned(),
                        partition_key: "k".into(),
                        explicit_hash_key: None,
                        data: time.into(),
                        source: None,
                    }],
                    ..Answer::default()
                })
            };
            Called {
                outcome,
                document: None,
                error_document: None,
                init: None,
                capsule: None,
            }
        })
    }
}

/// A server with one schedule.
struct World {
    platform: Platform,
    rooms: Arc<Rooms>,
    handle: ScheduleHandle,
    _stop: Stop,
}

impl World {
    async fn start(platform: &Platform, schedule: &str, takes: Duration, fails: u32) -> Self {
        let options = UpOptions {
            development: None,
            file: PathBuf::from("triggers.yaml"),
            environment: "dev".to_owned(),
            packer: None,
            env: BTreeMap::new(),
            data: PathBuf::from("data"),
            listen: [127, 0, 0, 1].into(),
            port: 0,
            web: crate::options::WebOptions::default(),
            components: BTreeMap::new(),
            otlp: None,
            allow_native: false,
            insecure: false,
            auth: None,
            aws_limits: false,
            tls: None,
            testing: false,
            segment_bytes: None,
            faults: None,
            transition: None,
            runtimes: None,
            server_json: None,
            master: streams::MasterKeys::default(),
        };
        let read = |text: &str| config::read(&options.file, text, &options.env).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 4566));
        let (stop, running) = Stop::new();
        let streams = read("version: 1\nstreams: { done: {} }\n");
        let rooms = assemble(platform, &streams, &options, address, running);
        let rooms = Arc::new(rooms.await.unwrap());
        let project = read(&format!(
            "{STREAMS}triggers: {{ nightly: {{ {schedule}, function: report, outputs: done }} }}\n"
        ));
        let settings = plan::schedule(&rooms.world, &nightly(), &project.schedules[&nightly()]);
        let reporter = Arc::new(Reporter {
            platform: platform.clone(),
            takes,
            fails,
            invoked: AtomicU32::new(0),
        });
        let parts = Parts {
            platform: platform.clone(),
            journal: Arc::clone(&rooms.journal),
            leases: Arc::clone(&rooms.leases),
            dead_letters: Arc::clone(&rooms.dead_letters),
            logs: Arc::clone(&rooms.logs) as Arc<dyn LogTail>,
            runs: reporter,
            account: rooms.world.account.clone(),
            region: rooms.world.region.clone(),
        };
        Self {
            handle: ScheduleHandle::start(parts, settings, false),
            platform: platform.clone(),
            rooms,
            _stop: stop,
        }
    }

    async fn sleep(&self, time: Duration) {
        self.platform.clock.sleep(time).await;
    }

    /// What runs have put out, in order.
    async fn done(&self) -> Vec<String> {
        let done = key(&self.rooms, "done").unwrap();
        let limit = ReadLimit {
            records: 10_000,
            bytes: 1 << 20,
        };
        let streams = &self.rooms.streams;
        let mut from = ReadFrom::Oldest;
        let mut texts = Vec::new();
        // A page may end where a server was killed.
        loop {
            let page = streams.read(&done, ShardId(0), from, limit).await.unwrap();
            if page.records.is_empty() {
                return texts;
            }
            from = page.next;
            let text = |data: &bytes::Bytes| String::from_utf8(data.to_vec()).unwrap();
            texts.extend(page.records.iter().map(|record| text(&record.data)));
        }
    }

    async fn until(&self, is: impl FnMut(&ScheduleStatus) -> bool) -> ScheduleStatus {
        let mut status = self.handle.watch();
        status.wait_for(is).await.unwrap().clone()
    }

    async fn end(self) {
        self.handle.stop().await;
        self.rooms.log.stop().await;
    }
}

fn nightly() -> TriggerName {
    TriggerName::parse("nightly").unwrap()
}

/// As events tell it.
fn time(at: Timestamp) -> String {
    format!("{}Z", at.to_string().split('.').next().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_rate_runs_at_once_and_then_every_time() {
    let platform = Platform::simulated(1);
    let begin = platform.clock.wall();
    let world = World::start(&platform, "schedule: rate(1 minute)", Duration::ZERO, 0).await;
    world.sleep(MINUTE * 3 + MINUTE / 2).await;
    let expect: Vec<String> = (0..4).map(|n| time(begin.plus(MINUTE * n))).collect();
    assert_eq!(world.done().await, expect);
    let status = world.handle.status();
    let row = status.row.unwrap();
    assert_eq!((row.run, row.given_up, row.passed), (4, 0, 0));
    assert!(
        matches!(status.state, ScheduleState::Waiting { slot, .. } if slot == begin.plus(MINUTE * 4))
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_fails_is_tried_again_and_the_next_one_comes_after_it() {
    let platform = Platform::simulated(1);
    let begin = platform.clock.wall();
    let schedule =
        "schedule: rate(1 hour), retry: { attempts: 5, backoff: { first: 1m, jitter: 0 } }";
    let world = World::start(&platform, schedule, Duration::ZERO, 2).await;
    let status = world
        .until(|status| matches!(&status.state, ScheduleState::BackingOff { attempts: 2, .. }))
        .await;
    assert!(
        status.state.to_string().contains("failed 2 times"),
        "{}",
        status.state
    );
    assert_eq!(world.done().await, Vec::<String>::new());
    world.sleep(MINUTE * 61).await;
    assert_eq!(
        world.done().await,
        [time(begin), time(begin.plus(MINUTE * 60))]
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_attempts_are_spent_is_a_dead_letter_with_its_event() {
    let platform = Platform::simulated(1);
    let begin = platform.clock.wall();
    let schedule = "schedule: rate(1 hour), retry: { attempts: 3 }";
    let world = World::start(&platform, schedule, Duration::ZERO, 3).await;
    world.sleep(MINUTE * 61).await;
    let letters = DeadLetters::new(Arc::clone(&world.rooms.journal));
    let letters = letters.list(&nightly(), None, 10).unwrap();
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}");
    };
    assert_eq!(letter.condition, Condition::RetryAttemptsExhausted);
    let messages: Vec<&str> = letter
        .attempts
        .iter()
        .map(|note| note.message.as_str())
        .collect();
    assert_eq!(messages, ["attempt 1", "attempt 2", "attempt 3"]);
    let event: Value = serde_json::from_slice(&letter.records[0].data).unwrap();
    assert_eq!(event["time"], Value::from(time(begin)));
    assert_eq!(world.done().await, [time(begin.plus(MINUTE * 60))]);
    let row = world.handle.status().row.unwrap();
    assert_eq!((row.run, row.given_up), (1, 1));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_in_a_pause_is_run_once() {
    let platform = Platform::simulated(1);
    let begin = platform.clock.wall();
    let world = World::start(&platform, "schedule: rate(10 minutes)", Duration::ZERO, 0).await;
    world.sleep(MINUTE).await;
    world.handle.turn(Switch::Paused);
    world.sleep(MINUTE * 35).await;
    assert_eq!(world.handle.status().state, ScheduleState::Paused);
    world.handle.turn(Switch::On);
    world.sleep(MINUTE * 5).await;
    let expect = [0, 30, 40].map(|minutes| time(begin.plus(MINUTE * minutes)));
    assert_eq!(world.done().await, expect);
    assert_eq!(world.handle.status().row.unwrap().passed, 2);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_by_hand_is_beside_all_slots() {
    let platform = Platform::simulated(1);
    let schedule = "schedule: { expression: cron(0 12 * * ? *), zone: Europe/Berlin }";
    let world = World::start(&platform, schedule, Duration::ZERO, 0).await;
    world.sleep(MINUTE).await;
    let before = world.handle.status().row.unwrap().slots;
    let called = ScheduleHandle::run(world.handle.asks.clone())
        .await
        .unwrap();
    assert!(matches!(called.outcome, Outcome::Answered(_)));
    assert_eq!(world.done().await.len(), 1);
    assert_eq!(world.handle.status().row.unwrap().slots, before);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_clock_jumps_runs_what_is_due() {
    let platform = Platform::simulated(1);
    let schedule = "schedule: { expression: cron(0 12 * * ? *), missed: skip }";
    let world = World::start(&platform, schedule, Duration::ZERO, 0).await;
    platform.clock.shift(Duration::from_secs(12 * 3_600));
    world.sleep(MINUTE).await;
    assert_eq!(world.done().await, ["2026-01-01T12:00:00Z"]);
    // A day later and two hours late: that slot is skipped.
    platform.clock.shift(Duration::from_secs(26 * 3_600));
    world.sleep(MINUTE).await;
    assert_eq!(world.done().await.len(), 1);
    assert_eq!(world.handle.status().row.unwrap().passed, 1);
    world.end().await;
}

/// The server is killed again and again, mostly while a run is going on or being settled: the effects of each slot are
/// there exactly once.
#[tokio::test(start_paused = true)]
async fn over_kills_at_any_moment_each_slot_has_its_effects_once() {
    for seed in 1..=12 {
        let machine = Platform::simulated(seed);
        let schedule = "schedule: { expression: rate(1 minute), missed: all }";
        for _ in 0..12 {
            let process = machine.process();
            let world = World::start(&process, schedule, MINUTE, 0).await;
            let most = u64::try_from((MINUTE * 4).as_millis()).unwrap();
            let lives = Duration::from_millis(machine.rng.below(most));
            machine.clock.sleep(lives).await;
            process.tasks.kill().await;
            drop(world);
        }
        let world = World::start(&machine, schedule, Duration::ZERO, 0).await;
        world
            .until(|status| matches!(status.state, ScheduleState::Waiting { .. }))
            .await;
        let done = world.done().await;
        let last = machine.clock.wall();
        // A server that was killed before it had written anything was never there.
        let begin = world.handle.status().row.unwrap().slots.since;
        let expect: Vec<String> = (0..)
            .map(|n| begin.plus(MINUTE * n))
            .take_while(|slot| *slot <= last)
            .map(time)
            .collect();
        assert_eq!(done, expect, "seed {seed}");
        assert!(!done.is_empty(), "seed {seed}");
        world.end().await;
    }
}
