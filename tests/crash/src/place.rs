//! Where the server's data lies, and what a crash is there: the end of the process alone, or of its file system too.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{
    server::Server,
    volume::{self, FileSystem, Volume},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SIGKILL: what was written is still in the page cache, so this shows what the process forgets, not what the disk
    /// does.
    Kill,
    /// The file system stops in the middle and forgets what was not synced, as at a power loss; then SIGKILL.
    Shutdown(FileSystem),
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [
        Self::Kill,
        Self::Shutdown(FileSystem::Ext4),
        Self::Shutdown(FileSystem::Xfs),
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Shutdown(system) => system.name(),
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Kill => "kill -9".to_owned(),
            Self::Shutdown(system) => format!("shutdown of {}", system.name()),
        }
    }

    /// Why it cannot be tried here: by this user, with these devices and tools. Where it can, every trouble is a failure.
    pub(crate) fn cannot(self) -> Option<String> {
        match self {
            Self::Kill => None,
            Self::Shutdown(system) => {
                let machine = volume::machine_lacks().or_else(|| volume::kernel_lacks(system));
                machine.or_else(|| volume::tools_lack(system))
            }
        }
    }
}

/// A folder of one life, removed at its end.
#[derive(Debug)]
pub(crate) struct Place {
    volume: Option<Volume>,
    folder: TempDir,
}

impl Place {
    pub(crate) fn new(kind: Kind, scratch: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(scratch).context("make a folder of this life")?;
        let volume = match kind {
            Kind::Kill => None,
            Kind::Shutdown(system) => Some(Volume::new(system, folder.path())?),
        };
        Ok(Self { volume, folder })
    }

    /// Of the project and the server's log; no crash touches it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        match &self.volume {
            None => self.folder.path().join("data"),
            Some(volume) => volume.mounted().join("data"),
        }
    }

    /// Whether a crash takes the file system first.
    pub(crate) fn stops_its_file_system(&self) -> bool {
        self.volume.is_some()
    }

    /// Ends the server now; its data is there again, as far as it survived, when this returns.
    pub(crate) fn crash(&self, server: Server) -> Result<()> {
        let Some(volume) = &self.volume else {
            return server.kill();
        };
        volume.shut_down()?;
        server.kill()?;
        volume.mount_again()
    }

    /// Keeps everything for a look, and says where it is.
    pub(crate) fn keep(self) -> Result<PathBuf> {
        let Self { volume, folder } = self;
        drop(volume);
        Ok(folder.keep())
    }
}
