//! What the log says about an archived object: one view entry, written before the object and changed when it counts. Pure.
//!
//! ```text
//! key    namespace, id u64
//! value  version u8, state u8, place u8, 5 reserved, source segment u64
//! ```

use bytes::Bytes;
use model::{ViewWrite, keys};

use crate::layout::frame::u64_at;

const VERSION: u8 = 1;
const LEN: usize = 16;

/// Objects that do not count are deleted at the next occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Perhaps it is there, perhaps a part.
    Writing = 0,
    Kept = 1,
    Leaving = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub id: u64,
    pub state: State,
    /// In the store that settings name, and not beside the log.
    pub elsewhere: bool,
    pub source: u64,
}

pub(crate) fn prefix() -> Bytes {
    keys::namespace(keys::Namespace::Archive)
}

fn key(id: u64) -> Bytes {
    let mut key = prefix().to_vec();
    key.extend_from_slice(&id.to_be_bytes());
    key.into()
}

pub(crate) fn forget(id: u64) -> ViewWrite {
    ViewWrite {
        key: key(id),
        value: None,
    }
}

impl Manifest {
    pub(crate) fn write(&self) -> ViewWrite {
        let mut value = vec![VERSION, self.state as u8, u8::from(self.elsewhere)];
        value.resize(8, 0);
        value.extend_from_slice(&self.source.to_le_bytes());
        ViewWrite {
            key: key(self.id),
            value: Some(value.into()),
        }
    }

    /// `None` for what this version does not know.
    pub(crate) fn decode(key: &[u8], value: &[u8]) -> Option<Self> {
        let id = key.get(1..)?.try_into().ok().map(u64::from_be_bytes)?;
        if value.len() != LEN || value[0] != VERSION {
            return None;
        }
        let state = match value[1] {
            0 => State::Writing,
            1 => State::Kept,
            2 => State::Leaving,
            _ => return None,
        };
        Some(Self {
            id,
            state,
            elsewhere: value[2] != 0,
            source: u64_at(value, 8),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_round_trip_and_unknown_ones_are_refused() {
        for state in [State::Writing, State::Kept, State::Leaving] {
            let manifest = Manifest {
                id: 1 << 63 | 6,
                state,
                elsewhere: state == State::Kept,
                source: 4096,
            };
            let write = manifest.write();
            let value = write.value.unwrap();
            assert_eq!(Manifest::decode(&write.key, &value), Some(manifest));
            for (at, byte) in [(0, 2), (1, 3)] {
                let mut other = value.to_vec();
                other[at] = byte;
                assert_eq!(Manifest::decode(&write.key, &other), None);
            }
        }
        assert_eq!(Manifest::decode(b"a", &[0; LEN]), None);
    }
}
