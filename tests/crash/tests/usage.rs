//! A wrong call of the program that crashes servers: it says how it is called and crashes nothing.

use std::process::Command;

#[test]
fn a_call_without_places_says_how_it_is_called() {
    let wrong = Command::new(env!("CARGO_BIN_EXE_shardmill-crash"))
        .output()
        .expect("the program was built");
    assert!(!wrong.status.success());
    let text = String::from_utf8_lossy(&wrong.stderr);
    assert!(text.contains("usage: shardmill-crash"), "{text}");
}
