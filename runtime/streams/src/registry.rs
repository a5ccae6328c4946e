//! The registry: one entry of the log's view a stream, and one for the numbers that are never given twice.
//!
//! In: entries as values. Out: keys and bytes of the view (JSON with a version), and back. A version that is not
//! known here is an error, never a guess. States follow from the times in an entry.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use model::{
    AccountId, HashKeyRange, Region, ShardId, ShardSlot, StreamKey, StreamName, Timestamp,
    ViewWrite,
    keys::{Namespace, named, namespace},
    seams::ShardFacts,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    account::{AccountSettings, world_of},
    demand::Demand,
    facts::{ShardDescription, StreamFacts, StreamMode, StreamStatus, World},
    limits::{GONE_SHARDS_KEPT, SHARD_PREDATES, SHARDS_PER_COUNTER},
    number::ShardNumbers,
    reshard::Reshard,
    traffic::{Meters, ShardMeter},
    traits::Traits,
    vault::WrappedKey,
};

const VERSION: u32 = 1;
/// No account begins with this letter, so the entry cannot be taken for a stream.
const NUMBERS_NAME: &str = "!numbers";
const ACCOUNT_PREFIX: &str = "!account/";
const KEY_PREFIX: &str = "!key/";

/// A stream, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamEntry {
    version: u32,
    pub(crate) mode: StreamMode,
    pub(crate) created: Timestamp,
    /// CREATING before, ACTIVE from then on.
    pub(crate) active_from: Timestamp,
    /// DELETING before, gone from then on.
    pub(crate) gone_from: Option<Timestamp>,
    pub(crate) retention_ms: u64,
    /// What arrived before had expired when the retention grew, and does not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone_before: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) update: Option<Update>,
    #[serde(default, skip_serializing_if = "is_plain")]
    pub(crate) traits: Arc<Traits>,
    /// What a stream on demand had to bear.
    #[serde(default, skip_serializing_if = "Demand::is_empty")]
    pub(crate) demand: Demand,
    /// Sorted by id. Closed ones stay until their records have expired.
    pub(crate) shards: Vec<ShardEntry>,
    /// The newest of those whose records have all expired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) gone: Vec<GoneShard>,
    #[serde(skip)]
    pub(crate) meters: Meters,
    /// The open ones, sorted by range.
    #[serde(skip)]
    routes: Vec<ShardEntry>,
}

/// A change that is shown as UPDATING for a while. What it does to the shards it does when the while is over, as on AWS.
// Unknown fields are let pass: earlier versions changed shards at once and noted here which were new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Update {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// The stream is UPDATING until this is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) then: Option<Reshard>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShardEntry {
    pub(crate) id: ShardId,
    pub(crate) slot: ShardSlot,
    pub(crate) counter: u32,
    pub(crate) created_s: u64,
    pub(crate) range: HashKeyRange,
    /// Since when it takes records, unless it is as old as its stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) opened: Option<Timestamp>,
    /// Whose records come before those of this shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<ShardId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adjacent_parent: Option<ShardId>,
    /// Since when it takes no more records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<Timestamp>,
}

/// A shard of which nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoneShard {
    pub(crate) id: ShardId,
    /// That it ever had.
    pub(crate) records: u64,
}

/// What the next stream takes. Survives the deletion of streams, so that no slot comes back with old records in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextNumbers {
    version: u32,
    slot: u32,
    counter: u32,
}

/// The shape of a stream to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewStream {
    pub(crate) shards: u32,
    pub(crate) mode: StreamMode,
    pub(crate) retention: Duration,
    /// How long it is CREATING.
    pub(crate) transition: Duration,
    pub(crate) traits: Arc<Traits>,
}

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

