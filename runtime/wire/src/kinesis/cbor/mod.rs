//! CBOR 1.1 as AWS's Java clients speak it: the same members as in JSON, blobs as byte strings, points in time as
//! tag 1 with whole milliseconds (RFC 8949 says seconds; AWS does not follow it).
//!
//! In: bodies of requests, and answers as values. Out: the same inputs that JSON gives, and bodies of answers.
//! Whatever a body holds, it is refused in the way JSON is, never with a panic.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod puts;
mod reading;
mod writing;

#[cfg(test)]
mod tests;

pub(super) use puts::read_put;
pub(super) use reading::{Body, read_body};
pub(super) use writing::{
    MOMENT_TAG, push_array, push_bytes, push_map, push_moment, push_number, push_text, push_value,
};
