//! The registry: one entry of the log's view a stream, and one for the numbers that are never given twice.
//!
//! In: entries as values. Out: keys and bytes of the view (JSON with a version), and back. A version that is not
//! known here is an error, never a guess. States follow from the times in an entry.

mod numbers;
mod shards;
mod stream;

use bytes::Bytes;
use model::{
    AccountId, Region, StreamKey, StreamName,
    keys::{Namespace, named, namespace},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    account::{AccountSettings, world_of},
    facts::World,
    vault::WrappedKey,
};

pub(crate) use numbers::NextNumbers;
pub(crate) use shards::{GoneShard, ShardEntry};
pub(crate) use stream::{NewStream, StreamEntry, Update};

const VERSION: u32 = 1;
/// No account begins with this letter, so the entry cannot be taken for a stream.
const NUMBERS_NAME: &str = "!numbers";
const ACCOUNT_PREFIX: &str = "!account/";
const KEY_PREFIX: &str = "!key/";

/// An entry of the view that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read registry entry `{name}`: {reason}")]
pub struct UnreadableEntry {
    pub name: String,
    pub reason: String,
}

/// What one pair of the view is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Numbers(NextNumbers),
    Account(World, AccountSettings),
    Stream(StreamKey, StreamEntry),
    Key(WrappedKey),
}

impl Entry {
    pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<Self, UnreadableEntry> {
        let bare = key
            .strip_prefix(namespace(Namespace::Registry).as_ref())
            .unwrap_or(key);
        let name = String::from_utf8_lossy(bare).into_owned();
        let unreadable = |reason: String| UnreadableEntry {
            name: name.clone(),
            reason,
        };
        if name == NUMBERS_NAME {
            let numbers: NextNumbers = parse(value).map_err(unreadable)?;
            return Ok(Self::Numbers(numbers));
        }
        if let Some(world) = name.strip_prefix(ACCOUNT_PREFIX) {
            let world = world_of(world).ok_or_else(|| unreadable("not a world's name".into()))?;
            let settings = serde_json::from_slice(value);
            let settings = settings.map_err(|error| unreadable(error.to_string()))?;
            return Ok(Self::Account(world, settings));
        }
        if name.starts_with(KEY_PREFIX) {
            return Ok(Self::Key(parse(value).map_err(unreadable)?));
        }
        let stream = stream_key(&name).ok_or_else(|| unreadable("not a stream's name".into()))?;
        let entry: StreamEntry = parse(value).map_err(unreadable)?;
        Ok(Self::Stream(stream, entry.routed()))
    }
}

/// Names hold no `/`, so keys sort by world first and by name within it.
pub(crate) fn entry_key(key: &StreamKey) -> Bytes {
    let name = format!("{}/{}/{}", key.account, key.region, key.name);
    named(Namespace::Registry, &name)
}

pub(crate) fn account_key(world: &World) -> Bytes {
    let name = format!("{ACCOUNT_PREFIX}{}/{}", world.account, world.region);
    named(Namespace::Registry, &name)
}

pub(crate) fn wrapped_key_entry(number: u32) -> Bytes {
    named(Namespace::Registry, &format!("{KEY_PREFIX}{number:010}"))
}

fn stream_key(name: &str) -> Option<StreamKey> {
    let mut parts = name.split('/');
    let key = StreamKey {
        account: AccountId::parse(parts.next()?).ok()?,
        region: Region::parse(parts.next()?).ok()?,
        name: StreamName::parse(parts.next()?).ok()?,
    };
    parts.next().is_none().then_some(key)
}

fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let read = |error: serde_json::Error| error.to_string();
    let Versioned { version } = serde_json::from_slice(value).map_err(read)?;
    if version != VERSION {
        return Err(format!(
            "it has version {version}, this server reads version {VERSION}"
        ));
    }
    serde_json::from_slice(value).map_err(read)
}

#[cfg(test)]
mod tests;
