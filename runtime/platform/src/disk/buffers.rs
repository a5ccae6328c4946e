//! Buffers of large reads, used again: in a new one the system has a page fault for every 4 KiB, which takes longer than
//! the copy does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes of each buffer, and so of the largest read that takes one.
pub const REUSED_READ_BYTES_MAX: usize = 2 << 20;
/// Of the least read that takes one: whoever keeps a slice of it keeps all of it.
const READ_BYTES_MIN: usize = 256 << 10;
/// Buffers that are kept for the next reads.
const BUFFERS_MAX: usize = 8;

/// Those that nobody uses now; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Goes back when it is dropped, or the last slice of what was read into it.
pub(super) struct Lent {
    bytes: Vec<u8>,
    len: usize,
    home: Buffers,
}

impl Buffers {
    /// A buffer for a read of so many bytes, unless that is better off with its own.
    pub(super) fn lend(&self, len: usize) -> Option<Lent> {
        let free = (READ_BYTES_MIN..=REUSED_READ_BYTES_MAX)
            .contains(&len)
            .then(|| self.free().pop())?;
        Some(Lent {
            bytes: free.unwrap_or_else(|| vec![0; REUSED_READ_BYTES_MAX]),
            len,
            home: self.clone(),
        })
    }

    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// What is to be read, with anything in it.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    /// Its first `len` bytes were read.
    pub(super) fn read(mut self, len: usize) -> Bytes {
        self.len = self.len.min(len);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut free = self.home.free();
        if free.len() < BUFFERS_MAX {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffers: &Buffers, byte: u8) -> Bytes {
        let mut lent = buffers.lend(READ_BYTES_MIN).expect("a large read");
        lent.room().fill(byte);
        lent.read(READ_BYTES_MIN)
    }

    #[test]
    fn a_buffer_is_used_again_only_when_nobody_reads_it() {
        let buffers = Buffers::default();
        let first = read(&buffers, 1);
        let place = first.as_ptr();
        let slice = first.slice(10..20);
        drop(first);
        let second = read(&buffers, 2);
        assert_ne!(second.as_ptr(), place);
        assert_eq!(slice[..], [1; 10]);
        drop(slice);
        assert_eq!(read(&buffers, 3).as_ptr(), place);
    }

    #[test]
    fn only_a_few_are_kept_and_other_reads_have_their_own() {
        let buffers = Buffers::default();
        for len in [READ_BYTES_MIN - 1, REUSED_READ_BYTES_MAX + 1] {
            assert!(buffers.lend(len).is_none(), "a read of {len} bytes");
        }
        let many: Vec<_> = (0..BUFFERS_MAX + 2).map(|_| read(&buffers, 1)).collect();
        drop(many);
        assert_eq!(buffers.free().len(), BUFFERS_MAX);
    }

    #[test]
    fn a_short_read_shows_nothing_of_the_one_before() {
        let buffers = Buffers::default();
        drop(read(&buffers, 1));
        let lent = buffers.lend(READ_BYTES_MIN).expect("a large read");
        assert_eq!(lent.read(7).len(), 7);
    }
}
