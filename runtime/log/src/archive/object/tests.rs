//! Objects round trip, and whatever is changed in one is noticed.

use proptest::prelude::*;

use super::*;

const ID: u64 = 1 << 63 | 8;

fn frame(first_index: u64, count: u32, ms: u64) -> FrameRef {
    FrameRef {
        first_index,
        count,
        arrived: Timestamp::from_millis(ms),
        position: 77,
        frame_len: 5,
        segment: 64,
        part_at: 9,
        part_len: 9,
    }
}

fn head() -> Head {
    Head {
        of: identity(5 << 70 | 3, ID),
        source: 64,
        day: 20_000,
    }
}

/// Two shards, more than one block.
fn built() -> (Built, Vec<(ShardSlot, FrameRef, Vec<u8>)>) {
    let mut builder = Builder::new(head());
    let mut put = Vec::new();
    for n in 0..40_u64 {
        let part = vec![u8::try_from(n).unwrap(); 60_000];
        let slot = ShardSlot(u32::try_from(n / 20).unwrap());
        let frame = frame(n * 10, 3, 1_000 + n);
        builder.add(slot, &frame, &part).unwrap();
        put.push((slot, frame, part));
    }
    (builder.finish().unwrap(), put)
}

fn frames(built: &Built) -> Vec<(ShardSlot, FrameRef)> {
    let mut found = Vec::new();
    for run in &built.contents.runs {
        let from = usize::try_from(run.offset).unwrap();
        let bytes = &built.index[from..from + run.file_len()];
        let run_frames = run.decode(bytes, ID).unwrap();
        found.extend(run_frames.into_iter().map(|frame| (run.slot, frame)));
    }
    found
}

#[test]
fn what_was_put_into_an_object_is_found_through_its_index() {
    let (built, put) = built();
    assert_eq!(Head::decode(&built.bytes), Some(head()));
    let len = built.bytes.len();
    assert!(len < 40 * 60_000 / 10, "{len}");
    let range = index_range(&built.bytes[len - FOOT_BYTES..], len as u64).unwrap();
    let (start, end) = (
        range.start.try_into().unwrap(),
        range.end.try_into().unwrap(),
    );
    assert_eq!(&built.bytes[start..end], built.index);
    let bytes = Bytes::from(built.bytes.clone());
    let found = frames(&built);
    assert_eq!(found.len(), put.len());
    for ((slot, frame), (at, put, part)) in found.iter().zip(&put) {
        assert_eq!(
            (slot, frame.first_index, frame.count),
            (at, put.first_index, put.count)
        );
        let raw = unpack(
            ID,
            frame.position,
            &bytes.slice(usize::try_from(frame.position).unwrap()..),
        );
        let from = usize::try_from(frame.part_at).unwrap();
        assert_eq!(raw.unwrap()[from..from + part.len()], part[..]);
    }
    let (entries, whole) = salvage(ID, &bytes);
    assert!(whole && entries.len() == put.len());
    for (entry, (slot, frame, part)) in entries.iter().zip(&put) {
        assert_eq!(
            (entry.slot, entry.frame.first_index),
            (*slot, frame.first_index)
        );
        assert_eq!(entry.part, part[..]);
    }
}

#[test]
fn a_damaged_block_takes_nothing_else_along() {
    let (built, put) = built();
    let first = frames(&built)[0].1;
    let mut bytes = built.bytes;
    let inside = usize::try_from(first.position).unwrap() + BLOCK_HEAD_BYTES + 5;
    bytes[inside] ^= 1;
    let bytes = Bytes::from(bytes);
    assert_eq!(unpack(ID, first.position, &bytes.slice(HEAD_BYTES..)), None);
    let (entries, whole) = salvage(ID, &bytes);
    assert!(!whole);
    let lost = put.len() - entries.len();
    assert!((1..put.len()).contains(&lost), "{lost}");
    assert_eq!(entries[0].frame.first_index, put[lost].1.first_index);
}

#[test]
fn a_block_is_right_only_in_its_place() {
    let (built, _) = built();
    let bytes = Bytes::from(built.bytes);
    let first = bytes.slice(HEAD_BYTES..);
    assert!(unpack(ID, HEAD_BYTES as u64, &first).is_some());
    assert!(unpack(ID + 2, HEAD_BYTES as u64, &first).is_none());
    assert!(unpack(ID, 0, &first).is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_recognised_or_refused(bytes: Vec<u8>, offset: u64) {
        let bytes = Bytes::from(bytes);
        prop_assert!(unpack(ID, offset, &bytes).is_none());
        prop_assert!(Head::decode(&bytes).is_none());
        let (entries, _) = salvage(ID, &bytes);
        prop_assert!(entries.is_empty());
        drop(super::entries(&bytes));
    }
}
