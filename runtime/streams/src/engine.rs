//! The engine's handle: which streams exist, in memory beside the log that says so durably.
//!
//! In: the platform, an open log, settings. Out: a handle whose clones share one registry. The registry is read once
//! at start and changed only after the log has made the change durable, so lookups take a short lock and never wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::AtomicBool},
    time::Duration,
};

use log::Log;
use model::{
    ShardSlot, StreamKey, StreamName, Timestamp,
    keys::{Namespace, namespace},
};
use platform::{Platform, watch};
use tokio::sync::Mutex;

use crate::{
    account::AccountSettings,
    encryption::DataKeys,
    facts::{Listing, ShardDescription, StreamFacts, UnknownStream, World},
    fan_out::Subscriptions,
    limits::{FIRST_RECORD_INDEX, REGISTRY_PAGE_ENTRIES, RETENTION, TRANSITION},
    pages::Pages,
    registry::{Entry, NextNumbers, ShardEntry, StreamEntry, UnreadableEntry},
    traits::Durability,
    trimmed::{self, Trimmed},
    vault::{Vault, VaultError},
};

/// What may be chosen about streams.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a stream is CREATING or DELETING; zero is allowed.
    pub transition: Duration,
    /// Of streams that do not say.
    pub retention: Duration,
    /// Whether shards take and give no more than those of AWS do.
    pub aws_limits: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            transition: TRANSITION,
            retention: RETENTION,
            aws_limits: false,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Unreadable(#[from] UnreadableEntry),
    #[error("load the streams: {0}")]
    Log(#[from] log::Stopped),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// All streams of this server.
#[derive(Debug, Clone)]
pub struct Streams {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) platform: Platform,
    pub(crate) log: Log,
    pub(crate) settings: Settings,
    registry: RwLock<BTreeMap<StreamKey, Arc<StreamEntry>>>,
    accounts: std::sync::Mutex<BTreeMap<World, AccountSettings>>,
    /// Held over a change of the registry, from looking to publishing.
    pub(crate) changing: Mutex<NextNumbers>,
    subscriptions: std::sync::Mutex<Subscriptions>,
    /// Counts published changes, so that waiting readers look again.
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) data_keys: DataKeys,
    pub(crate) pages: Pages,
    /// Whether a test has throttled a shard since the start.
    pub(crate) throttles: AtomicBool,
    pub(crate) trimmed: std::sync::Mutex<BTreeMap<ShardSlot, Trimmed>>,
    /// Held over a round of trimming, from counting to freeing.
    pub(crate) trimming: Mutex<()>,
}

impl Streams {
    /// Reads the registry and opens every shard in the log. No stream is encrypted.
    pub fn open(platform: &Platform, log: Log, settings: Settings) -> Result<Self, OpenError> {
        Self::open_with(platform, log, settings, None)
    }

    pub(crate) fn open_with(
        platform: &Platform,
        log: Log,
        settings: Settings,
        vault: Option<Vault>,
    ) -> Result<Self, OpenError> {
        let mut registry = BTreeMap::new();
        let mut wrapped = Vec::new();
        let mut accounts = BTreeMap::new();
        let mut numbers = NextNumbers::FIRST;
        let prefix = namespace(Namespace::Registry);
        let mut after = None;
        loop {
            let page = log.scan(&prefix, after.as_deref(), REGISTRY_PAGE_ENTRIES)?;
            for (key, value) in &page {
                match Entry::decode(key, value)? {
                    Entry::Numbers(read) => numbers = read,
                    Entry::Account(world, settings) => {
                        accounts.insert(world, settings);
                    }
                    Entry::Key(key) => wrapped.push(key),
                    Entry::Stream(key, entry) => {
                        open_shards(&log, &entry, &entry.shards);
                        registry.insert(key, Arc::new(entry));
                    }
                }
            }
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < REGISTRY_PAGE_ENTRIES {
                break;
            }
        }
        let trimmed = trimmed::load(&log)?;
        let data_keys = DataKeys::load(vault, &log, &wrapped)?;
        drop_forgotten(&log, numbers, &registry);
        let begun: Vec<_> = registry
            .iter()
            .filter_map(|(key, entry)| Some((StreamKey::clone(key), entry.changes_at()?)))
            .collect();
        let streams = Self {
            shared: Arc::new(Shared {
                platform: platform.clone(),
                log,
                settings,
                registry: RwLock::new(registry),
                accounts: std::sync::Mutex::new(accounts),
                changing: Mutex::new(numbers),
                subscriptions: std::sync::Mutex::default(),
                changes: watch::Sender::new(0),
                data_keys,
                pages: Pages::default(),
                throttles: AtomicBool::new(false),
                trimmed: std::sync::Mutex::new(trimmed),
                trimming: Mutex::new(()),
            }),
        };
        for (key, at) in begun {
            streams.reshard_at(key, at);
        }
        Ok(streams)
    }

