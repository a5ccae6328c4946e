//! What an accepted file means: the supported parts of the specification's example, the defaults, variables and what
//! `check` prints.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use dispatch::{
    BreakerPolicy, ErrorClass, Isolate,
    filter::{Filter, Unparsable},
};
use model::{ByteSize, FunctionName, StreamName, TriggerName, invocation::ItemFailures};
use serde_json::json;

use super::*;
use crate::destinations::{Address, Target};

const SMALL: &str = "
version: 1
streams:   { flights: { shards: 4 }, late-flights: { shards: 1 } }
functions: { late: { source: functions/late } }
triggers:  { late-flights: { stream: flights, function: late, outputs: late-flights } }
";

/// The keys of the specification's example that this version reads.
const EXAMPLE: &str = r#"
version: 1
app: flights
server:
  region: eu-west-1
  archive: { after: 36h, s3: "s3://acme-archive/flights/", endpoint: "http://127.0.0.1:4100" }
  dead_letters: { keep: 14d, max: 10GiB, when_full: drop-oldest }
  logs: { keep: 3d, max: 2GiB }
streams:
  flights:      { shards: 4, retention: 7d, durability: interval }
  late-flights: { shards: 1, autoscale: { min: 1, max: 8, target: 60% } }
  board:        { capacity: on-demand }
destinations:
  failed: { sqs: "arn:aws:sqs:us-east-1:000000000000:failed", endpoint: "http://127.0.0.1:4100" }
functions:
  late:
    source: functions/late
    env: { THRESHOLD_MINUTES: "${THRESHOLD_MINUTES:-30}", RATE: 1.10, CODE: 07030, ON: NO }
  airport-board: { source: built/board.wasm, memory: 256MiB, timeout: 1m, sandbox: warm, concurrency: 32 }
triggers:
  late-flights:
    stream: flights
    function: late
    outputs: late-flights
  board:
    enabled: false
    stream: { name: late-flights, start: 2026-11-23T09:00Z, deaggregate: false }
    function: airport-board
    outputs: { default: board }
    filter:
      - data: { carrier: [ { prefix: "A" } ], dest: ["ORD", "LAX"], code: [07030, NO] }
      - '{"data":{"dep_delay":[{"numeric":[">",120]}]}}'
    unparsable: drop
    batch: { records: 500, bytes: 5MiB, wait: 250ms }
    on_failure: failed
    lanes: { keys: 64 }
    state: { ttl: 30d, max: 1GiB }
    retry:
      attempts: forever
      age: 6h
      backoff: { first: 100ms, factor: 1.5, max: 30s, jitter: 0.1 }
      isolate: halves
      classes: { Throttled: pause, BadJson: dead-letter }
      breaker: { failures: 3, probe: 10s }
      then: block
      park: { max: 64MiB }
    report_failures: strict
    envelope: true
    range_check: kcl
    canary: { by: batch, roll_back: { failures: 25%, records: 1000 } }
    shadow: late@next
"#;

fn resolved(text: &str) -> Project {
    let variables = BTreeMap::from([("SHARDS".to_owned(), "3".to_owned())]);
    read(Path::new("project/triggers.yaml"), text, &variables)
        .unwrap_or_else(|refused| panic!("error: {refused}"))
}

fn stream(name: &str) -> StreamName {
    StreamName::parse(name).expect("a name")
}

fn function_of(project: &Project, name: &str) -> Function {
    project.functions[&FunctionName::parse(name).expect("a name")].clone()
}

fn trigger_of(project: &Project, name: &str) -> Trigger {
    project.triggers[&TriggerName::parse(name).expect("a name")].clone()
}

