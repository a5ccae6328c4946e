//! Language runtimes that functions share: each is compiled and linked once, and every bundle of its language gets a clone.
//! Those of earlier versions, which take their events as bytes, go on running what was packed for them.
//!
//! Their components lie in one folder, named by their digests, which is what makes the files of others useless there;
//! what they compile to is kept beside them and shared by all projects of the user.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use model::{ByteSize, Digest};
use tokio::sync::Mutex;

use crate::{
    bundle::Bundle,
    compiled::Compiled,
    engine::Shared,
    function::Guest,
    load::{LoadError, code, digest_of, guest},
};

pub(crate) struct Runtimes {
    dir: Option<PathBuf>,
    compiled: Compiled,
    /// Held while one is compiled: who needs the same one waits for it.
    linked: Mutex<BTreeMap<Digest, Guest>>,
    storing: Mutex<()>,
}

impl Runtimes {
    pub(crate) fn new(dir: Option<PathBuf>) -> Self {
        let compiled = Compiled::new(dir.as_ref().map(|dir| dir.join("compiled")));
        Self {
            dir,
            compiled,
            linked: Mutex::default(),
            storing: Mutex::default(),
        }
    }

    pub(crate) async fn guest(
        &self,
        shared: &Arc<Shared>,
        bundle: &Bundle,
    ) -> Result<Guest, LoadError> {
        let mut linked = self.linked.lock().await;
        if let Some(known) = linked.get(&bundle.runtime) {
            return Ok(known.clone());
        }
        let bytes = self.read(shared, bundle).await?;
        let code = code(shared, &self.compiled, &bytes, bundle.runtime).await?;
        let made = guest(shared, &code, ByteSize(0))?;
        match &made {
            Guest::Event(_) | Guest::Runtime(_) => {
                linked.insert(bundle.runtime, made.clone());
                Ok(made)
            }
            Guest::Stream(_)
            | Guest::Http(_)
            | Guest::Command(_)
            | Guest::Program(_)
            | Guest::Process(_) => Err(LoadError::Unfit(
                "a language runtime exports an event handler".to_owned(),
            )),
        }
    }

    fn path(&self, digest: Digest) -> Option<PathBuf> {
        let dir = self.dir.as_ref()?;
        Some(dir.join(format!("{digest}.wasm")))
    }

    /// A file that is damaged is none.
    pub(crate) async fn has(&self, shared: &Shared, digest: Digest) -> bool {
        let Some(path) = self.path(digest) else {
            return false;
        };
        let bytes = shared.platform.disk.read(&path).await;
        bytes.is_ok_and(|bytes| digest_of(&bytes) == digest)
    }

    /// Written whole, or not at all; one after another.
    pub(crate) async fn put(&self, shared: &Shared, bytes: &[u8]) -> io::Result<Digest> {
        let digest = digest_of(bytes);
        let (Some(dir), Some(path)) = (&self.dir, self.path(digest)) else {
            return Err(io::Error::other("this server has no folder for them"));
        };
        let _one_at_a_time = self.storing.lock().await;
        if !self.has(shared, digest).await {
            shared.platform.disk.create_dir_all(dir).await?;
            shared.platform.disk.replace(&path, bytes).await?;
        }
        Ok(digest)
    }

    /// Only bytes that have the digest they are named by.
    async fn read(&self, shared: &Shared, bundle: &Bundle) -> Result<Bytes, LoadError> {
        let missing = || LoadError::NoRuntime {
            language: bundle.language.clone(),
            runtime: bundle.runtime,
        };
        let path = self.path(bundle.runtime).ok_or_else(missing)?;
        let bytes = shared.platform.disk.read(&path).await;
        let bytes = bytes.map_err(|_| missing())?;
        if digest_of(&bytes) != bundle.runtime {
            return Err(missing());
        }
        Ok(bytes)
    }
}
