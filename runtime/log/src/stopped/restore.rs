//! The file of a backup: pages in log order, then those of the archive, each under a checksum, and an end that says what there must have been. It is
//! written piece by piece, and restored into an empty folder that opens only when all of it was right.
//!
//! ```text
//! magic  20 bytes
//! page   40 bytes: segment u64, offset u64, records u64, length u64, crc32c of the bytes u32, crc32c of this head u32;
//!        then the bytes
//! end    a page without bytes whose segment is 2^64 - 1: offset is the position, records are all
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use platform::{DiskFile, OpenMode, Platform};

use super::{Archived, Directory, survey};
use crate::{
    archive::{archive_dir, is_object, object_name},
    backup::Page,
    layout::{
        format::FORMAT,
        frame::{crc_of, u32_at, u64_at},
        segment::file_name,
    },
    limits::{BACKUP_PAGE_BYTES, FRAME_BYTES_MAX},
};

const MAGIC: &[u8; 20] = b"shardmill backup 1\n\0";
const HEAD_BYTES: usize = 40;
const END: u64 = u64::MAX;
/// The file that says up to where a log came out of a backup.
const RESTORED: &str = "RESTORED";

/// A backup that is being written, beside its final name until it is whole.
#[derive(Debug)]
pub struct BackupFile {
    platform: Platform,
    path: PathBuf,
    file: DiskFile,
    at: u64,
    records: u64,
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    pub position: u64,
    pub records: u64,
    pub bytes: u64,
}

impl BackupFile {
    /// Refuses a file that is there already.
    pub async fn create(platform: &Platform, path: &Path) -> io::Result<Self> {
        if platform.disk.exists(path).await {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let unfinished = unfinished(path);
        if platform.disk.exists(&unfinished).await {
            platform.disk.remove_file(&unfinished).await?;
        }
        let file = platform.disk.open(&unfinished, OpenMode::CreateNew).await?;
        file.write_all_at(&[Bytes::from_static(MAGIC)], 0).await?;
        Ok(Self {
            platform: platform.clone(),
            path: path.to_owned(),
            file,
            at: MAGIC.len() as u64,
            records: 0,
        })
    }

    pub async fn add(&mut self, page: &Page) -> io::Result<()> {
        let head = head(page.segment, page.offset, page.records, &page.bytes);
        self.file
            .write_all_at(&[head, page.bytes.clone()], self.at)
            .await?;
        self.at += (HEAD_BYTES + page.bytes.len()) as u64;
        self.records += page.records;
        Ok(())
    }

    /// Makes it durable under its name.
    pub async fn finish(self, position: u64) -> io::Result<Restored> {
        let end = head(END, position, self.records, &Bytes::new());
        self.file.write_all_at(&[end], self.at).await?;
        self.file.sync_all().await?;
        let disk = &self.platform.disk;
        disk.rename(&unfinished(&self.path), &self.path).await?;
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        disk.sync_dir(folder.unwrap_or(Path::new("."))).await?;
        Ok(Restored {
            position,
            records: self.records,
            bytes: self.at + HEAD_BYTES as u64,
        })
    }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

fn head(segment: u64, offset: u64, records: u64, bytes: &Bytes) -> Bytes {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    for number in [segment, offset, records, bytes.len() as u64] {
        head.extend_from_slice(&number.to_le_bytes());
    }
    head.extend_from_slice(&crc_of(bytes).to_le_bytes());
    let crc = crc_of(&head);
    head.extend_from_slice(&crc.to_le_bytes());
    head.into()
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes the data of a backup into `dir`, which holds nothing yet, and reads it all again. What fails leaves a folder
/// that does not open.
pub async fn restore(
    platform: &Platform,
    file: &Path,
    dir: &Path,
    scratch: &Path,
) -> io::Result<Restored> {
    let disk = &platform.disk;
    let file = disk.open(file, OpenMode::Read).await?;
    if file.read_at(MAGIC.len(), 0).await? != MAGIC[..] {
        return Err(wrong("it is no backup of a shardmill that is known here"));
    }
    let log_dir = dir.join("log");
    if disk.exists(dir).await && !disk.list(dir).await?.is_empty() {
        return Err(wrong("the folder to restore into is not empty"));
    }
    disk.create_dir_all(&log_dir).await?;
    let promised = pages(platform, &file, dir).await?;
    disk.sync_tree(dir)?;
    let directory = Directory::hold(platform, dir)
        .await
        .map_err(io::Error::other)?;
    let found = survey(&directory, scratch).await?;
    let whole = found.holes.is_empty()
        && found.strangers.is_empty()
        && found.headers.is_empty()
        && found.archive.iter().all(Archived::is_right);
    if !whole || found.end != promised.position || found.totals.records != promised.records {
        return Err(wrong("what was restored is not what the backup says"));
    }
    let until = format!("{}\n", promised.position);
    disk.replace(&dir.join(RESTORED), until.as_bytes()).await?;
    disk.replace(&dir.join("FORMAT"), format!("{FORMAT}\n").as_bytes())
        .await?;
    Ok(promised)
}

/// Up to which position the log of a folder is a copy of another one; 0 where it is none.
pub(crate) async fn restored_until(platform: &Platform, dir: &Path) -> io::Result<u64> {
    let path = dir.join(RESTORED);
    if !platform.disk.exists(&path).await {
        return Ok(0);
    }
    let text = platform.disk.read(&path).await?;
    let position = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    // Whoever changed it gets the careful answer.
    Ok(position.unwrap_or(u64::MAX))
}

async fn pages(platform: &Platform, file: &DiskFile, dir: &Path) -> io::Result<Restored> {
    let mut at = MAGIC.len() as u64;
    let (mut records, mut bytes) = (0, 0);
    loop {
        let head = file.read_at(HEAD_BYTES, at).await?;
        if head.len() < HEAD_BYTES || crc_of(&head[..36]) != u32_at(&head, 36) {
            return Err(wrong("the backup is damaged or ends too early"));
        }
        let [segment, offset, count, len] = [0, 8, 16, 24].map(|field| u64_at(&head, field));
        at += HEAD_BYTES as u64;
        if segment == END {
            if count != records {
                return Err(wrong("the backup lacks records that it says to have"));
            }
            return Ok(Restored {
                position: offset,
                records,
                bytes,
            });
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len as u64 > BACKUP_PAGE_BYTES + 2 * FRAME_BYTES_MAX as u64 {
            return Err(wrong("a page of the backup is too large"));
        }
        let page = file.read_at(len, at).await?;
        if page.len() != len || crc_of(&page) != u32_at(&head, 32) {
            return Err(wrong("a page of the backup is damaged"));
        }
        at += len as u64;
        bytes += len as u64;
        records += count;
        let path = if is_object(segment) {
            platform.disk.create_dir_all(&archive_dir(dir)).await?;
            archive_dir(dir).join(object_name(segment))
        } else {
            dir.join("log").join(file_name(segment))
        };
        let to = platform.disk.open(&path, OpenMode::ReadWrite).await?;
        to.write_all_at(&[page], offset).await?;
    }
}