impl StreamEntry {
    /// A new stream and the numbers that are left afterwards.
    pub(crate) fn new(
        new: NewStream,
        now: Timestamp,
        numbers: NextNumbers,
    ) -> Option<(Self, NextNumbers)> {
        let created_s = now.minus(SHARD_PREDATES).as_seconds();
        let groups = new.shards.div_ceil(SHARDS_PER_COUNTER);
        let left = NextNumbers {
            version: VERSION,
            slot: numbers.slot.checked_add(new.shards)?,
            counter: numbers.counter.checked_add(groups)?,
        };
        let shards = (0..new.shards)
            .zip(HashKeyRange::split_whole(new.shards))
            .map(|(index, range)| ShardEntry {
                id: ShardId(index),
                slot: ShardSlot(numbers.slot + index),
                counter: numbers.counter + index / SHARDS_PER_COUNTER,
                created_s,
                range,
                opened: None,
                parent: None,
                adjacent_parent: None,
                closed: None,
            })
            .collect();
        let entry = Self {
            version: VERSION,
            mode: new.mode,
            created: now,
            active_from: now.plus(new.transition),
            gone_from: None,
            retention_ms: milliseconds(new.retention),
            gone_before: None,
            update: None,
            traits: new.traits,
            demand: match new.mode {
                StreamMode::Provisioned => Demand::default(),
                StreamMode::OnDemand => Demand::of_shards(new.shards, now),
            },
            shards,
            gone: Vec::new(),
            meters: Meters::default(),
            routes: Vec::new(),
        };
        Some((entry.routed(), left))
    }

    /// `None` once the stream is gone.
    pub(crate) fn status(&self, now: Timestamp) -> Option<StreamStatus> {
        match self.gone_from {
            Some(gone) if now >= gone => None,
            Some(_) => Some(StreamStatus::Deleting),
            // A clock that went back behind the creation makes no stream come again.
            None if self.created <= now && now < self.active_from => Some(StreamStatus::Creating),
            None if self.is_updating(now) => Some(StreamStatus::Updating),
            None => Some(StreamStatus::Active),
        }
    }

    fn is_updating(&self, now: Timestamp) -> bool {
        let update = self.update.as_ref();
        update.is_some_and(|update| {
            update.then.is_some() || update.since <= now && now < update.until
        })
    }

    /// When its shards are to change.
    pub(crate) fn changes_at(&self) -> Option<Timestamp> {
        let update = self.update.as_ref()?;
        update.then.is_some().then_some(update.until)
    }

    /// Finds the open shards again, after shards have changed.
    pub(crate) fn routed(mut self) -> Self {
        let open = self.shards.iter().filter(|shard| shard.closed.is_none());
        self.routes = open.copied().collect();
        self.routes.sort_by_key(|shard| shard.range.starting);
        self.meters = self.meters.kept(self.shards.iter().map(|shard| shard.id));
        self
    }

    /// The open shards, sorted by range.
    pub(crate) fn routes(&self) -> &[ShardEntry] {
        &self.routes
    }

    pub(crate) fn meter(&self, shard: ShardId) -> Option<&Arc<ShardMeter>> {
        self.meters.shards.get(&shard)
    }

    /// The id that no shard has had yet.
    pub(crate) fn next_shard(&self) -> ShardId {
        let last = self.shards.last();
        last.map_or(ShardId(0), |last| ShardId(last.id.0 + 1))
    }

    /// Whether a closed shard holds nothing any more that retention covers.
    pub(crate) fn has_expired(&self, shard: &ShardEntry, now: Timestamp) -> bool {
        let covered = self.covered_from(now);
        shard.closed.is_some_and(|closed| closed <= covered)
    }

    /// Every shard that may still hold records.
    pub(crate) fn present(&self, now: Timestamp) -> impl Iterator<Item = &ShardEntry> {
        let present = move |shard: &&ShardEntry| !self.has_expired(shard, now);
        self.shards.iter().filter(present)
    }

    /// The shards as descriptions show them: none of what goes before it was ACTIVE.
    pub(crate) fn shown(&self, now: Timestamp) -> impl Iterator<Item = &ShardEntry> {
        let never_active = self.gone_from.is_some() && now < self.active_from;
        self.present(now).filter(move |_| !never_active)
    }

