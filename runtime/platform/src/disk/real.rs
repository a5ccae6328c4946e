//! The operating system's files. Every call blocks its thread; an error from a sync means that the data may be lost.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread, pwritev};

use super::direct::{Piece, reopen, zeroes};
use super::host::Host;
use super::waits::Way;
use super::{NotDurable, OpenMode};

/// Linux takes 1024 buffers in one call.
const WRITE_BUFFERS_MAX: usize = 1000;
/// Read and written by the owner alone.
pub(super) const PRIVATE: u32 = 0o600;
static OPENED: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Debug)]
pub(super) struct File {
    file: Arc<fs::File>,
    /// Among all that this process opened.
    id: u64,
    writable: bool,
    host: Host,
}

impl File {
    pub(super) fn open(p: &Path, how: OpenMode, host: &Host) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true);
        match how {
            OpenMode::Read => &mut options,
            OpenMode::CreateNew => options.write(true).create_new(true),
            OpenMode::ReadWrite => options.write(true).create(true).truncate(false),
            OpenMode::Private => options
                .write(true)
                .create(true)
                .truncate(false)
                .mode(PRIVATE),
        };
        let file = options.open(p)?;
        if how == OpenMode::Private {
            // It may have been there.
            file.set_permissions(Permissions::from_mode(PRIVATE))?;
        }
        Ok(Self {
            file: Arc::new(file),
            id: OPENED.fetch_add(1, Ordering::Relaxed),
            writable: how != OpenMode::Read,
            host: host.clone(),
        })
    }

    pub(super) fn write_all_at(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        write_all(&self.file, &mut slices(bufs), offset)
    }

    pub(super) fn write_zeroes(&self, len: usize, at: u64) -> io::Result<()> {
        let direct = reopen(&self.file).filter(|_| self.writable);
        for Piece { bytes, at } in zeroes(len, at) {
            let mut slices = [IoSlice::new(bytes)];
            match direct.as_ref().map(|file| write_all(file, &mut slices, at)) {
                Some(Err(error)) if refused(&error) => {}
                Some(written) => {
                    written?;
                    continue;
                }
                None => {}
            }
            write_all(&self.file, &mut [IoSlice::new(bytes)], at)?;
        }
        Ok(())
    }

    pub(super) fn write_durably(&self, bufs: &[Bytes], offset: u64) -> Result<(), NotDurable> {
        let mut stage = self.host.stage();
        let open = || reopen(&self.file).filter(|_| self.writable);
        if let Some(direct) = stage.file(self.id, open) {
            let head = |head: &mut [u8], at| {
                let read = self.fill(head, at)?;
                head[read..].fill(0);
                Ok(())
            };
            let written = stage.write(bufs, offset, head, |piece, last| {
                let mut slices = [IoSlice::new(piece.bytes)];
                match last {
                    true => self.write_and_sync(&direct, &mut slices, piece.at),
                    false => write_all(&direct, &mut slices, piece.at).map_err(NotDurable::Write),
                }
            });
            match written {
                Err(NotDurable::Write(error)) if refused(&error) => stage.refused(),
                written => return written,
            }
        }
        drop(stage);
        let mut slices = slices(bufs);
        let last = slices.len().saturating_sub(1) / WRITE_BUFFERS_MAX * WRITE_BUFFERS_MAX;
        let (first, last) = slices.split_at_mut(last);
        let before: usize = first.iter().map(|slice| slice.len()).sum();
        write_all(&self.file, first, offset).map_err(NotDurable::Write)?;
        self.write_and_sync(&self.file, last, offset + before as u64)
    }

    /// At most as many buffers as one call takes.
    fn write_and_sync(
        &self,
        file: &fs::File,
        mut bufs: &mut [IoSlice<'_>],
        offset: u64,
    ) -> Result<(), NotDurable> {
        let (way, began) = (self.host.way(), Instant::now());
        let written = match way {
            Way::Awake => self.through_ring(file, bufs, offset)?,
            Way::Asleep => Some(0),
        };
        if let Some(written) = written {
            IoSlice::advance_slices(&mut bufs, written);
            write_all(file, bufs, offset + written as u64).map_err(NotDurable::Write)?;
            file.sync_data().map_err(NotDurable::Sync)?;
        }
        self.host.took(way, began.elapsed());
        Ok(())
    }

    /// `None` when all is done; otherwise how many bytes are written, none of them synced.
    #[cfg(target_os = "linux")]
    fn through_ring(
        &self,
        file: &fs::File,
        bufs: &[IoSlice<'_>],
        offset: u64,
    ) -> Result<Option<usize>, NotDurable> {
        use super::ring::Linked;
        use std::os::fd::AsFd;
        let Some(mut ring) = self.host.ring() else {
            return Ok(Some(0));
        };
        match ring.write_and_sync(file.as_fd(), bufs, offset) {
            Linked::Done => Ok(None),
            Linked::Short(written) => Ok(Some(written)),
            Linked::WriteFailed(error) => Err(NotDurable::Write(error.into())),
            Linked::SyncFailed(error) => Err(NotDurable::Sync(error.into())),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn through_ring(
        &self,
        _: &fs::File,
        _: &[IoSlice<'_>],
        _: u64,
    ) -> Result<Option<usize>, NotDurable> {
        Ok(self.host.ring().is_none().then_some(0))
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(super) fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    pub(super) fn read_at(&self, len: usize, offset: u64) -> io::Result<Bytes> {
        if let Some(mut lent) = self.host.buffers.lend(len) {
            let read = self.fill(lent.room(), offset)?;
            return Ok(lent.read(read));
        }
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            match pread(&*self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(len);
        Ok(bytes.into())
    }

    #[cfg(target_os = "linux")]
    pub(super) fn will_read(&self, len: usize, offset: u64) {
        use rustix::fs::{Advice, fadvise};
        // Whoever does not take the hint reads as before.
        let _taken = fadvise(
            &*self.file,
            offset,
            NonZeroU64::new(len as u64),
            Advice::WillNeed,
        );
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn will_read(&self, _: usize, _: u64) {}

    /// Returns how much there was.
    fn fill(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < room.len() {
            match pread(&*self.file, &mut room[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(filled)
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

fn write_all(file: &fs::File, bufs: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    for mut left in bufs.chunks_mut(WRITE_BUFFERS_MAX) {
        while !left.is_empty() {
            match pwritev(file, left, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut left, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// The file system does not write such places past its cache.
fn refused(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::INVAL)
}

fn slices(bufs: &[Bytes]) -> Vec<IoSlice<'_>> {
    let full = bufs.iter().filter(|buf| !buf.is_empty());
    full.map(|buf| IoSlice::new(buf)).collect()
}
