//! The master key: it wraps the data keys of streams, and is the one secret that the server's owner keeps.
//!
//! In: the text of a key file, or a passphrase. Out: wrapped data keys for the registry, and data keys again. A key
//! file holds keys of 32 bytes, one a line; the first one wraps, all of them unwrap, so that a new first line renews the
//! master key. Passphrases become keys by Argon2id. A wrapped key that no master key opens is an error, never skipped.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use argon2::{Algorithm, Argon2, Params, Version};
use base64_simd::STANDARD;
use log::cipher::{Cipher, Secret};
use platform::Platform;
use serde::{Deserialize, Serialize};

use crate::limits::{
    PASSPHRASE_BYTES_MIN, PASSPHRASE_LANES, PASSPHRASE_MEMORY_KIB, PASSPHRASE_PASSES,
};

const LINE: &str = "shardmill-master-key-1:";

/// Where master keys come from.
#[derive(Clone, Default)]
pub struct MasterKeys {
    /// Made when the first stream is encrypted, unless there is a passphrase; none where it is empty.
    pub file: PathBuf,
    /// Wraps instead of the file, where there is one.
    pub passphrase: Option<String>,
    /// Only unwraps: the one before.
    pub passphrase_before: Option<String>,
}

impl std::fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKeys")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(
        "open the encrypted streams: {file} is not there, and {keys} data keys are wrapped by a master key: bring the file back, or name it with `--master-key-file`"
    )]
    Missing { file: String, keys: usize },
    #[error(
        "open the encrypted streams: none of the master keys given opens data key {number} of {stream}, which {by} wrapped: give the right one with `--master-key-file` or the passphrase"
    )]
    Wrong {
        number: u32,
        stream: String,
        by: String,
    },
    #[error("read the master key file {file}: {reason}")]
    Unreadable { file: String, reason: String },
    #[error("the passphrase has {bytes} bytes, at least {min} are needed")]
    Short { bytes: usize, min: usize },
    #[error("make a key: {0}")]
    Failed(String),
}

/// A data key as the registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrappedKey {
    pub(crate) version: u32,
    pub(crate) number: u32,
    /// Its ARN; the stream may be gone, while dead letters of it are kept.
    pub(crate) stream: String,
    by: Wrapper,
    /// Base64.
    wrapped: String,
}

/// Which master key wrapped a data key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Wrapper {
    /// By what tells it from others, not the key itself.
    File { id: String },
    Passphrase {
        salt: String,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
}

/// The master keys of a running server.
#[derive(Debug)]
pub(crate) struct Vault {
    platform: Platform,
    from: MasterKeys,
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    of_file: Vec<(Wrapper, Secret)>,
    /// Of passphrases, each with its salt: deriving one takes its time.
    derived: BTreeMap<(bool, Wrapper), Secret>,
}

impl Vault {
    /// Reads the key file, if it is there.
    pub(crate) async fn open(platform: &Platform, from: MasterKeys) -> Result<Self, VaultError> {
        for given in [&from.passphrase, &from.passphrase_before]
            .into_iter()
            .flatten()
        {
            if given.len() < PASSPHRASE_BYTES_MIN {
                let (bytes, min) = (given.len(), PASSPHRASE_BYTES_MIN);
                return Err(VaultError::Short { bytes, min });
            }
        }
        let mut keys = Keys::default();
        let named = !from.file.as_os_str().is_empty();
        if named && platform.disk.exists(&from.file).await {
            let text = platform.disk.read(&from.file).await;
            let text = text.map_err(|error| unreadable(&from.file, error))?;
            keys.of_file = parse(&String::from_utf8_lossy(&text))
                .map_err(|reason| unreadable(&from.file, reason))?;
        }
        Ok(Self {
            platform: platform.clone(),
            from,
            keys: Mutex::new(keys),
        })
    }

    /// The data keys; all of them, or an error.
    pub(crate) fn unwrap(&self, wrapped: &[WrappedKey]) -> Result<Vec<(u32, Secret)>, VaultError> {
        let unwrapped = wrapped.iter().map(|key| {
            let secret = self.masters_of(&key.by)?;
            let secret = secret.iter().find_map(|master| self.opened(key, master));
            secret.map_or_else(
                || Err(self.lacks(key, wrapped.len())),
                |secret| Ok((key.number, secret)),
            )
        });
        unwrapped.collect()
    }

