//! Guests that misbehave beside one that does not: each ends as it should, and its neighbour answers everything meanwhile.
//! The table of `docs/misbehaving-guests.md` is held against this one.

use std::time::Duration;

use model::{ByteSize, Outcome, seams::Handler as _};
use shardmill_sandbox::{Function, FunctionLimits, Network};

use crate::world::{World, batch, generous};

/// What misbehaves: the guest, what it is given, what that does, and as what it ends.
struct Case {
    guest: &'static str,
    given: Given,
    does: &'static str,
    ends: &'static str,
}

enum Given {
    Data(&'static str),
    Event(&'static str),
}

use Given::{Data, Event};

const CASES: &[Case] = &[
    Case {
        guest: "loops",
        given: Data("x"),
        does: "never ends",
        ends: "Timeout",
    },
    Case {
        guest: "allocates",
        given: Data("x"),
        does: "takes memory until there is none",
        ends: "OutOfMemory",
    },
    Case {
        guest: "recurses",
        given: Data("x"),
        does: "calls itself until the stack ends",
        ends: "StackOverflow",
    },
    Case {
        guest: "panics",
        given: Data("x"),
        does: "panics",
        ends: "Trap",
    },
    Case {
        guest: "poisoned",
        given: Data("poison"),
        does: "panics at a poisoned record",
        ends: "Trap",
    },
    Case {
        guest: "trips",
        given: Data("poison"),
        does: "panics and does not say where it was",
        ends: "Trap",
    },
    Case {
        guest: "floods",
        given: Data("x"),
        does: "logs 100,000 lines of 1 KiB",
        ends: "answered",
    },
    Case {
        guest: "malformed",
        given: Data("offset"),
        does: "answers with an offset outside of its buffer",
        ends: "MalformedOutput",
    },
    Case {
        guest: "malformed",
        given: Data("count"),
        does: "announces records that are not there",
        ends: "MalformedOutput",
    },
    Case {
        guest: "wrong-output",
        given: Data("x"),
        does: "writes to an output that it does not have",
        ends: "NoSuchOutput",
    },
    Case {
        guest: "replies",
        given: Event(r#"{"loop":true}"#),
        does: "never answers its event",
        ends: "Timeout",
    },
    Case {
        guest: "replies",
        given: Event(r#"{"fail":"no"}"#),
        does: "fails with an error of its own",
        ends: "Asked",
    },
    Case {
        guest: "asks",
        given: Event(r#"{"ask":"http://127.0.0.1:9/","times":100}"#),
        does: "asks what it was not granted, a hundred times",
        ends: "answered",
    },
    Case {
        guest: "asks",
        given: Event(r#"{"ask":"http://SILENT/"}"#),
        does: "asks a server that never answers",
        ends: "Timeout",
    },
    Case {
        guest: "files",
        given: Event(r#"{"do":"fill"}"#),
        does: "fills its scratch space",
        ends: "answered",
    },
    Case {
        guest: "files",
        given: Event(r#"{"do":"many"}"#),
        does: "makes files until there is no room",
        ends: "answered",
    },
    Case {
        guest: "files",
        given: Event(r#"{"do":"escape"}"#),
        does: "looks for a way out of its folder",
        ends: "answered",
    },
];

/// At the same time, and how often.
const AT_ONCE: usize = 4;
const ROUNDS: usize = 2;

fn limits(case: &Case, silent: &str) -> FunctionLimits {
    // A flood is cut off where it is too much, not where it takes too long.
    let patience = match case.guest {
        "floods" => Duration::from_secs(60),
        _ => Duration::from_millis(200),
    };
    FunctionLimits {
        memory: ByteSize::mib(16),
        memory_told: ByteSize::mib(128),
        timeout: patience,
        network: Network::new(&[silent.to_owned()]),
        scratch: ByteSize::mib(1),
        ..generous()
    }
}

async fn misbehave(function: Function, case: &'static Case, silent: String) -> String {
    let called = match case.given {
        Data(data) => function.call(batch(&[("a", data)]), None).await,
        Event(event) => {
            let event = event.replace("SILENT", &silent);
            function.call(batch(&[]), Some(event.into_bytes())).await
        }
    };
    match called.outcome {
        Outcome::Answered(_) => "answered".to_owned(),
        Outcome::Failed(fault) => fault.kind,
    }
}

/// How long one batch of the neighbour takes, in the order in which they came.
async fn neighbour(world: &World, function: &Function, batches: usize) -> Vec<Duration> {
    let clock = &world.platform.clock;
    let mut took = Vec::new();
    for _ in 0..batches {
        let began = clock.monotonic();
        let outcome = function.invoke(batch(&[("a", "x"), ("b", "y")])).await;
        took.push(clock.monotonic().0 - began.0);
        match outcome {
            Outcome::Answered(answer) => assert_eq!(answer.outputs.len(), 2),
            Outcome::Failed(fault) => panic!("the neighbour failed: {fault:?}"),
        }
    }
    took.sort();
    took
}

fn us(sorted: &[Duration], hundredths: usize) -> u128 {
    let at = (sorted.len() * hundredths / 100).min(sorted.len() - 1);
    sorted[at].as_micros()
}

/// With `--nocapture` it prints what `docs/misbehaving-guests.md` says of times.
#[tokio::test]
async fn neighbours_are_unharmed() {
    let world = World::real();
    let here = "127.0.0.1:0".parse().expect("an address");
    // It takes connections and never says a word.
    let listener = world.platform.net.listen(here).await.expect("a port");
    let silent = listener.local_addr().expect("an address").to_string();
    let echo = world.load("echo", generous()).await;
    let alone = neighbour(&world, &echo, 400).await;
    println!(
        "alone: p50 {} us, p99 {} us",
        us(&alone, 50),
        us(&alone, 99)
    );
    for case in CASES {
        let function = world.load(case.guest, limits(case, &silent)).await;
        let mut bad = Vec::new();
        for _ in 0..AT_ONCE {
            let (function, silent) = (function.clone(), silent.clone());
            bad.push(world.platform.tasks.spawn("misbehaves", async move {
                let mut ends = Vec::new();
                for _ in 0..ROUNDS {
                    ends.push(misbehave(function.clone(), case, silent.clone()).await);
                }
                ends
            }));
        }
        let beside = neighbour(&world, &echo, 400).await;
        println!(
            "{} ({}): p50 {} us, p99 {} us",
            case.guest,
            case.does,
            us(&beside, 50),
            us(&beside, 99)
        );
        for ended in bad {
            for end in ended.await.expect("the host holds") {
                assert_eq!(end, case.ends, "{}: {}", case.guest, case.does);
            }
        }
        // And what comes after it finds everything as before.
        neighbour(&world, &echo, 20).await;
    }
}

#[test]
fn the_table_of_the_docs_is_this_one() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/misbehaving-guests.md"
    );
    let text = std::fs::read_to_string(path).expect("the page is there");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (guest, does, ends) = (cells.first()?, cells.get(1)?, cells.get(2)?);
        guest
            .starts_with('`')
            .then(|| format!("{guest} {does} {ends}"))
    });
    let shown: Vec<String> = rows.collect();
    let expect: Vec<String> = CASES
        .iter()
        .map(|case| format!("`{}` {} {}", case.guest, case.does, case.ends))
        .collect();
    assert_eq!(shown, expect);
}

/// A guest that is said to misbehave is one of the table.
#[test]
fn no_guest_is_left_out() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/Cargo.toml");
    let manifest = std::fs::read_to_string(path).expect("the manifest is there");
    let named = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("name = \""));
    let guests: Vec<&str> = named.map(|name| name.trim_end_matches('"')).collect();
    // These do what they are told, or are no functions at all; `web` has tests of its own, by its paths.
    let well_behaved = [
        "guests",
        "empty",
        "echo",
        "counter",
        "fails-on",
        "event-echo",
        "tells",
        "wrong-interface",
        "web",
        "greets",
        "sums",
        "parcels",
        "tallies",
    ];
    for guest in guests {
        let known = CASES.iter().any(|case| case.guest == guest);
        assert!(
            known || well_behaved.contains(&guest),
            "`{guest}` is in no table"
        );
    }
}
