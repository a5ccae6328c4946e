//! What the guest of a capsule was told, as JSON: its seed, its clocks and the state that it read.
//!
//! In: what was told. Out: its document, and back, unless a number in it is out of bounds.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{base64::Base64, listed::hash_key};
use crate::world::{Told, ToldNames, ToldValue};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldDocument {
    seed: Base64,
    wall_ms: Vec<u64>,
    monotonic_ns: Vec<u64>,
    deadline_ns: u64,
    deadline_wall_ms: u64,
    /// Hash key, partition key, name, value.
    values: Vec<(String, Base64, String, Option<Base64>)>,
    names: Vec<(String, Base64, Vec<String>)>,
    warmth: u32,
    is_cut_off: bool,
}

pub(super) fn told_document(told: &Told) -> ToldDocument {
    let value = |value: &ToldValue| {
        (
            value.hash_key.0.to_string(),
            Base64(value.partition_key.clone()),
            value.name.clone(),
            value.value.clone().map(Base64),
        )
    };
    let names = |names: &ToldNames| {
        (
            names.hash_key.0.to_string(),
            Base64(names.partition_key.clone()),
            names.names.clone(),
        )
    };
    ToldDocument {
        seed: Base64(Bytes::copy_from_slice(&told.seed)),
        wall_ms: told.wall_ms.clone(),
        monotonic_ns: told.monotonic_ns.clone(),
        deadline_ns: told.deadline_ns,
        deadline_wall_ms: told.deadline_wall_ms,
        values: told.values.iter().map(value).collect(),
        names: told.names.iter().map(names).collect(),
        warmth: told.warmth,
        is_cut_off: told.is_cut_off,
    }
}

pub(super) fn told(document: ToldDocument) -> Option<Told> {
    let value = |(hash, key, name, value): (String, Base64, String, Option<Base64>)| {
        Some(ToldValue {
            hash_key: hash_key(&hash)?,
            partition_key: key.0,
            name,
            value: value.map(|value| value.0),
        })
    };
    let names = |(hash, key, names): (String, Base64, Vec<String>)| {
        Some(ToldNames {
            hash_key: hash_key(&hash)?,
            partition_key: key.0,
            names,
        })
    };
    Some(Told {
        seed: document.seed.0.as_ref().try_into().ok()?,
        wall_ms: document.wall_ms,
        monotonic_ns: document.monotonic_ns,
        deadline_ns: document.deadline_ns,
        deadline_wall_ms: document.deadline_wall_ms,
        values: document
            .values
            .into_iter()
            .map(value)
            .collect::<Option<_>>()?,
        names: document
            .names
            .into_iter()
            .map(names)
            .collect::<Option<_>>()?,
        warmth: document.warmth,
        is_cut_off: document.is_cut_off,
    })
}
