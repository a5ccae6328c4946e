//! Packed bytes against a table of damaged outputs, and properties over records and arbitrary bytes.
#![expect(clippy::indexing_slicing, reason = "tests know their buffers")]

use model::{Position, SequenceNumber, Timestamp};
use proptest::prelude::*;

use super::*;

pub(crate) fn output(records: &[(&[u8], &[u8], u32)], flags: u16) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32_le(OUTPUT_MAGIC);
    out.put_u16_le(VERSION);
    out.put_u16_le(flags);
    out.put_u32_le(u32::try_from(records.len()).unwrap());
    out.put_u32_le(40);
    out.put_bytes(0, 16);
    let mut next = HEADER_BYTES + records.len() * OUTPUT_STRIDE;
    for (key, data, source) in records {
        for part in [key, data] {
            out.put_u32_le(u32::try_from(next).unwrap());
            out.put_u32_le(u32::try_from(part.len()).unwrap());
            next += part.len();
        }
        out.put_u64_le(1);
        out.put_u64_le(2);
        out.put_u32_le(*source);
        out.put_u32_le(0);
    }
    for (key, data, _) in records {
        out.put_slice(key);
        out.put_slice(data);
    }
    out
}

fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = output(&[(b"key", b"data", 0)], 0);
    out[at..at + bytes.len()].copy_from_slice(bytes);
    out
}

#[test]
fn damaged_outputs_are_refused_with_the_reason() {
    let whole = output(&[(b"key", b"data", 0)], 0);
    let cases: Vec<(Vec<u8>, MalformedOutput)> = vec![
        (vec![1; 31], MalformedOutput::Short(31)),
        (changed(0, b"SMB1"), MalformedOutput::Magic(BATCH_MAGIC)),
        (changed(4, &[9]), MalformedOutput::Version(9)),
        (changed(12, &[39]), MalformedOutput::Stride(39)),
        (
            changed(8, &[2]),
            MalformedOutput::Count {
                count: 2,
                bytes: whole.len(),
            },
        ),
        (
            changed(32, &[255; 4]),
            MalformedOutput::Offset {
                record: 0,
                part: "partition key",
            },
        ),
        (
            changed(44, &[255; 4]),
            MalformedOutput::Offset {
                record: 0,
                part: "data",
            },
        ),
        (
            changed(36, &[0]),
            MalformedOutput::KeyLength {
                record: 0,
                chars: 0,
            },
        ),
        (
            output(&[(&[b'k'; 257], b"", 0)], 0),
            MalformedOutput::KeyLength {
                record: 0,
                chars: 257,
            },
        ),
        (
            output(&[(b"a", b"", 0), (b"b", &vec![0; 1 << 20], 0)], 0),
            MalformedOutput::RecordLength {
                record: 1,
                bytes: (1 << 20) + 1,
            },
        ),
        (changed(72, &[255]), MalformedOutput::KeyText { record: 0 }),
        (
            changed(64, &[3]),
            MalformedOutput::Source {
                record: 0,
                source_index: 3,
                batch: 3,
            },
        ),
    ];
    for (bytes, expect) in cases {
        assert_eq!(unpack(&Bytes::from(bytes), "out", 3), Err(expect));
    }
}

#[test]
fn the_largest_key_and_the_largest_record_are_read() {
    let key = "\u{e9}".repeat(256);
    let data = vec![0; (1 << 20) - key.len()];
    let bytes = Bytes::from(output(&[(key.as_bytes(), &data, 0)], 0));
    assert_eq!(unpack(&bytes, "out", 1).unwrap()[0].data.len(), data.len());
}

#[test]
fn a_good_output_is_read_with_hash_key_and_source() {
    let bytes = Bytes::from(output(&[(b"a", b"one", NO_SOURCE), (b"b", b"", 1)], 1));
    let read = unpack(&bytes, "out", 2).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].source, read[1].source), (None, Some(1)));
    assert_eq!(read[0].explicit_hash_key, Some(HashKey(1 << 64 | 2)));
    assert_eq!(read[0].data.as_ref(), b"one");
    assert_eq!(unpack(&Bytes::new(), "out", 2), Ok(Vec::new()));
}

fn record() -> impl Strategy<Value = UserRecord> {
    (
        any::<[u64; 3]>(),
        any::<u64>(),
        "[a-z]{1,9}",
        proptest::collection::vec(any::<u8>(), 0..50),
    )
        .prop_map(|(sequence, sub_sequence, key, data)| UserRecord {
            position: Position {
                sequence: SequenceNumber(sequence),
                sub_sequence,
            },
            arrived: Timestamp::from_millis(sub_sequence),
            partition_key: Bytes::from(key),
            explicit_hash_key: None,
            data: Bytes::from(data),
            aggregated: sub_sequence % 2 == 0,
            deliveries: 1,
        })
}

proptest! {
    #[test]
    fn every_packed_part_is_found_again(records in proptest::collection::vec(record(), 0..20)) {
        let bytes = pack(&records, false, 0).unwrap();
        let total: usize = records.iter().map(encoded_len).sum();
        prop_assert_eq!(bytes.len(), HEADER_BYTES + total);
        for (index, record) in records.iter().enumerate() {
            let mut fields = Cursor(&bytes[HEADER_BYTES + index * 64..]);
            let numbers: Vec<u64> = (0..5).map(|_| fields.u64().unwrap()).collect();
            prop_assert_eq!(&numbers[..3], &record.position.sequence.0[..]);
            prop_assert_eq!(numbers[3], record.position.sub_sequence);
            for part in [&record.partition_key, &record.data] {
                let at = fields.u32().unwrap() as usize;
                let len = fields.u32().unwrap() as usize;
                prop_assert_eq!(&bytes[at..at + len], part.as_ref());
            }
            prop_assert_eq!(fields.u32(), Some(if record.aggregated { 2 } else { 0 }));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        tail in proptest::collection::vec(any::<u8>(), 0..200),
        count in 0u32..6,
    ) {
        let mut bytes = output(&[], 1);
        bytes[8..12].copy_from_slice(&count.to_le_bytes());
        bytes.extend(tail);
        if let Ok(read) = unpack(&Bytes::from(bytes), "out", 2) {
            prop_assert!(read.iter().all(|emitted| emitted.source.is_none_or(|source| source < 2)));
        }
    }
}
