//! The shapes that inputs are made of. Values of enumerations come in the order AWS prints.
//!
//! Written by `cargo xtask codegen` from the service model 2013-12-02; change the generator, not this file.

use super::super::schema::{Shape, at_least, between, blob, integer, list, map, one_of};
use super::super::schema::{
    optional, pattern, required, structure, text, unbounded, unless_spread,
};

pub(super) static ACKNOWLEDGE_DEAD_LETTER_QUEUE_RECORDS_REQUEST_ENTRY: Shape = structure(
    "AcknowledgeDeadLetterQueueRecordsRequestEntry",
    &[required("ReceiptHandle", &RECEIPT_HANDLE)],
);

pub(super) static ACKNOWLEDGE_DEAD_LETTER_QUEUE_RECORDS_REQUEST_ENTRY_LIST: Shape = list(
    between(1, 10),
    &ACKNOWLEDGE_DEAD_LETTER_QUEUE_RECORDS_REQUEST_ENTRY,
);

pub(super) static ACKNOWLEDGE_QUEUE_RECORDS_REQUEST_ENTRY: Shape = structure(
    "AcknowledgeQueueRecordsRequestEntry",
    &[required("ReceiptHandle", &RECEIPT_HANDLE)],
);

pub(super) static ACKNOWLEDGE_QUEUE_RECORDS_REQUEST_ENTRY_LIST: Shape =
    list(between(1, 10), &ACKNOWLEDGE_QUEUE_RECORDS_REQUEST_ENTRY);

pub(super) static BOOLEAN_OBJECT: Shape = Shape::Boolean;

pub(super) static BUCKET_ARN: Shape = pattern(
    between(1, 2048),
    r"arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}",
);

pub(super) static CHANNEL_ARN: Shape =
    pattern(between(1, 2048), r"arn:aws.*:kinesis:.*:\d{12}:channel/\S+");

pub(super) static CHANNEL_ENCRYPTION_CONFIGURATION: Shape = structure(
    "ChannelEncryptionConfiguration",
    &[
        required("KeyId", &KEY_ID),
        required("EncryptionType", &CHANNEL_ENCRYPTION_TYPE),
    ],
);

pub(super) static CHANNEL_ENCRYPTION_TYPE: Shape = one_of(&["KMS"]);

pub(super) static CHANNEL_LOGGING_CONFIGURATION: Shape = structure(
    "ChannelLoggingConfiguration",
    &[required("CloudWatchLogs", &CLOUD_WATCH_LOGS)],
);

pub(super) static CHANNEL_LOGGING_UPDATE_INPUT: Shape = structure(
    "ChannelLoggingUpdateInput",
    &[required("CloudWatchLogs", &CLOUD_WATCH_LOGS_UPDATE_INPUT)],
);

pub(super) static CHANNEL_NAME: Shape = pattern(between(1, 128), r"[a-zA-Z0-9_.-]+");

pub(super) static CHANNEL_STREAM_CONFIGURATION: Shape = structure(
    "ChannelStreamConfiguration",
    &[
        required("RecordConfiguration", &RECORD_CONFIGURATION),
        required("StreamARN", &STREAM_ARN),
    ],
);

pub(super) static CHANNEL_STREAM_CONFIGURATION_LIST: Shape =
    list(between(1, 10000), &CHANNEL_STREAM_CONFIGURATION);

pub(super) static CLOUD_WATCH_LOG_GROUP_NAME: Shape =
    pattern(between(1, 512), r"[\.\-_/#A-Za-z0-9]+");

pub(super) static CLOUD_WATCH_LOG_STREAM_NAME: Shape = pattern(between(1, 512), r"[^:*]*");

pub(super) static CLOUD_WATCH_LOGS: Shape = structure(
    "CloudWatchLogs",
    &[
        required("Enabled", &BOOLEAN_OBJECT),
        optional("LogStreamName", &CLOUD_WATCH_LOG_STREAM_NAME),
        optional("LogGroupName", &CLOUD_WATCH_LOG_GROUP_NAME),
    ],
);

pub(super) static CLOUD_WATCH_LOGS_UPDATE_INPUT: Shape = structure(
    "CloudWatchLogsUpdateInput",
    &[
        required("Enabled", &BOOLEAN_OBJECT),
        optional("LogStreamName", &CLOUD_WATCH_LOG_STREAM_NAME),
        optional("LogGroupName", &CLOUD_WATCH_LOG_GROUP_NAME),
    ],
);

