//! What each action takes. Members come in the order in which AWS prints violations.
//!
//! Written by `cargo xtask codegen` from the service model 2013-12-02; change the generator, not this file.

use super::super::schema::{Shape, input, optional, required, unless_arn, unless_spread};
use super::shapes;

pub(super) static ACKNOWLEDGE_DEAD_LETTER_QUEUE_RECORDS_INPUT: Shape = input(&[
    required("QueueARN", &shapes::QUEUE_ARN),
    required(
        "Entries",
        &shapes::ACKNOWLEDGE_DEAD_LETTER_QUEUE_RECORDS_REQUEST_ENTRY_LIST,
    ),
]);

pub(super) static ACKNOWLEDGE_QUEUE_RECORDS_INPUT: Shape = input(&[
    required("QueueARN", &shapes::QUEUE_ARN),
    required(
        "Entries",
        &shapes::ACKNOWLEDGE_QUEUE_RECORDS_REQUEST_ENTRY_LIST,
    ),
]);

pub(super) static ADD_TAGS_TO_STREAM_INPUT: Shape = input(&[
    required("Tags", &shapes::TAG_MAP),
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static CREATE_CHANNEL_INPUT: Shape = input(&[
    optional("Tags", &shapes::TAG_MAP),
    required("ChannelName", &shapes::CHANNEL_NAME),
    required("ServiceExecutionRoleARN", &shapes::ROLE_ARN),
    optional(
        "LoggingConfiguration",
        &shapes::CHANNEL_LOGGING_CONFIGURATION,
    ),
    optional(
        "EncryptionConfiguration",
        &shapes::CHANNEL_ENCRYPTION_CONFIGURATION,
    ),
    optional(
        "S3DestinationConfiguration",
        &shapes::S3_DESTINATION_CONFIGURATION,
    ),
    optional(
        "S3TablesDestinationConfiguration",
        &shapes::S3_TABLES_DESTINATION_CONFIGURATION,
    ),
    required(
        "StreamConfigurationList",
        &shapes::CHANNEL_STREAM_CONFIGURATION_LIST,
    ),
]);

pub(super) static CREATE_QUEUE_INPUT: Shape = input(&[
    optional("Tags", &shapes::TAG_MAP),
    required("QueueName", &shapes::QUEUE_NAME),
    required(
        "StreamConfigurationList",
        &shapes::QUEUE_STREAM_CONFIGURATION_LIST,
    ),
    optional("QueueAttributes", &shapes::QUEUE_ATTRIBUTES),
]);

pub(super) static CREATE_STREAM_INPUT: Shape = input(&[
    optional("MaxRecordSizeInKiB", &shapes::MAX_RECORD_SIZE_IN_KI_B),
    optional("Tags", &shapes::TAG_MAP),
    optional("StreamModeDetails", &shapes::STREAM_MODE_DETAILS),
    optional("ShardCount", &shapes::POSITIVE_INTEGER_OBJECT),
    optional(
        "RecordDistributionStrategy",
        &shapes::RECORD_DISTRIBUTION_STRATEGY,
    ),
    optional("WarmThroughputMiBps", &shapes::NATURAL_INTEGER_OBJECT),
    required("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static DECREASE_STREAM_RETENTION_PERIOD_INPUT: Shape = input(&[
    required("RetentionPeriodHours", &shapes::RETENTION_PERIOD_HOURS),
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static DELETE_CHANNEL_INPUT: Shape =
    input(&[required("ChannelARN", &shapes::CHANNEL_ARN)]);

pub(super) static DELETE_QUEUE_INPUT: Shape = input(&[required("QueueARN", &shapes::QUEUE_ARN)]);

pub(super) static DELETE_RESOURCE_POLICY_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    required("ResourceARN", &shapes::RESOURCE_ARN),
]);

pub(super) static DELETE_STREAM_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    optional("EnforceConsumerDeletion", &shapes::BOOLEAN_OBJECT),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static DEREGISTER_STREAM_CONSUMER_INPUT: Shape = input(&[
    optional("ConsumerName", &shapes::CONSUMER_NAME),
    optional("StreamId", &shapes::STREAM_ID),
    optional("ConsumerARN", &shapes::CONSUMER_ARN),
    optional("StreamARN", &shapes::STREAM_ARN),
]);

pub(super) static DESCRIBE_ACCOUNT_SETTINGS_INPUT: Shape = input(&[]);

pub(super) static DESCRIBE_CHANNEL_INPUT: Shape =
    input(&[required("ChannelARN", &shapes::CHANNEL_ARN)]);

pub(super) static DESCRIBE_LIMITS_INPUT: Shape = input(&[]);

pub(super) static DESCRIBE_QUEUE_INPUT: Shape = input(&[required("QueueARN", &shapes::QUEUE_ARN)]);

pub(super) static DESCRIBE_STREAM_CONSUMER_INPUT: Shape = input(&[
    optional("ConsumerName", &shapes::CONSUMER_NAME),
    optional("StreamId", &shapes::STREAM_ID),
    optional("ConsumerARN", &shapes::CONSUMER_ARN),
    optional("StreamARN", &shapes::STREAM_ARN),
]);

pub(super) static DESCRIBE_STREAM_INPUT: Shape = input(&[
    optional("Limit", &shapes::DESCRIBE_STREAM_INPUT_LIMIT),
    optional("StreamId", &shapes::STREAM_ID),
    optional("ExclusiveStartShardId", &shapes::SHARD_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static DESCRIBE_STREAM_SUMMARY_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static DISABLE_ENHANCED_MONITORING_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("ShardLevelMetrics", &shapes::METRICS_NAME_LIST),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static ENABLE_ENHANCED_MONITORING_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("ShardLevelMetrics", &shapes::METRICS_NAME_LIST),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static GET_RECORDS_INPUT: Shape = input(&[
    optional("Limit", &shapes::GET_RECORDS_INPUT_LIMIT),
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    optional("DryRun", &shapes::BOOLEAN_OBJECT),
    required("ShardIterator", &shapes::SHARD_ITERATOR),
]);

pub(super) static GET_RESOURCE_POLICY_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    required("ResourceARN", &shapes::RESOURCE_ARN),
]);

pub(super) static GET_SHARD_ITERATOR_INPUT: Shape = input(&[
    optional("Timestamp", &shapes::TIMESTAMP),
    optional("StreamId", &shapes::STREAM_ID),
    required("ShardId", &shapes::SHARD_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("ShardIteratorType", &shapes::SHARD_ITERATOR_TYPE),
    optional("DryRun", &shapes::BOOLEAN_OBJECT),
    optional("StartingSequenceNumber", &shapes::SEQUENCE_NUMBER),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static INCREASE_STREAM_RETENTION_PERIOD_INPUT: Shape = input(&[
    required("RetentionPeriodHours", &shapes::RETENTION_PERIOD_HOURS),
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static LIST_CHANNELS_INPUT: Shape = input(&[
    optional("NextToken", &shapes::NEXT_TOKEN),
    optional("StreamFilter", &shapes::STREAM_FILTER_LIST),
    optional("MaxResults", &shapes::LIST_CHANNELS_INPUT_LIMIT),
]);

pub(super) static LIST_QUEUES_INPUT: Shape = input(&[
    optional("NextToken", &shapes::NEXT_TOKEN),
    optional("StreamFilter", &shapes::QUEUE_STREAM_FILTER_LIST),
    optional("MaxResults", &shapes::LIST_QUEUES_INPUT_LIMIT),
]);

pub(super) static LIST_SHARDS_INPUT: Shape = input(&[
    optional("ShardFilter", &shapes::SHARD_FILTER),
    optional("StreamCreationTimestamp", &shapes::TIMESTAMP),
    optional("StreamId", &shapes::STREAM_ID),
    optional("ExclusiveStartShardId", &shapes::SHARD_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    optional("NextToken", &shapes::NEXT_TOKEN),
    optional("MaxResults", &shapes::LIST_SHARDS_INPUT_LIMIT),
    optional("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static LIST_STREAM_CONSUMERS_INPUT: Shape = input(&[
    optional("StreamCreationTimestamp", &shapes::TIMESTAMP),
    optional("StreamId", &shapes::STREAM_ID),
    required("StreamARN", &shapes::STREAM_ARN),
    optional("NextToken", &shapes::NEXT_TOKEN),
    optional("MaxResults", &shapes::LIST_STREAM_CONSUMERS_INPUT_LIMIT),
]);

pub(super) static LIST_STREAMS_INPUT: Shape = input(&[
    optional("Limit", &shapes::LIST_STREAMS_INPUT_LIMIT),
    optional("NextToken", &shapes::NEXT_TOKEN),
    optional("ExclusiveStartStreamName", &shapes::STREAM_NAME),
]);

pub(super) static LIST_TAGS_FOR_RESOURCE_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    required("ResourceARN", &shapes::RESOURCE_ARN),
]);

pub(super) static LIST_TAGS_FOR_STREAM_INPUT: Shape = input(&[
    optional("Limit", &shapes::LIST_TAGS_FOR_STREAM_INPUT_LIMIT),
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    optional("ExclusiveStartTagKey", &shapes::TAG_KEY),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static MERGE_SHARDS_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("AdjacentShardToMerge", &shapes::SHARD_ID),
    required("ShardToMerge", &shapes::SHARD_ID),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static PUT_RECORD_INPUT: Shape = input(&[
    optional("SequenceNumberForOrdering", &shapes::SEQUENCE_NUMBER),
    unless_spread("PartitionKey", &shapes::PARTITION_KEY),
    optional("StreamId", &shapes::STREAM_ID),
    optional("ExplicitHashKey", &shapes::HASH_KEY),
    optional("StreamARN", &shapes::STREAM_ARN),
    optional("DryRun", &shapes::BOOLEAN_OBJECT),
    required("Data", &shapes::DATA),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static PUT_RECORDS_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    optional("DryRun", &shapes::BOOLEAN_OBJECT),
    required("Records", &shapes::PUT_RECORDS_REQUEST_ENTRY_LIST),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static PUT_RESOURCE_POLICY_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    required("ResourceARN", &shapes::RESOURCE_ARN),
    required("Policy", &shapes::POLICY),
]);

pub(super) static RECEIVE_DEAD_LETTER_QUEUE_RECORDS_INPUT: Shape = input(&[
    optional("Limit", &shapes::RECEIVE_QUEUE_RECORDS_INPUT_LIMIT),
    optional(
        "VisibilityTimeoutSeconds",
        &shapes::VISIBILITY_TIMEOUT_SECONDS,
    ),
    required("QueueARN", &shapes::QUEUE_ARN),
    optional(
        "WaitTimeSeconds",
        &shapes::RECEIVE_QUEUE_RECORDS_WAIT_TIME_SECONDS,
    ),
]);

pub(super) static RECEIVE_QUEUE_RECORDS_INPUT: Shape = input(&[
    optional("Limit", &shapes::RECEIVE_QUEUE_RECORDS_INPUT_LIMIT),
    optional(
        "VisibilityTimeoutSeconds",
        &shapes::VISIBILITY_TIMEOUT_SECONDS,
    ),
    required("QueueARN", &shapes::QUEUE_ARN),
    optional(
        "WaitTimeSeconds",
        &shapes::RECEIVE_QUEUE_RECORDS_WAIT_TIME_SECONDS,
    ),
]);

pub(super) static REGISTER_STREAM_CONSUMER_INPUT: Shape = input(&[
    optional("Tags", &shapes::TAG_MAP),
    required("ConsumerName", &shapes::CONSUMER_NAME),
    optional("StreamId", &shapes::STREAM_ID),
    required("StreamARN", &shapes::STREAM_ARN),
]);

pub(super) static REMOVE_TAGS_FROM_STREAM_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("TagKeys", &shapes::TAG_KEY_LIST),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static RESTORE_DEAD_LETTER_QUEUE_RECORDS_INPUT: Shape = input(&[
    required("QueueARN", &shapes::QUEUE_ARN),
    required(
        "Entries",
        &shapes::RESTORE_DEAD_LETTER_QUEUE_RECORDS_REQUEST_ENTRY_LIST,
    ),
]);

pub(super) static SPLIT_SHARD_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("NewStartingHashKey", &shapes::HASH_KEY),
    required("ShardToSplit", &shapes::SHARD_ID),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static START_STREAM_ENCRYPTION_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("KeyId", &shapes::KEY_ID),
    required("EncryptionType", &shapes::ENCRYPTION_TYPE),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static STOP_STREAM_ENCRYPTION_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("KeyId", &shapes::KEY_ID),
    required("EncryptionType", &shapes::ENCRYPTION_TYPE),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static SUBSCRIBE_TO_SHARD_INPUT: Shape = input(&[
    required("ShardId", &shapes::SHARD_ID),
    optional("StreamId", &shapes::STREAM_ID),
    required("StartingPosition", &shapes::STARTING_POSITION),
    required("ConsumerARN", &shapes::CONSUMER_ARN),
    optional("DryRun", &shapes::BOOLEAN_OBJECT),
]);

pub(super) static TAG_RESOURCE_INPUT: Shape = input(&[
    required("Tags", &shapes::TAG_MAP),
    optional("StreamId", &shapes::STREAM_ID),
    required("ResourceARN", &shapes::RESOURCE_ARN),
]);

pub(super) static UNTAG_RESOURCE_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    required("ResourceARN", &shapes::RESOURCE_ARN),
    required("TagKeys", &shapes::TAG_KEY_LIST),
]);

pub(super) static UPDATE_ACCOUNT_SETTINGS_INPUT: Shape = input(&[required(
    "MinimumThroughputBillingCommitment",
    &shapes::MINIMUM_THROUGHPUT_BILLING_COMMITMENT_INPUT,
)]);

pub(super) static UPDATE_CHANNEL_INPUT: Shape = input(&[
    optional(
        "LoggingConfiguration",
        &shapes::CHANNEL_LOGGING_UPDATE_INPUT,
    ),
    optional(
        "S3DestinationConfiguration",
        &shapes::S3_DESTINATION_UPDATE_INPUT,
    ),
    optional(
        "S3TablesDestinationConfiguration",
        &shapes::S3_TABLES_DESTINATION_UPDATE_INPUT,
    ),
    required("ChannelARN", &shapes::CHANNEL_ARN),
]);

pub(super) static UPDATE_DEAD_LETTER_QUEUE_RECORDS_VISIBILITY_INPUT: Shape = input(&[
    required("QueueARN", &shapes::QUEUE_ARN),
    required(
        "Entries",
        &shapes::UPDATE_DEAD_LETTER_QUEUE_RECORDS_VISIBILITY_REQUEST_ENTRY_LIST,
    ),
]);

pub(super) static UPDATE_MAX_RECORD_SIZE_INPUT: Shape = input(&[
    required("MaxRecordSizeInKiB", &shapes::MAX_RECORD_SIZE_IN_KI_B),
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
]);

pub(super) static UPDATE_QUEUE_INPUT: Shape = input(&[
    required("QueueARN", &shapes::QUEUE_ARN),
    required("QueueAttributes", &shapes::QUEUE_ATTRIBUTES),
]);

pub(super) static UPDATE_QUEUE_RECORDS_VISIBILITY_INPUT: Shape = input(&[
    required("QueueARN", &shapes::QUEUE_ARN),
    required(
        "Entries",
        &shapes::UPDATE_QUEUE_RECORDS_VISIBILITY_REQUEST_ENTRY_LIST,
    ),
]);

pub(super) static UPDATE_SHARD_COUNT_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    required("ScalingType", &shapes::SCALING_TYPE),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("TargetShardCount", &shapes::POSITIVE_INTEGER_OBJECT),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);

pub(super) static UPDATE_STREAM_MODE_INPUT: Shape = input(&[
    required("StreamModeDetails", &shapes::STREAM_MODE_DETAILS),
    optional("StreamId", &shapes::STREAM_ID),
    required("StreamARN", &shapes::STREAM_ARN),
    optional("WarmThroughputMiBps", &shapes::NATURAL_INTEGER_OBJECT),
]);

pub(super) static UPDATE_STREAM_RECORD_DISTRIBUTION_STRATEGY_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    required("StreamARN", &shapes::STREAM_ARN),
    required(
        "RecordDistributionStrategy",
        &shapes::RECORD_DISTRIBUTION_STRATEGY,
    ),
]);

pub(super) static UPDATE_STREAM_WARM_THROUGHPUT_INPUT: Shape = input(&[
    optional("StreamId", &shapes::STREAM_ID),
    optional("StreamARN", &shapes::STREAM_ARN),
    required("WarmThroughputMiBps", &shapes::NATURAL_INTEGER_OBJECT),
    unless_arn("StreamName", &shapes::STREAM_NAME),
]);
