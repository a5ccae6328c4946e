//! Files and directories. What was synced survives a crash; what was not may be gone.
//! Real calls are made on the calling thread: heavy users run on `Tasks::dedicated`.

mod buffers;
mod direct;
mod host;
mod open_files;
mod paths;
mod real;
#[cfg(target_os = "linux")]
mod ring;
mod room;
#[cfg(feature = "simulation")]
mod simulated;
#[cfg(feature = "simulation")]
mod simulation;
mod waits;

use std::io;
use std::path::Path;

use bytes::Bytes;

pub use buffers::REUSED_READ_BYTES_MAX;
pub use host::SyncMethod;
pub use open_files::is_out_of_files;
pub use room::is_full;
#[cfg(feature = "simulation")]
pub use simulated::{DiskFault, Survival};

#[derive(Clone, Debug)]
pub struct Disk {
    kind: DiskKind,
}

#[derive(Clone, Debug)]
enum DiskKind {
    Real(host::Host),
    #[cfg(feature = "simulation")]
    Simulated(simulated::World),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    Read,
    /// Fails when the file is there.
    CreateNew,
    /// Creates the file when it is not there.
    ReadWrite,
    /// As `ReadWrite`, for secrets: nobody but this user may read what is created.
    Private,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("lock: held by process {pid:?}, stop it first")]
    HeldBy { pid: Option<u32> },
    #[error("lock: {0}")]
    Io(#[from] io::Error),
}

/// Which half of a durable write failed.
#[derive(Debug, thiserror::Error)]
pub enum NotDurable {
    /// Perhaps a part is written; writing it again is harmless.
    #[error("write: {0}")]
    Write(io::Error),
    /// The system may have forgotten what it should have written: it must not be tried again.
    #[error("sync: {0}")]
    Sync(io::Error),
}

/// Released on drop.
#[derive(Debug)]
pub struct DiskLock {
    _kind: LockKind,
}

#[derive(Debug)]
enum LockKind {
    Real {
        _file: std::fs::File,
    },
    #[cfg(feature = "simulation")]
    Simulated {
        _held: std::sync::Arc<()>,
    },
}

#[derive(Clone, Debug)]
pub struct DiskFile {
    kind: FileKind,
}

#[derive(Clone, Debug)]
enum FileKind {
    Real(real::File),
    #[cfg(feature = "simulation")]
    Simulated(simulated::File),
}

/// Carries a call to the world that this handle belongs to.
macro_rules! on_disk {
    ($self:ident.$call:ident($($arg:expr),*)) => {
        match &$self.kind {
            DiskKind::Real(_) => paths::$call($($arg),*),
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(world) => world.$call($($arg),*),
        }
    };
}

macro_rules! on_file {
    ($self:ident.$call:ident($($arg:expr),*)) => {
        match &$self.kind {
            FileKind::Real(file) => file.$call($($arg),*),
            #[cfg(feature = "simulation")]
            FileKind::Simulated(file) => file.$call($($arg),*),
        }
    };
}

impl Disk {
    /// Whether this process may make files in `dir`.
    #[must_use]
    pub fn is_writable(&self, dir: &Path) -> bool {
        match &self.kind {
            DiskKind::Real(_) => paths::is_writable(dir),
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(_) => true,
        }
    }

    /// Lets this process have as many files open as the system lets it ask for; how many that are, where it is known.
    #[must_use]
    pub fn allow_open_files(&self) -> Option<u64> {
        match &self.kind {
            DiskKind::Real(_) => open_files::allow_all(),
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(_) => None,
        }
    }

    pub(crate) fn real() -> Self {
        Self {
            kind: DiskKind::Real(host::Host::default()),
        }
    }

    /// A real disk that uses only what every system has: no io_uring, no writes past the cache.
    #[must_use]
    pub fn real_portable() -> Self {
        Self {
            kind: DiskKind::Real(host::Host::portable()),
        }
    }

    /// What carries commits to the device; chosen at the first look or use.
    #[must_use]
    pub fn sync_method(&self) -> SyncMethod {
        match &self.kind {
            DiskKind::Real(host) => host.sync_method(),
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(_) => SyncMethod::Simulated,
        }
    }

    #[must_use]
    pub fn is_simulated(&self) -> bool {
        match self.kind {
            DiskKind::Real(_) => false,
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(_) => true,
        }
    }

    pub async fn create_dir_all(&self, p: &Path) -> io::Result<()> {
        on_disk!(self.create_dir_all(p))
    }

    pub async fn sync_dir(&self, p: &Path) -> io::Result<()> {
        on_disk!(self.sync_dir(p))
    }