pub(super) static CONSUMER_ARN: Shape = pattern(
    between(1, 2048),
    r"(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+",
);

pub(super) static CONSUMER_NAME: Shape = pattern(between(1, 128), r"[a-zA-Z0-9_.-]+");

pub(super) static DATA: Shape = blob(between(0, 10485760));

pub(super) static DATA_FRESHNESS_IN_SECONDS: Shape = integer(unbounded());

pub(super) static DEAD_LETTER_CONFIGURATION: Shape = structure(
    "DeadLetterConfiguration",
    &[
        optional("MaxReceiveCount", &MAX_RECEIVE_COUNT),
        required("TargetType", &TARGET_TYPE),
    ],
);

pub(super) static DEAD_LETTER_QUEUE_S3_CONFIGURATION: Shape = structure(
    "DeadLetterQueueS3Configuration",
    &[
        required("ExpectedBucketOwner", &EXPECTED_BUCKET_OWNER),
        required("BucketARN", &BUCKET_ARN),
        optional("ErrorOutputPrefix", &S3_ERROR_OUTPUT_PREFIX),
    ],
);

pub(super) static DESCRIBE_STREAM_INPUT_LIMIT: Shape = integer(between(1, 10000));

pub(super) static ENCRYPTION_TYPE: Shape = one_of(&["KMS", "NONE"]);

pub(super) static EXPECTED_BUCKET_OWNER: Shape = pattern(between(12, 12), r"\d{12}");

pub(super) static GSR_SCHEMA_ARN: Shape = pattern(
    between(1, 512),
    r"arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+",
);

pub(super) static GET_RECORDS_INPUT_LIMIT: Shape = integer(between(1, 10000));

pub(super) static HASH_KEY: Shape = pattern(unbounded(), r"0|([1-9]\d{0,38})");

pub(super) static KEY_ID: Shape = text(between(1, 2048));

pub(super) static LIST_CHANNELS_INPUT_LIMIT: Shape = integer(between(1, 10000));

pub(super) static LIST_QUEUES_INPUT_LIMIT: Shape = integer(between(1, 10000));

pub(super) static LIST_SHARDS_INPUT_LIMIT: Shape = integer(between(1, 10000));

pub(super) static LIST_STREAM_CONSUMERS_INPUT_LIMIT: Shape = integer(between(1, 10000));

pub(super) static LIST_STREAMS_INPUT_LIMIT: Shape = integer(between(1, 10000));

pub(super) static LIST_TAGS_FOR_STREAM_INPUT_LIMIT: Shape = integer(between(1, 50));

pub(super) static MAX_RECEIVE_COUNT: Shape = integer(between(1, 1000));

pub(super) static MAX_RECORD_SIZE_IN_KI_B: Shape = integer(between(1024, 10240));

pub(super) static METRICS_NAME: Shape = one_of(&[
    "ALL",
    "IteratorAgeMilliseconds",
    "IncomingBytes",
    "WriteProvisionedThroughputExceeded",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "IncomingRecords",
    "OutgoingBytes",
]);

pub(super) static METRICS_NAME_LIST: Shape = list(between(1, 7), &METRICS_NAME);

pub(super) static MINIMUM_THROUGHPUT_BILLING_COMMITMENT_INPUT: Shape = structure(
    "MinimumThroughputBillingCommitmentInput",
    &[required(
        "Status",
        &MINIMUM_THROUGHPUT_BILLING_COMMITMENT_INPUT_STATUS,
    )],
);

pub(super) static MINIMUM_THROUGHPUT_BILLING_COMMITMENT_INPUT_STATUS: Shape =
    one_of(&["ENABLED", "DISABLED"]);

pub(super) static NATURAL_INTEGER_OBJECT: Shape = integer(at_least(0));

pub(super) static NEXT_TOKEN: Shape = text(between(1, 1048576));

pub(super) static PARTITION_FIELD: Shape = structure(
    "PartitionField",
    &[
        required("Transform", &PARTITION_TRANSFORM),
        required("SourceName", &PARTITION_SOURCE_NAME),
    ],
);

pub(super) static PARTITION_FIELD_LIST: Shape = list(between(1, 10), &PARTITION_FIELD);

pub(super) static PARTITION_KEY: Shape = text(between(1, 256));

pub(super) static PARTITION_SOURCE_NAME: Shape = pattern(between(1, 255), r"[a-zA-Z0-9\.\_]+");

