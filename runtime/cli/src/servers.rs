//! The servers that a person has named, with the key that signs for each: a file in the person's own configuration
//! folder, for this user only. It is read by every verb that asks a server and written by `server add|use|remove`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host::Signer;
use platform::Platform;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Servers {
    /// The one that is meant where nothing else is said.
    pub(crate) used: Option<String>,
    pub(crate) named: BTreeMap<String, Named>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Key>,
}

/// An access key, as the server's `--auth` file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Key {
    pub(crate) fn signer(&self) -> Signer {
        Signer {
            id: self.id.clone(),
            secret: self.secret.clone(),
        }
    }
}

impl Servers {
    /// What was named so far; nothing where there is no file, or nowhere to keep one.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Some(file) = file() else {
            return Ok(Self::default());
        };
        let unreadable = |why: String| {
            Failure::failed(format!("read the named servers: {}: {why}", file.display()))
                .hint("mend or remove the file; `shardmill server add` names servers anew")
        };
        match std::fs::read(&file) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }

    pub(crate) async fn write(&self) -> Result<(), Failure> {
        let file = file().ok_or_else(|| {
            Failure::failed("name a server: there is no home folder to keep it in")
                .hint("set XDG_CONFIG_HOME or HOME")
        })?;
        let unwritten = |why: String| {
            Failure::failed(format!("name a server: write {}: {why}", file.display()))
        };
        let text = serde_json::to_vec_pretty(self).map_err(|error| unwritten(error.to_string()))?;
        let disk = Platform::real().disk;
        let written = async {
            if let Some(folder) = file.parent() {
                disk.create_dir_all(folder).await?;
            }
            disk.replace_private(&file, &text).await
        };
        written.await.map_err(|error| unwritten(error.to_string()))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Named, Failure> {
        self.named.get(name).ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("server `{name}` is not named"))
                .hint("`shardmill server list` shows those that are")
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where the environment is read"
)]
pub(crate) fn file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|folder| !folder.is_empty());
    let configuration = folder("XDG_CONFIG_HOME").map(PathBuf::from);
    let configuration = configuration.or_else(|| Some(Path::new(&folder("HOME")?).join(".config")));
    Some(configuration?.join("shardmill/servers.json"))
}

/// The first key of a file in the form of AWS's shared credentials.
pub(crate) fn first_key(text: &str) -> Option<Key> {
    let value = |wanted: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.find_map(|(name, value)| (name.trim() == wanted).then(|| value.trim().to_owned()))
    };
    Some(Key {
        id: value("aws_access_key_id")?,
        secret: value("aws_secret_access_key")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_of_a_file() {
        let text = "# made\n[default]\naws_access_key_id = a\naws_secret_access_key=b=\n[other]\naws_access_key_id = c\n";
        let key = first_key(text).map(|key| (key.id, key.secret));
        assert_eq!(key, Some(("a".to_owned(), "b=".to_owned())));
        assert_eq!(first_key("[default]\n"), None);
    }
}