    /// Names in `dir`, sorted.
    pub async fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        on_disk!(self.list(dir))
    }

    pub async fn open(&self, p: &Path, how: OpenMode) -> io::Result<DiskFile> {
        self.open_now(p, how)
    }

    /// For callers that cannot wait, as all callers of a real disk do in the call itself.
    pub fn open_now(&self, p: &Path, how: OpenMode) -> io::Result<DiskFile> {
        let kind = match &self.kind {
            DiskKind::Real(host) => FileKind::Real(real::File::open(p, how, host)?),
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(world) => FileKind::Simulated(world.open(p, how)?),
        };
        Ok(DiskFile { kind })
    }

    pub async fn read(&self, p: &Path) -> io::Result<Bytes> {
        on_disk!(self.read(p))
    }

    pub async fn exists(&self, p: &Path) -> bool {
        on_disk!(self.exists(p))
    }

    /// Old or new contents after a crash, never a mixture: written beside, synced, renamed, directory synced.
    pub async fn replace(&self, p: &Path, contents: &[u8]) -> io::Result<()> {
        self.replace_by(p, contents, OpenMode::ReadWrite).await
    }

    /// As `replace`, for secrets: nobody but this user may read the file, from its first byte on.
    pub async fn replace_private(&self, p: &Path, contents: &[u8]) -> io::Result<()> {
        self.replace_by(p, contents, OpenMode::Private).await
    }

    async fn replace_by(&self, p: &Path, contents: &[u8], how: OpenMode) -> io::Result<()> {
        let mut beside = p.as_os_str().to_owned();
        beside.push(".tmp");
        let beside = Path::new(&beside);
        let file = self.open(beside, how).await?;
        file.set_len(0).await?;
        file.write_all_at(&[Bytes::copy_from_slice(contents)], 0)
            .await?;
        file.sync_all().await?;
        self.rename(beside, p).await?;
        match p.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => self.sync_dir(dir).await,
            Some(_) | None => self.sync_dir(Path::new(".")).await,
        }
    }

    /// Takes the right to read a file from everybody but this user; whether anybody else had it.
    pub async fn make_private(&self, p: &Path) -> io::Result<bool> {
        match &self.kind {
            DiskKind::Real(_) => paths::make_private(p),
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(_) => Ok(false),
        }
    }

    pub async fn remove_file(&self, p: &Path) -> io::Result<()> {
        on_disk!(self.remove_file(p))
    }

    pub async fn remove_dir_all(&self, p: &Path) -> io::Result<()> {
        on_disk!(self.remove_dir_all(p))
    }

    pub async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        on_disk!(self.rename(from, to))
    }

    /// What an unprivileged writer may still use of the file system that holds `p`.
    pub async fn free_bytes(&self, p: &Path) -> io::Result<u64> {
        on_disk!(self.free_bytes(p))
    }

    /// The kind of network file system that holds `p`, where it is one.
    pub fn network_file_system(&self, p: &Path) -> Option<&'static str> {
        match &self.kind {
            DiskKind::Real(_) => paths::network_file_system(p),
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(_) => None,
        }
    }

    /// Fails at once when another process (or handle) holds it.
    pub async fn lock(&self, p: &Path) -> Result<DiskLock, LockError> {
        let kind = match &self.kind {
            DiskKind::Real(_) => LockKind::Real {
                _file: paths::lock(p)?,
            },
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(world) => LockKind::Simulated {
                _held: world.lock(p)?,
            },
        };
        Ok(DiskLock { _kind: kind })
    }

    /// Copies every file below `from` into the new directory `to`. Only a real disk has such trees.
    pub fn copy_tree(&self, from: &Path, to: &Path) -> io::Result<()> {
        match &self.kind {
            DiskKind::Real(_) => paths::copy_tree(from, to),
            #[cfg(feature = "simulation")]
            DiskKind::Simulated(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Syncs every file below `dir` and the directories themselves.
    pub fn sync_tree(&self, dir: &Path) -> io::Result<()> {
        on_disk!(self.sync_tree(dir))
    }
}

impl DiskFile {
    /// The buffers one after another from `offset` on.
    pub async fn write_all_at(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        on_file!(self.write_all_at(bufs, offset))
    }

    /// As `write_all_at`, for callers that cannot wait.
    pub fn write_now(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        on_file!(self.write_all_at(bufs, offset))
    }

    /// Zeros, for whole pages past the system's cache where it can.
    pub async fn write_zeroes(&self, len: usize, at: u64) -> io::Result<()> {
        on_file!(self.write_zeroes(len, at))
    }

    /// Writes as `write_all_at` does and syncs the file's data, in one go and past the system's cache where it can. What the
    /// file has behind the end in its page of 4 KiB may become zeros, so this is for appending.
    pub async fn write_durably(&self, bufs: &[Bytes], offset: u64) -> Result<(), NotDurable> {
        match &self.kind {
            FileKind::Real(file) => file.write_durably(bufs, offset),
            #[cfg(feature = "simulation")]
            FileKind::Simulated(file) => {
                file.write_pages(bufs, offset).map_err(NotDurable::Write)?;
                file.reach_device().await;
                file.sync_data().map_err(NotDurable::Sync)
            }
        }
    }

    pub async fn sync_data(&self) -> io::Result<()> {
        self.reach_device().await;
        on_file!(self.sync_data())
    }

    pub async fn sync_all(&self) -> io::Result<()> {
        self.reach_device().await;
        on_file!(self.sync_all())
    }

    /// Short at the end of the file.
    pub async fn read_at(&self, len: usize, offset: u64) -> io::Result<Bytes> {
        self.read_now(len, offset)
    }

    /// As `read_at`, for callers that cannot wait.
    pub fn read_now(&self, len: usize, offset: u64) -> io::Result<Bytes> {
        on_file!(self.read_at(len, offset))
    }

    /// A hint: these bytes are read soon.
    pub fn will_read(&self, len: usize, offset: u64) {
        match &self.kind {
            FileKind::Real(file) => file.will_read(len, offset),
            #[cfg(feature = "simulation")]
            FileKind::Simulated(_) => {}
        }
    }

    pub async fn len(&self) -> io::Result<u64> {
        on_file!(self.len())
    }

    pub async fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len().await? == 0)
    }

    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        on_file!(self.set_len(len))
    }

    /// A real device keeps the caller waiting in the call itself.
    async fn reach_device(&self) {
        match &self.kind {
            FileKind::Real(_) => {}
            #[cfg(feature = "simulation")]
            FileKind::Simulated(file) => file.reach_device().await,
        }
    }
}

#[cfg(all(test, feature = "simulation"))]
mod crash_tests;
#[cfg(test)]
mod tests;
