//! Which server a verb talks to: `--server` or `SHARDMILL_SERVER`, then the file that `up` wrote in this folder or one
//! above, then the default port. It never looks at `AWS_ENDPOINT_URL` or `AWS_PROFILE`: those belong to AWS's tools.
//! A server that nobody named must be the one of this folder; where that cannot be known, it is said whose it is.

use std::fmt;
use std::path::{Path, PathBuf};

use host::Signer;
use serde_json::Value;

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{Output, text};
use crate::servers::{Key, Servers};

pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:4566";
const SERVER_FILE: &str = ".shardmill/dev/server.json";

/// `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    /// Takes `HOST:PORT`, `HOST` or an `http://` URL of either.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let refused = |why: &str| {
            Failure::usage(format!("use server `{text}`: {why}"))
                .hint("write it as HOST:PORT, for example 127.0.0.1:4566")
        };
        if text.starts_with("https://") {
            return Err(refused("this command line speaks plain HTTP only"));
        }
        let bare = text
            .strip_prefix("http://")
            .unwrap_or(text)
            .trim_end_matches('/');
        if bare.is_empty() || bare.contains(['/', ' ', '@', '?']) {
            return Err(refused("it is not an address"));
        }
        // An IPv6 address has colons of its own and stands in brackets.
        let port = bare
            .rsplit_once(':')
            .filter(|(host, _)| !host.ends_with(':'));
        match port.map(|(_, port)| port.parse::<u16>()) {
            Some(Ok(_)) => Ok(Self(bare.to_owned())),
            Some(Err(_)) if bare.ends_with(']') => Ok(Self(format!("{bare}:4566"))),
            Some(Err(_)) => Err(refused("its port is not a number up to 65535")),
            None => Ok(Self(format!("{bare}:4566"))),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server, and how it was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) address: Address,
    way: Way,
    /// With which puts are signed, where one is known.
    pub(crate) key: Option<Signer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    Named,
    /// By the note of `up`, which says where that server keeps its data.
    Note {
        data: Option<String>,
    },
    /// Nothing was said; a project in the folder is none that runs.
    Default {
        project: Option<PathBuf>,
    },
}

/// `named` comes from the flag or the environment.
pub(crate) fn find(named: Option<&str>, directory: &Path) -> Result<Found, Failure> {
    let servers = Servers::read()?;
    // What is said on the command line or in the environment may be an address; what is used is a name.
    let known = match named {
        Some(named) => servers.named.get(named),
        None => servers
            .used
            .as_deref()
            .map(|used| servers.get(used))
            .transpose()?,
    };
    if let Some(known) = known {
        return Ok(Found {
            address: Address::parse(&known.address)?,
            way: Way::Named,
            key: known.key.as_ref().map(Key::signer),
        });
    }
    if let Some(named) = named {
        let address = Address::parse(named)?;
        return Ok(Found {
            address,
            way: Way::Named,
            key: None,
        });
    }
    if let Some(file) = server_file(directory) {
        let Note { address, data, key } = written_by_up(&file)?;
        return Ok(Found {
            address,
            way: Way::Note { data },
            key,
        });
    }
    let mut above = directory.ancestors();
    let project = above.find(|folder| folder.join("triggers.yaml").is_file());
    Ok(Found {
        address: Address::parse(DEFAULT_ADDRESS)?,
        way: Way::Default {
            project: project.map(Path::to_owned),
        },
        key: None,
    })
}

/// Connects; refuses a server that has taken the address of the one that was meant.
pub(crate) async fn connect(found: Found, output: Output) -> Result<Client, Failure> {
    let Found { address, way, key } = found;
    let mut client = Client::connect(address.clone()).await?.signing(key);
    match way {
        Way::Named | Way::Note { data: None } | Way::Default { project: None } => {}
        Way::Note { data: Some(data) } => {
            let other = data_of(&mut client).await?;
            if other != data {
                let message = format!(
                    "ask {address}: the server of this folder is gone, the one that answers there keeps its data in {other}"
                );
                let hint = format!(
                    "start this folder's with `shardmill up`, or mean that one with `--server {address}`"
                );
                return Err(Failure::new(Exit::Conflict, message).hint(hint));
            }
        }
        Way::Default {
            project: Some(project),
        } => {
            let other = data_of(&mut client).await?;
            output.note(&format!(
                "note: no server runs for {}; {address} answers, which keeps its data in {other}",
                project.display()
            ));
        }
    }
    Ok(client)
}

