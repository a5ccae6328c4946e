//! A disk in memory, shared by its clones. Every file and directory has two states: what is seen, and what was synced.
//!
//! A sync copies the first onto the second, a crash the second onto the first: unsynced bytes are gone, and names come
//! back or go as their directory was last synced. A worn disk takes its time and may keep any part of the unsynced.
//! Directories in the root stand for mounted volumes and always stay. Handles opened before a crash fail after it.
//! Errors are those of the operating system, and those of the plan of faults.

mod contents;
mod faults;
mod ranges;
mod survival;
mod tree;
mod wear;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::io::Errno;

use super::direct::PAGE_BYTES;
use super::{LockError, OpenMode};
use contents::Contents;
use faults::{Faults, Verdict};
use tree::Directory;
use wear::Wear;

pub use faults::DiskFault;
pub use survival::Survival;

/// Unless it is limited, no test fills it.
const BYTES_MAX: u64 = 1 << 40;
/// Every holder in a simulation lives in one process.
const HOLDER_PID: u32 = 1;

#[derive(Clone, Debug)]
pub(super) struct World {
    root: Arc<Directory>,
    crashes: Arc<AtomicU64>,
    bytes_max: Arc<AtomicU64>,
    faults: Faults,
    wear: Wear,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    contents: Arc<Mutex<Contents>>,
    writable: bool,
    opened_after: u64,
    world: World,
}

impl Default for World {
    fn default() -> Self {
        Self::of(Directory::default())
    }
}

/// Only simulated disks can do this.
impl World {
    fn of(root: Directory) -> Self {
        Self {
            root: Arc::new(root),
            crashes: Arc::default(),
            bytes_max: Arc::new(AtomicU64::new(BYTES_MAX)),
            faults: Faults::default(),
            wear: Wear::default(),
        }
    }

    pub(super) fn crash(&self) {
        self.crashes.fetch_add(1, Ordering::Relaxed);
        self.faults.turn_on();
        match &self.wear.rng() {
            Some(rng) => self.root.lose_power(Survival::Some(rng)),
            None => self.root.lose_power(Survival::Nothing),
        }
    }

    pub(super) fn after_power_loss(&self, survival: Survival<'_>) -> Self {
        Self::of(self.root.after_power_loss(survival))
    }

    pub(super) fn wear(&self, rng: crate::Rng, sync_max: std::time::Duration) {
        self.wear.begin(rng, sync_max);
    }

    pub(super) fn operations(&self) -> u64 {
        self.faults.operations()
    }

    pub(super) fn fault(&self, operation: u64, fault: DiskFault) {
        self.faults.plan(operation, fault);
    }

    pub(super) fn reads(&self) -> u64 {
        self.faults.reads()
    }

    pub(super) fn fault_read(&self, read: u64) {
        self.faults.plan_read(read);
    }

    pub(super) fn watch(&self, watcher: impl Fn(u64) + Send + Sync + 'static) {
        self.faults.watch(Arc::new(watcher));
    }

    pub(super) fn limit(&self, bytes_max: u64) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }
}

impl World {
    pub(super) fn create_dir_all(&self, p: &Path) -> io::Result<()> {
        let verdict = self.faults.begin()?;
        verdict.after(self.root.create_dir_all(&tree::names(p)))
    }

    pub(super) fn sync_dir(&self, p: &Path) -> io::Result<()> {
        let directory = self.root.dir_at(&tree::names(p))?;
        match self.faults.begin()? {
            Verdict::Done => directory.sync(),
            Verdict::Half | Verdict::Lost => return Err(Errno::IO.into()),
        }
        Ok(())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.faults.check_on()?;
        Ok(self.root.dir_at(&tree::names(dir))?.list())
    }

    pub(super) fn open(&self, p: &Path, how: OpenMode) -> io::Result<File> {
        let names = tree::names(p);
        self.faults.check_on()?;
        let (contents, writable) = match how {
            OpenMode::Read => (self.root.file(&names)?, false),
            OpenMode::CreateNew => {
                let verdict = self.faults.begin()?;
                (verdict.after(self.root.create_file(&names))?, true)
            }
            OpenMode::ReadWrite | OpenMode::Private => (self.file_or_new(&names)?, true),
        };
        Ok(File {
            contents,
            writable,
            opened_after: self.crashes.load(Ordering::Relaxed),
            world: self.clone(),
        })
    }

