//! What is stored of a function: its head, and each of its versions in a row of its own, a format byte and then JSON.
//!
//! Rows of format 1 named the digests of a function's versions and nothing else; they are read as versions whose code is
//! not kept. Numbers are never reused.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, FunctionVersion};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

const FORMAT_OF_DIGESTS: u8 = 1;
const FORMAT: u8 = 2;

/// Who said that there is this function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    #[default]
    File,
    Api,
}

/// What is the function's and of no version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub origin: Origin,
    /// `$LATEST`: what was handed over last.
    pub latest: Revision,
    /// The number of the next version.
    pub next: u64,
    /// What the bare name of a function of the file runs.
    #[serde(default)]
    pub current: Option<Route>,
    /// The version that the file's code became last.
    #[serde(default)]
    pub declared: Option<FunctionVersion>,
    /// What `current` was before, oldest first.
    #[serde(default)]
    pub before: Vec<FunctionVersion>,
    /// Versions that run no further attempt, because somebody said so.
    #[serde(default)]
    pub left: BTreeSet<FunctionVersion>,
    #[serde(default)]
    pub aliases: BTreeMap<String, Alias>,
    /// Second versions that were rolled back because they failed, by alias; under no name that of the bare name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken_back: BTreeMap<String, TakenBack>,
    /// Of the second version of the bare name: how much more of it may fail than of the first, where its deploy said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<f64>,
    /// Documents about the whole function, in the words of whoever wrote them.
    #[serde(default)]
    pub words: BTreeMap<String, Value>,
}

/// A second version that takes nothing more, until somebody lets one in again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakenBack {
    pub version: FunctionVersion,
    pub at_ms: u64,
    /// What it did, in words.
    pub because: String,
}

/// Code, and how it is run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    pub code: Code,
    pub settings: Settings,
    pub modified_ms: u64,
    /// Another one for every change.
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// Of the bytes that run.
    #[serde(with = "hexadecimal")]
    pub digest: Digest,
    /// `stream`, `event`, `command`, and so on; empty in versions of which only the digest was kept.
    pub kind: String,
    /// What was handed over, where it is something else, such as a zip.
    #[serde(default)]
    pub package: Option<Package>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    #[serde(with = "hexadecimal")]
    pub digest: Digest,
    pub bytes: u64,
}

impl Default for Code {
    fn default() -> Self {
        Self {
            digest: Digest([0; 32]),
            kind: String::new(),
            package: None,
        }
    }
}

/// What a version may use; a change of any of it makes another version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub memory_bytes: u64,
    pub timeout_ms: u64,
    pub log_bytes: u64,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// `fresh` or `warm`, where it was said.
    #[serde(default)]
    pub sandbox: Option<String>,
    /// Their names; what they hold is stored nowhere.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// `HOST:PORT` of the servers it may ask.
    #[serde(default)]
    pub network: Vec<String>,
    /// 0: none.
    #[serde(default)]
    pub scratch_bytes: u64,
    /// What else was said, in the words of whoever said it.
    #[serde(default)]
    pub words: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    pub revision: Revision,
    #[serde(default)]
    pub description: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    pub route: Route,
    #[serde(default)]
    pub description: String,
    /// Another one for every change.
    pub id: String,
}

/// One version, or two that share what comes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub version: FunctionVersion,
    #[serde(default)]
    pub other: Option<Share>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    pub version: FunctionVersion,
    /// 0 to 1.
    pub weight: f64,
}

impl Route {
    #[must_use]
    pub fn to(version: FunctionVersion) -> Self {
        Self {
            version,
            other: None,
        }
    }

    /// `fraction` in [0, 1) is the draw.
    #[must_use]
    pub fn pick(&self, fraction: f64) -> FunctionVersion {
        match self.other {
            Some(share) if fraction < share.weight => share.version,
            Some(_) | None => self.version,
        }
    }

    pub fn versions(&self) -> impl Iterator<Item = FunctionVersion> {
        [Some(self.version), self.other.map(|share| share.version)]
            .into_iter()
            .flatten()
    }
}

/// A head as it was read.
#[derive(Debug, PartialEq)]
pub(crate) enum Stored {
    Head(Box<Head>),
    /// The digests of versions 1, 2 and so on.
    Digests(Vec<String>),
}

pub(crate) fn head(row: &[u8]) -> Result<Stored, String> {
    #[derive(Deserialize)]
    struct Old {
        digests: Vec<String>,
    }
    match row.split_first() {
        Some((&FORMAT_OF_DIGESTS, json)) => {
            serde_json::from_slice(json).map(|old: Old| Stored::Digests(old.digests))
        }
        Some((&FORMAT, json)) => serde_json::from_slice(json).map(Stored::Head),
        Some((format, _)) => return Err(format!("format {format} is not known")),
        None => return Err("it is empty".to_owned()),
    }
    .map_err(|error| error.to_string())
}

pub(crate) fn encode(row: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    // Texts and numbers always have a JSON form.
    bytes.extend(serde_json::to_vec(row).unwrap_or_default());
    bytes
}

pub(crate) fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, String> {
    match row.split_first() {
        Some((&FORMAT, json)) => serde_json::from_slice(json).map_err(|error| error.to_string()),
        Some((format, _)) => Err(format!("format {format} is not known")),
        None => Err("it is empty".to_owned()),
    }
}

mod hexadecimal {
    //! A digest as its 64 digits.

    use model::Digest;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_below_the_weight_takes_the_other_version() {
        let share = |weight| Route {
            version: FunctionVersion(1),
            other: Some(Share {
                version: FunctionVersion(2),
                weight,
            }),
        };
        for (weight, fraction, expect) in [
            (0.0, 0.0, 1),
            (0.05, 0.04, 2),
            (0.05, 0.05, 1),
            (1.0, 0.999, 2),
        ] {
            let picked = share(weight).pick(fraction);
            assert_eq!(picked, FunctionVersion(expect), "{weight} {fraction}");
        }
        assert_eq!(Route::to(FunctionVersion(3)).pick(0.0), FunctionVersion(3));
    }

    #[test]
    fn rows_of_both_formats_are_read_and_others_refused() {
        let old = [b"\x01".as_slice(), br#"{"digests":["aa","bb"]}"#].concat();
        let digests = vec!["aa".to_owned(), "bb".to_owned()];
        assert_eq!(head(&old), Ok(Stored::Digests(digests)));
        let now = Head {
            next: 7,
            current: Some(Route::to(FunctionVersion(6))),
            ..Head::default()
        };
        assert_eq!(head(&encode(&now)), Ok(Stored::Head(Box::new(now))));
        assert!(head(&[9, b'{', b'}']).is_err());
        assert!(head(&[]).is_err());
        assert!(decode::<Published>(&[1, b'{', b'}']).is_err());
    }
}
