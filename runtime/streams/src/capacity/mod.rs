//! What a shard lets through when limits are kept: token buckets, asked with the time of day handed in.
//!
//! In: how much is to pass, and when. Out: whether it passes. Decides purely and remembers two moments a bucket; nothing
//! here waits. The rates are AWS's and stand in `limits`.

mod bucket;
mod gates;

pub use bucket::{Bucket, Rate};
pub(crate) use gates::Gates;
