//! The operating system's files. Every call blocks its thread; an error from a sync means that the data may be lost.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, IoSlice, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fs::{FlockOperation, flock, statvfs};
use rustix::io::{Errno, pread, pwritev};

use super::host::Host;
use super::waits::Way;
use super::{LockError, NotDurable, OpenMode};

/// Linux takes 1024 buffers in one call.
const WRITE_BUFFERS_MAX: usize = 1000;
/// Read and written by the owner alone.
const PRIVATE: u32 = 0o600;

#[derive(Clone, Debug)]
pub(super) struct File {
    file: Arc<fs::File>,
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
            host: host.clone(),
        })
    }

    pub(super) fn write_all_at(&self, bufs: &[Bytes], mut offset: u64) -> io::Result<()> {
        let mut slices = slices(bufs);
        for group in slices.chunks_mut(WRITE_BUFFERS_MAX) {
            offset = self.write_group(group, offset)?;
        }
        Ok(())
    }

    /// Returns where the group ends.
    fn write_group(&self, mut left: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<u64> {
        while !left.is_empty() {
            match pwritev(&*self.file, left, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut left, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(offset)
    }

    pub(super) fn write_durably(&self, bufs: &[Bytes], mut offset: u64) -> Result<(), NotDurable> {
        let mut slices = slices(bufs);
        let last = slices.len().saturating_sub(1) / WRITE_BUFFERS_MAX * WRITE_BUFFERS_MAX;
        let (first, mut last) = slices.split_at_mut(last);
        for group in first.chunks_mut(WRITE_BUFFERS_MAX) {
            offset = self.write_group(group, offset).map_err(NotDurable::Write)?;
        }
        let (way, began) = (self.host.way(), Instant::now());
        let written = match way {
            Way::Awake => self.through_ring(last, offset)?,
            Way::Asleep => Some(0),
        };
        if let Some(written) = written {
            IoSlice::advance_slices(&mut last, written);
            self.write_group(last, offset + written as u64)
                .map_err(NotDurable::Write)?;
            self.sync_data().map_err(NotDurable::Sync)?;
        }
        self.host.took(way, began.elapsed());
        Ok(())
    }

    /// `None` when all is done; otherwise how many bytes are written, none of them synced.
    #[cfg(target_os = "linux")]
    fn through_ring(&self, bufs: &[IoSlice<'_>], offset: u64) -> Result<Option<usize>, NotDurable> {
        use super::ring::Linked;
        use std::os::fd::AsFd;
        let Some(mut ring) = self.host.ring() else {
            return Ok(Some(0));
        };
        match ring.write_and_sync(self.file.as_fd(), bufs, offset) {
            Linked::Done => Ok(None),
            Linked::Short(written) => Ok(Some(written)),
            Linked::WriteFailed(error) => Err(NotDurable::Write(error.into())),
            Linked::SyncFailed(error) => Err(NotDurable::Sync(error.into())),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn through_ring(&self, _: &[IoSlice<'_>], _: u64) -> Result<Option<usize>, NotDurable> {
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

fn slices(bufs: &[Bytes]) -> Vec<IoSlice<'_>> {
    let full = bufs.iter().filter(|buf| !buf.is_empty());
    full.map(|buf| IoSlice::new(buf)).collect()
}

pub(super) fn create_dir_all(p: &Path) -> io::Result<()> {
    fs::create_dir_all(p)
}

pub(super) fn sync_dir(p: &Path) -> io::Result<()> {
    fs::File::open(p)?.sync_all()
}

pub(super) fn list(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

pub(super) fn read(p: &Path) -> io::Result<Bytes> {
    fs::read(p).map(Bytes::from)
}

pub(super) fn exists(p: &Path) -> bool {
    p.exists()
}

pub(super) fn remove_file(p: &Path) -> io::Result<()> {
    fs::remove_file(p)
}

pub(super) fn remove_dir_all(p: &Path) -> io::Result<()> {
    fs::remove_dir_all(p)
}

pub(super) fn make_private(p: &Path) -> io::Result<bool> {
    let open = fs::metadata(p)?.permissions().mode() & 0o077 != 0;
    if open {
        fs::set_permissions(p, Permissions::from_mode(PRIVATE))?;
    }
    Ok(open)
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn free_bytes(p: &Path) -> io::Result<u64> {
    let system = statvfs(p)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(target_os = "linux")]
pub(super) fn network_file_system(p: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(p).ok()?.f_type;
    network_name(u32::try_from(kind & 0xffff_ffff).ok()?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn network_file_system(_: &Path) -> Option<&'static str> {
    None
}

/// By the numbers of Linux's `statfs(2)`.
#[cfg(target_os = "linux")]
pub(super) fn network_name(kind: u32) -> Option<&'static str> {
    match kind {
        0x6969 => Some("NFS"),
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x00c3_6400 => Some("Ceph"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        _ => None,
    }
}

pub(super) fn lock(p: &Path) -> Result<fs::File, LockError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(p)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            file.set_len(0)?;
            write!(file, "{}", std::process::id())?;
            Ok(file)
        }
        Err(Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // The holder may be between locking and writing its number.
            let pid = file
                .read_to_string(&mut holder)
                .ok()
                .and_then(|_| holder.trim().parse().ok());
            Err(LockError::HeldBy { pid })
        }
        Err(error) => Err(LockError::Io(error.into())),
    }
}

pub(super) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

pub(super) fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    sync_dir(dir)
}