    /// A new data key of a stream, wrapped by a master key that is made now where there is none.
    pub(crate) async fn draw(
        &self,
        number: u32,
        stream: &str,
    ) -> Result<(WrappedKey, Secret), VaultError> {
        let secret = Secret::draw(&self.platform.rng).map_err(failed)?;
        Ok((self.wrap(number, stream, &secret).await?, secret))
    }

    /// Whether the master key that wraps now is another one.
    pub(crate) fn is_outdated(&self, key: &WrappedKey) -> bool {
        match (&key.by, &self.from.passphrase) {
            (Wrapper::File { .. }, None) => {
                let keys = self.keys();
                keys.of_file
                    .first()
                    .is_some_and(|(first, _)| *first != key.by)
            }
            (Wrapper::Passphrase { .. }, Some(_)) => {
                let current = self.keys().derived.get(&(true, key.by.clone())).cloned();
                current.is_none_or(|master| self.opened(key, &master).is_none())
            }
            (Wrapper::File { .. }, Some(_)) | (Wrapper::Passphrase { .. }, None) => true,
        }
    }

    pub(crate) async fn wrap(
        &self,
        number: u32,
        stream: &str,
        secret: &Secret,
    ) -> Result<WrappedKey, VaultError> {
        let (by, master) = self.current().await?;
        let cipher = Cipher::new(&self.platform.rng, number, master).map_err(failed)?;
        let wrapped = cipher.encrypt(stream.as_bytes(), secret.expose());
        Ok(WrappedKey {
            version: 1,
            number,
            stream: stream.to_owned(),
            by,
            wrapped: STANDARD.encode_to_string(wrapped.map_err(failed)?),
        })
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The master key that wraps from now on.
    async fn current(&self) -> Result<(Wrapper, Secret), VaultError> {
        if self.from.passphrase.is_some() {
            let known = {
                let keys = self.keys();
                let mut own = keys.derived.keys().filter(|(current, _)| *current);
                own.next().map(|(_, by)| by.clone())
            };
            let by = match known {
                Some(by) => by,
                None => self.new_passphrase()?,
            };
            let master = self.derived(true, &by)?;
            let master = master.ok_or_else(|| VaultError::Failed("no passphrase".to_owned()))?;
            return Ok((by, master));
        }
        let first = self.keys().of_file.first().cloned();
        if let Some(first) = first {
            return Ok(first);
        }
        if self.from.file.as_os_str().is_empty() {
            return Err(VaultError::Failed("no file is named for it".to_owned()));
        }
        let made = Secret::draw(&self.platform.rng).map_err(failed)?;
        let text = format!(
            "# Made by shardmill. Without this key the encrypted records of the server are lost: keep a copy elsewhere.\n\
             # A new key in a line above this one takes over at the next start.\n{LINE}{}\n",
            STANDARD.encode_to_string(made.expose())
        );
        let disk = &self.platform.disk;
        let written = async {
            if let Some(folder) = self
                .from
                .file
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
            {
                disk.create_dir_all(folder).await?;
            }
            disk.replace_private(&self.from.file, text.as_bytes()).await
        };
        written
            .await
            .map_err(|error| unreadable(&self.from.file, error))?;
        tracing::warn!(file = %self.from.file.display(), "a master key was made: keep a copy of it elsewhere");
        let first = (file_key(&made)?, made);
        self.keys().of_file.push(first.clone());
        Ok(first)
    }

    fn new_passphrase(&self) -> Result<Wrapper, VaultError> {
        let mut salt = [0; 16];
        self.platform.rng.secret(&mut salt).map_err(failed)?;
        Ok(Wrapper::Passphrase {
            salt: STANDARD.encode_to_string(salt),
            memory_kib: PASSPHRASE_MEMORY_KIB,
            passes: PASSPHRASE_PASSES,
            lanes: PASSPHRASE_LANES,
        })
    }

    /// Those that may have wrapped a key.
    fn masters_of(&self, by: &Wrapper) -> Result<Vec<Secret>, VaultError> {
        match by {
            Wrapper::File { .. } => {
                let keys = self.keys();
                let same = keys.of_file.iter().filter(|(id, _)| id == by);
                Ok(same.map(|(_, secret)| secret.clone()).collect())
            }
            Wrapper::Passphrase { .. } => {
                let both = [self.derived(true, by)?, self.derived(false, by)?];
                Ok(both.into_iter().flatten().collect())
            }
        }
    }

    /// The key that a passphrase becomes: the one of now, or the one before.
    fn derived(&self, current: bool, by: &Wrapper) -> Result<Option<Secret>, VaultError> {
        let given = if current {
            &self.from.passphrase
        } else {
            &self.from.passphrase_before
        };
        let (
            Some(given),
            Wrapper::Passphrase {
                salt,
                memory_kib,
                passes,
                lanes,
            },
        ) = (given, by)
        else {
            return Ok(None);
        };
        let place = (current, by.clone());
        if let Some(known) = self.keys().derived.get(&place) {
            return Ok(Some(known.clone()));
        }
        let salt = STANDARD.decode_to_vec(salt).map_err(failed)?;
        let params = Params::new(*memory_kib, *passes, *lanes, Some(32)).map_err(failed)?;
        let mut key = [0; 32];
        let derive = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let derived = derive.hash_password_into(given.as_bytes(), &salt, &mut key);
        derived.map_err(failed)?;
        let secret = Secret::new(key);
        self.keys().derived.insert(place, secret.clone());
        Ok(Some(secret))
    }

    fn opened(&self, key: &WrappedKey, master: &Secret) -> Option<Secret> {
        let cipher = Cipher::new(&self.platform.rng, key.number, master.clone()).ok()?;
        let wrapped = STANDARD.decode_to_vec(&key.wrapped).ok()?;
        let plain = cipher.decrypt(key.stream.as_bytes(), &wrapped).ok()?;
        Some(Secret::new(plain.as_ref().try_into().ok()?))
    }

    fn lacks(&self, key: &WrappedKey, keys: usize) -> VaultError {
        let none = self.keys().of_file.is_empty() && self.from.passphrase.is_none();
        if none && matches!(key.by, Wrapper::File { .. }) {
            let file = self.from.file.display().to_string();
            return VaultError::Missing { file, keys };
        }
        VaultError::Wrong {
            number: key.number,
            stream: key.stream.clone(),
            by: key.wrapped_by(),
        }
    }
}

impl WrappedKey {
    pub(crate) fn wrapped_by(&self) -> String {
        match &self.by {
            Wrapper::File { id } => format!("key {id} of a file"),
            Wrapper::Passphrase { .. } => "a passphrase".to_owned(),
        }
    }
}

/// The keys of a key file, in its order.
fn parse(text: &str) -> Result<Vec<(Wrapper, Secret)>, String> {
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong =
            || format!("line {number} is no key: `{LINE}` and 32 bytes in base64 are expected");
        let key = line.strip_prefix(LINE).ok_or_else(wrong)?;
        let key = STANDARD.decode_to_vec(key).map_err(|_| wrong())?;
        let secret = Secret::new(key.try_into().map_err(|_| wrong())?);
        keys.push((
            file_key(&secret).map_err(|error| error.to_string())?,
            secret,
        ));
    }
    if keys.is_empty() {
        return Err("it holds no key".to_owned());
    }
    Ok(keys)
}

/// A name that tells nothing of the key.
fn file_key(secret: &Secret) -> Result<Wrapper, VaultError> {
    let id = secret.fingerprint().map_err(failed)?;
    Ok(Wrapper::File { id })
}

fn unreadable(file: &Path, reason: impl std::fmt::Display) -> VaultError {
    VaultError::Unreadable {
        file: file.display().to_string(),
        reason: reason.to_string(),
    }
}

fn failed(error: impl std::fmt::Display) -> VaultError {
    VaultError::Failed(error.to_string())
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
