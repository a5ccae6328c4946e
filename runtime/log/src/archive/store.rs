//! Where objects lie: the folder beside the log and, where settings say so, a store elsewhere. Bytes go in and come out;
//! nothing here knows what is in them.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use platform::Platform;

use super::{ArchiveSettings, BlockCache, Object, Store, folder::Folder, object};

/// The archive of an open log.
#[derive(Debug)]
pub(crate) struct Archive {
    pub after: Duration,
    dir: PathBuf,
    here: Arc<dyn Store>,
    elsewhere: Option<Arc<dyn Store>>,
    blocks: Mutex<BlockCache>,
}

pub(crate) fn archive_dir(dir: &Path) -> PathBuf {
    dir.join("archive")
}

pub(crate) fn object_name(id: u64) -> String {
    format!("{id:016x}.arc")
}

impl Archive {
    pub(crate) fn new(platform: &Platform, dir: &Path, settings: &ArchiveSettings) -> Self {
        let dir = archive_dir(dir);
        Self {
            after: settings.after,
            here: Arc::new(Folder::new(&platform.disk, &dir)),
            elsewhere: settings.elsewhere.clone(),
            blocks: Mutex::default(),
            dir,
        }
    }

    /// Whether new objects go elsewhere.
    pub(crate) fn goes_elsewhere(&self) -> bool {
        self.elsewhere.is_some()
    }

    pub(crate) fn index_path(&self, id: u64) -> PathBuf {
        self.dir.join(format!("{id:016x}.idx"))
    }

    fn blocks(&self) -> MutexGuard<'_, BlockCache> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, elsewhere: bool) -> io::Result<&Arc<dyn Store>> {
        if elsewhere {
            let unknown = || io::Error::other("the settings do not say where the archive is");
            return self.elsewhere.as_ref().ok_or_else(unknown);
        }
        Ok(&self.here)
    }

    /// Durable when it returns.
    pub(crate) async fn put(&self, elsewhere: bool, id: u64, bytes: Vec<u8>) -> io::Result<()> {
        let name = object_name(id);
        self.store(elsewhere)?.put(&name, bytes.into()).await
    }

    pub(crate) async fn len(&self, elsewhere: bool, id: u64) -> io::Result<u64> {
        self.store(elsewhere)?.size(&object_name(id)).await
    }

    pub(crate) async fn read(
        &self,
        elsewhere: bool,
        id: u64,
        range: Range<u64>,
    ) -> io::Result<Bytes> {
        self.store(elsewhere)?.read(&object_name(id), range).await
    }

    /// One that is not there is deleted already.
    pub(crate) async fn delete(&self, elsewhere: bool, id: u64) -> io::Result<()> {
        self.store(elsewhere)?.delete(&object_name(id)).await
    }

    /// What the block of an object unpacks to; `None` where it is damaged.
    pub(crate) async fn block(
        &self,
        object: &Object,
        offset: u64,
        len: u32,
    ) -> io::Result<Option<Bytes>> {
        let key = (object.id, offset);
        let known = self.blocks().get(key);
        if known.is_some() {
            return Ok(known);
        }
        let range = offset..offset + u64::from(len);
        let stored = self.read(object.elsewhere, object.id, range).await?;
        let raw = object::unpack(object.id, offset, &stored);
        if let Some(raw) = &raw {
            self.blocks().add(key, raw.clone());
        }
        Ok(raw)
    }
}
