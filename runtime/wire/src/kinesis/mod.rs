//! The Kinesis door: Amazon Kinesis Data Streams as its clients see it, over the streams of this server.
mod actions;
mod answer;
mod cbor;
mod decode;
mod documents;
mod door;
mod encoded;
mod error;
mod generated;
mod input;
mod iterator;
mod next_token;
pub(crate) mod patterns;
mod policy;
mod producer;
mod puts;
mod quotas;
mod reception;
mod records;
mod refusals;
mod resource;
pub(crate) mod schema;
mod subscription;
pub(crate) mod validate;

#[cfg(test)]
mod actions_tests;
#[cfg(test)]
mod capacity_tests;
#[cfg(test)]
mod claims_tests;
#[cfg(test)]
mod codecs_tests;
#[cfg(test)]
mod conformance_tests;
#[cfg(test)]
mod consumer_tests;
#[cfg(test)]
mod door_tests;
#[cfg(test)]
mod dry_run_tests;
#[cfg(test)]
mod facts_tests;
#[cfg(test)]
mod garbage_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod reception_tests;
#[cfg(test)]
mod reshard_tests;
#[cfg(test)]
mod settings_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod subscription_tests;

pub use door::KinesisDoor;
