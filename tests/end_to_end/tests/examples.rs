//! One function in each language on the same week of flights: what each finds is what the file holds. A language is tried where its
//! toolchain is, which `cargo xtask test` says by the clients it has installed.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use std::process::Command;

use serde_json::Value;
use shardmill_end_to_end::{Project, Running, root, run, web};

/// Name, toolchain, what its trigger needs besides, and whether it puts a flight out.
type Example = (&'static str, &'static str, &'static str, fn(&Value) -> bool);

const EXAMPLES: [Example; 5] = [
    ("delays", "SHARDMILL_TEST_PYTHON", ", state: {}", |_| true),
    ("cancelled", "SHARDMILL_TEST_JAVASCRIPT", "", |flight| {
        flight["dep_time"].is_null()
    }),
    ("long-hauls", "SHARDMILL_TEST_JAVASCRIPT", "", |flight| {
        flight["distance"].as_i64() > Some(2_000)
    }),
    ("early", "SHARDMILL_TEST_GO", "", |flight| {
        flight["dep_delay"].as_i64().is_some_and(|delay| delay < 0)
    }),
    ("nights", "SHARDMILL_TEST_PYTHON", ", state: {}", |flight| {
        flight["hour"]
            .as_i64()
            .is_some_and(|hour| !(5..22).contains(&hour))
    }),
];

#[test]
fn each_language_finds_its_flights() {
    let there: Vec<&Example> = EXAMPLES
        .iter()
        .filter(|example| std::env::var_os(example.1).is_some())
        .collect();
    let functions = root().join("functions");
    let mut file = "version: 1\nstreams:\n  flights: { shards: 2 }\n".to_owned();
    let of = |line: &dyn Fn(&Example) -> String| {
        there
            .iter()
            .map(|example| line(example))
            .collect::<String>()
    };
    file += &of(&|(name, ..)| format!("  {name}: {{}}\n"));
    file += if there.is_empty() { "" } else { "functions:\n" };
    file += &of(&|(name, ..)| {
        format!(
            "  {name}: {{ source: \"{}\", timeout: 60s }}\n",
            functions.join(name).display()
        )
    });
    file += if there.is_empty() { "" } else { "triggers:\n" };
    file += &of(&|(name, _, more, _)| {
        format!("  {name}: {{ stream: flights, function: {name}, outputs: {name}{more} }}\n")
    });
    let project = Project::new(&file);
    let mut up = project.command(&["up", "--port", "0"]);
    up.env("SHARDMILL_CACHE", root().join("target/function-tools"));
    let mut running = Running::of_errors(&mut up);
    running.line(|line| line.starts_with("ready "));
    let sample = functions.join("samples/flights-2013-01-week1.ndjson");
    project.done(&[
        "put",
        "flights",
        &sample.to_string_lossy(),
        "--key-field",
        "origin",
    ]);
    project.done(&["wait", "--timeout", "200s"]);
    let text = std::fs::read_to_string(&sample).expect("the sample is there");
    let flights: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a flight"))
        .collect();
    for (name, _, _, puts_out) in there {
        let expect = flights.iter().filter(|flight| puts_out(flight)).count();
        assert_eq!(project.data(name).len(), expect, "{name}");
    }
}

/// As `functions/web.yaml` says, with streams and data of their own.
#[test]
fn what_comes_by_http_and_by_the_clock_is_put_to_the_stream() {
    let functions = root().join("functions");
    let file = std::fs::read_to_string(functions.join("web.yaml")).expect("the file is there");
    let mut project = file;
    for name in ["intake", "hours"] {
        let (relative, own) = (format!("source: {name} "), functions.join(name));
        project = project.replace(&relative, &format!("source: \"{}\" ", own.display()));
    }
    let project = Project::new(&project);
    let mut up = project.command(&["up", "--port", "0", "--http-port", "0"]);
    let mut up =
        Running::of_errors(up.env("SHARDMILL_CACHE", root().join("target/function-tools")));
    let routes = up.routes();
    let sample = functions.join("samples/flights-2013-01-week1.ndjson");
    let sample = std::fs::read(sample).expect("the sample is there");
    let count = sample.iter().filter(|byte| **byte == b'\n').count();
    let taken = web(&routes, "POST /flights", &[], &sample);
    assert_eq!(taken.status, 202, "{taken:?}");
    assert_eq!(taken.body, format!("{{\"flights\":{count}}}\n"));
    let broken = [&sample[..], b"{broken\n"].concat();
    let refused = web(&routes, "POST /flights", &[], &broken);
    assert_eq!(refused.status, 400, "{refused:?}");
    let line = format!("line {} is no flight", count + 1);
    assert!(refused.body.contains(&line), "{}", refused.body);
    project.done(&["trigger", "run", "hours"]);
    let flights = project.data("flights");
    assert_eq!(flights.len(), count + 1);
    let marks = flights.iter().filter(|it| it["hour_over"].is_string());
    assert_eq!(marks.count(), 1);
}

/// Those that need nothing but their own toolchain.
#[test]
fn the_tests_beside_them_pass() {
    let functions = root().join("functions");
    let sdk = root().join("sdk");
    let mut tests = Vec::new();
    if std::env::var_os("SHARDMILL_TEST_PYTHON").is_some() {
        let mut delays = Command::new("python3");
        delays
            .args(["-m", "unittest"])
            .current_dir(functions.join("delays"))
            .env("PYTHONPATH", sdk.join("python"));
        let mut own = Command::new("python3");
        own.args(["-m", "unittest"]).current_dir(sdk.join("python"));
        tests.extend([delays, own]);
    }
    if std::env::var_os("SHARDMILL_TEST_JAVASCRIPT").is_some() {
        let mut own = Command::new("node");
        own.arg("--test").current_dir(sdk.join("javascript"));
        tests.push(own);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("nights_test");
    let mut compile = Command::new("cc");
    compile
        .args(["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-I"])
        .arg(sdk.join("c"))
        .arg(functions.join("nights/nights_test.c"))
        .arg("-o")
        .arg(&program);
    tests.extend([compile, Command::new(&program)]);
    for mut test in tests {
        let said = run(&mut test);
        assert_eq!(said.code, Some(0), "{test:?}: {}{}", said.out, said.err);
    }
}

#[test]
fn their_files_are_sound() {
    let project = Project::new("");
    for (file, holds) in [
        ("functions/languages.yaml", "5 functions, 5 triggers"),
        ("functions/web.yaml", "2 functions, 2 triggers"),
    ] {
        let file = root().join(file);
        let checked = project.done(&["check", "--file", &file.to_string_lossy()]);
        assert!(checked.contains(holds), "{checked}");
    }
}