pub(super) static PARTITION_SPEC: Shape = structure(
    "PartitionSpec",
    &[required("PartitionFields", &PARTITION_FIELD_LIST)],
);

pub(super) static PARTITION_TRANSFORM: Shape = one_of(&["TIME_HOUR"]);

pub(super) static POLICY: Shape = text(unbounded());

pub(super) static POSITIVE_INTEGER_OBJECT: Shape = integer(at_least(1));

pub(super) static PUT_RECORDS_REQUEST_ENTRY: Shape = structure(
    "PutRecordsRequestEntry",
    &[
        unless_spread("PartitionKey", &PARTITION_KEY),
        optional("ExplicitHashKey", &HASH_KEY),
        required("Data", &DATA),
    ],
);

pub(super) static PUT_RECORDS_REQUEST_ENTRY_LIST: Shape =
    list(between(1, 500), &PUT_RECORDS_REQUEST_ENTRY);

pub(super) static QUEUE_ARN: Shape =
    pattern(between(1, 2048), r"arn:aws.*:kinesis:.*:\d{12}:queue/\S+");

pub(super) static QUEUE_ATTRIBUTES: Shape = structure(
    "QueueAttributes",
    &[
        optional("VisibilityTimeoutSeconds", &VISIBILITY_TIMEOUT_SECONDS),
        optional("DeadLetterConfiguration", &DEAD_LETTER_CONFIGURATION),
    ],
);

pub(super) static QUEUE_NAME: Shape = pattern(between(1, 128), r"[a-zA-Z0-9_.-]+");

pub(super) static QUEUE_STARTING_POSITION: Shape = structure(
    "QueueStartingPosition",
    &[
        optional("Timestamp", &TIMESTAMP),
        required("Type", &QUEUE_STARTING_POSITION_TYPE),
    ],
);

pub(super) static QUEUE_STARTING_POSITION_TYPE: Shape =
    one_of(&["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"]);

pub(super) static QUEUE_STREAM_CONFIGURATION: Shape = structure(
    "QueueStreamConfiguration",
    &[
        optional("StartingPosition", &QUEUE_STARTING_POSITION),
        required("StreamARN", &STREAM_ARN),
    ],
);

pub(super) static QUEUE_STREAM_CONFIGURATION_LIST: Shape =
    list(between(1, 10000), &QUEUE_STREAM_CONFIGURATION);

pub(super) static QUEUE_STREAM_FILTER: Shape = structure(
    "QueueStreamFilter",
    &[
        optional("StreamCreationTimestamp", &TIMESTAMP),
        required("StreamARN", &STREAM_ARN),
    ],
);

pub(super) static QUEUE_STREAM_FILTER_LIST: Shape = list(between(1, 10000), &QUEUE_STREAM_FILTER);

pub(super) static RECEIPT_HANDLE: Shape = text(between(1, 1024));

pub(super) static RECEIVE_QUEUE_RECORDS_INPUT_LIMIT: Shape = integer(between(1, 10));

pub(super) static RECEIVE_QUEUE_RECORDS_WAIT_TIME_SECONDS: Shape = integer(between(1, 20));

pub(super) static RECORD_CONFIGURATION: Shape = structure(
    "RecordConfiguration",
    &[
        required("RecordFormatType", &RECORD_FORMAT_TYPE),
        optional("GSRSchemaARN", &GSR_SCHEMA_ARN),
    ],
);

pub(super) static RECORD_DISTRIBUTION_STRATEGY: Shape = one_of(&["AUTO", "USER_PARTITION_KEY"]);

pub(super) static RECORD_FORMAT_TYPE: Shape = one_of(&["GSR_JSON", "BYTE_ARRAY", "JSON", "STRING"]);

pub(super) static RESOURCE_ARN: Shape = pattern(
    between(1, 2048),
    r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+",
);

pub(super) static RESTORE_DEAD_LETTER_QUEUE_RECORDS_REQUEST_ENTRY: Shape = structure(
    "RestoreDeadLetterQueueRecordsRequestEntry",
    &[required("ReceiptHandle", &RECEIPT_HANDLE)],
);

pub(super) static RESTORE_DEAD_LETTER_QUEUE_RECORDS_REQUEST_ENTRY_LIST: Shape = list(
    between(1, 10),
    &RESTORE_DEAD_LETTER_QUEUE_RECORDS_REQUEST_ENTRY,
);

