//! Frames that stand where a damaged part was, so that the chain of commits is whole again. Pure.
//!
//! They are frames like any other: writes of keys that are still known, and one deletion of a key that nobody has, whose
//! unread bytes fill the rest.

use bytes::{Bytes, BytesMut};
use model::ViewWrite;

use crate::{
    layout::{
        encode,
        frame::{HEAD_BYTES, HEADER_BYTES, Head, Header, PartKind, Seal, crc_of, narrow},
    },
    limits::TRANSACTION_BYTES_MAX,
};

/// Bytes of one such frame at most, so that a reader never has to hold more.
const PIECE_BYTES_MAX: u64 = TRANSACTION_BYTES_MAX as u64;
const HEADS_BYTES: u64 = (HEADER_BYTES + HEAD_BYTES) as u64;

/// Where frames go, and to which groups they belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) commit: u64,
    pub(crate) previous: u64,
}

/// The pieces of a part of the log: `before` is the last group before it, `link` the group that the frame behind it
/// continues or follows.
pub(crate) fn pieces(from: u64, until: u64, before: Option<u64>, link: Option<u64>) -> Vec<Piece> {
    let begins = link.filter(|link| (from..until).contains(link));
    let last = before.or(link).unwrap_or(from).min(from);
    let mut pieces = Vec::new();
    let middle = begins.unwrap_or(until);
    cut(&mut pieces, from, middle, last, last);
    if let Some(begins) = begins {
        cut(&mut pieces, begins, until, begins, last);
    }
    pieces
}

fn cut(pieces: &mut Vec<Piece>, from: u64, until: u64, commit: u64, previous: u64) {
    let mut at = from;
    while at < until {
        let left = until - at;
        // What remains must have room for a frame.
        let len = if left <= PIECE_BYTES_MAX {
            left
        } else {
            PIECE_BYTES_MAX / 2
        };
        pieces.push(Piece {
            from: at,
            until: at + len,
            commit,
            previous,
        });
        at += len;
    }
}

/// A frame of exactly the piece's length with as many of the writes as fit, which it takes; `None` where no frame has
/// this length, which no part between two frames has.
pub(crate) fn fill(piece: Piece, writes: &mut Vec<ViewWrite>, seal: Seal) -> Option<Bytes> {
    let room = (piece.until - piece.from).checked_sub(HEADS_BYTES)?;
    let room = usize::try_from(room).ok()?;
    let mut bodies = BytesMut::with_capacity(room);
    let mut count = 0;
    while let Some(write) = writes.last() {
        let left = room - bodies.len();
        let len = encode::write_len(write);
        // Whatever is left must be nothing, or enough for a filling write.
        if len > left || (1..FILLING_BYTES).contains(&(left - len)) {
            break;
        }
        encode::put_write(&mut bodies, write);
        writes.pop();
        count += 1;
    }
    let left = room - bodies.len();
    if left >= FILLING_BYTES {
        bodies.extend_from_slice(&[0; 5]);
        bodies.extend_from_slice(&narrow(left - FILLING_BYTES).to_le_bytes());
        bodies.resize(room, 0);
        count += 1;
    } else if left > 0 {
        return None;
    }
    Some(frame(piece, count, &bodies, seal))
}

/// A write without key and value.
const FILLING_BYTES: usize = 9;

/// A frame that holds exactly these writes, and its position's end.
pub(crate) fn ending(piece: Piece, writes: &[ViewWrite], seal: Seal) -> Bytes {
    let mut bodies = BytesMut::new();
    for write in writes {
        encode::put_write(&mut bodies, write);
    }
    frame(piece, writes.len(), &bodies, seal)
}

fn frame(piece: Piece, count: usize, bodies: &[u8], seal: Seal) -> Bytes {
    let header = Header {
        position: piece.from,
        arrived_ms: 0,
        commit: piece.commit,
        previous: piece.previous,
        body_crc: crc_of(bodies),
        body_len: bodies.len(),
        heads: vec![Head {
            kind: PartKind::Writes,
            counter: 0,
            target: 0,
            first_index: 0,
            count: narrow(count),
            len: narrow(bodies.len()),
        }],
    };
    let mut out = header.encode(seal);
    out.extend_from_slice(bodies);
    out.resize(out.len().next_multiple_of(8), 0);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::frames::checked;

    #[test]
    fn pieces_follow_the_group_that_comes_next() {
        let table = [
            // The frame behind continues or follows the group before the damage.
            ((96, 200, Some(0), Some(0)), vec![(96, 200, 0, 0)]),
            // It follows a group that began in the damaged part.
            (
                (96, 400, Some(0), Some(200)),
                vec![(96, 200, 0, 0), (200, 400, 200, 0)],
            ),
            ((96, 400, Some(0), Some(96)), vec![(96, 400, 96, 0)]),
            // The damage is where the log begins.
            ((96, 200, None, Some(40)), vec![(96, 200, 40, 40)]),
        ];
        for ((from, until, before, link), expect) in table {
            let found = pieces(from, until, before, link).into_iter();
            let found = found.map(|it| (it.from, it.until, it.commit, it.previous));
            assert_eq!(found.collect::<Vec<_>>(), expect);
        }
        let long = pieces(0, PIECE_BYTES_MAX * 2 + 96, Some(0), Some(0));
        assert!(long.windows(2).all(|two| two[0].until == two[1].from));
        assert!(long.iter().all(|it| it.until - it.from >= HEADS_BYTES));
    }

    #[test]
    fn every_length_that_a_frame_can_have_is_filled() {
        let seal = Seal {
            salt: 3,
            offset: 4096,
        };
        let lens = [96].into_iter().chain((112..400).step_by(8));
        for len in lens {
            let piece = Piece {
                from: 8,
                until: 8 + len,
                commit: 8,
                previous: 0,
            };
            let write = ViewWrite {
                key: Bytes::from_static(b"key"),
                value: Some(Bytes::from_static(b"value")),
            };
            let mut writes = vec![write.clone(), write.clone()];
            let frame = fill(piece, &mut writes, seal).unwrap();
            assert_eq!(frame.len() as u64, len);
            let (header, _) = checked(&frame, seal).unwrap();
            assert_eq!(header.end(), piece.until);
            let fits = (len - 96) / 17;
            assert!(writes.len() as u64 >= 2_u64.saturating_sub(fits), "{len}");
        }
    }
}
