//! What one call of a guest may cost the host: refused before it is copied.

use std::time::Duration;

use model::{Invocation, Timestamp, invocation::StateUnavailable};
use platform::Monotonic;

use super::*;
use crate::tests::invocation;

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
    Call::new(invocation, never, Timestamp::default(), output_bytes_max)
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
