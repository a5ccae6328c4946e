//! A disk in memory, shared by its clones. Every file and directory has two states: what is seen, and what a crash leaves.
//!
//! A sync copies the first onto the second, a crash the second onto the first: unsynced bytes are gone, and names come
//! back or go as their directory was last synced. A worn disk takes its time and may keep a part of the unsynced bytes. Directories in the root stand for mounted volumes and always stay.
//! Handles opened before a crash fail after it. Errors are those of the operating system.

mod contents;
mod tree;
mod wear;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::io::Errno;

use super::{LockError, OpenMode};
use contents::Contents;
use tree::Directory;
use wear::Wear;

/// No test fills it.
const FREE_BYTES: u64 = 1 << 40;
/// Every holder in a simulation lives in one process.
const HOLDER_PID: u32 = 1;

#[derive(Clone, Debug, Default)]
pub(super) struct World {
    root: Arc<Directory>,
    crashes: Arc<AtomicU64>,
    wear: Wear,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    contents: Arc<Mutex<Contents>>,
    writable: bool,
    crashes: Arc<AtomicU64>,
    opened_after: u64,
    wear: Wear,
}

impl World {
    pub(super) fn crash(&self) {
        self.crashes.fetch_add(1, Ordering::Relaxed);
        self.root.crash(&self.wear);
    }

    pub(super) fn wear(&self, rng: crate::Rng, sync_max: std::time::Duration) {
        self.wear.begin(rng, sync_max);
    }

    pub(super) fn create_dir_all(&self, p: &Path) -> io::Result<()> {
        self.root.create_dir_all(&tree::names(p))
    }

    pub(super) fn sync_dir(&self, p: &Path) -> io::Result<()> {
        self.root.dir_at(&tree::names(p))?.sync();
        Ok(())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.root.dir_at(&tree::names(dir))?.list())
    }

    pub(super) fn open(&self, p: &Path, how: OpenMode) -> io::Result<File> {
        let names = tree::names(p);
        let (contents, writable) = match how {
            OpenMode::Read => (self.root.file(&names)?, false),
            OpenMode::CreateNew => (self.root.create_file(&names)?, true),
            OpenMode::ReadWrite => (self.root.file_or_new(&names)?, true),
        };
        Ok(File {
            contents,
            writable,
            crashes: Arc::clone(&self.crashes),
            opened_after: self.crashes.load(Ordering::Relaxed),
            wear: self.wear.clone(),
        })
    }

    pub(super) fn read(&self, p: &Path) -> io::Result<Bytes> {
        let file = self.root.file(&tree::names(p))?;
        Ok(locked(&file).read_at(usize::MAX, 0))
    }

    pub(super) fn exists(&self, p: &Path) -> bool {
        self.root.find(&tree::names(p)).is_ok()
    }

    pub(super) fn remove_file(&self, p: &Path) -> io::Result<()> {
        self.root.remove_file(&tree::names(p))
    }

    pub(super) fn remove_dir_all(&self, p: &Path) -> io::Result<()> {
        self.root.remove_dir_all(&tree::names(p))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.root.rename(&tree::names(from), &tree::names(to))
    }

    pub(super) fn free_bytes(&self, p: &Path) -> io::Result<u64> {
        self.root.find(&tree::names(p)).map(|_| FREE_BYTES)
    }

    pub(super) fn lock(&self, p: &Path) -> Result<Arc<()>, LockError> {
        let file = self.root.file_or_new(&tree::names(p))?;
        let mut contents = locked(&file);
        let held = contents.lock().ok_or(LockError::HeldBy {
            pid: Some(HOLDER_PID),
        })?;
        contents.set_len(0);
        contents.write_at(HOLDER_PID.to_string().as_bytes(), 0);
        Ok(held)
    }

    pub(super) fn sync_tree(&self, dir: &Path) -> io::Result<()> {
        self.root.dir_at(&tree::names(dir))?.sync_all();
        Ok(())
    }
}

impl File {
    pub(super) fn write_all_at(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut at = memory_size(offset)?;
        let mut contents = locked(&self.contents);
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            contents.write_at(buf, at);
            at += buf.len();
        }
        Ok(())
    }

    pub(super) async fn reach_device(&self) {
        self.wear.pause().await;
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.check_alive()?;
        locked(&self.contents).sync();
        Ok(())
    }

    pub(super) fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    pub(super) fn read_at(&self, len: usize, offset: u64) -> io::Result<Bytes> {
        self.check_alive()?;
        Ok(locked(&self.contents).read_at(len, memory_size(offset)?))
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        self.check_alive()?;
        Ok(locked(&self.contents).len() as u64)
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        locked(&self.contents).set_len(memory_size(len)?);
        Ok(())
    }

    fn check_alive(&self) -> io::Result<()> {
        if self.crashes.load(Ordering::Relaxed) == self.opened_after {
            Ok(())
        } else {
            Err(io::Error::other(
                "the disk crashed since the file was opened, open it again",
            ))
        }
    }

    fn check_writable(&self) -> io::Result<()> {
        self.check_alive()?;
        if self.writable {
            Ok(())
        } else {
            Err(Errno::BADF.into())
        }
    }
}

/// A panic elsewhere leaves the bytes as they are, as it would on a disk.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn memory_size(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(|_| Errno::FBIG.into())
}
