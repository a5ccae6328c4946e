//! The binary as it is built: that it starts, says what it is, and says what is wrong with its arguments.
//!
//! What its verbs do is the matter of `tests/end_to_end`, which takes the same binary.

use std::process::{Command, Output};

fn said(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shardmill"))
        .args(arguments)
        .output()
        .expect("the binary was built")
}

#[test]
fn the_version_is_data() {
    let version = said(&["--version"]);
    assert!(version.status.success());
    let text = String::from_utf8(version.stdout).unwrap();
    assert_eq!(text, concat!("shardmill ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(version.stderr.is_empty());
}

#[test]
fn an_unknown_verb_is_a_wrong_call_and_prints_no_data() {
    let wrong = said(&["flush"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stdout.is_empty());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("'flush'"));
}
