//! Entries of the registry: the numbers of new streams, what is read again as it was, and what is refused.

use std::{sync::Arc, time::Duration};

use model::Timestamp;

use crate::facts::{StreamMode, StreamStatus};

use super::*;

fn key() -> StreamKey {
    StreamKey {
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
        name: StreamName::parse("flights").unwrap(),
    }
}

fn new(shards: u32) -> (StreamEntry, NextNumbers) {
    let new = NewStream {
        shards,
        mode: StreamMode::Provisioned,
        retention: Duration::from_hours(24),
        transition: Duration::from_millis(500),
        traits: Arc::default(),
    };
    StreamEntry::new(new, Timestamp::from_millis(10_000), NextNumbers::FIRST).unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let (entry, numbers) = new(3);
    let write = entry.write(&key()).unwrap();
    let read = Entry::decode(&write.key, &write.value.unwrap());
    assert_eq!(read, Ok(Entry::Stream(key(), entry)));
    let write = numbers.write().unwrap();
    let read = Entry::decode(&write.key, &write.value.unwrap());
    assert_eq!(read, Ok(Entry::Numbers(numbers)));
}

#[test]
fn the_stored_form_stays_as_it_is() {
    let write = new(1).0.write(&key()).unwrap();
    insta::assert_snapshot!(
        String::from_utf8_lossy(&write.key),
        @"r000000000000/us-east-1/flights"
    );
    insta::assert_snapshot!(
        String::from_utf8_lossy(&write.value.unwrap()),
        @r#"{"version":1,"mode":"provisioned","created":10000,"active_from":10500,"gone_from":null,"retention_ms":86400000,"shards":[{"id":0,"slot":1,"counter":1,"created_s":8,"range":{"starting":0,"ending":340282366920938463463374607431768211455}}]}"#
    );
}

#[test]
fn updates_of_earlier_versions_are_complete() {
    let (mut entry, _) = new(1);
    let at = Timestamp::from_millis;
    entry.update = Some(Update {
        since: at(20_000),
        until: at(20_500),
        then: None,
    });
    let written = entry.write(&key()).unwrap().value.unwrap();
    let written = String::from_utf8(written.into()).unwrap();
    let earlier = written.replace("20500", r#"20500,"first_new":1"#);
    let read = Entry::decode(&entry_key(&key()), earlier.as_bytes());
    assert_eq!(read, Ok(Entry::Stream(key(), entry)));
}

#[test]
fn entries_of_other_versions_are_refused() {
    let key = entry_key(&key());
    for (value, reason) in [
        (
            &br#"{"version":2}"#[..],
            "it has version 2, this server reads version 1",
        ),
        (
            br#"{"version":1,"shards":[]}"#,
            "missing field `mode` at line 1 column 25",
        ),
    ] {
        assert_eq!(Entry::decode(&key, value).unwrap_err().reason, reason);
    }
}

#[test]
fn five_shards_share_a_counter_and_no_slot_is_given_twice() {
    let (entry, left) = new(11);
    let counters: Vec<u32> = entry.shards.iter().map(|shard| shard.counter).collect();
    assert_eq!(counters, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3]);
    assert_eq!((left.slot, left.counter), (12, 4));
}

#[test]
fn states_follow_from_times() {
    let (mut entry, _) = new(1);
    let at = Timestamp::from_millis;
    for (ms, expected) in [
        (10_000, StreamStatus::Creating),
        (10_499, StreamStatus::Creating),
        (10_500, StreamStatus::Active),
    ] {
        assert_eq!(entry.status(at(ms)), Some(expected), "{ms}");
    }
    entry.gone_from = Some(at(20_000));
    assert_eq!(entry.status(at(19_999)), Some(StreamStatus::Deleting));
    assert_eq!(entry.status(at(20_000)), None);
}
