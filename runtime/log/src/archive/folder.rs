//! A folder as the store of the archive: what was put is durable when `put` returns, and a crash leaves an object whole or
//! not there.
//!
//! The disk is the platform's, so that a simulation loses power here too.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use model::seams::BoxFuture;
use platform::{Disk, OpenMode};

use super::Store;

/// Made when it is needed.
#[derive(Debug, Clone)]
pub struct Folder {
    disk: Disk,
    dir: PathBuf,
    /// Whether this process has seen the folder's own name synced: one that is merely there may be gone after a power loss.
    is_named: Arc<AtomicBool>,
}

impl Folder {
    #[must_use]
    pub fn new(disk: &Disk, dir: &Path) -> Self {
        Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            is_named: Arc::default(),
        }
    }

    async fn write(&self, name: &str, bytes: Bytes) -> io::Result<()> {
        if !self.is_named.load(Ordering::Relaxed) {
            self.disk.create_dir_all(&self.dir).await?;
            if let Some(above) = self.dir.parent() {
                self.disk.sync_dir(above).await?;
            }
            self.is_named.store(true, Ordering::Relaxed);
        }
        self.disk.replace(&self.dir.join(name), &bytes).await
    }

    async fn read_range(&self, name: &str, range: Range<u64>) -> io::Result<Bytes> {
        let path = self.dir.join(name);
        let file = self.disk.open(&path, OpenMode::Read).await?;
        let len = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        file.read_at(len, range.start).await
    }
}

impl Store for Folder {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(self.write(name, bytes))
    }

    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<u64>> {
        Box::pin(async move {
            let path = self.dir.join(name);
            self.disk.open(&path, OpenMode::Read).await?.len().await
        })
    }

    fn read<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, io::Result<Bytes>> {
        Box::pin(self.read_range(name, range))
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            let path = self.dir.join(name);
            if !self.disk.exists(&path).await {
                return Ok(());
            }
            self.disk.remove_file(&path).await?;
            self.disk.sync_dir(&self.dir).await
        })
    }
}

#[cfg(test)]
mod tests {
    use platform::{DiskFault, Platform};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_put_survives_a_power_loss_whatever_failed_before() {
        for failing in 0..8 {
            let disk = Platform::simulated(1).disk;
            let folder = Folder::new(&disk, Path::new("/data/archive"));
            disk.create_dir_all(Path::new("/data")).await.unwrap();
            disk.fault(disk.operations() + failing, DiskFault::Fails);
            while folder.put("object", Bytes::from("records")).await.is_err() {}
            disk.crash();
            let read = folder.read("object", 0..7).await;
            assert_eq!(read.ok(), Some(Bytes::from("records")), "{failing}");
        }
    }
}
