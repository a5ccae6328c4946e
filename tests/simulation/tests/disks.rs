//! Bad input from the disk: it is full, or answers EIO once, at any operation of a server's life. Each has one sentence.

use platform::DiskFault;
use shardmill_simulation::disks::{Said, stopped, with_fault, with_room};

/// No debug output, no bare number.
fn is_a_sentence(said: &Said) -> bool {
    let message = &said.message;
    let words = message.split_whitespace().count();
    !message.contains('\n')
        && !message.contains("Error {")
        && !message.contains("Os {")
        && words > 4
}

fn is_about_room(said: &Said) -> bool {
    said.message.contains("full") || said.message.contains("No space left")
}

#[test]
fn a_disk_that_answers_eio_once_ends_the_server_with_a_sentence_or_costs_nothing() {
    let operations = (0..420).step_by(5);
    let ends = operations.filter_map(|operation| with_fault(operation, DiskFault::Fails));
    let ends: Vec<Said> = ends.collect();
    let wrong = ends
        .iter()
        .find(|said| !is_a_sentence(said) || said.hint.is_none());
    assert_eq!(wrong, None);
    for (begins, at_least) in [
        ("start: the disk failed: ", 1),
        ("the server ended because its disk failed: ", 3),
    ] {
        let named = ends.iter().filter(|said| said.message.starts_with(begins));
        assert!(named.count() >= at_least, "{begins}: {ends:#?}");
    }
}

#[test]
fn any_operation_that_finds_the_disk_full_is_refused_or_waits_and_loses_nothing() {
    for operation in (0..300).step_by(7) {
        if let Some(said) = with_fault(operation, DiskFault::Full) {
            assert!(
                is_a_sentence(&said) && is_about_room(&said),
                "operation {operation}: {said:?}"
            );
        }
    }
}

#[test]
fn a_disk_that_is_full_at_the_start_is_named_and_a_little_room_is_enough() {
    let mut ends = Vec::new();
    for kib in [0, 1, 4, 16, 64, 128, 256, 384, 512, 1_024, 4_096] {
        let said = with_room(kib << 10);
        if let Some(said) = &said {
            assert!(
                is_a_sentence(said) && is_about_room(said),
                "{kib} KiB: {said:?}"
            );
        }
        ends.push(said);
    }
    let first = ends.first().cloned().flatten().expect("nothing fits");
    assert_eq!(
        first.message,
        "open the data directory /project/.shardmill/dev/data: its disk is full; nothing that was acknowledged is lost"
    );
    assert_eq!(first.hint, Some("free some space and start again"));
    assert_eq!(ends.last(), Some(&None), "{ends:#?}");
}

#[test]
fn a_stop_that_was_asked_for_is_no_failure() {
    let said = stopped().expect("it ends");
    assert!(said.ends_with("ended: Ok(())"), "{said}");
}
