//! What passes through streams and shards: counted on the way, sampled for what needs more than a count.
//!
//! In: records that were stored, and pages that were read. Out: totals, rates, where in its range a shard is hot, which
//! keys weigh most, how many payloads came twice. Counting takes a few additions a request; one record of sixteen is
//! looked at more closely. Nothing here waits, and nothing that is counted wrong can do harm: estimates say that they are.

mod hot_keys;
mod meter;
mod operations;
mod payloads;
mod rates;
mod report;

pub(crate) use meter::{Meters, Passed, ShardMeter, mix, part_begins};
pub use operations::{Counted, Noted, Operation};
pub use rates::Rates;
pub use report::{HotKey, Payloads, ShardTraffic, StreamTraffic, Totals};
