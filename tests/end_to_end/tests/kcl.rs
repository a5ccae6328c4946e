//! A real application of the Kinesis Client Library 3, with a real lease table, through a split: every record is handled.
//!
//! Half of its minute is the library's own start. `cargo xtask test` installs it; where it is not, nothing is run.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment where the clients are"
)]

use std::process::Command;

use shardmill_end_to_end::{Project, root, run};

fn check(way: &str) {
    let place = |variable: &str| std::env::var(variable).ok();
    let (Some(python), Some(kcl)) = (place("SHARDMILL_TEST_PYTHON"), place("SHARDMILL_TEST_KCL"))
    else {
        return;
    };
    let project = Project::new("version: 1\n");
    let server = project.up();
    let program = root().join("tests/end_to_end/clients/kcl/application.py");
    let mut command = Command::new(python);
    command
        .arg(program)
        .args([way, &format!("{kcl}/wheel"), &format!("{kcl}/table")])
        .arg(project.folder());
    let said = run(server.for_aws(&mut command));
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
}

#[test]
fn polling() {
    check("POLLING");
}

#[test]
fn fan_out() {
    check("FANOUT");
}
