//! The first two minutes of a new user, in each language: `init`, the template's own test, `dev`, a sample, a change that is
//! saved. A language is tried where its toolchain is, which `cargo xtask test` says by the clients it has installed.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use shardmill_end_to_end::{Project, Running, root, run, web};

fn is_there(toolchain: &str) -> bool {
    toolchain.is_empty() || std::env::var_os(toolchain).is_some()
}

/// A project made by `init`, below `hello`.
fn made(template: &str) -> Project {
    let project = Project::new("");
    std::fs::remove_file(project.folder().join("triggers.yaml")).expect("it is there");
    let told = project.done(&["init", "hello", "--template", template]);
    assert!(told.starts_with("created  triggers.yaml"), "{told}");
    assert!(
        told.trim_end().ends_with("next: cd hello && shardmill dev"),
        "{told}"
    );
    project
}

fn dev(folder: &Path, project: &Project) -> Running {
    let mut dev = project.command(&["dev", "--port", "0"]);
    dev.current_dir(folder)
        .env("SHARDMILL_CACHE", root().join("target/function-tools"))
        .env("SHARDMILL_LOG", "warn");
    let mut dev = Running::with_input(&mut dev);
    dev.line(|line| line.starts_with("ready "));
    dev
}

/// `of` in the file stands for more than 0 minutes, and becomes more than 30.
fn check(toolchain: &str, template: &str, (file, of, becomes): (&str, &str, &str), test: &[&str]) {
    if !is_there(toolchain) {
        return;
    }
    let project = made(template);
    let folder = project.folder().join("hello");
    let mut dev = dev(&folder, &project);
    dev.say("s");
    let sent = dev.line(|line| line.starts_with("[s] "));
    assert!(sent.contains("3 records -> flights, durable in "), "{sent}");
    let batch = dev.line(|line| line.contains(" hello@1 flights/0 batch 1: 3 records, 3 out, "));
    assert!(batch.contains("(put to done "), "{batch}");
    let out = dev.line(|line| line.starts_with("  out "));
    assert!(
        out.contains(r#"late-flights  key EWR  {"flight":"UA1545","late":2}  and 2 more: press o"#),
        "{out}"
    );
    let function = folder.join("functions/hello");
    let file = function.join(file);
    let text = std::fs::read_to_string(&file).expect("the template has it");
    assert!(text.contains(of), "{text}");
    std::fs::write(&file, text.replace(of, becomes)).expect("it can be written");
    let reloaded = dev.line(|line| line.starts_with("reload "));
    assert!(
        reloaded.starts_with("reload   hello@2 · live ") && reloaded.ends_with("position kept"),
        "{reloaded}"
    );
    let compared = dev.line(|line| line.starts_with("compare "));
    assert_eq!(
        compared,
        "compare  batch 1 again with hello@2, no effects: 3 out -> 0 out"
    );
    dev.say("s");
    dev.line(|line| line.contains(" hello@2 flights/0 batch 2: 3 records, 0 out, "));
    dev.say("q");
    assert_eq!(dev.end().code, Some(0));
    std::fs::write(&file, text).expect("it can be written");
    if let [program, arguments @ ..] = test {
        let mut test = Command::new(program);
        test.args(arguments)
            .current_dir(&function)
            .env("CARGO_TARGET_DIR", root().join("target/template-tests"));
        let said = run(&mut test);
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    }
}

#[test]
fn rust() {
    check(
        "",
        "rust",
        ("src/lib.rs", "*minutes > 0", "*minutes > 30"),
        &["cargo", "test", "--quiet"],
    );
}

#[test]
fn javascript() {
    let change = ("index.mjs", "flight.dep_delay > 0", "flight.dep_delay > 30");
    check(
        "SHARDMILL_TEST_JAVASCRIPT",
        "javascript",
        change,
        &["node", "--test"],
    );
}

#[test]
fn typescript() {
    let change = (
        "index.ts",
        "flight.dep_delay <= 0",
        "flight.dep_delay <= 30",
    );
    // Its test needs packages of others, which `npm install` fetches.
    check("SHARDMILL_TEST_JAVASCRIPT", "typescript", change, &[]);
}

#[test]
fn python() {
    let change = ("app.py", "flight.dep_delay <= 0", "flight.dep_delay <= 30");
    check(
        "SHARDMILL_TEST_PYTHON",
        "python",
        change,
        &["python3", "-m", "unittest"],
    );
}

#[test]
fn go() {
    let change = ("main.go", "*one.DepDelay > 0", "*one.DepDelay > 30");
    check("SHARDMILL_TEST_GO", "go", change, &["go", "test", "./..."]);
}

#[test]
fn c() {
    let test = "cc -I ../../.shardmill/sdk/c hello_test.c -o hello_test && ./hello_test";
    let change = ("hello.c", "minutes > 0", "minutes > 30");
    check("SHARDMILL_TEST_PYTHON", "c", change, &["sh", "-c", test]);
}

const LAMBDA: &str = "\
import base64, json

def handler(event, context):
    for record in event['Records']:
        body = json.loads(base64.b64decode(record['kinesis']['data']))
        if body['delay'] > 30:
            print('late')
    return {'statusCode': 200}
";

#[test]
fn a_lambda_file_that_is_there_fails_waits_and_goes_on() {
    if !is_there("SHARDMILL_TEST_PYTHON") {
        return;
    }
    let project = Project::new("");
    std::fs::remove_file(project.folder().join("triggers.yaml")).expect("it is there");
    project.write("app.py", LAMBDA);
    let said = project.verb(&["init", "--from", "app.py"]);
    assert!(
        said.err.contains(
            "found    app.py: def handler(event, context)   stream events -> app.py:handler"
        ),
        "{}",
        said.err
    );
    let mut dev = dev(project.folder(), &project);
    dev.say("s");
    let failed =
        dev.line(|line| line.contains(" app@1 events/0 batch 1: 3 records, attempt 1, failed in "));
    assert!(failed.ends_with(" ms"), "{failed}");
    let error = dev.line(|line| line.starts_with("  error "));
    assert_eq!(
        error,
        "  error  KeyError: 'delay' (app.py line 6 in handler)"
    );
    dev.line(|line| line == "  why    events/0 waits for your next save");
    let why = project.done(&["why"]);
    assert!(
        why.contains("waits for your next save: KeyError: 'delay'"),
        "{why}"
    );
    project.write("app.py", &LAMBDA.replace("body['delay']", "body['value']"));
    dev.line(|line| line.starts_with("reload   app@2 · live "));
    dev.line(|line| line.contains(" app@2 events/0 batch 1: 3 records, attempt 2, 0 out, "));
    dev.say("r");
    dev.line(|line| line.starts_with("replay   batch 1 of events/0 with app@2"));
    let letters = project.json(&["dead-letter", "list"]);
    assert_eq!(letters, serde_json::json!([]));
    dev.say("p");
    dev.line(|line| line.starts_with("paused "));
    dev.say("s");
    dev.line(|line| line.starts_with("paused   3 records of app are there"));
    dev.say("n");
    dev.line(|line| line.contains(" app@2 events/0 batch 2: 3 records, 0 out, "));
    project.write("app.py", "def handler(event, context)\n");
    dev.line(|line| line.starts_with("reload   app@3 "));
    let compared = dev.line(|line| line.starts_with("compare "));
    assert!(
        compared.contains(
            "0 out -> fails: Runtime.UserCodeSyntaxError: Syntax error in module 'app': expected ':' (app.py, line 1)"
        ),
        "{compared}"
    );
    dev.say("q");
    assert_eq!(dev.end().code, Some(0));
}

#[test]
fn a_build_that_fails_shows_the_compilers_words_and_what_runs_goes_on() {
    let project = made("rust");
    let folder = project.folder().join("hello");
    let mut dev = dev(&folder, &project);
    let code = folder.join("functions/hello/src/lib.rs");
    let text = std::fs::read_to_string(&code).expect("the template has it");
    std::fs::write(&code, text.replace("flight: String,", "flight: Strin,"))
        .expect("it can be written");
    dev.line(|line| line.contains("cannot find type `Strin` in this scope"));
    dev.line(|line| line == "error: build function `hello`: cargo says why above");
    dev.line(|line| line == "goes on  hello runs as it was before this save");
    dev.say("s");
    dev.line(|line| line.contains(" hello@1 flights/0 batch 1: 3 records, 3 out, "));
    let triggers = folder.join("triggers.yaml");
    let file = std::fs::read_to_string(&triggers).expect("it is there");
    std::fs::write(
        &triggers,
        file.replace("outputs: late-flights", "output: late-flights"),
    )
    .expect("it can be written");
    dev.line(|line| line.contains("unknown key `output`"));
    dev.line(|line| line.starts_with("file     the server goes on"));
    std::fs::write(
        &triggers,
        file.replace("late-flights: { shards: 1 }", "late-flights: { shards: 2 }"),
    )
    .expect("it can be written");
    dev.line(|line| line.starts_with("error: build function `hello`"));
    dev.line(|line| line == "waits    for your next save");
    std::fs::write(&code, text).expect("it can be written");
    dev.line(|line| line.starts_with("ready "));
    dev.say("q");
    assert_eq!(dev.end().code, Some(0));
}

/// What a template says of a function of its own runs, too: its tests in its language.
fn tested(folder: &Path, program: &str, arguments: &[&str]) {
    let said = run(Command::new(program).args(arguments).current_dir(folder));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

/// A server of a template that needs no terminal, in the folder that was made.
fn up(project: &Project) -> (PathBuf, Running) {
    let folder = project.folder().join("hello");
    let mut up = project.command(&["up", "--port", "0", "--http-port", "0"]);
    up.current_dir(&folder)
        .env("SHARDMILL_CACHE", root().join("target/function-tools"));
    (folder, Running::of_errors(&mut up))
}

/// The oldest record of a stream holds this.
fn has(project: &Project, folder: &Path, stream: &str, expect: &str) {
    let mut tail = project.command(&["tail", stream, "--from", "oldest", "-n", "1"]);
    let said = run(tail.current_dir(folder));
    assert!(said.out.contains(expect), "{}{}", said.out, said.err);
}

#[test]
fn a_web_hook() {
    if !is_there("SHARDMILL_TEST_JAVASCRIPT") {
        return;
    }
    let project = made("http");
    let (folder, mut up) = up(&project);
    let routes = up.routes();
    let body = br#"{"flight":"UA1545","dep_delay":2}"#;
    let kind = [("content-type", "application/json")];
    let taken = web(&routes, "POST /flights", &kind, body);
    assert_eq!((taken.status, taken.body.as_str()), (202, "taken\n"));
    has(
        &project,
        &folder,
        "late-flights",
        r#"{"flight":"UA1545","late":2}"#,
    );
    tested(&folder.join("functions/hello"), "node", &["--test"]);
}

#[test]
fn a_job_by_the_clock() {
    if !is_there("SHARDMILL_TEST_PYTHON") {
        return;
    }
    let project = made("schedule");
    let (folder, mut up) = up(&project);
    up.line(|line| line.starts_with("ready "));
    let ran = run(project
        .command(&["trigger", "run", "hello"])
        .current_dir(&folder));
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    has(&project, &folder, "reports", r#"{"days":1,"by":"hello"}"#);
    tested(
        &folder.join("functions/hello"),
        "python3",
        &["-m", "unittest"],
    );
}
