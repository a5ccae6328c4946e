//! Functions as deployed things, against the real binary: versions by the command line, the Lambda API by boto3.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment where the clients are"
)]

use std::process::Command;

use shardmill_end_to_end::{Project, guest, items, root, run};

fn project(source: &str) -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ echo: {{ source: {source} }} }}
triggers: {{ copy: {{ stream: in, function: echo, outputs: out }} }}
"
    ))
}

#[test]
fn a_rollback_holds_while_triggers_run_and_over_a_restart() {
    let project = project(&guest("echo"));
    let server = project.up();
    project.done(&["put", "in", "one"]);
    project.done(&["wait"]);
    assert_eq!(server.stop().code, Some(0));
    let other = project.folder().join("triggers.yaml");
    let text = std::fs::read_to_string(&other).expect("the file is there");
    let text = text.replace("source:", "memory: 32MiB, source:");
    project.write("triggers.yaml", &text);
    let server = project.up();
    let versions = project.json(&["function", "versions", "echo"]);
    assert_eq!(items(&versions).len(), 2, "{versions}");
    assert_eq!(project.json(&["function", "show", "echo"])["version"], 2);
    project.done(&["function", "rollback", "echo", "--yes"]);
    assert_eq!(project.json(&["function", "show", "echo"])["version"], 1);
    project.done(&["put", "in", "two"]);
    project.done(&["wait"]);
    assert_eq!(project.records("out").len(), 2);
    assert_eq!(server.stop().code, Some(0));
    let server = project.up();
    assert_eq!(project.json(&["function", "show", "echo"])["version"], 1);
    project.done(&[
        "function", "promote", "echo", "2", "--alias", "next", "--yes",
    ]);
    let shown = project.json(&["function", "show", "echo"]);
    assert_eq!(shown["aliases"]["next"]["version"], 2);
    let held = project.verb(&["function", "delete", "echo@2", "--yes"]);
    assert_eq!(held.code, Some(6), "{}", held.err);
    assert_eq!(server.stop().code, Some(0));
}

/// Runs a script of the clients, where they are installed, against a server.
fn script(name: &str, arguments: &[&str]) {
    let Ok(interpreter) = std::env::var("SHARDMILL_TEST_PYTHON") else {
        return;
    };
    let project = project(&guest("event_echo"));
    let server = project.up();
    let mut python = Command::new(interpreter);
    python
        .arg(format!("python/{name}"))
        .arg(guest("event_echo"))
        .args(arguments)
        .current_dir(root().join("tests/end_to_end/clients"));
    let said = run(server.for_aws(&mut python));
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn boto3_drives_the_function_api() {
    script("boto3_functions.py", &[]);
}

/// Handler files of a language where its toolchain is.
#[test]
fn the_aws_cli_drives_the_function_api() {
    let javascript = std::env::var_os("SHARDMILL_TEST_JAVASCRIPT").map(|_| "javascript");
    let languages: Vec<&str> = ["python"].into_iter().chain(javascript).collect();
    script("aws_cli_functions.py", &languages);
}

/// What its provider for AWS calls for a function, its address, permission, alias and mapping.
#[test]
fn terraform_finds_what_it_asks_for() {
    script("terraform_calls.py", &[]);
}

/// Records go on while versions change: each comes out once.
#[test]
fn deploys_under_load_lose_and_repeat_nothing() {
    let project = project(&guest("echo"));
    let server = project.up();
    let same = project.verb(&["plan"]);
    assert_eq!(same.code, Some(0), "{}", same.err);
    let text = std::fs::read_to_string(project.folder().join("triggers.yaml"));
    let text = text.expect("the file is there");
    for round in 0..4_u32 {
        for number in 0..50_u32 {
            project.done(&["put", "in", &format!("{round}-{number}")]);
            if number == 25 {
                let memory = format!("memory: {}MiB, source:", 32 + round);
                project.write("triggers.yaml", &text.replace("source:", &memory));
                assert_eq!(project.verb(&["plan"]).code, Some(7));
                project.done(&["deploy"]);
            }
        }
    }
    project.done(&["wait"]);
    let mut data: Vec<String> = project
        .data("out")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(data.len(), 200);
    data.sort();
    data.dedup();
    assert_eq!(data.len(), 200);
    assert_eq!(project.json(&["function", "show", "echo"])["version"], 5);
    let added = "streams: { in: {}, out: {}, more: {} }\n";
    project.write(
        "triggers.yaml",
        &text.replace("streams: { in: {}, out: {} }\n", added),
    );
    project.done(&["deploy"]);
    project.done(&["stream", "show", "more"]);
    assert_eq!(server.stop().code, Some(0));
}
