//! Lines on disk: files of one JSON document a line, named by the number of their first line.
//!
//! In: lines in the order of their numbers. Out: pages of them, also of earlier runs. Files go as a whole when they are too
//! old or all together too large. They are not synced: a power loss may take the newest lines. A line that cannot be
//! read is passed over, and a new run begins a new file, so half a line harms nothing behind it.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use model::{ByteSize, Timestamp};
use platform::{Disk, DiskFile, OpenMode, Platform};

use super::line::{Line, Wanted};
use crate::{
    config,
    limits::{LOG_FILE_BYTES_MAX, LOG_FILES_MAX, LOG_LAST_LINE_BYTES_MAX},
};

const ENDING: &str = ".ndjson";

#[derive(Debug)]
pub(super) struct LogFiles {
    disk: Disk,
    folder: PathBuf,
    policy: config::Logs,
    /// Oldest first; the last one is written when `open` holds it.
    files: Vec<LogFile>,
    open: Option<DiskFile>,
}

#[derive(Debug)]
struct LogFile {
    first: u64,
    last: u64,
    bytes: u64,
    newest: Timestamp,
}

impl LogFiles {
    pub(super) async fn open(
        platform: &Platform,
        folder: &Path,
        policy: config::Logs,
    ) -> io::Result<Self> {
        let disk = platform.disk.clone();
        disk.create_dir_all(folder).await?;
        let mut files = Self {
            disk,
            folder: folder.to_owned(),
            policy,
            files: Vec::new(),
            open: None,
        };
        for name in files.disk.list(folder).await? {
            let first = name
                .strip_suffix(ENDING)
                .and_then(|first| first.parse().ok());
            if let Some(first) = first {
                let found = files.look(first).await?;
                files.files.push(found);
            }
        }
        files.files.sort_by_key(|file| file.first);
        Ok(files)
    }

    /// The number of the newest line; 0 when there is none.
    pub(super) fn newest(&self) -> u64 {
        self.files.last().map_or(0, |file| file.last)
    }

    pub(super) fn bytes(&self) -> ByteSize {
        ByteSize(self.files.iter().map(|file| file.bytes).sum())
    }

    pub(super) async fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
            return Ok(());
        };
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        let full = self
            .files
            .last()
            .is_none_or(|file| file.bytes >= self.file_bytes_max());
        let handle = match &self.open {
            Some(handle) if !full => handle.clone(),
            Some(_) | None => self.begin(first.id).await?,
        };
        let Some(file) = self.files.last_mut() else {
            return Ok(());
        };
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        handle.write_all_at(&[text.into()], file.bytes).await?;
        file.bytes += bytes;
        file.last = last.id;
        file.newest = Timestamp::from_millis(last.at_ms);
        while self.files.len() > 1
            && (self.bytes() > self.policy.max || self.files.len() > LOG_FILES_MAX)
        {
            self.remove_oldest().await?;
        }
        Ok(())
    }

    /// Removes files whose newest line is older than lines are kept.
    pub(super) async fn expire(&mut self, now: Timestamp) -> io::Result<()> {
        let oldest = now.minus(self.policy.keep);
        while self.files.first().is_some_and(|file| file.newest < oldest) {
            self.remove_oldest().await?;
        }
        Ok(())
    }

    /// Lines below the number `before`, in order.
    pub(super) async fn read(&self, wanted: &Wanted, before: u64) -> io::Result<Vec<Line>> {
        let since = Timestamp::from_millis(wanted.since_ms);
        let files = self
            .files
            .iter()
            .filter(|file| file.last > wanted.after && file.first < before && file.newest >= since);
        let mut found = Vec::new();
        for file in files {
            let bytes = self.disk.read(&self.path(file.first)).await?;
            let lines = lines(&bytes).filter(|line| line.id < before && wanted.takes(line));
            found.extend(lines.take(wanted.limit - found.len()));
            if found.len() == wanted.limit {
                break;
            }
        }
        Ok(found)
    }

    async fn begin(&mut self, first: u64) -> io::Result<DiskFile> {
        let path = self.path(first);
        let handle = self.disk.open(&path, OpenMode::ReadWrite).await?;
        handle.set_len(0).await?;
        self.files.push(LogFile {
            first,
            last: first,
            bytes: 0,
            newest: Timestamp::default(),
        });
        self.open = Some(handle.clone());
        Ok(handle)
    }

    async fn remove_oldest(&mut self) -> io::Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        let oldest = self.files.remove(0);
        if self.files.is_empty() {
            self.open = None;
        }
        self.disk.remove_file(&self.path(oldest.first)).await
    }

    /// A file of an earlier run.
    async fn look(&self, first: u64) -> io::Result<LogFile> {
        let handle = self.disk.open(&self.path(first), OpenMode::Read).await?;
        let bytes = handle.len().await?;
        let most = u64::try_from(LOG_LAST_LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let end = handle
            .read_at(LOG_LAST_LINE_BYTES_MAX, bytes.saturating_sub(most))
            .await?;
        let last = lines(&end).last();
        Ok(LogFile {
            first,
            bytes,
            last: last.as_ref().map_or(first, |line| line.id),
            newest: Timestamp::from_millis(last.map_or(0, |line| line.at_ms)),
        })
    }

    /// At least four files, so that making room does not take everything.
    fn file_bytes_max(&self) -> u64 {
        LOG_FILE_BYTES_MAX.min(self.policy.max.bytes() / 4)
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(format!("{first:020}{ENDING}"))
    }
}

fn lines(bytes: &Bytes) -> impl Iterator<Item = Line> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}
