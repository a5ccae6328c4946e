//! Facts of scratch files in the words of `wasi:filesystem`.
//!
//! In: what is known of a file, or the time that a guest asks for. Out: its kind, its stat, its hash, or that time in
//! milliseconds.

use wasmtime_wasi::p2::bindings::{
    clocks::wall_clock::Datetime,
    filesystem::types::{DescriptorStat, DescriptorType, MetadataHashValue, NewTimestamp},
};

use crate::scratch::Known;

pub(super) fn kind(is_folder: bool) -> DescriptorType {
    if is_folder {
        DescriptorType::Directory
    } else {
        DescriptorType::RegularFile
    }
}

pub(super) fn stat(known: Known) -> DescriptorStat {
    let time = |ms: u64| {
        Some(Datetime {
            seconds: ms / 1000,
            nanoseconds: u32::try_from(ms % 1000).unwrap_or_default() * 1_000_000,
        })
    };
    DescriptorStat {
        type_: kind(known.is_folder),
        link_count: 1,
        size: known.bytes,
        data_access_timestamp: time(known.accessed_ms),
        data_modification_timestamp: time(known.modified_ms),
        status_change_timestamp: time(known.modified_ms),
    }
}

pub(super) fn hash(known: Known) -> MetadataHashValue {
    MetadataHashValue {
        lower: known.id,
        upper: known.bytes ^ known.modified_ms.rotate_left(32),
    }
}

pub(super) fn time(asked: NewTimestamp, now_ms: u64) -> Option<u64> {
    match asked {
        NewTimestamp::NoChange => None,
        NewTimestamp::Now => Some(now_ms),
        NewTimestamp::Timestamp(at) => {
            let ms = at.seconds.saturating_mul(1000);
            Some(ms.saturating_add(u64::from(at.nanoseconds / 1_000_000)))
        }
    }
}
