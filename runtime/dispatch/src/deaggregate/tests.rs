//! Golden aggregates, and what is not quite one.

use model::{SequenceNumber, Timestamp};
use proptest::prelude::*;

use super::*;

const GOLDEN: &str = "f3899ac20a03706b311a0908001a0568656c6c6f1a0908001a05776f726c64\
    f5fb92b07d5dc986bb5915e9657557aa";

fn record(data: impl Into<Bytes>) -> Record {
    Record {
        sequence: SequenceNumber([0, 0, 9]),
        arrived: Timestamp::from_millis(5),
        partition_key: Bytes::from_static(b"a"),
        explicit_hash_key: None,
        data: data.into(),
        encrypted: false,
    }
}

pub(crate) fn golden() -> Vec<u8> {
    (0..GOLDEN.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&GOLDEN[at..at + 2], 16).unwrap())
        .collect()
}

fn packed(aggregate: &AggregatedRecord) -> Vec<u8> {
    let body = aggregate.encode_to_vec();
    let digest: [u8; 16] = Md5::digest(&body).into();
    [MAGIC, &body, &digest].concat()
}

fn sub(key: u64, hash_key: Option<u64>, data: &'static str) -> SubRecord {
    SubRecord {
        partition_key_index: Some(key),
        explicit_hash_key_index: hash_key,
        data: Some(Bytes::from_static(data.as_bytes())),
    }
}

fn two_keys(records: Vec<SubRecord>) -> AggregatedRecord {
    AggregatedRecord {
        partition_keys: vec!["pk1".to_owned()],
        explicit_hash_keys: vec!["0".to_owned(), "7".to_owned()],
        records,
    }
}

/// Two sub-records, of the hash keys 0 and 7.
pub(crate) fn straying() -> Vec<u8> {
    packed(&two_keys(vec![
        sub(0, Some(0), "in"),
        sub(0, Some(1), "out"),
    ]))
}

fn data(records: &[UserRecord]) -> Vec<(u64, &[u8])> {
    records
        .iter()
        .map(|record| (record.position.sub_sequence, record.data.as_ref()))
        .collect()
}

#[test]
fn the_golden_aggregate_gives_two_user_records() {
    let unpacked = unpack(record(golden()), HashKeyRange::WHOLE, RangeCheck::InRange);
    assert_eq!(
        data(&unpacked.records),
        [(0, b"hello".as_slice()), (1, b"world")]
    );
    for user_record in &unpacked.records {
        assert_eq!(user_record.key_text(), "pk1");
        assert_eq!(
            user_record.effective_hash_key().0,
            329_398_341_438_914_906_102_347_661_116_985_167_824
        );
        assert_eq!(user_record.position.sequence, SequenceNumber([0, 0, 9]));
    }
}

#[test]
fn a_wrong_digest_leaves_the_record_raw() {
    let mut bytes = golden();
    *bytes.last_mut().unwrap() ^= 1;
    let unpacked = unpack(record(bytes), HashKeyRange::WHOLE, RangeCheck::InRange);
    assert_eq!(unpacked.records.len(), 1);
    assert_eq!(unpacked.records[0].data.len(), 47);
    assert!(!unpacked.records[0].aggregated && !unpacked.malformed);
}

#[test]
fn sub_records_outside_the_shard_are_strays() {
    let bytes = straying();
    let range = HashKeyRange {
        starting: HashKey(0),
        ending: HashKey(3),
    };
    for (check, delivered, strays) in [
        (RangeCheck::InRange, vec![0], vec![1]),
        (RangeCheck::Off, vec![0, 1], vec![]),
        (RangeCheck::Kcl, vec![], vec![0, 1]),
    ] {
        let unpacked = unpack(record(bytes.clone()), range, check);
        let subs = |records: &[UserRecord]| -> Vec<u64> {
            records
                .iter()
                .map(|record| record.position.sub_sequence)
                .collect()
        };
        assert_eq!(subs(&unpacked.records), delivered, "{check:?}");
        assert_eq!(subs(&unpacked.strays), strays, "{check:?}");
    }
}

#[test]
fn an_index_outside_its_table_leaves_the_record_raw_and_is_counted() {
    for bad in [
        sub(1, None, "x"),
        sub(0, Some(2), "x"),
        sub(u64::MAX, None, "x"),
    ] {
        let bytes = packed(&two_keys(vec![sub(0, None, "good"), bad]));
        let unpacked = unpack(
            record(bytes.clone()),
            HashKeyRange::WHOLE,
            RangeCheck::InRange,
        );
        assert_eq!(unpacked.records, [raw(record(bytes))]);
        assert!(unpacked.malformed);
    }
}

#[test]
fn an_aggregate_inside_an_aggregate_stays_packed() {
    let mut outer = two_keys(vec![sub(0, None, "")]);
    outer.records[0].data = Some(golden().into());
    let unpacked = unpack(
        record(packed(&outer)),
        HashKeyRange::WHOLE,
        RangeCheck::InRange,
    );
    assert_eq!(data(&unpacked.records), [(0, golden().as_slice())]);
}

#[test]
fn a_missing_required_field_leaves_the_record_raw() {
    let mut aggregate = two_keys(vec![sub(0, None, "x")]);
    aggregate.records[0].data = None;
    let unpacked = unpack(
        record(packed(&aggregate)),
        HashKeyRange::WHOLE,
        RangeCheck::InRange,
    );
    assert!(!unpacked.records[0].aggregated && !unpacked.malformed);
}

proptest! {
    #[test]
    fn any_bytes_come_out_again(body: Vec<u8>) {
        let digest: [u8; 16] = Md5::digest(&body).into();
        let bytes = [MAGIC, &body, &digest].concat();
        let unpacked = unpack(record(bytes.clone()), HashKeyRange::WHOLE, RangeCheck::InRange);
        prop_assert!(!unpacked.records.is_empty());
        if !unpacked.records[0].aggregated {
            prop_assert_eq!(&unpacked.records[0].data, &bytes);
        }
    }
}