    fn file_or_new(&self, names: &[String]) -> io::Result<Arc<Mutex<Contents>>> {
        match self.root.file(names) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let verdict = self.faults.begin()?;
                verdict.after(self.root.create_file(names))
            }
            found => found,
        }
    }

    pub(super) fn read(&self, p: &Path) -> io::Result<Bytes> {
        self.faults.begin_read()?;
        let file = self.root.file(&tree::names(p))?;
        Ok(locked(&file).read_at(usize::MAX, 0))
    }

    pub(super) fn exists(&self, p: &Path) -> bool {
        self.faults.check_on().is_ok() && self.root.find(&tree::names(p)).is_ok()
    }

    pub(super) fn remove_file(&self, p: &Path) -> io::Result<()> {
        let verdict = self.faults.begin()?;
        verdict.after(self.root.remove_file(&tree::names(p)))
    }

    pub(super) fn remove_dir_all(&self, p: &Path) -> io::Result<()> {
        let verdict = self.faults.begin()?;
        verdict.after(self.root.remove_dir_all(&tree::names(p)))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let verdict = self.faults.begin()?;
        verdict.after(self.root.rename(&tree::names(from), &tree::names(to)))
    }

    pub(super) fn free_bytes(&self, p: &Path) -> io::Result<u64> {
        self.faults.check_on()?;
        self.root.find(&tree::names(p))?;
        Ok(self.room())
    }

    pub(super) fn lock(&self, p: &Path) -> Result<Arc<()>, LockError> {
        let file = self.file_or_new(&tree::names(p))?;
        let mut contents = locked(&file);
        let held = contents.lock().ok_or(LockError::HeldBy {
            pid: Some(HOLDER_PID),
        })?;
        contents.set_len(0);
        contents.write_at(HOLDER_PID.to_string().as_bytes(), 0);
        Ok(held)
    }

    pub(super) fn sync_tree(&self, dir: &Path) -> io::Result<()> {
        let directory = self.root.dir_at(&tree::names(dir))?;
        match self.faults.begin()? {
            Verdict::Done => directory.sync_all(),
            Verdict::Half | Verdict::Lost => return Err(Errno::IO.into()),
        }
        Ok(())
    }

    fn room(&self) -> u64 {
        let max = self.bytes_max.load(Ordering::Relaxed);
        max.saturating_sub(self.root.bytes())
    }
}

impl File {
    pub(super) fn write_all_at(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        let verdict = self.world.faults.begin()?;
        let len = bufs.iter().map(Bytes::len).sum::<usize>();
        let mut at = memory_size(offset)?;
        let grows = (at + len).saturating_sub(locked(&self.contents).len()) as u64;
        if grows > 0 && grows > self.world.room() {
            return Err(Errno::NOSPC.into());
        }
        let mut left = if verdict == Verdict::Half {
            len / 2
        } else {
            len
        };
        let mut contents = locked(&self.contents);
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            let now = buf.len().min(left);
            contents.write_at(&buf[..now], at);
            at += now;
            left -= now;
        }
        verdict.after(Ok(()))
    }

    /// As a write past the page cache: zeros up to the end of the last page.
    pub(super) fn write_pages(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        let end = memory_size(offset)? + bufs.iter().map(Bytes::len).sum::<usize>();
        let zeroes = Bytes::from(vec![0; end.next_multiple_of(PAGE_BYTES) - end]);
        self.write_all_at(&[bufs, &[zeroes]].concat(), offset)
    }

    pub(super) fn write_zeroes(&self, len: usize, at: u64) -> io::Result<()> {
        self.write_all_at(&[vec![0; len].into()], at)
    }

    pub(super) async fn reach_device(&self) {
        self.world.wear.pause().await;
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.check_alive()?;
        let begun = self.world.faults.begin();
        let mut contents = locked(&self.contents);
        match begun {
            Ok(Verdict::Done) => {
                contents.sync();
                Ok(())
            }
            Ok(Verdict::Lost) => Err(Errno::IO.into()),
            Ok(Verdict::Half) | Err(_) => {
                contents.fail_sync();
                begun.and(Err(Errno::IO.into()))
            }
        }
    }

    pub(super) fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    pub(super) fn read_at(&self, len: usize, offset: u64) -> io::Result<Bytes> {
        self.check_alive()?;
        self.world.faults.begin_read()?;
        Ok(locked(&self.contents).read_at(len, memory_size(offset)?))
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        self.check_alive()?;
        Ok(locked(&self.contents).len() as u64)
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let verdict = self.world.faults.begin()?;
        locked(&self.contents).set_len(memory_size(len)?);
        verdict.after(Ok(()))
    }

    fn check_alive(&self) -> io::Result<()> {
        if self.world.crashes.load(Ordering::Relaxed) == self.opened_after {
            self.world.faults.check_on()
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