    pub fn describe(&self, key: &StreamKey) -> Result<StreamFacts, UnknownStream> {
        self.existing(key)?
            .facts(key, self.now())
            .ok_or_else(|| unknown(key))
    }

    /// Every shard that may hold records, in order of their ids.
    pub fn shards(&self, key: &StreamKey) -> Result<Vec<ShardDescription>, UnknownStream> {
        let stream = self.existing(key)?;
        let present = stream.present(self.now());
        Ok(present.map(ShardEntry::description).collect())
    }

    /// The shards as descriptions show them: none of what goes before it was ACTIVE.
    pub fn shown_shards(&self, key: &StreamKey) -> Result<Vec<ShardDescription>, UnknownStream> {
        let stream = self.existing(key)?;
        let shown = stream.shown(self.now());
        Ok(shown.map(ShardEntry::description).collect())
    }

    /// Tells of changes of streams and shards from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.shared.changes.subscribe())
    }

    /// At most `limit` streams of a world, those after the name `after`.
    #[must_use]
    pub fn list(&self, world: &World, after: Option<&StreamName>, limit: usize) -> Listing {
        let now = self.now();
        let registry = self.shared.registry();
        let mut found = registry
            .range((lower_bound(world, after), Bound::Unbounded))
            .skip_while(|(key, _)| !in_world(world, key))
            .take_while(|(key, _)| in_world(world, key))
            .filter_map(|(key, entry)| entry.facts(key, now));
        let streams = found.by_ref().take(limit).collect();
        let more = found.next().is_some();
        Listing { streams, more }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.platform.clock.wall()
    }

    /// The stream, unless it is gone.
    pub(crate) fn existing(&self, key: &StreamKey) -> Result<Arc<StreamEntry>, UnknownStream> {
        let found = self.shared.registry().get(key).map(Arc::clone);
        found
            .filter(|entry| entry.status(self.now()).is_some())
            .ok_or_else(|| unknown(key))
    }
}

impl Shared {
    pub(crate) fn registry(&self) -> RwLockReadGuard<'_, BTreeMap<StreamKey, Arc<StreamEntry>>> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn accounts(&self) -> std::sync::MutexGuard<'_, BTreeMap<World, AccountSettings>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn subscriptions(&self) -> std::sync::MutexGuard<'_, Subscriptions> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Its records can be read no more.
    pub(crate) fn drop_shard(&self, slot: ShardSlot) {
        self.log.drop_shard(slot);
        self.pages.forget(slot);
        let trimmed = self.trimmed.lock();
        trimmed
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&slot);
    }

    pub(crate) fn registry_mut(
        &self,
    ) -> RwLockWriteGuard<'_, BTreeMap<StreamKey, Arc<StreamEntry>>> {
        self.registry
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened to streams and shards since it was made.
#[derive(Debug)]
pub struct Changes(watch::Receiver<u64>);

impl Changes {
    /// Waits until there has been a change since the last one that was told.
    pub async fn next(&mut self) {
        // The counter lives as long as the engine, whose handle the caller holds.
        drop(self.0.changed().await);
    }
}

/// Opens shards of a stream, and lets the log acknowledge and keep records of all its shards as the stream says. Indexes of earlier
/// records are the log's own memory; here only the floor of a new counter is said.
pub(crate) fn open_shards<'a>(
    log: &Log,
    stream: &StreamEntry,
    shards: impl IntoIterator<Item = &'a ShardEntry>,
) {
    for shard in &stream.shards {
        log.encrypt_shard(shard.slot, stream.traits.data_key);
    }
    for shard in shards {
        log.open_shard(shard.slot, shard.counter, FIRST_RECORD_INDEX);
        if shard.closed.is_some() {
            log.close_shard(shard.slot);
        }
    }
    let durability = stream.traits.durability.map(Durability::in_log);
    for shard in &stream.shards {
        log.set_durability(shard.slot, durability);
        log.set_retention(shard.slot, stream.retention());
    }
}

/// The log reads the records of deleted streams again at every start, for as long as their segments stay.
fn drop_forgotten(
    log: &Log,
    numbers: NextNumbers,
    registry: &BTreeMap<StreamKey, Arc<StreamEntry>>,
) {
    let entries = registry.values().flat_map(|entry| &entry.shards);
    let known: BTreeSet<ShardSlot> = entries.map(|shard| shard.slot).collect();
    for slot in numbers.slots_given().filter(|slot| !known.contains(slot)) {
        log.drop_shard(slot);
    }
}

pub(crate) fn unknown(key: &StreamKey) -> UnknownStream {
    UnknownStream(key.arn())
}

fn in_world(world: &World, key: &StreamKey) -> bool {
    key.account == world.account && key.region == world.region
}

/// Names have no smallest one, so a listing from the start begins at the registry's.
fn lower_bound(world: &World, after: Option<&StreamName>) -> Bound<StreamKey> {
    after.map_or(Bound::Unbounded, |name| {
        Bound::Excluded(StreamKey {
            account: world.account.clone(),
            region: world.region.clone(),
            name: name.clone(),
        })
    })
}
