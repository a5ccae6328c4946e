//! Programs for this machine among the functions: unpacked below the data folder, run as processes, only where the server
//! was started with `--allow-native`. They are versions like all others, and say what they are: the kind *process*.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use catalog::{Code, Package, Revision, Settings};
use model::{ByteSize, Digest};
use platform::Platform;
use sandbox::{Function, FunctionLimits, Kind, ProcessSource};
use serde_json::Value;

use super::{
    Functions, Offered,
    package::{Contents, contents},
    unzip::unzip,
};

/// What Lambda gives its programs where nothing was said.
const SCRATCH_MB: u64 = 512;
/// Written last: the folder is whole.
const WHOLE: &str = ".whole";

pub(crate) const NO_NATIVES: &str = "it is a program for this machine, which runs without a sandbox: start the server with `shardmill up --allow-native`";

/// Where they are unpacked.
#[derive(Debug, Clone)]
pub(crate) struct Natives {
    platform: Platform,
    folder: PathBuf,
}

impl Natives {
    /// None: they are not allowed.
    pub(crate) fn of(platform: &Platform, folder: PathBuf, allowed: bool) -> Option<Self> {
        allowed.then(|| Self {
            platform: platform.clone(),
            folder,
        })
    }

    /// The files of a package in a folder of their own, and the one that runs.
    async fn unpacked(
        &self,
        digest: Digest,
        zip: &[u8],
        settings: &Settings,
    ) -> Result<(PathBuf, String), String> {
        let (runtime, handler) = (word(settings, "Runtime"), word(settings, "Handler"));
        let files = unzip(zip).map_err(|error| error.to_string())?;
        let found = contents(files.clone(), runtime, handler).map_err(|none| none.message)?;
        let Contents::Native { file } = found else {
            return Err("its package holds no program for this machine".to_owned());
        };
        let folder = self.folder.join(digest.to_string());
        let disk = &self.platform.disk;
        if !disk.exists(&folder.join(WHOLE)).await {
            for (name, bytes) in files {
                let path = folder.join(name);
                self.written(&path, &bytes).await?;
            }
            self.written(&folder.join(WHOLE), b"").await?;
        }
        Ok((folder, file))
    }

    async fn written(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let disk = &self.platform.disk;
        let written = async {
            if let Some(folder) = path.parent() {
                disk.create_dir_all(folder).await?;
            }
            disk.replace(path, bytes).await
        };
        let written = written.await;
        written.map_err(|error| format!("write {}: {error}", path.display()))
    }

    /// Removes what no version needs.
    pub(crate) async fn keep_only(&self, used: &BTreeSet<Digest>) {
        let names = self.platform.disk.list(&self.folder).await;
        for name in names.unwrap_or_default() {
            let is_used = name.parse().is_ok_and(|digest| used.contains(&digest));
            if !is_used {
                // Whatever of it stays is looked at again at the next start.
                drop(
                    self.platform
                        .disk
                        .remove_dir_all(&self.folder.join(name))
                        .await,
                );
            }
        }
    }
}

fn word<'a>(settings: &'a Settings, name: &str) -> &'a str {
    let word = settings.words.get(name).and_then(Value::as_str);
    word.unwrap_or_default()
}

impl Functions {
    pub(crate) fn allows_natives(&self) -> bool {
        self.natives.is_some()
    }

    /// A package with a program, as a version that may run.
    pub(crate) async fn offer_native(
        &self,
        zip: &[u8],
        settings: Settings,
    ) -> Result<Offered, String> {
        let digest = sandbox::digest_of(zip);
        let function = self.native(digest, zip, &settings).await?;
        let package = Package {
            digest,
            bytes: zip.len() as u64,
        };
        Ok(Offered {
            revision: Revision {
                code: Code {
                    digest,
                    kind: Kind::Process.name().to_owned(),
                    package: Some(package),
                },
                settings,
                modified_ms: self.platform.clock.wall().as_millis(),
                id: self.id(),
            },
            function: function.into(),
        })
    }

    pub(super) async fn native(
        &self,
        digest: Digest,
        zip: &[u8],
        settings: &Settings,
    ) -> Result<Function, String> {
        let natives = self.natives.as_ref();
        let natives = natives.ok_or(NO_NATIVES)?;
        let (folder, file) = natives.unpacked(digest, zip, settings).await?;
        let memory_mb = super::memory_mb(settings);
        let scratch = settings.words.get("EphemeralStorage");
        let scratch_mb = scratch
            .and_then(|it| it["Size"].as_u64())
            .unwrap_or(SCRATCH_MB);
        let limits = FunctionLimits {
            memory: ByteSize(memory_mb << 20),
            ..self.limits(settings)
        };
        let source = ProcessSource {
            folder,
            file,
            handler: word(settings, "Handler").to_owned(),
            file_bytes_max: scratch_mb << 20,
        };
        Ok(self.engine.process(source, digest, limits))
    }
}