#[test]
fn a_small_file_gets_every_default() {
    let project = resolved(SMALL);
    insta::assert_snapshot!(format!("{:?}", (&project.app, &project.server)), @r#"
    (AppName(TriggerName("app")), Server { region: Region("us-east-1"), durability: Sync, limits: None, archive: Archive { after: 86400s, to: None }, dead_letters: DeadLetters { keep: 1209600s, max: ByteSize(10737418240), when_full: Block }, logs: Logs { keep: 604800s, max: ByteSize(1073741824) }, api_network: [] })
    "#);
    insta::assert_snapshot!(format!("{:?}", project.streams[&stream("late-flights")]), @r"
    Stream { shards: 1, retention: 604800s, durability: None, capacity: None, autoscale: None }
    ");
    insta::assert_snapshot!(format!("{:?}", function_of(&project, "late")), @r#"
    Function { source: Folder("project/functions/late"), env: {}, memory: ByteSize(134217728), timeout: 3s, log: ByteSize(65536), sandbox: None, concurrency: 64, secrets: [], network: [], scratch: ByteSize(0), line: 4 }
    "#);
    insta::assert_snapshot!(format!("{:?}", trigger_of(&project, "late-flights")), @r#"
    Trigger { stream: StreamName("flights"), start: Oldest, deaggregate: true, function: FunctionName("late"), qualifier: None, canary: Canary { by: Key, roll_back: Some(RollBack { failures: 0.1, records: 100 }) }, shadow: None, concurrency: None, outputs: {"default": StreamName("late-flights")}, filter: Filter { patterns: [], written: [], wanted: None, unparsable: DeadLetter }, batch: Batch { records: 100, bytes: ByteSize(6291456), wait: 0ns }, lanes: Hashed(1), tumbling: None, state: None, enabled: true, retry: Retry { attempts: Limited(5), age: None, backoff: Backoff { first: 500ms, factor: 2.0, max: 60s, jitter: 0.5 }, isolate: Exact, classes: {}, breaker: Some(BreakerPolicy { failures: 5, probe: 30s }), then: DeadLetter, park_max: ByteSize(1073741824) }, on_failure: [], item_failures: Named, envelope: false, range_check: InRange, was: None, allow_loop: false, line: 5 }
    "#);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one project in full")]
fn the_example_means_what_it_says() {
    let project = resolved(EXAMPLE);
    assert_eq!(project.app.as_str(), "flights");
    assert_eq!(project.server.region.as_str(), "eu-west-1");
    assert_eq!(project.server.dead_letters.when_full, WhenFull::DropOldest);
    assert_eq!(project.server.logs.max, ByteSize::gib(2));
    let archive = &project.server.archive;
    assert_eq!(archive.after, Duration::from_hours(36));
    let to = archive.to.as_ref().unwrap();
    assert_eq!(
        to.target,
        Target::bucket("s3://acme-archive/flights").unwrap()
    );
    assert_eq!(to.endpoint, Address::parse("http://127.0.0.1:4100"));
    let scaled = Autoscale {
        min: 1,
        max: 8,
        target: 60,
    };
    assert_eq!(
        project.streams[&stream("late-flights")].autoscale,
        Some(scaled)
    );
    assert_eq!(
        project.streams[&stream("board")].capacity,
        Some(Capacity::OnDemand)
    );
    assert_eq!(project.streams[&stream("board")].shards, 1);

    let late = function_of(&project, "late");
    let env: Vec<(&str, &str)> = late
        .env
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        env,
        [
            ("CODE", "07030"),
            ("ON", "NO"),
            ("RATE", "1.10"),
            ("THRESHOLD_MINUTES", "30")
        ]
    );
    let board = function_of(&project, "airport-board");
    assert_eq!(
        board.source,
        FunctionSource::Component("project/built/board.wasm".into())
    );
    assert_eq!(
        (board.sandbox, board.concurrency),
        (Some(SandboxPolicy::Warm), 32)
    );

    let board = trigger_of(&project, "board");
    assert_eq!(
        board,
        Trigger {
            stream: stream("late-flights"),
            start: Start::At(model::Timestamp::from_millis(1_795_424_400_000)),
            deaggregate: false,
            function: FunctionName::parse("airport-board").expect("a name"),
            qualifier: None,
            canary: dispatch::Canary {
                by: dispatch::CanaryBy::Batch,
                roll_back: Some(dispatch::RollBack {
                    failures: 0.25,
                    records: 1_000,
                }),
            },
            shadow: Some(dispatch::Shadow {
                function: FunctionName::parse("late").expect("a name"),
                qualifier: Some("next".to_owned()),
            }),
            concurrency: None,
            outputs: BTreeMap::from([("default".to_owned(), stream("board"))]),
            batch: Batch {
                records: 500,
                bytes: ByteSize::mib(5),
                wait: Duration::from_millis(250),
            },
            lanes: dispatch::Lanes::Keys(64),
            tumbling: None,
            state: Some(State {
                ttl: Some(Duration::from_secs(30 * 24 * 3600)),
                max: ByteSize::gib(1),
            }),
            enabled: false,
            filter: Filter::compile(
                &[
                    json!({"data": {"carrier": [{"prefix": "A"}], "dest": ["ORD", "LAX"], "code": ["07030", "NO"]}}),
                    // As a text, as it was written.
                    json!(r#"{"data":{"dep_delay":[{"numeric":[">",120]}]}}"#),
                ],
                Unparsable::Drop,
            )
            .unwrap(),
            retry: Retry {
                attempts: Attempts::Forever,
                age: Some(Duration::from_secs(6 * 3600)),
                backoff: Backoff {
                    first: Duration::from_millis(100),
                    factor: 1.5,
                    max: Duration::from_secs(30),
                    jitter: 0.1,
                },
                isolate: Isolate::Halves,
                classes: BTreeMap::from([
                    ("BadJson".to_owned(), ErrorClass::DeadLetter),
                    ("Throttled".to_owned(), ErrorClass::Pause),
                ]),
                breaker: Some(BreakerPolicy {
                    failures: 3,
                    probe: Duration::from_secs(10),
                }),
                then: Then::Block,
                park_max: ByteSize::mib(64),
            },
            on_failure: vec!["failed".to_owned()],
            item_failures: ItemFailures::Strict,
            envelope: true,
            range_check: dispatch::RangeCheck::Kcl,
            was: None,
            allow_loop: false,
            line: 25,
        }
    );
}

#[test]
fn variables_are_filled_in_and_then_read() {
    let project = resolved(
        "version: 1\nstreams: { a: { shards: \"${SHARDS}\", retention: \"${DAYS:-2}d\" } }",
    );
    let a = &project.streams[&stream("a")];
    assert_eq!(
        (a.shards, a.retention),
        (3, Duration::from_secs(2 * 24 * 3600))
    );
}

#[test]
fn a_loop_is_accepted_when_it_is_asked_for() {
    let project = resolved(
        "version: 1
streams: { a: {} }
functions: { f: { source: f } }
triggers: { t: { stream: a, function: f, outputs: a, allow_loop: true } }",
    );
    assert_eq!(
        trigger_of(&project, "t").outputs,
        BTreeMap::from([("default".to_owned(), stream("a"))])
    );
}

#[test]
fn check_prints_one_promise_a_trigger() {
    let text = format!("{SMALL}\n").replace(
        "triggers:  {",
        "triggers:  { count: { stream: late-flights, function: late },",
    );
    let project = resolved(&text);
    let promises: Vec<String> = project
        .promises()
        .map(|promise| promise.to_string())
        .collect();
    insta::assert_snapshot!(promises.join("\n"), @r"
    count: late-flights: exactly once
    late-flights: flights -> late-flights: exactly once
    ");
}

#[test]
fn a_loop_over_several_triggers_is_refused_unless_one_of_them_allows_it() {
    let file = |allow: &str| {
        format!(
            "version: 1
streams: {{ a: {{}}, b: {{}}, c: {{}}, d: {{}} }}
functions: {{ f: {{ source: f }} }}
triggers:
  aside: {{ stream: d, function: f, outputs: a }}
  first: {{ stream: a, function: f, outputs: b }}
  second: {{ stream: b, function: f, outputs: {{ default: c, back: a }}{allow} }}"
        )
    };
    let read = |text: &str| read(Path::new("triggers.yaml"), text, &BTreeMap::new());
    let refused = read(&file("")).unwrap_err();
    insta::assert_snapshot!(refused, @r"
    triggers.yaml:6:3: trigger `first` reads what comes of its own outputs: `a` -> `b` -> `a`
        6 |   first: { stream: a, function: f, outputs: b }
          |   ^^^^^
    hint: let one of them write another stream, or add `allow_loop: true` to one of them
    ");
    assert!(read(&file(", allow_loop: true")).is_ok());
}
