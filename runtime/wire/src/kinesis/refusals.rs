//! The texts of errors about resharding and about what clients set on streams; `error` has the others.

use model::{HashKeyRange, ShardId, StreamKey};

use super::{
    error::{AwsError, Kind},
    resource::ConsumerKey,
};
use crate::limits::{
    CONSUMERS_CREATING_MAX, ON_DEMAND_STREAMS_PER_ACCOUNT, RETENTION_HOURS_MIN,
    STREAMS_IN_TRANSITION_MAX, WARM_MIBPS_MAX,
};

impl AwsError {
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

    pub(super) fn shard_closed(shard: ShardId, stream: &StreamKey) -> Self {
        Self::invalid_argument(format_args!(
            "Shard {shard} in stream {} under account {} has already been merged or split, and thus is \
             not eligible for merging or splitting.",
            stream.name, stream.account
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

    pub(super) fn stream_rate_exceeded(stream: &str, account: &str) -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!("Rate exceeded for stream {stream} under account {account}."),
        )
    }

    pub(super) fn account_rate_exceeded(account: &str) -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!("Rate exceeded for account {account}."),
        )
    }

    pub(super) fn consumer_rate_exceeded(
        consumer: &str,
        shard: ShardId,
        stream: &StreamKey,
    ) -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!(
                "Rate exceeded for consumer {consumer} and shard {shard} in stream {} under account {}.",
                stream.name, stream.account
            ),
        )
    }

    pub(super) fn daily_quota_exceeded(
        action: &str,
        max: usize,
        stream: &str,
        account: &str,
    ) -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!(
                "{action} can be called {max} times within 24 hours. Stream {stream} under account \
                 {account} has reached this limit."
            ),
        )
    }

    pub(super) fn too_many_streams_in_transition() -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!(
                "This request would exceed the limit on the number of streams that can simultaneously be \
                 in CREATING or DELETING. Limit: {STREAMS_IN_TRANSITION_MAX}"
            ),
        )
    }

    pub(super) fn too_many_streams_on_demand(account: &str) -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!(
                "Account {account} has {ON_DEMAND_STREAMS_PER_ACCOUNT} streams in On-Demand mode, which is \
                 the limit."
            ),
        )
    }

    pub(super) fn account_shards_exceeded(
        account: &str,
        region: &str,
        (open, limit): (usize, usize),
        more: u32,
    ) -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!(
                "This request would exceed the shard limit for the account {account} in {region}. Current \
                 shard count for the account: {open}. Limit: {limit}. Number of additional \
                 shards that would have resulted from this request: {more}. Refer to the AWS Service Limits \
                 page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current \
                 limits and how to request higher limits."
            ),
        )
    }

    pub(super) fn filter_incomplete(kind: &str, member: &str) -> Self {
        Self::invalid_argument(format_args!(
            "ShardFilter of type {kind} must specify {member}."
        ))
    }

    pub(super) fn resource_unreadable(arn: &str) -> Self {
        Self::invalid_argument(format_args!(
            "ARN {} does not name a stream or a consumer of one.",
            super::validate::shortened(arn)
        ))
    }

    pub(super) fn kind_not_implemented(kind: &str) -> Self {
        Self::new(
            Kind::UnknownOperation,
            format_args!("A {kind} is not implemented by this server."),
        )
    }

    pub(super) fn stream_unnamed() -> Self {
        Self::invalid_argument("Either StreamName or StreamARN should be provided.")
    }

    pub(super) fn tag_characters() -> Self {
        Self::invalid_argument(
            "Some tags contain invalid characters. Valid characters: \
             Unicode letters, digits, white space, _ . / = + - % @ :.",
        )
    }

    /// `doing` is `add tags to` or `remove tags from`.
    pub(super) fn tag_percent(doing: &str, stream: &str, account: &str) -> Self {
        Self::invalid_argument(format_args!(
            "Failed to {doing} stream {stream} under account {account} because some tags contained \
             illegal characters. The allowed characters are Unicode letters, white-spaces, \
             '_',',','/','=','+','-','@',':'."
        ))
    }

    pub(super) fn too_many_tags(stream: &StreamKey) -> Self {
        Self::too_many_tags_at_creation(stream.name.as_str(), stream.account.as_str())
    }

    /// The limit is 50; AWS's text still names the first one.
    pub(super) fn too_many_tags_at_creation(stream: &str, account: &str) -> Self {
        Self::invalid_argument(format_args!(
            "Failed to add tags to stream {stream} under account {account} because a given stream \
             cannot have more than 10 tags associated with it."
        ))
    }

    pub(super) fn retention_too_short(asked: i64) -> Self {
        Self::invalid_argument(format_args!(
            "Minimum allowed retention period is {RETENTION_HOURS_MIN} hours. \
             Requested retention period ({asked} hours) is too short."
        ))
    }

    pub(super) fn retention_not_longer(asked: u64, known: u64, stream: &StreamKey) -> Self {
        Self::invalid_argument(format_args!(
            "Requested retention period ({asked} hours) for stream {} can not be shorter than existing \
             retention period ({known} hours). Use DecreaseRetentionPeriod API.",
            stream.name
        ))
    }

    pub(super) fn retention_not_shorter(asked: u64, known: u64, stream: &StreamKey) -> Self {
        Self::invalid_argument(format_args!(
            "Requested retention period ({asked} hours) for stream {} can not be longer than existing \
             retention period ({known} hours). Use IncreaseRetentionPeriod API.",
            stream.name
        ))
    }

    pub(super) fn encryption_type_none() -> Self {
        Self::invalid_argument("EncryptionType must be KMS.")
    }

    /// The text is the one that CloudFormation shows for the same; what the service itself says is not confirmed.
    pub(super) fn provisioned_without_count() -> Self {
        Self::invalid_argument("ShardCount is expected when StreamMode=PROVISIONED")
    }

    pub(super) fn auto_on_provisioned() -> Self {
        Self::invalid_argument(
            "RecordDistributionStrategy AUTO is only supported for streams in On-Demand mode.",
        )
    }

    pub(super) fn warmth_of_provisioned() -> Self {
        Self::invalid_argument("Warm throughput is only supported for streams in On-Demand mode.")
    }

    pub(super) fn warmth_without_commitment() -> Self {
        Self::new(
            Kind::Validation,
            "Warm throughput needs a minimum throughput billing commitment for the account.",
        )
        .with_hint(
            "call UpdateAccountSettings with MinimumThroughputBillingCommitment ENABLED first",
        )
    }

    pub(super) fn warmth_over_maximum() -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!(
                "This request would exceed the limit on the warm throughput of a stream. Limit: {WARM_MIBPS_MAX} MiB/s."
            ),
        )
    }

    pub(super) fn policy_invalid(reason: &str) -> Self {
        Self::invalid_argument(format_args!("The policy cannot be used: {reason}."))
    }

    pub(super) fn policy_missing(arn: &str) -> Self {
        Self::new(
            Kind::ResourceNotFound,
            format_args!("No resource policy found for resource ARN {arn}."),
        )
    }

    pub(super) fn consumer_exists(name: &str, stream: &StreamKey) -> Self {
        Self::new(
            Kind::ResourceInUse,
            format_args!(
                "Consumer {name} under stream {} already exists for account {}.",
                stream.name, stream.account
            ),
        )
    }

    pub(super) fn consumer_missing(consumer: &ConsumerKey) -> Self {
        Self::new(
            Kind::ResourceNotFound,
            format_args!(
                "Consumer {} under stream {} not found for account {}.",
                consumer.name, consumer.stream.name, consumer.stream.account
            ),
        )
    }

    pub(super) fn arn_of_other_consumer(arn: &str) -> Self {
        Self::invalid_argument(format_args!(
            "ConsumerARN {} and the StreamARN and ConsumerName beside it do not name the same consumer.",
            super::validate::shortened(arn)
        ))
    }

    pub(super) fn consumer_unnamed() -> Self {
        Self::invalid_argument(
            "Either ConsumerARN, or StreamARN and ConsumerName, should be provided.",
        )
    }

    pub(super) fn too_many_consumers(stream: &StreamKey, max: usize) -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!(
                "Stream {} under account {} has {max} registered consumers, \
                 which is the limit.",
                stream.name, stream.account
            ),
        )
    }

    pub(super) fn too_many_consumers_creating(stream: &StreamKey) -> Self {
        Self::new(
            Kind::LimitExceeded,
            format_args!(
                "Stream {} under account {} has {CONSUMERS_CREATING_MAX} consumers in state CREATING, \
                 which is the limit.",
                stream.name, stream.account
            ),
        )
    }

    pub(super) fn consumer_not_active(consumer: &ConsumerKey, state: &str) -> Self {
        Self::new(
            Kind::ResourceInUse,
            format_args!(
                "Consumer {} under stream {} for account {} not ACTIVE, instead in state {state}",
                consumer.name, consumer.stream.name, consumer.stream.account
            ),
        )
    }

    pub(super) fn consumer_gone(name: &str, stream: &StreamKey) -> Self {
        Self::consumer_missing(&ConsumerKey {
            stream: stream.clone(),
            name: name.to_owned(),
            created_s: None,
        })
    }

    pub(super) fn subscribed_already(consumer: &str, shard: ShardId, stream: &StreamKey) -> Self {
        Self::new(
            Kind::ResourceInUse,
            format_args!(
                "Another active subscription exists for this consumer: {}:{}:{shard}:{consumer}",
                stream.account, stream.name
            ),
        )
    }

    pub(super) fn stream_has_consumers(count: usize, stream: &StreamKey) -> Self {
        Self::new(
            Kind::ResourceInUse,
            format_args!(
                "Stream {} under account {} has {count} registered consumers. Deregister them, or set \
                 EnforceConsumerDeletion.",
                stream.name, stream.account
            ),
        )
    }

    pub(super) fn not_authorized(account: &str, action: &str, arn: &str) -> Self {
        let partition = arn.split(':').nth(1).unwrap_or("aws");
        Self::new(
            Kind::AccessDenied,
            format_args!(
                "User: arn:{partition}:iam::{account}:root is not authorized to perform: {action} on resource: {arn} \
                 because no resource-based policy allows the {action} action"
            ),
        )
    }
}
