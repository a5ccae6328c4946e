//! What clients set about a stream and are told back: tags, monitoring, a key, a policy, sizes, registered consumers.
//!
//! Stored with the stream's entry. Nothing here decides what is allowed; states of consumers follow from times.

use std::collections::{BTreeMap, BTreeSet};

use model::{StreamKey, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traits {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Names of shard-level metrics.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub metrics: BTreeSet<String>,
    /// Of the key that a client wants the stream encrypted with; told back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The number of the data key under which its records are encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_key: Option<u32>,
    /// JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Data and partition key of one record; absent for the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_kib_max: Option<u32>,
    /// When its records are acknowledged; absent for the server's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_mibps: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consumers: Vec<Consumer>,
}

/// After what a record is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Its sync: it survives whatever the disk survives.
    Sync,
    /// Its write: it survives the process, and a crash of the system costs 50 ms or 16 MiB at most.
    Interval,
    /// Its write, synced whenever that happens: for tests.
    None,
}

impl Durability {
    /// As the log says it.
    #[must_use]
    pub fn in_log(self) -> log::Durability {
        match self {
            Self::Sync => log::Durability::Sync,
            Self::Interval => log::Durability::INTERVAL,
            Self::None => log::Durability::None,
        }
    }
}

/// What decides which shard takes a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    Auto,
    UserPartitionKey,
}

/// A registered fan-out reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    pub name: String,
    pub created: Timestamp,
    /// CREATING before, ACTIVE from then on.
    pub active_from: Timestamp,
    /// DELETING before, gone from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerStatus {
    Creating,
    Active,
    Deleting,
}

impl Traits {
    pub(crate) fn are_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The consumers that are there, in order of their names.
    pub fn consumers(&self, now: Timestamp) -> impl Iterator<Item = &Consumer> {
        let there = move |consumer: &&Consumer| consumer.status(now).is_some();
        self.consumers.iter().filter(there)
    }

    /// The consumer of that name, and of that creation where one is given.
    #[must_use]
    pub fn consumer(
        &self,
        name: &str,
        created_s: Option<u64>,
        now: Timestamp,
    ) -> Option<&Consumer> {
        let meant = |consumer: &&Consumer| {
            let created = consumer.created.as_seconds();
            consumer.name == name && created_s.is_none_or(|created_s| created_s == created)
        };
        self.consumers(now).find(meant)
    }

    pub fn consumer_mut(
        &mut self,
        name: &str,
        created_s: Option<u64>,
        now: Timestamp,
    ) -> Option<&mut Consumer> {
        let created = self.consumer(name, created_s, now)?.created;
        let mut consumers = self.consumers.iter_mut();
        consumers.find(|consumer| consumer.name == name && consumer.created == created)
    }

    /// Takes in a new consumer, at its place in the order of names, and forgets those that are gone.
    pub fn add_consumer(&mut self, consumer: Consumer, now: Timestamp) {
        self.consumers.retain(|known| known.status(now).is_some());
        self.consumers.push(consumer);
        self.consumers
            .sort_by(|one, other| one.name.cmp(&other.name));
    }
}

impl Consumer {
    /// `None` once the consumer is gone.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Option<ConsumerStatus> {
        match self.gone_from {
            Some(gone) if now >= gone => None,
            Some(_) => Some(ConsumerStatus::Deleting),
            None if now < self.active_from => Some(ConsumerStatus::Creating),
            None => Some(ConsumerStatus::Active),
        }
    }

    /// `…:stream/NAME/consumer/CONSUMER:CREATION_SECONDS`
    #[must_use]
    pub fn arn(&self, stream: &StreamKey) -> String {
        format!(
            "{}/consumer/{}:{}",
            stream.arn(),
            self.name,
            self.created.as_seconds()
        )
    }
}