pub(super) static RETENTION_PERIOD_HOURS: Shape = integer(between(1, 8760));

pub(super) static ROLE_ARN: Shape = pattern(
    between(1, 512),
    r"arn:aws[-a-z0-9]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+",
);

pub(super) static S3_COMPRESSION_TYPE: Shape = one_of(&["ZSTD", "NONE", "GZIP"]);

pub(super) static S3_DESTINATION_CONFIGURATION: Shape = structure(
    "S3DestinationConfiguration",
    &[
        optional("DataFreshnessInSeconds", &DATA_FRESHNESS_IN_SECONDS),
        optional(
            "DeadLetterQueueS3Configuration",
            &DEAD_LETTER_QUEUE_S3_CONFIGURATION,
        ),
        required("StorageConfiguration", &S3_STORAGE_CONFIGURATION),
    ],
);

pub(super) static S3_DESTINATION_UPDATE_INPUT: Shape = structure(
    "S3DestinationUpdateInput",
    &[required(
        "DataFreshnessInSeconds",
        &DATA_FRESHNESS_IN_SECONDS,
    )],
);

pub(super) static S3_ERROR_OUTPUT_PREFIX: Shape =
    pattern(between(1, 512), r"[0-9A-Za-z!\-_'.*()\/]+");

pub(super) static S3_OUTPUT_KEY_TEMPLATE: Shape =
    pattern(between(1, 1024), r"[0-9A-Za-z!\-_'.*()\/=:{}]+");

pub(super) static S3_STORAGE_CLASS: Shape =
    one_of(&["INTELLIGENT_TIERING", "GLACIER_IR", "STANDARD"]);

pub(super) static S3_STORAGE_CONFIGURATION: Shape = structure(
    "S3StorageConfiguration",
    &[
        optional("OutputKeyTemplate", &S3_OUTPUT_KEY_TEMPLATE),
        optional("StorageClass", &S3_STORAGE_CLASS),
        required("ExpectedBucketOwner", &EXPECTED_BUCKET_OWNER),
        required("BucketARN", &BUCKET_ARN),
        required("CompressionType", &S3_COMPRESSION_TYPE),
    ],
);

pub(super) static S3_TABLES_COMPRESSION_TYPE: Shape = one_of(&["ZSTD", "SNAPPY", "NONE"]);

pub(super) static S3_TABLES_CONFIGURATION: Shape = structure(
    "S3TablesConfiguration",
    &[
        required("TableBucketARN", &TABLE_BUCKET_ARN),
        required("TableName", &S3_TABLES_TABLE_NAME),
        optional("PartitionSpec", &PARTITION_SPEC),
        required("CompressionType", &S3_TABLES_COMPRESSION_TYPE),
        required("Namespace", &S3_TABLES_NAMESPACE),
    ],
);

pub(super) static S3_TABLES_CONFIGURATION_LIST: Shape =
    list(between(1, 10000), &S3_TABLES_CONFIGURATION);

pub(super) static S3_TABLES_DESTINATION_CONFIGURATION: Shape = structure(
    "S3TablesDestinationConfiguration",
    &[
        optional("DataFreshnessInSeconds", &DATA_FRESHNESS_IN_SECONDS),
        required(
            "DeadLetterQueueS3Configuration",
            &DEAD_LETTER_QUEUE_S3_CONFIGURATION,
        ),
        required("S3TablesConfigurationList", &S3_TABLES_CONFIGURATION_LIST),
    ],
);

pub(super) static S3_TABLES_DESTINATION_UPDATE_INPUT: Shape = structure(
    "S3TablesDestinationUpdateInput",
    &[required(
        "DataFreshnessInSeconds",
        &DATA_FRESHNESS_IN_SECONDS,
    )],
);

pub(super) static S3_TABLES_NAMESPACE: Shape = pattern(between(1, 255), r"[0-9a-z_]+");

pub(super) static S3_TABLES_TABLE_NAME: Shape = pattern(between(1, 255), r"[0-9a-z_]+");

pub(super) static SCALING_TYPE: Shape = one_of(&["UNIFORM_SCALING"]);

pub(super) static SEQUENCE_NUMBER: Shape = pattern(unbounded(), r"0|([1-9]\d{0,128})");

pub(super) static SHARD_FILTER: Shape = structure(
    "ShardFilter",
    &[
        optional("Timestamp", &TIMESTAMP),
        optional("ShardId", &SHARD_ID),
        required("Type", &SHARD_FILTER_TYPE),
    ],
);

