//! The texts of errors about resharding and about what clients set on streams; `error` has the others.

use model::{HashKeyRange, ShardId, StreamKey};

use super::error::{AwsError, Kind};

impl AwsError {
    pub(super) fn new_hash_key_out_of_range(given: &str) -> Self {
        Self::invalid_argument(format_args!(
            "Invalid NewStartingHashKey. NewStartingHashKey must be in the range: [0, 2^128-1]. \
             Specified value was {given}"
        ))
    }

    pub(super) fn split_outside_of_shard(
        given: &str,
        shard: ShardId,
        stream: &StreamKey,
        range: HashKeyRange,
    ) -> Self {
        Self::invalid_argument(format_args!(
            "NewStartingHashKey {given} used in SplitShard() on shard {shard} in stream {} under account {} \
             is not both greater than one plus the shard's StartingHashKey {} and less than the shard's \
             EndingHashKey {}.",
            stream.name, stream.account, range.starting.0, range.ending.0
        ))
    }

    pub(super) fn shards_not_adjacent(lower: ShardId, upper: ShardId, stream: &StreamKey) -> Self {
        Self::invalid_argument(format_args!(
            "Shards {lower} and {upper} in stream {} under account {} are not an adjacent pair of shards \
             eligible for merging",
            stream.name, stream.account
        ))
    }

    pub(super) fn stream_on_demand(stream: &StreamKey) -> Self {
        Self::new(
            Kind::Validation,
            format_args!(
                "Request is invalid. Stream {} under account {} is in On-Demand mode.",
                stream.name, stream.account
            ),
        )
    }

    pub(super) fn scaled_too_far_up(open: u32, asked: u32) -> Self {
        Self::invalid_argument(format_args!(
            "UpdateShardCount cannot scale up over double your current open shard count. \
             Current open shard count: {open} Target shard count: {asked}"
        ))
    }

    pub(super) fn scaled_too_far_down(open: u32, asked: u32) -> Self {
        Self::invalid_argument(format_args!(
            "UpdateShardCount cannot scale down below half your current open shard count. \
             Current open shard count: {open} Target shard count: {asked}"
        ))
    }

    pub(super) fn filter_incomplete(kind: &str, member: &str) -> Self {
        Self::invalid_argument(format_args!(
            "ShardFilter of type {kind} must specify {member}."
        ))
    }
}
