//! Every bound of the stream engine, with its unit.

use std::time::Duration;

/// Shards of one stream, as AWS's UpdateShardCount allows.
pub const SHARDS_PER_STREAM_MAX: u32 = 10_000;

/// Shards that share one counter, as on AWS: their records' indexes never meet.
pub const SHARDS_PER_COUNTER: u32 = 5;

/// The index of a shard's first record; the index 0 belongs to the shard's own starting number.
pub const FIRST_RECORD_INDEX: u64 = 1;

/// AWS dates a shard some seconds before the call that created it, so that every record is younger.
pub const SHARD_PREDATES: Duration = Duration::from_secs(2);

/// AWS dates the children of a shard a little after the call that made them.
pub const CHILD_POSTDATES: Duration = Duration::from_secs(1);

/// Entries read from the view at once when the registry is loaded.
pub const REGISTRY_PAGE_ENTRIES: usize = 1000;

/// How long a change of a stream's state is visible, unless the settings say otherwise.
pub const TRANSITION: Duration = Duration::from_millis(500);

/// How long records are kept, unless a stream says otherwise.
pub const RETENTION: Duration = Duration::from_hours(24);

/// How long a subscription lives.
pub const SUBSCRIPTION_LIFETIME: Duration = Duration::from_mins(5);

/// How old a subscription must be before another one takes over.
pub const TAKE_OVER_AFTER: Duration = Duration::from_secs(5);

/// How long a subscriber waits for a sign of life.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// Records that a subscriber is given at once, and their data and partition keys.
pub const SUBSCRIPTION_PAGE_RECORDS_MAX: usize = 10_000;
pub const SUBSCRIPTION_PAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes of pages that are kept for triggers that read the same shard, and of a page that is worth keeping.
pub const SHARED_PAGES_BYTES_MAX: usize = 64 << 20;
pub const SHARED_PAGE_BYTES_MIN: usize = 64 << 10;

/// What AWS lets a shard take and give in a second: records, bytes of data and partition keys, calls of GetRecords and
/// of GetShardIterator.
pub const WRITE_RECORDS_PER_SECOND: u64 = 1_000;
pub const WRITE_BYTES_PER_SECOND: u64 = 1 << 20;
pub const READ_BYTES_PER_SECOND: u64 = 2 << 20;
pub const READS_PER_SECOND: u64 = 5;
pub const SHARD_ITERATORS_PER_SECOND: u64 = 5;

/// What AWS gives each registered consumer of a shard in a second, beside what the shard gives to all.
pub const FAN_OUT_BYTES_PER_SECOND: u64 = 2 << 20;

/// Data and partition key of one record, unless a stream says otherwise.
pub const RECORD_BYTES_DEFAULT: u64 = 1 << 20;

/// Shards of which nothing is left, and how many records they had, that a stream remembers for readers who had not come to them.
pub const GONE_SHARDS_KEPT: usize = 100;

/// Parts of a shard's range whose traffic is told apart.
pub const HASH_RANGES: usize = 64;

/// Records of a stream that are all looked at, and how many later ones there are to one that is.
pub const LOOKED_AT_FIRST: u64 = 4_096;
pub const SAMPLE_EVERY: u64 = 16;

/// Keys of a shard that are counted, and those of them that are told.
pub const HOT_KEYS_KEPT: usize = 32;
pub const HOT_KEYS_TOLD: usize = 5;

/// Payloads of a stream that a repeated one is compared with.
pub const PAYLOADS_KEPT: usize = 2_048;

/// Minutes whose highest rates are remembered: as long as AWS looks back before it lets traffic double.
pub const TRAFFIC_MINUTES: usize = 15;

/// Shards of a stream on demand, at least, and for how many days it remembers its highest traffic.
pub const ON_DEMAND_SHARDS_MIN: u32 = 4;
pub const DEMAND_DAYS: u64 = 30;

/// Bytes of a passphrase, and what deriving a key from one costs: as OWASP asks of Argon2id.
pub const PASSPHRASE_BYTES_MIN: usize = 12;
pub const PASSPHRASE_MEMORY_KIB: u32 = 19 * 1024;
pub const PASSPHRASE_PASSES: u32 = 2;
pub const PASSPHRASE_LANES: u32 = 1;

const _: () = assert!(SHARED_PAGE_BYTES_MIN > 0);
const _: () = assert!(FIRST_RECORD_INDEX > 0);
const _: () = assert!(HOT_KEYS_TOLD <= HOT_KEYS_KEPT);
