//! A commit as bytes, made on the caller's task before any lock is taken.
//!
//! In: a commit. Out: bodies with their checksum, and what is compared when it is placed; one that is too large is
//! refused.

use bytes::{Bytes, BytesMut};
use crc_fast::Digest;
use model::{Expected, Guard, ShardSlot, ViewWrite, keys};

use crate::{
    append::commit::{Commit, ProducerMark},
    encryption::keyring::Keyring,
    errors::Refused,
    layout::{
        encode,
        frame::{self, Head, PartKind, narrow},
    },
    limits::TRANSACTION_BYTES_MAX,
};

/// A commit whose bytes are ready.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(super) guards: Vec<Guard>,
    pub(super) expects: Vec<Expected>,
    pub(super) grants: Vec<Guard>,
    pub(super) closes: Vec<ShardSlot>,
    pub(super) producer: Option<ProducerMark>,
    pub(super) writes: Vec<ViewWrite>,
    pub(super) heads: Vec<Head>,
    pub(super) bodies: Bytes,
    pub(super) digest: Digest,
    /// Must be synced whatever else was chosen.
    pub(super) urgent: bool,
}

pub(crate) fn encode(commit: Commit, keyring: &Keyring) -> Result<Encoded, Refused> {
    let mut writes = commit.writes;
    writes.extend(commit.grants.iter().map(|grant| ViewWrite {
        key: keys::fence(grant.slot),
        value: Some(Bytes::copy_from_slice(&grant.token.0.to_be_bytes())),
    }));
    let appends = commit.appends.iter().flat_map(|append| &append.records);
    let bytes = appends.map(encode::record_len).sum::<usize>()
        + writes.iter().map(encode::write_len).sum::<usize>();
    if bytes > TRANSACTION_BYTES_MAX {
        let max = TRANSACTION_BYTES_MAX;
        return Err(Refused::TooLarge { bytes, max });
    }
    let mut bodies = BytesMut::with_capacity(bytes);
    let mut heads = Vec::with_capacity(commit.appends.len() + 2);
    for append in &commit.appends {
        let before = bodies.len();
        keyring.put_records(&mut bodies, append)?;
        heads.push(Head {
            kind: PartKind::Records,
            counter: 0,
            target: u64::from(append.slot.0),
            first_index: 0,
            count: narrow(append.records.len()),
            len: narrow(bodies.len() - before),
        });
    }
    heads.extend(put_writes(&mut bodies, &writes));
    let mut digest = frame::crc();
    digest.update(&bodies);
    Ok(Encoded {
        guards: commit.guards,
        expects: commit.expects,
        grants: commit.grants,
        closes: commit.closes,
        producer: commit.producer,
        writes,
        heads,
        bodies: bodies.freeze(),
        digest,
        urgent: false,
    })
}

pub(super) fn put_writes(bodies: &mut BytesMut, writes: &[ViewWrite]) -> Option<Head> {
    let before = bodies.len();
    for write in writes {
        encode::put_write(bodies, write);
    }
    (!writes.is_empty()).then(|| Head {
        kind: PartKind::Writes,
        counter: 0,
        target: 0,
        first_index: 0,
        count: narrow(writes.len()),
        len: narrow(bodies.len() - before),
    })
}

impl Encoded {
    pub(crate) fn bytes(&self) -> usize {
        self.bodies.len()
    }

    pub(crate) fn urgent(self) -> Self {
        Self {
            urgent: true,
            ..self
        }
    }
}
