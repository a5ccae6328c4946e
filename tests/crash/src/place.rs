//! Where the server's data lies, and what a crash is there: the end of the process alone, or of its file system too.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::{
    server::Server,
    volume::{self, FileSystem, Switch, Volume},
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

    pub(crate) fn mounts(self) -> bool {
        matches!(self, Self::Shutdown(_))
    }

    /// Why it cannot be tried here: by this user, with these devices and tools. Where it can, every trouble is a failure,
    /// and so is a tool that a machine of CI has to have.
    pub(crate) fn cannot(self, in_ci: bool) -> Result<Option<String>> {
        let Self::Shutdown(system) = self else {
            return Ok(None);
        };
        if let Some(why) = volume::machine_lacks().or_else(|| volume::kernel_lacks(system)) {
            return Ok(Some(why));
        }
        missing(self, volume::tools_lack(system), in_ci)
    }
}

fn missing(kind: Kind, tool: Option<String>, in_ci: bool) -> Result<Option<String>> {
    match tool {
        Some(why) if in_ci => bail!(
            "run the {} here: {why}, and with CI=true a machine that can has to",
            kind.name()
        ),
        tool => Ok(tool),
    }
}

/// What a crash did beside ending the server.
#[derive(Debug)]
pub(crate) struct Outage {
    /// From just before its file system was stopped until that was there again.
    pub(crate) gone: Range<Instant>,
    /// How long the server ran on without one.
    pub(crate) ran_on: Duration,
}

/// A folder of one life. It is kept for a look unless `remove` says that all was well.
#[derive(Debug)]
pub(crate) struct Place {
    volume: Option<Volume>,
    folder: TempDir,
}

impl Place {
    pub(crate) fn new(kind: Kind, scratch: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .disable_cleanup(true)
            .tempdir_in(scratch)
            .context("make a folder of this life")?;
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

    /// What a crash needs at its moment; made before, so that the moment is the one that was drawn.
    pub(crate) fn switch(&self) -> Result<Option<Switch>> {
        self.volume.as_ref().map(Volume::switch).transpose()
    }

    /// Ends the server now; its data is there again, as far as it survived, when this returns.
    pub(crate) fn crash(&self, server: Server, switch: Option<Switch>) -> Result<Option<Outage>> {
        let (Some(volume), Some(mut switch)) = (&self.volume, switch) else {
            server.kill()?;
            return Ok(None);
        };
        // What was answered before this moment was answered by a machine that had its power.
        let began = Instant::now();
        switch.turn()?;
        server.kill()?;
        let ran_on = began.elapsed();
        drop(switch);
        volume.mount_again()?;
        let gone = began..Instant::now();
        Ok(Some(Outage { gone, ran_on }))
    }

    /// How many bytes of the log are gone from its beginning: in segments that were removed or are used again.
    pub(crate) fn let_go(&self) -> Result<u64> {
        let names = files(&self.data().join("log"))?;
        let bases = names.iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            name.strip_suffix(".seg")?.parse::<u64>().ok()
        });
        Ok(bases.min().unwrap_or_default())
    }

    /// Objects of the archive.
    pub(crate) fn archived(&self) -> Result<usize> {
        let names = files(&self.data().join("archive"))?;
        let is_object = |path: &&PathBuf| path.extension().is_some_and(|end| end == "arc");
        Ok(names.iter().filter(is_object).count())
    }

    pub(crate) fn remove(self) -> Result<()> {
        let Self { volume, folder } = self;
        drop(volume);
        folder.close().context("remove the folder of a life")
    }
}

/// Of a folder that may not be there.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    Ok(entries.collect::<std::io::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_a_failure_in_ci_and_a_reason_elsewhere() {
        let tool = || Some("perl is missing".to_owned());
        for kind in [FileSystem::Ext4, FileSystem::Xfs].map(Kind::Shutdown) {
            assert_eq!(missing(kind, tool(), false).ok(), Some(tool()));
            assert!(missing(kind, tool(), true).is_err());
            assert_eq!(missing(kind, None, true).ok(), Some(None));
        }
    }
}
