//! Packing and unpacking: what goes in comes out, and no bytes, however wrong, make a reader panic.
use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Owned {
    key: String,
    data: Vec<u8>,
    sequence: [u64; 3],
    sub_sequence: u64,
    arrived_ms: u64,
    flags: u32,
    deliveries: u32,
}

impl Owned {
    fn as_new(&self) -> NewRecord<'_> {
        NewRecord {
            key: self.key.as_bytes(),
            data: &self.data,
            sequence: Sequence(self.sequence),
            sub_sequence: self.sub_sequence,
            arrived_ms: self.arrived_ms,
            flags: self.flags,
            deliveries: self.deliveries,
        }
    }
}

prop_compose! {
    fn any_record()(
        key in "\\PC{0,12}",
        data in prop::collection::vec(any::<u8>(), 0..64),
        sequence in any::<[u64; 3]>(),
        sub_sequence in any::<u64>(),
        arrived_ms in any::<u64>(),
        flags in 0_u32..8,
        deliveries in 1_u32..9,
    ) -> Owned {
        Owned { key, data, sequence, sub_sequence, arrived_ms, flags, deliveries }
    }
}

fn pack(records: &[Owned]) -> Vec<u8> {
    let mut writer = BatchWriter::default();
    records
        .iter()
        .for_each(|record| writer.push(&record.as_new()));
    writer.finish()
}

/// Reads everything a reader can reach.
fn read_all(bytes: &[u8]) -> usize {
    let records = Batch::parse(bytes).map_or(0, |batch| {
        batch
            .iter()
            .map(|record| record.key().len() + record.data().len())
            .sum()
    });
    let outputs = OutputView::parse(bytes).map_or(0, |view| {
        view.iter()
            .map(|entry| entry.key.len() + entry.data.len())
            .sum()
    });
    records + outputs
}

proptest! {
    #[test]
    fn a_batch_comes_out_as_it_went_in(records in prop::collection::vec(any_record(), 0..20)) {
        let packed = pack(&records);
        let batch = Batch::parse(&packed).unwrap();
        prop_assert_eq!(batch.len(), records.len());
        for (read, written) in batch.iter().zip(&records) {
            prop_assert_eq!(read.key(), &written.key);
            prop_assert_eq!(read.data(), &written.data);
            prop_assert_eq!(read.sequence(), Sequence(written.sequence));
            prop_assert_eq!(read.sub_sequence(), written.sub_sequence);
            prop_assert_eq!(read.arrived(), written.arrived_ms);
            prop_assert_eq!(read.deliveries(), written.deliveries);
            prop_assert_eq!(read.delivered_before(), written.flags & 1 != 0);
            prop_assert_eq!(read.from_aggregate(), written.flags & 2 != 0);
            prop_assert_eq!(read.closes_window(), written.flags & 4 != 0);
        }
    }

    #[test]
    fn an_output_comes_out_as_it_went_in_without_the_forgotten(
        records in prop::collection::vec(("\\PC{1,12}", any::<Vec<u8>>(), any::<u128>(), 0_u32..8), 0..20),
        hash_keys in any::<bool>(),
        failed in 0_u32..8,
    ) {
        let mut writer = OutputWriter::new(hash_keys);
        for (key, data, hash_key, source) in &records {
            writer.push(key, data, *hash_key, *source).unwrap();
        }
        writer.forget(|source| source == failed);
        let packed = writer.finish();
        prop_assert_eq!(packed.len(), writer.packed_bytes());
        let view = OutputView::parse(&packed).unwrap();
        let expected: Vec<_> = records
            .iter()
            .filter(|record| record.3 != failed)
            .map(|(key, data, hash_key, source)| OutputEntry {
                key,
                data,
                hash_key: hash_keys.then_some(*hash_key),
                source: Some(*source),
            })
            .collect();
        prop_assert_eq!(view.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        read_all(&bytes);
    }

    #[test]
    fn a_damaged_batch_never_panics_and_never_reads_outside(
        records in prop::collection::vec(any_record(), 1..6),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packed = pack(&records);
        for (place, value) in damage {
            let at = place.index(packed.len());
            packed[at] = value;
        }
        read_all(&packed);
        packed.truncate(cut.index(packed.len()));
        read_all(&packed);
    }
}

#[test]
fn what_does_not_add_up_is_refused() {
    let good = pack(&[Owned {
        key: "JFK".to_owned(),
        data: b"{}".to_vec(),
        sequence: [0, 0, 1],
        sub_sequence: 0,
        arrived_ms: 0,
        flags: 0,
        deliveries: 1,
    }]);
    assert_eq!(good.len(), 32 + 64 + 5);
    let refused = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        Batch::parse(&bytes).unwrap_err().0
    };
    assert_eq!(refused(0, 0), "the magic number is wrong");
    assert_eq!(
        refused(4, 2),
        "the version is unknown, build against the host's package"
    );
    assert_eq!(refused(8, 2), "the index is cut off");
    assert_eq!(refused(12, 63), "the stride is shorter than an entry");
    assert_eq!(refused(32 + 44, 9), "a key lies outside the buffer");
    assert_eq!(refused(32 + 48, 255), "data lies outside the buffer");
    assert_eq!(refused(96, 0xff), "a key is not UTF-8");
}

/// The bytes of `function.wit`, written out by hand once, so that both ends of the codec cannot drift together.
#[test]
fn an_output_is_laid_out_as_the_interface_says() {
    let mut writer = OutputWriter::new(true);
    writer.push("k", b"dd", (7 << 64) | 9, 3).unwrap();
    let mut expected = b"SMO1".to_vec();
    expected.extend([1, 0, 1, 0, 1, 0, 0, 0, 40, 0, 0, 0]);
    expected.extend([0; 16]);
    expected.extend([72, 0, 0, 0, 1, 0, 0, 0, 73, 0, 0, 0, 2, 0, 0, 0]);
    expected.extend([7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([3, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend(b"kdd");
    assert_eq!(writer.finish(), expected);
}

#[test]
fn longer_entries_of_a_later_version_are_read_by_their_stride() {
    let mut bytes = b"SMO1".to_vec();
    bytes.extend([1, 0, 0, 0, 1, 0, 0, 0, 48, 0, 0, 0]);
    bytes.extend([0; 16]);
    bytes.extend([80, 0, 0, 0, 1, 0, 0, 0, 81, 0, 0, 0, 1, 0, 0, 0]);
    bytes.extend([0; 16]);
    bytes.extend([255; 4]);
    bytes.extend([0; 12]);
    bytes.extend(b"kd");
    let view = OutputView::parse(&bytes).unwrap();
    let read: Vec<_> = view.iter().collect();
    assert_eq!(
        read,
        [OutputEntry {
            key: "k",
            data: b"d",
            hash_key: None,
            source: None
        }]
    );
}

#[test]
fn sequence_numbers_read_as_kinesis_writes_them() {
    assert_eq!(Sequence([0, 0, 0]).to_string(), "0");
    assert_eq!(
        Sequence([0, 0, u64::MAX]).to_string(),
        "18446744073709551615"
    );
    assert_eq!(Sequence([0, 1, 0]).to_string(), "18446744073709551616");
    assert_eq!(
        Sequence([1, 0, 0]).to_string(),
        "340282366920938463463374607431768211456"
    );
}