    pub(crate) fn facts(&self, key: &StreamKey, now: Timestamp) -> Option<StreamFacts> {
        Some(StreamFacts {
            key: key.clone(),
            status: self.status(now)?,
            mode: self.mode,
            retention: self.retention(),
            created: self.created,
            traits: Arc::clone(&self.traits),
            open_shards: self
                .shown(now)
                .filter(|shard| shard.closed.is_none())
                .count(),
        })
    }

    pub(crate) fn retention(&self) -> Duration {
        Duration::from_millis(self.retention_ms)
    }

    pub(crate) fn set_retention(&mut self, retention: Duration, now: Timestamp) {
        if retention > self.retention() {
            self.gone_before = Some(self.covered_from(now));
        }
        self.retention_ms = milliseconds(retention);
    }

    /// The arrival of the oldest record that retention covers.
    pub(crate) fn covered_from(&self, now: Timestamp) -> Timestamp {
        let covered = now.minus(self.retention());
        self.gone_before.map_or(covered, |gone| gone.max(covered))
    }

    pub(crate) fn shard(&self, id: ShardId) -> Option<&ShardEntry> {
        let index = self
            .shards
            .binary_search_by_key(&id, |shard| shard.id)
            .ok()?;
        self.shards.get(index)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = ShardSlot> {
        self.shards.iter().map(|shard| shard.slot)
    }

    /// Takes out shards of which nothing is left; how many records they ever had is known for a while.
    pub(crate) fn forget(&mut self, gone: Vec<GoneShard>) {
        let is_gone = |shard: &ShardEntry| gone.iter().any(|gone| gone.id == shard.id);
        self.shards.retain(|shard| !is_gone(shard));
        self.gone.extend(gone);
        let surplus = self.gone.len().saturating_sub(GONE_SHARDS_KEPT);
        self.gone.drain(..surplus);
    }

    /// How many records a shard had of which nothing is left.
    pub(crate) fn forgotten(&self, id: ShardId) -> Option<u64> {
        let gone = self.gone.iter().find(|gone| gone.id == id)?;
        Some(gone.records)
    }

    pub(crate) fn write(&self, key: &StreamKey) -> Result<ViewWrite, serde_json::Error> {
        Ok(ViewWrite {
            key: entry_key(key),
            value: Some(serde_json::to_vec(self)?.into()),
        })
    }
}

impl ShardEntry {
    pub(crate) fn numbers(&self) -> ShardNumbers {
        ShardNumbers {
            shard: self.id,
            created_s: self.created_s,
        }
    }

    pub(crate) fn facts(&self) -> ShardFacts {
        ShardFacts {
            id: self.id,
            range: self.range,
            parents: self
                .parent
                .into_iter()
                .chain(self.adjacent_parent)
                .collect(),
            open: self.closed.is_none(),
        }
    }

    pub(crate) fn description(&self) -> ShardDescription {
        ShardDescription {
            facts: self.facts(),
            starting: self.numbers().starting(),
            ending: self.closed.map(|closed| self.numbers().ending(closed)),
            opened: self
                .opened
                .unwrap_or_else(|| Timestamp::from_millis(self.created_s.saturating_mul(1000))),
            closed: self.closed,
        }
    }
}

impl NextNumbers {
    pub(crate) const FIRST: Self = Self {
        version: VERSION,
        slot: 1,
        counter: 1,
    };

    /// `None` when they are used up.
    pub(crate) fn take_slot(&mut self) -> Option<ShardSlot> {
        let slot = ShardSlot(self.slot);
        self.slot = self.slot.checked_add(1)?;
        Some(slot)
    }

    pub(crate) fn take_counter(&mut self) -> Option<u32> {
        let counter = self.counter;
        self.counter = counter.checked_add(1)?;
        Some(counter)
    }

    /// Every slot that any stream has or had.
    pub(crate) fn slots_given(self) -> impl Iterator<Item = ShardSlot> {
        (Self::FIRST.slot..self.slot).map(ShardSlot)
    }

