//! Clients of AWS, unmodified, against the real binary. `cargo xtask test` installs them and names the ones that the
//! machine cannot run; a client that is not named in the environment is not run here.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment where the clients are"
)]

use std::process::Command;

use shardmill_end_to_end::{Project, root, run};

/// Runs `program ARGUMENTS` with the clients' folder as its working directory; `None` where the tool is not there.
fn client(tool: &str, arguments: &[&str]) -> Option<Command> {
    let program = std::env::var(tool).ok().filter(|path| !path.is_empty())?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root().join("tests/end_to_end/clients"));
    Some(command)
}

/// The client puts, reads and is refused as AWS would refuse it, or its program ends with what went wrong.
fn check(command: Option<Command>) {
    let Some(mut command) = command else { return };
    let project = Project::new("version: 1\nstreams: { flights: { shards: 4 } }\n");
    let server = project.up();
    let said = run(server.for_aws(&mut command));
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
}

#[test]
fn boto3() {
    check(client("SHARDMILL_TEST_PYTHON", &["boto3_client.py"]));
}

#[test]
fn the_aws_cli() {
    check(client("SHARDMILL_TEST_PYTHON", &["aws_cli.py"]));
}
