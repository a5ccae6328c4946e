//! The code of functions as it was handed over, one file for each digest below the data folder, so that any version that
//! may be asked for can be loaded again.

use std::{collections::BTreeSet, io, path::PathBuf};

use bytes::Bytes;
use model::Digest;
use platform::Platform;

#[derive(Debug, Clone)]
pub(crate) struct CodeStore {
    platform: Platform,
    folder: PathBuf,
}

impl CodeStore {
    pub(crate) fn new(platform: Platform, folder: PathBuf) -> Self {
        Self { platform, folder }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    pub(crate) async fn has(&self, digest: Digest) -> bool {
        self.platform.disk.exists(&self.path(digest)).await
    }

    /// Written whole, or not at all. Bytes that are there already are not written again.
    pub(crate) async fn put(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        if self.has(digest).await {
            return Ok(());
        }
        self.platform.disk.create_dir_all(&self.folder).await?;
        self.platform.disk.replace(&self.path(digest), bytes).await
    }

    /// Only bytes that have the digest they are named by.
    pub(crate) async fn get(&self, digest: Digest) -> Result<Bytes, String> {
        let bytes = self.platform.disk.read(&self.path(digest)).await;
        let bytes = bytes.map_err(|_| format!("its code {digest} is not kept here any more"))?;
        if sandbox::digest_of(&bytes) != digest {
            return Err(format!("its code {digest} is damaged on disk"));
        }
        Ok(bytes)
    }

    /// Removes what nobody may ask for any more.
    pub(crate) async fn keep_only(&self, used: &BTreeSet<Digest>) {
        // A folder that is not there holds nothing.
        let names = self.platform.disk.list(&self.folder).await;
        for name in names.unwrap_or_default() {
            let is_used = name.parse().is_ok_and(|digest| used.contains(&digest));
            if !is_used
                && let Err(error) = self
                    .platform
                    .disk
                    .remove_file(&self.folder.join(&name))
                    .await
            {
                tracing::warn!(name, %error, "code that no version needs was not removed");
            }
        }
    }
}
