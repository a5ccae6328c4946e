//! What one call of a guest may cost the host: refused before it is copied.

use std::time::Duration;

use model::{Invocation, Timestamp, invocation::StateUnavailable};
use platform::Monotonic;

use super::*;
use crate::{packed::tests::output, tests::invocation};

/// Every name has a value of this size.
#[derive(Debug)]
struct Full(usize);

impl StateReader for Full {
    fn get(&self, _: HashKey, _: &[u8], _: &str) -> Result<Option<Bytes>, StateUnavailable> {
        Ok(Some(vec![7; self.0].into()))
    }

    fn names(&self, _: HashKey, _: &[u8]) -> Result<Vec<String>, StateUnavailable> {
        Ok(Vec::new())
    }
}

fn call(value_bytes: usize, output_bytes_max: usize) -> Call {
    let invocation = Invocation {
        state: Some(Arc::new(Full(value_bytes))),
        ..invocation(&["default"])
    };
    let never = Monotonic(Duration::MAX);
    Call::new(
        invocation,
        never,
        (never, Timestamp::default()),
        output_bytes_max,
    )
}

#[test]
fn many_values_are_read_up_to_a_number_and_a_size() {
    let half = STATE_READ_BYTES_MAX / 2;
    let names = |count: usize| vec![(0, "total".to_owned()); count];
    let cases = [
        (8, STATE_NAMES_PER_CALL_MAX, Ok(STATE_NAMES_PER_CALL_MAX)),
        (8, STATE_NAMES_PER_CALL_MAX + 1, Err(TOO_LARGE)),
        (half, 2, Ok(2)),
        (half, 3, Err(TOO_LARGE)),
    ];
    for (value_bytes, count, expect) in cases {
        let read = call(value_bytes, 0).read_many(names(count)).unwrap();
        let got = read.map(|values| values.iter().flatten().count());
        let got = got.map_err(|refusal| refusal.code);
        assert_eq!(got, expect, "{count} values of {value_bytes}");
    }
    let one_is_bad = vec![(0, "total".to_owned()), (9, "total".to_owned())];
    let refused = call(8, 0).read_many(one_is_bad).unwrap().unwrap_err();
    assert_eq!(refused.code, MALFORMED);
}

/// A packed output of so many records that are all views of the same bytes.
fn shared(records: usize, data_bytes: usize) -> Bytes {
    let data = vec![b'd'; data_bytes];
    let entries: Vec<(&[u8], &[u8], u32)> = vec![(b"k", b"", 0); records - 1];
    let last: (&[u8], &[u8], u32) = (b"k", &data, 0);
    let mut packed = output(&[&entries[..], &[last]].concat(), 0);
    let place = |index: usize| 32 + index * 40 + 8..32 + index * 40 + 16;
    let of_last = packed[place(records - 1)].to_vec();
    for index in 0..records - 1 {
        packed[place(index)].copy_from_slice(&of_last);
    }
    packed.into()
}

#[test]
fn an_output_counts_what_its_records_will_take_in_a_stream() {
    let cases = [
        (shared(1, 500), 1_000, Ok(573)),
        (shared(3, 500), 1_000, Err(TOO_LARGE)),
        (shared(3, 500), 2_000, Ok(1_623)),
        (vec![0; 1_001].into(), 1_000, Err(TOO_LARGE)),
        (vec![0; 1_000].into(), 1_000, Err(MALFORMED)),
    ];
    for (chunk, output_bytes_max, expect) in cases {
        let mut call = call(0, output_bytes_max);
        let emitted = call.emit("default", &chunk);
        let got = emitted.map(|()| call.output_bytes);
        assert_eq!(got.map_err(|refusal| refusal.code), expect);
    }
}

#[test]
fn what_fits_no_stream_is_refused_with_the_name_of_the_output() {
    let long = Bytes::from(output(&[(&[b'k'; 257], b"", 0)], 0));
    let refused = call(0, 1_000).emit("default", &long).unwrap_err();
    assert_eq!(
        refused.message,
        "output `default`: record 0: the partition key has 257 characters, 1 to 256 are accepted"
    );
}
