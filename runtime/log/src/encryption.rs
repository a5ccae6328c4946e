//! Encryption at rest: by which key a shard's records go (`keyring`), and how bytes become unreadable without it (`cipher`).

pub mod cipher;
pub(crate) mod keyring;