    pub(crate) fn write(&self) -> Result<ViewWrite, serde_json::Error> {
        Ok(ViewWrite {
            key: named(Namespace::Registry, NUMBERS_NAME),
            value: Some(serde_json::to_vec(self)?.into()),
        })
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

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn is_plain(traits: &Traits) -> bool {
    traits.are_plain()
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
mod tests {
    use super::*;

    fn key() -> StreamKey {
        StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("flights").unwrap(),
        }
    }

    fn new(shards: u32) -> (StreamEntry, NextNumbers) {
        let new = NewStream {
            shards,
            mode: StreamMode::Provisioned,
            retention: Duration::from_hours(24),
            transition: Duration::from_millis(500),
            traits: Arc::default(),
        };
        StreamEntry::new(new, Timestamp::from_millis(10_000), NextNumbers::FIRST).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (entry, numbers) = new(3);
        let write = entry.write(&key()).unwrap();
        let read = Entry::decode(&write.key, &write.value.unwrap());
        assert_eq!(read, Ok(Entry::Stream(key(), entry)));
        let write = numbers.write().unwrap();
        let read = Entry::decode(&write.key, &write.value.unwrap());
        assert_eq!(read, Ok(Entry::Numbers(numbers)));
    }

    #[test]
    fn the_stored_form_stays_as_it_is() {
        let write = new(1).0.write(&key()).unwrap();
        insta::assert_snapshot!(
            String::from_utf8_lossy(&write.key),
            @"r000000000000/us-east-1/flights"
        );
        insta::assert_snapshot!(
            String::from_utf8_lossy(&write.value.unwrap()),
            @r#"{"version":1,"mode":"provisioned","created":10000,"active_from":10500,"gone_from":null,"retention_ms":86400000,"shards":[{"id":0,"slot":1,"counter":1,"created_s":8,"range":{"starting":0,"ending":340282366920938463463374607431768211455}}]}"#
        );
    }

    #[test]
    fn updates_of_earlier_versions_are_complete() {
        let (mut entry, _) = new(1);
        let at = Timestamp::from_millis;
        entry.update = Some(Update {
            since: at(20_000),
            until: at(20_500),
            then: None,
        });
        let written = entry.write(&key()).unwrap().value.unwrap();
        let written = String::from_utf8(written.into()).unwrap();
        let earlier = written.replace("20500", r#"20500,"first_new":1"#);
        let read = Entry::decode(&entry_key(&key()), earlier.as_bytes());
        assert_eq!(read, Ok(Entry::Stream(key(), entry)));
    }

    #[test]
    fn entries_of_other_versions_are_refused() {
        let key = entry_key(&key());
        for (value, reason) in [
            (
                &br#"{"version":2}"#[..],
                "it has version 2, this server reads version 1",
            ),
            (
                br#"{"version":1,"shards":[]}"#,
                "missing field `mode` at line 1 column 25",
            ),
        ] {
            assert_eq!(Entry::decode(&key, value).unwrap_err().reason, reason);
        }
    }

    #[test]
    fn five_shards_share_a_counter_and_no_slot_is_given_twice() {
        let (entry, left) = new(11);
        let counters: Vec<u32> = entry.shards.iter().map(|shard| shard.counter).collect();
        assert_eq!(counters, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3]);
        assert_eq!((left.slot, left.counter), (12, 4));
    }

    #[test]
    fn states_follow_from_times() {
        let (mut entry, _) = new(1);
        let at = Timestamp::from_millis;
        for (ms, expected) in [
            (10_000, StreamStatus::Creating),
            (10_499, StreamStatus::Creating),
            (10_500, StreamStatus::Active),
        ] {
            assert_eq!(entry.status(at(ms)), Some(expected), "{ms}");
        }
        entry.gone_from = Some(at(20_000));
        assert_eq!(entry.status(at(19_999)), Some(StreamStatus::Deleting));
        assert_eq!(entry.status(at(20_000)), None);
    }
}
