//! Writes past the system's page cache: whole pages, put together in one buffer that is used again.
//!
//! Through the cache every new page of a file is a page of memory to find, to copy into, and to be written back by another
//! thread of the kernel; past it the device takes the bytes from here. Only the last page of what was written is kept,
//! because the next bytes of the file belong into it.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use bytes::Bytes;

use super::NotDurable;

/// What memory, place and length are a multiple of; no common file system wants more.
pub(super) const PAGE_BYTES: usize = 4 << 10;
/// Larger writes go in pieces.
const STAGE_BYTES: usize = 2 << 20;
const ZEROES_BYTES: usize = 1 << 20;

/// Takes no room, neither in the program's file nor in memory.
#[repr(C, align(4096))]
struct Zeroes([u8; ZEROES_BYTES]);

static ZEROES: Zeroes = Zeroes([0; ZEROES_BYTES]);

/// Whole pages for one place of a file.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub bytes: &'a [u8],
    pub at: u64,
}

/// Where the pages of one file at a time are put together.
#[derive(Debug, Default)]
pub(super) struct Stage {
    /// A page longer than the stage, which begins at a page of memory. Empty until it is needed.
    bytes: Vec<u8>,
    target: Option<Target>,
    never: bool,
}

#[derive(Debug)]
struct Target {
    id: u64,
    /// `None` where the file system does not write past its cache.
    file: Option<Arc<fs::File>>,
    /// The stage begins with what the file has in its page before this.
    end: Option<u64>,
}

impl Stage {
    /// The file with this id, opened for writes past the cache.
    pub(super) fn file(
        &mut self,
        id: u64,
        open: impl FnOnce() -> Option<fs::File>,
    ) -> Option<Arc<fs::File>> {
        let known = self.target.take().filter(|target| target.id == id);
        let target = known.unwrap_or_else(|| Target {
            id,
            file: open().filter(|_| !self.never).map(Arc::new),
            end: None,
        });
        self.target.insert(target).file.clone()
    }

    /// No file is written past the cache.
    pub(super) fn never(&mut self) {
        self.never = true;
    }

    /// From now on the file is written through the cache.
    pub(super) fn refused(&mut self) {
        if let Some(target) = &mut self.target {
            target.file = None;
        }
    }

    /// Hands `bufs` to `write` in pieces; `true` marks the last. What the file has before `offset` in its page comes from
    /// `head`, unless it was written here just before. What it has behind the end in its page becomes zeros.
    pub(super) fn write(
        &mut self,
        bufs: &[Bytes],
        offset: u64,
        head: impl FnOnce(&mut [u8], u64) -> io::Result<()>,
        mut write: impl FnMut(Piece<'_>, bool) -> Result<(), NotDurable>,
    ) -> Result<(), NotDurable> {
        let end = self.target.as_mut().and_then(|target| target.end.take());
        let stage = self.room();
        let page = PAGE_BYTES as u64;
        let mut at = offset / page * page;
        // Less than a page.
        let mut filled = usize::try_from(offset - at).unwrap_or(0);
        if filled > 0 && end != Some(offset) {
            head(&mut stage[..filled], at).map_err(NotDurable::Write)?;
        }
        for buf in bufs {
            let mut left = &buf[..];
            while !left.is_empty() {
                if filled == stage.len() {
                    write(Piece { bytes: stage, at }, false)?;
                    at += filled as u64;
                    filled = 0;
                }
                let (now, later) = left.split_at(left.len().min(stage.len() - filled));
                stage[filled..filled + now.len()].copy_from_slice(now);
                filled += now.len();
                left = later;
            }
        }
        let whole = filled.next_multiple_of(PAGE_BYTES);
        stage[filled..whole].fill(0);
        let bytes = &stage[..whole];
        write(Piece { bytes, at }, true)?;
        stage.copy_within(filled / PAGE_BYTES * PAGE_BYTES..filled, 0);
        if let Some(target) = &mut self.target {
            target.end = Some(at + filled as u64);
        }
        Ok(())
    }

    fn room(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() {
            self.bytes = vec![0; STAGE_BYTES + PAGE_BYTES];
        }
        let begins = self.bytes.as_ptr().align_offset(PAGE_BYTES);
        &mut self.bytes[begins..begins + STAGE_BYTES]
    }
}

/// So many zeros; past the cache only where place and length are whole pages.
pub(super) fn zeroes(len: usize, at: u64) -> impl Iterator<Item = Piece<'static>> {
    (0..len).step_by(ZEROES_BYTES).map(move |begins| Piece {
        bytes: &ZEROES.0[..(len - begins).min(ZEROES_BYTES)],
        at: at + begins as u64,
    })
}

/// The same file once more, for writes past the cache; `None` where there is no such thing.
#[cfg(target_os = "linux")]
pub(super) fn reopen(file: &fs::File) -> Option<fs::File> {
    use rustix::fs::{Mode, OFlags, open};
    use std::os::fd::AsRawFd;
    // Its name may have changed since it was opened.
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let flags = OFlags::RDWR | OFlags::DIRECT | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).ok().map(fs::File::from)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reopen(_: &fs::File) -> Option<fs::File> {
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file in memory that is written as a device is.
    #[derive(Default)]
    struct Pages(Vec<u8>);

    impl Pages {
        fn write(&mut self, piece: Piece<'_>) {
            let at = usize::try_from(piece.at).unwrap();
            for multiple in [at, piece.bytes.len(), piece.bytes.as_ptr() as usize] {
                assert!(multiple.is_multiple_of(PAGE_BYTES));
            }
            let end = at + piece.bytes.len();
            self.0.resize(self.0.len().max(end), 9);
            self.0[at..end].copy_from_slice(piece.bytes);
        }
    }

    proptest! {
        #[test]
        fn what_is_appended_is_there_and_zeros_up_to_the_end_of_its_page(
            before in 0..9_000_usize,
            lens in prop::collection::vec(prop_oneof![4 => 0..9_000_usize, 1 => 0..5_000_000_usize], 1..8),
            forgets in any::<u8>(),
        ) {
            let mut stage = Stage::default();
            stage.file(1, || None);
            let mut expected = vec![7; before];
            let mut file = Pages(expected.clone());
            for (round, len) in lens.iter().enumerate() {
                let bytes: Vec<u8> = (0..=250_u8).cycle().take(*len).collect();
                let (first, second) = bytes.split_at(len / 3);
                let bufs = [Bytes::copy_from_slice(first), Bytes::new(), Bytes::copy_from_slice(second)];
                if forgets >> round & 1 == 1 {
                    // Another file's turn.
                    stage.file(2, || None);
                    stage.file(1, || None);
                }
                let old = file.0.clone();
                let written = stage.write(
                    &bufs,
                    expected.len() as u64,
                    |head, at| {
                        let at = usize::try_from(at).unwrap();
                        head.copy_from_slice(&old[at..][..head.len()]);
                        Ok(())
                    },
                    |piece, _| {
                        file.write(piece);
                        Ok(())
                    },
                );
                prop_assert!(written.is_ok());
                expected.extend(bytes);
                let whole = expected.len().next_multiple_of(PAGE_BYTES);
                prop_assert_eq!(&file.0[..expected.len()], &expected[..]);
                prop_assert!(file.0[expected.len()..whole].iter().all(|byte| *byte == 0));
            }
        }
    }
}