async fn data_of(client: &mut Client) -> Result<String, Failure> {
    Ok(text(&client.get("server").await?, "/data"))
}

/// The server that answers at the address of a note, and where it keeps its data; none when that one is gone.
pub(crate) async fn running(file: &Path) -> Option<(Address, String)> {
    let note = file.is_file().then(|| written_by_up(file).ok())??;
    let mut client = Client::connect(note.address.clone()).await.ok()?;
    let data = data_of(&mut client).await.ok()?;
    let same = note.data.is_none_or(|noted| noted == data);
    same.then_some((note.address, data))
}

/// The certificate of this folder's server and its fingerprint, as its note tells them.
pub(crate) fn tls(directory: &Path) -> Option<(String, String)> {
    let note = std::fs::read(server_file(directory)?).ok()?;
    let note: Value = serde_json::from_slice(&note).ok()?;
    let part = |name: &str| Some(note.pointer(name)?.as_str()?.to_owned());
    Some((part("/tls/certificate")?, part("/tls/fingerprint")?))
}

fn server_file(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().find_map(|folder| {
        let usual = folder.join(SERVER_FILE);
        if usual.is_file() {
            return Some(usual);
        }
        // Servers of other environments have folders beside that one.
        let beside = std::fs::read_dir(folder.join(".shardmill")).ok()?;
        let notes = beside
            .flatten()
            .map(|entry| entry.path().join("server.json"));
        let mut notes: Vec<PathBuf> = notes.filter(|file| file.is_file()).collect();
        notes.sort();
        notes.into_iter().next()
    })
}

struct Note {
    address: Address,
    /// Notes of older versions do not say.
    data: Option<String>,
    /// With which puts are signed, where the server wants that.
    key: Option<Signer>,
}

fn written_by_up(file: &Path) -> Result<Note, Failure> {
    let unreadable = |why: String| {
        Failure::failed(format!("find the server: {} {why}", file.display()))
            .hint("start it again with `shardmill up`, or name it with `--server HOST:PORT`")
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| unreadable(format!("is not JSON: {error}")))?;
    let said = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let address = said("address").ok_or_else(|| unreadable("names no address".to_owned()))?;
    Ok(Note {
        address: Address::parse(&address)?,
        data: said("data"),
        key: signer(&value),
    })
}

fn signer(note: &Value) -> Option<Signer> {
    let key = note.get("key")?;
    let part = |name: &str| Some(key.get(name)?.as_str()?.to_owned());
    Some(Signer {
        id: part("id")?,
        secret: part("secret")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let actual = Address::parse(text).ok();
        assert_eq!(actual.as_ref().map(Address::as_str), expected, "{text}");
    }

    #[test]
    fn addresses() {
        check("127.0.0.1:4566", Some("127.0.0.1:4566"));
        check("http://localhost:80/", Some("localhost:80"));
        check("localhost", Some("localhost:4566"));
        check("[::1]:9", Some("[::1]:9"));
        check("[::1]", Some("[::1]:4566"));
        check("localhost:99999", None);
        check("https://localhost", None);
        check("http://a/b", None);
        check("", None);
    }

    #[test]
    fn the_flag_wins_over_the_file_over_the_default() {
        let project = tempfile::tempdir().unwrap();
        let below = project.path().join("functions/late");
        std::fs::create_dir_all(&below).unwrap();
        let address = |named| find(named, &below).unwrap().address.to_string();
        assert_eq!(address(None), DEFAULT_ADDRESS);
        std::fs::create_dir_all(project.path().join(".shardmill/dev")).unwrap();
        let file = project.path().join(SERVER_FILE);
        std::fs::write(&file, r#"{"address":"127.0.0.1:7001","pid":9}"#).unwrap();
        assert_eq!(address(None), "127.0.0.1:7001");
        assert_eq!(address(Some("box:1")), "box:1");
        std::fs::write(&file, "{}").unwrap();
        assert!(
            find(None, &below)
                .unwrap_err()
                .message
                .ends_with("names no address")
        );
    }
}
