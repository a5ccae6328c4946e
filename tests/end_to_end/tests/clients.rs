//! Clients of AWS, unmodified, against the real binary. `cargo xtask test` installs them and names the ones that the
//! machine cannot run; a client that is not named in the environment is not run here.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment where the clients are"
)]

use std::process::Command;

use shardmill_end_to_end::{Project, root, run};

/// What `Server::for_aws` tells clients.
const KEYS: &str = "[default]\naws_access_key_id = dev\naws_secret_access_key = dev\n";

/// The client puts, reads and is refused as AWS would refuse it, or its program ends with what went wrong. `command`
/// gets the place at which the client is installed; where it is not, there is nothing to run.
fn check(variable: &str, command: impl FnOnce(&str) -> Command) {
    check_with(&[], variable, command);
}

/// The same with a server that verifies signatures, and knows the key that clients are given.
fn check_signed(variable: &str, command: impl FnOnce(&str) -> Command) {
    check_with(&["--auth", "keys"], variable, command);
}

fn check_with(settings: &[&str], variable: &str, command: impl FnOnce(&str) -> Command) {
    let Ok(place) = std::env::var(variable) else {
        return;
    };
    let mut command = command(&place);
    command.current_dir(root().join("tests/end_to_end/clients"));
    let project = Project::new("version: 1\nstreams: { flights: { shards: 4 } }\n");
    project.write("keys", KEYS);
    let server = project.up_with(settings);
    let said = run(server.for_aws(&mut command));
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
}

fn python(program: &str) {
    check("SHARDMILL_TEST_PYTHON", |interpreter| {
        let mut python = Command::new(interpreter);
        python.arg(program);
        python
    });
}

fn javascript(modules: &str) -> Command {
    let mut node = Command::new("node");
    node.arg("javascript/client.cjs").env("NODE_PATH", modules);
    node
}

fn java(settings: &[&str]) {
    check("SHARDMILL_TEST_JAVA", |built| {
        let mut java = Command::new("java");
        java.args(settings)
            .args(["-cp", &format!("{built}/classes:{built}/libraries/*")])
            .arg("DriveKinesis");
        java
    });
}

#[test]
fn boto3() {
    python("python/boto3_client.py");
}

#[test]
fn boto3_and_the_actions_beside_putting_and_getting() {
    python("python/boto3_actions.py");
}

#[test]
fn boto3_signs_as_the_server_verifies() {
    check_signed("SHARDMILL_TEST_PYTHON", |interpreter| {
        let mut python = Command::new(interpreter);
        python.arg("python/boto3_actions.py");
        python
    });
}

#[test]
fn the_sdk_for_javascript_signs_as_the_server_verifies() {
    check_signed("SHARDMILL_TEST_JAVASCRIPT", javascript);
}

#[test]
fn the_sdk_for_go_signs_as_the_server_verifies() {
    check_signed("SHARDMILL_TEST_GO", |program| Command::new(program));
}

#[test]
fn the_aws_cli() {
    python("python/aws_cli.py");
}

#[test]
fn the_sdk_for_javascript() {
    check("SHARDMILL_TEST_JAVASCRIPT", javascript);
}

#[test]
fn the_sdk_for_go() {
    check("SHARDMILL_TEST_GO", |program| Command::new(program));
}

#[test]
fn the_sdk_for_rust() {
    check("SHARDMILL_TEST_RUST", |program| Command::new(program));
}

#[test]
fn the_sdk_for_rust_signs_as_the_server_verifies() {
    check_signed("SHARDMILL_TEST_RUST", |program| Command::new(program));
}

#[test]
fn the_sdk_for_java_in_cbor() {
    java(&[]);
}

#[test]
fn the_sdk_for_java_in_json() {
    java(&["-Daws.cborEnabled=false"]);
}
