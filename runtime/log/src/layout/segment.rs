//! One segment file: a 4 KiB header, then frames. Named by the log position of its first frame.
//!
//! A new file is created, or a spare one renamed, its header written and synced, and the directory synced, before anything
//! else goes in. The salt is random for each use, so that frames of another use never validate.

use std::{
    io,
    path::{Path, PathBuf},
};

use platform::{DiskFile, OpenMode, Platform};

use crate::layout::{
    frame::{Seal, crc_of, u32_at, u64_at},
    sealed::Identity,
};

pub(crate) const SEGMENT_HEADER_BYTES: u64 = 4096;
const SUFFIX: &str = ".seg";
const MAGIC: &[u8; 8] = b"shardmil";
const VERSION: u32 = 1;
const CHECKED: usize = 52;

#[derive(Debug)]
pub(crate) struct Segment {
    pub base: u64,
    pub salt: u64,
    /// The same in every segment of one log, so that a file of another log is noticed.
    pub log_id: u128,
    pub path: PathBuf,
    pub file: DiskFile,
}

pub(crate) fn file_name(base: u64) -> String {
    format!("{base:020}{SUFFIX}")
}

pub(crate) fn base_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20).then(|| digits.parse().ok())?
}

/// The first page of a segment file.
pub(crate) fn header(base: u64, log_id: u128, salt: u64, created_ms: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(4096);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&log_id.to_le_bytes());
    header.extend_from_slice(&salt.to_le_bytes());
    header.extend_from_slice(&base.to_le_bytes());
    header.extend_from_slice(&created_ms.to_le_bytes());
    header.extend_from_slice(&crc_of(&header).to_le_bytes());
    header.resize(4096, 0);
    header
}

impl Segment {
    pub(crate) async fn create(
        platform: &Platform,
        dir: &Path,
        base: u64,
        log_id: u128,
    ) -> io::Result<Self> {
        let path = dir.join(file_name(base));
        let file = platform.disk.open(&path, OpenMode::CreateNew).await?;
        let mut begun = Self::begin(platform, path.clone(), file, base, log_id).await;
        if begun.is_ok()
            && let Err(error) = platform.disk.sync_dir(dir).await
        {
            begun = Err(error);
        }
        if begun.is_err() {
            // On a full disk it is tried again.
            platform.disk.remove_file(&path).await?;
        }
        begun
    }

    /// Makes a segment out of a spare file; its old contents do not validate under the new salt.
    pub(crate) async fn reuse(
        platform: &Platform,
        dir: &Path,
        spare: &Path,
        base: u64,
        log_id: u128,
    ) -> io::Result<Self> {
        let path = dir.join(file_name(base));
        let file = platform.disk.open(spare, OpenMode::ReadWrite).await?;
        let segment = Self::begin(platform, path.clone(), file, base, log_id).await?;
        platform.disk.rename(spare, &path).await?;
        if let Err(error) = platform.disk.sync_dir(dir).await {
            // As above.
            platform.disk.remove_file(&path).await?;
            return Err(error);
        }
        Ok(segment)
    }

    /// Writes and syncs the header.
    async fn begin(
        platform: &Platform,
        path: PathBuf,
        file: DiskFile,
        base: u64,
        log_id: u128,
    ) -> io::Result<Self> {
        let salt = platform.rng.u64();
        let created = platform.clock.wall().as_millis();
        let header = header(base, log_id, salt, created);
        file.write_all_at(&[header.into()], 0).await?;
        file.sync_all().await?;
        Ok(Self {
            base,
            salt,
            log_id,
            path,
            file,
        })
    }

    /// Takes an opened file whose first bytes are `header`; `None` where they are not a segment header of `base`.
    pub(crate) fn parse(base: u64, path: PathBuf, file: DiskFile, header: &[u8]) -> Option<Self> {
        let fixed = header.get(..CHECKED + 4)?;
        let right = fixed[..8] == *MAGIC
            && u32_at(fixed, 8) == VERSION
            && u64_at(fixed, 36) == base
            && u32_at(fixed, CHECKED) == crc_of(&fixed[..CHECKED]);
        right.then(|| Self {
            base,
            salt: u64_at(fixed, 28),
            log_id: u128::from(u64_at(fixed, 20)) << 64 | u128::from(u64_at(fixed, 12)),
            path,
            file,
        })
    }

    /// What the header of a damaged segment may still say.
    pub(crate) fn salt_in(header: &[u8]) -> Option<u64> {
        header.get(..CHECKED).map(|fixed| u64_at(fixed, 28))
    }

    pub(crate) fn log_id_in(header: &[u8]) -> Option<u128> {
        let fixed = header.get(..CHECKED)?;
        Some(u128::from(u64_at(fixed, 20)) << 64 | u128::from(u64_at(fixed, 12)))
    }

    pub(crate) fn offset(&self, position: u64) -> u64 {
        SEGMENT_HEADER_BYTES + (position - self.base)
    }

    /// Writes what lies between two positions once more, and syncs it.
    pub(crate) async fn write_again(&self, from: u64, until: u64) -> io::Result<()> {
        let start = self.offset(from.max(self.base));
        let len = usize::try_from(self.offset(until) - start).map_err(io::Error::other)?;
        let bytes = self.file.read_at(len, start).await?;
        self.file.write_all_at(&[bytes], start).await?;
        self.file.sync_data().await
    }

    /// By which its index is known.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            log_id: self.log_id,
            salt: self.salt,
            base: self.base,
        }
    }

    pub(crate) fn seal(&self, position: u64) -> Seal {
        Seal {
            salt: self.salt,
            offset: self.offset(position),
        }
    }
}
