//! Failure documents on their way to the destinations of triggers.
//!
//! `dispatch` writes what is owed together with the checkpoint; here it is sent, again and again until it is taken.
//! A destination that is down holds up no shard and no other destination; `why` and `status` say what it waits for. The
//! records stay in the dead-letter store whatever becomes of the document.

mod address;
mod aws;
mod client;
mod delivering;
mod document;
mod sending;
mod target;

#[cfg(test)]
mod tests;

pub(crate) use address::Address;
pub(crate) use aws::{Credentials, Object, call_object};
pub(crate) use client::{Fetched, Outgoing, Patience, fetch, send};
pub(crate) use delivering::{Deliveries, Held};
pub(crate) use sending::{Names, Sender};
pub(crate) use target::{Destination, Target};
