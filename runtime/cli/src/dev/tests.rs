//! What is shown of batches, as text.

use std::time::Duration;

use host::{Compared, Seen, SeenFailure, SeenOutput, SeenRecord};

use super::keys::Key;
use super::shown::{self, Names};

fn seen() -> Seen {
    let record = |key: &str| SeenRecord {
        key: key.to_owned(),
        data: b"{}".to_vec(),
    };
    let output = |key: &str| SeenOutput {
        name: "default".to_owned(),
        key: key.to_owned(),
        data: Some(br#"{"flight":"UA1545","late":2}"#.to_vec()),
    };
    Seen {
        number: 1,
        function: "hello".to_owned(),
        version: 1,
        trigger: "hello".to_owned(),
        stream: "flights".to_owned(),
        shard: 0,
        attempt: 1,
        records: vec![record("EWR"), record("LGA")],
        outputs: vec![output("EWR"), output("LGA")],
        values: Vec::new(),
        failures: Vec::new(),
        fault: None,
        took: Duration::from_micros(1_100),
        since_put: Duration::from_micros(1_900),
        log: "looked at 2\n".to_owned(),
    }
}

#[test]
fn a_batch_that_was_done() {
    insta::assert_snapshot!(shown::batch(&seen(), &Names::default(), "14:02:11", false), @r#"
    14:02:11 hello@1 flights/0 batch 1: 2 records, 2 out, 1.1 ms (put to done 1.9 ms)
      log    looked at 2
      out    default  key EWR  {"flight":"UA1545","late":2}  and 1 more: press o
    "#);
}

#[test]
fn a_batch_that_failed_says_where_and_waits() {
    let failed = Seen {
        outputs: Vec::new(),
        log: String::new(),
        failures: vec![SeenFailure {
            index: 1,
            action: "retry",
            kind: "KeyError".to_owned(),
            reason: "'delay' (app.py line 7 in handler)".to_owned(),
        }],
        ..seen()
    };
    insta::assert_snapshot!(shown::batch(&failed, &Names::default(), "14:02:11", true), @r"
    14:02:11 hello@1 flights/0 batch 1: 2 records, attempt 1, failed in 1.1 ms
      error  KeyError: 'delay' (app.py line 7 in handler)   record 2 of 2, key LGA
      why    flights/0 waits for your next save
    ");
    let compared = Compared {
        number: 1,
        before: 3,
        after: failed,
    };
    insta::assert_snapshot!(shown::compared(&compared), @"compare  batch 1 again with hello@1, no effects: 3 out -> fails: KeyError: 'delay' (app.py line 7 in handler)   record 2 of 2, key LGA");
}

#[test]
fn every_letter_that_is_shown_is_a_key() {
    let letters = super::keys::SHOWN
        .split(" · ")
        .filter_map(|key| key.chars().next());
    let keys: Vec<Key> = letters.filter_map(Key::of).collect();
    assert_eq!(keys.len(), 6);
    assert_eq!(Key::of('x'), None);
}
