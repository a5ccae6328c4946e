//! Which server a verb talks to: `--server` or `SHARDMILL_SERVER`, then the file that `up` wrote in this folder or one
//! above, then the default port. It never looks at `AWS_ENDPOINT_URL` or `AWS_PROFILE`: those belong to AWS's tools.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;

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

/// `named` comes from the flag or the environment.
pub(crate) fn find(named: Option<&str>, directory: &Path) -> Result<Address, Failure> {
    if let Some(named) = named {
        return Address::parse(named);
    }
    match server_file(directory) {
        Some(file) => written_by_up(&file),
        None => Address::parse(DEFAULT_ADDRESS),
    }
}

fn server_file(directory: &Path) -> Option<PathBuf> {
    directory
        .ancestors()
        .map(|folder| folder.join(SERVER_FILE))
        .find(|file| file.is_file())
}

fn written_by_up(file: &Path) -> Result<Address, Failure> {
    let unreadable = |why: String| {
        Failure::failed(format!("find the server: {} {why}", file.display()))
            .hint("start it again with `shardmill up`, or name it with `--server HOST:PORT`")
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| unreadable(format!("is not JSON: {error}")))?;
    match value.get("address").and_then(Value::as_str) {
        Some(address) => Address::parse(address),
        None => Err(unreadable("names no address".to_owned())),
    }
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
        assert_eq!(find(None, &below).unwrap().as_str(), DEFAULT_ADDRESS);
        std::fs::create_dir_all(project.path().join(".shardmill/dev")).unwrap();
        let file = project.path().join(SERVER_FILE);
        std::fs::write(&file, r#"{"address":"127.0.0.1:7001","pid":9}"#).unwrap();
        assert_eq!(find(None, &below).unwrap().as_str(), "127.0.0.1:7001");
        assert_eq!(find(Some("box:1"), &below).unwrap().as_str(), "box:1");
        std::fs::write(&file, "{}").unwrap();
        assert!(
            find(None, &below)
                .unwrap_err()
                .message
                .ends_with("names no address")
        );
    }
}
