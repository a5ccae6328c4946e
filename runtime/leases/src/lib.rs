//! Who may work on which shard: lease rows in KCL's words, kept in the log and fenced by tokens.
//!
//! A lease is taken once and then held without renewals: one process owns the log, so nothing is written while idle.
//! What a holder does carries its fencing token, and the log refuses every token but the newest. This crate never
//! reads records and never moves checkpoints; those live in `dispatch`'s progress rows. How several hosts over one table
//! share it is a pure decision, `balance`; `handoff` is how a lease changes hands gracefully, `lineage` which shards get leases as streams are
//! resharded. One process has everything and asks for none of it.

pub mod balance;
mod book;
pub mod handoff;
pub mod lineage;
mod rules;
mod watch;

#[cfg(test)]
mod fleet;

pub use book::{HeldLease, LeaseBook, LeaseError, NewLease};
pub use rules::{checkpointed, created, released, taken, with_child};
pub use watch::Watch;
