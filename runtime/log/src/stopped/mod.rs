//! A stopped data directory as a whole: what it holds, whether all of it is right, and how a damaged one opens again.
//!
//! `survey` reads everything and changes nothing; `repair` takes what a survey found out of the log, keeps the bytes
//! aside, and never touches a log without damage. Both hold the lock of the directory, so that no server runs meanwhile.

mod archived;
mod caches;
mod gap;
mod repair;
mod restore;
mod survey;
mod walk;

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use platform::{DiskLock, Platform};

use crate::{errors::OpenError, open};

pub use archived::Archived;
pub use repair::{Repaired, repair};
pub(crate) use restore::restored_until;
pub use restore::{BackupFile, Restored, restore};
pub use survey::{Fault, FormatFound, Found, Hole, Lost, Survey, Totals, survey};

/// A data directory that nobody else uses while this lives.
#[derive(Debug)]
pub struct Directory {
    pub(crate) platform: Platform,
    pub(crate) dir: PathBuf,
    _lock: Option<DiskLock>,
}

impl Directory {
    /// Refuses a directory that a server holds. One that may not be written has no lock, and needs none.
    pub async fn hold(platform: &Platform, dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("LOCK");
        let lock = if platform.disk.exists(&path).await {
            match open::lock(platform, &path).await {
                Ok(lock) => Some(lock),
                Err(OpenError::Io(error)) if is_readonly(error.kind()) => None,
                Err(other) => return Err(other),
            }
        } else {
            None
        };
        Ok(Self {
            platform: platform.clone(),
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }
}

pub(crate) fn is_readonly(kind: ErrorKind) -> bool {
    kind == ErrorKind::PermissionDenied || kind == ErrorKind::ReadOnlyFilesystem
}