pub(super) static SHARD_FILTER_TYPE: Shape = one_of(&[
    "FROM_TIMESTAMP",
    "AT_TRIM_HORIZON",
    "AT_TIMESTAMP",
    "FROM_TRIM_HORIZON",
    "AT_LATEST",
    "AFTER_SHARD_ID",
]);

pub(super) static SHARD_ID: Shape = pattern(between(1, 128), r"[a-zA-Z0-9_.-]+");

pub(super) static SHARD_ITERATOR: Shape = text(between(1, 512));

pub(super) static SHARD_ITERATOR_TYPE: Shape = one_of(&[
    "AFTER_SEQUENCE_NUMBER",
    "LATEST",
    "AT_TIMESTAMP",
    "AT_SEQUENCE_NUMBER",
    "TRIM_HORIZON",
]);

pub(super) static STARTING_POSITION: Shape = structure(
    "StartingPosition",
    &[
        optional("Timestamp", &TIMESTAMP),
        required("Type", &SHARD_ITERATOR_TYPE),
        optional("SequenceNumber", &SEQUENCE_NUMBER),
    ],
);

pub(super) static STREAM_ARN: Shape =
    pattern(between(1, 2048), r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+");

pub(super) static STREAM_FILTER: Shape = structure(
    "StreamFilter",
    &[
        optional("StreamCreationTimestamp", &TIMESTAMP),
        required("StreamARN", &STREAM_ARN),
    ],
);

pub(super) static STREAM_FILTER_LIST: Shape = list(between(1, 10000), &STREAM_FILTER);

pub(super) static STREAM_ID: Shape = pattern(between(1, 24), r"[a-z0-9]{20}-[a-z0-9]{3}");

pub(super) static STREAM_MODE: Shape = one_of(&["ON_DEMAND", "PROVISIONED"]);

pub(super) static STREAM_MODE_DETAILS: Shape =
    structure("StreamModeDetails", &[required("StreamMode", &STREAM_MODE)]);

pub(super) static STREAM_NAME: Shape = pattern(between(1, 128), r"[a-zA-Z0-9_.-]+");

pub(super) static TABLE_BUCKET_ARN: Shape = pattern(
    between(1, 2048),
    r"arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\d{12}:bucket/[a-z0-9_-]{3,63}",
);

pub(super) static TAG_KEY: Shape = text(between(1, 128));

pub(super) static TAG_KEY_LIST: Shape = list(between(1, 50), &TAG_KEY);

pub(super) static TAG_MAP: Shape = map(between(1, 200), &TAG_KEY, &TAG_VALUE);

pub(super) static TAG_VALUE: Shape = text(between(0, 256));

pub(super) static TARGET_TYPE: Shape = one_of(&["BUILT_IN", "NONE"]);

pub(super) static TIMESTAMP: Shape = Shape::Timestamp;

pub(super) static UPDATE_DEAD_LETTER_QUEUE_RECORDS_VISIBILITY_REQUEST_ENTRY: Shape = structure(
    "UpdateDeadLetterQueueRecordsVisibilityRequestEntry",
    &[
        required("VisibilityTimeoutSeconds", &VISIBILITY_TIMEOUT_SECONDS),
        required("ReceiptHandle", &RECEIPT_HANDLE),
    ],
);

pub(super) static UPDATE_DEAD_LETTER_QUEUE_RECORDS_VISIBILITY_REQUEST_ENTRY_LIST: Shape = list(
    between(1, 10),
    &UPDATE_DEAD_LETTER_QUEUE_RECORDS_VISIBILITY_REQUEST_ENTRY,
);

pub(super) static UPDATE_QUEUE_RECORDS_VISIBILITY_REQUEST_ENTRY: Shape = structure(
    "UpdateQueueRecordsVisibilityRequestEntry",
    &[
        required("VisibilityTimeoutSeconds", &VISIBILITY_TIMEOUT_SECONDS),
        required("ReceiptHandle", &RECEIPT_HANDLE),
    ],
);

pub(super) static UPDATE_QUEUE_RECORDS_VISIBILITY_REQUEST_ENTRY_LIST: Shape = list(
    between(1, 10),
    &UPDATE_QUEUE_RECORDS_VISIBILITY_REQUEST_ENTRY,
);

pub(super) static VISIBILITY_TIMEOUT_SECONDS: Shape = integer(between(0, 43200));
