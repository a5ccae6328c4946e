//! Every bound of the doors, with its unit. Bounds of AWS's own shapes are in the generated tables.

use std::time::Duration;

/// A PutRecords may carry 10 MiB of data and keys; base64 makes four bytes of three, and names and quotes add
/// to that.
pub const BODY_BYTES_MAX: usize = 15 * 1024 * 1024;

/// How long a body may take: so long, and a second for each of these bytes that came. So 15 MiB may take a little
/// more than four minutes, and a client that trickles half a minute.
pub const BODY_TIME_GRANTED: Duration = Duration::from_secs(30);
pub const BODY_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// How long a client may pause within a body.
pub const BODY_PAUSE_MAX: Duration = Duration::from_secs(20);

/// The body of a call of the Lambda API: a function's code is sent in it, in base64.
pub const LAMBDA_BODY_BYTES_MAX: usize = 69_905_067;

/// Filters of one event source mapping, and characters of a pattern.
pub const FILTERS_MAX: usize = 10;
pub const FILTER_CHARACTERS_MAX: usize = 4_096;

/// Characters of the ARN of a failure destination.
pub const DESTINATION_CHARACTERS_MAX: usize = 350;

/// Event source mappings in one answer, whatever the request asks for.
pub const MAPPINGS_LISTED_MAX: usize = 100;

/// What a request may ask for of any list.
pub const ITEMS_ASKED_MAX: usize = 10_000;

/// Tags of one resource of the Lambda API, and characters of their keys and values.
pub const TAGS_MAX: usize = 50;
pub const TAG_KEY_CHARACTERS_MAX: usize = 128;
pub const TAG_VALUE_CHARACTERS_MAX: usize = 256;

/// Data and partition keys of one PutRecords.
pub const PUT_RECORDS_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Records of one PutRecords, and characters of a partition key, as in the generated tables.
pub const RECORDS_PER_PUT_MAX: usize = 500;
pub const PARTITION_KEY_CHARACTERS_MAX: usize = 256;

/// Items of one list or map of a CBOR body that are kept; no shape takes more, so what follows is only counted out.
pub const LIST_ITEMS_KEPT_MAX: usize = 10_000;

/// Violations that one answer lists.
pub const VIOLATIONS_MAX: usize = 10;

/// A value that a message repeats is cut off here, so that an answer is never much larger than its request.
pub const PRINTED_VALUE_BYTES_MAX: usize = 64 * 1024;

/// How far the date of a signature may lie from now.
pub const SIGNATURE_SKEW_MAX: Duration = Duration::from_mins(5);

/// How long a presigned request may be used.
pub const PRESIGNED_SECONDS_MAX: u64 = 7 * 24 * 60 * 60;

/// How long a shard iterator may be used.
pub const ITERATOR_LIFETIME: Duration = Duration::from_secs(300);

/// How long the token of a further page may be used.
pub const NEXT_TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// The name in an `x-shardmill-producer` header.
pub const PRODUCER_NAME_BYTES_MAX: usize = 128;

/// Shards in one answer of DescribeStream, streams in one of ListStreams, whatever the request asks for.
pub const DESCRIBED_PER_PAGE_MAX: usize = 100;

/// Shards in one answer of ListShards, whatever the request asks for.
pub const LISTED_SHARDS_PER_PAGE_MAX: usize = 1000;

/// Shards of a stream whose CreateStream names no count.
pub const SHARDS_DEFAULT: u32 = 4;

/// Data and partition key of one record, in KiB, unless a stream says otherwise.
pub const RECORD_KIB_DEFAULT: u32 = 1024;

/// Tags of one stream or consumer, and in one answer of ListTagsForStream.
pub const TAGS_PER_RESOURCE_MAX: usize = 50;
pub const TAGS_PER_PAGE_MAX: usize = 50;

/// What a retention period may be set to at least, in hours. The most stands in the generated tables.
pub const RETENTION_HOURS_MIN: i64 = 24;

/// What a stream on demand may be warmed for.
pub const WARM_MIBPS_MAX: i64 = 10 << 10;

/// A resource policy.
pub const POLICY_BYTES_MAX: usize = 20 * 1024;

/// Registered consumers of one stream, those of one on demand while its account has promised a throughput, and those of them
/// that are CREATING.
pub const CONSUMERS_PER_STREAM_MAX: usize = 20;
pub const CONSUMERS_WITH_COMMITMENT_MAX: usize = 50;
pub const CONSUMERS_CREATING_MAX: usize = 5;

/// Streams of an account that are CREATING or DELETING at once, where AWS's limits are kept.
pub const STREAMS_IN_TRANSITION_MAX: usize = 5;

/// Rates of accounts and streams that are remembered before those that are full again are forgotten.
pub const RATES_KEPT_MAX: usize = 10_000;

/// Shards of an account, in AWS's large regions and elsewhere. AWS says 6,000 or 1,000 and not where which; nobody is refused
/// here what AWS may let pass.
pub const LARGE_REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];
pub const SHARDS_PER_ACCOUNT_IN_LARGE_REGIONS: usize = 20_000;
pub const SHARDS_PER_ACCOUNT: usize = 6_000;

/// What else DescribeLimits tells.
pub const ON_DEMAND_STREAMS_PER_ACCOUNT: usize = 50;
pub const CHANNELS_PER_ACCOUNT: usize = 0;

/// How long a commitment to a least throughput holds at least.
pub const COMMITMENT_MIN: Duration = Duration::from_hours(24);

/// Records in one answer of GetRecords, and their data and partition keys.
pub const GET_RECORDS_MAX: usize = 10_000;
pub const GET_RECORDS_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Encoded events that are kept for other subscribers of the same records.
pub const ENCODED_EVENTS_MAX: usize = 256;
pub const ENCODED_EVENTS_BYTES_MAX: usize = 32 * 1024 * 1024;

const _: () = assert!(BODY_BYTES_MAX > PUT_RECORDS_BYTES_MAX / 3 * 4);
