//! The embedded stream engine: streams and their shards over one log.
//!
//! In: records with their keys, and places from which to read. Out: sequence numbers and pages of records. What
//! exists is kept as one entry a stream in the log's view; what a record's number is, the log's index and the shard
//! decide together. Knows nothing of AWS's wire, of triggers or of leases. A failure here never loses what was
//! answered: an answer is given only when the log calls it durable.

pub mod limits;

mod account;
mod amend;
mod atlas;
mod capacity;
mod change;
mod demand;
mod encryption;
mod engine;
mod facts;
mod fan_out;
mod metering;
mod number;
mod pages;
mod put;
mod read;
mod rebalance;
mod registry;
mod reset;
mod reshard;
mod revise;
mod route;
mod scaling;
mod traffic;
mod traits;
mod trimmed;
mod vault;

#[cfg(test)]
mod capacity_tests;
#[cfg(test)]
mod fan_out_tests;
#[cfg(test)]
mod reshard_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trimmed_tests;

pub use account::{AccountSettings, SettingsNotWritten};
pub use amend::Amendment;
pub use atlas::{Atlas, Place};
pub use capacity::{Bucket, Rate};
pub use change::{CreateError, Declared, DeleteError};
pub use encryption::{FreshKey, KeyFacts, stored_keys};
pub use engine::{Changes, OpenError, Settings, Streams};
pub use facts::{
    Backlog, Listing, ShardDescription, StreamFacts, StreamMode, StreamStatus, UnknownStream, World,
};
pub use fan_out::{ConsumerId, Delivery, SubscribeError, Subscription, SubscriptionEnded};
pub use log::ProducerMark;
pub use put::{PutAnswer, PutError};
pub use rebalance::{Autoscale, Rebalanced};
pub use reshard::{ReshardError, Scaled};
pub use revise::Unrevised;
pub use scaling::{ShardLoad, best_split};
pub use traffic::{
    Counted, HotKey, Noted, Operation, Payloads, Rates, ShardTraffic, StreamTraffic, Totals,
};
pub use traits::{Consumer, ConsumerStatus, Distribution, Durability, Traits};
pub use vault::{MasterKeys, VaultError};
