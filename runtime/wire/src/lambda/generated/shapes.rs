//! The shapes that inputs are made of. Values of enumerations come in the order AWS prints.
//!
//! Written by `cargo xtask codegen` from the service model 2015-03-31; change the generator, not this file.

use crate::kinesis::schema::{
    Shape, anything, at_least, between, blob, integer, list, map, one_of, optional, pattern,
    required, structure, text, unbounded,
};

pub(super) static ACCELERATOR_CONFIG: Shape = structure(
    "AcceleratorConfig",
    &[required("AcceleratorMemorySize", &ACCELERATOR_MEMORY_GB)],
);

pub(super) static ACCELERATOR_MEMORY_GB: Shape = integer(unbounded());

pub(super) static ACTION: Shape = pattern(between(0, 10000), r"(lambda:[*]|lambda:[a-zA-Z]+|[*])");

pub(super) static ADDITIONAL_VERSION: Shape = pattern(between(1, 1024), r"[0-9]+");

pub(super) static ADDITIONAL_VERSION_WEIGHTS: Shape =
    map(unbounded(), &ADDITIONAL_VERSION, &WEIGHT);

pub(super) static ALIAS: Shape = pattern(between(1, 128), r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)");

pub(super) static ALIAS_ROUTING_CONFIGURATION: Shape = structure(
    "AliasRoutingConfiguration",
    &[optional(
        "AdditionalVersionWeights",
        &ADDITIONAL_VERSION_WEIGHTS,
    )],
);

pub(super) static ALLOW_CREDENTIALS: Shape = Shape::Boolean;

pub(super) static ALLOW_METHODS_LIST: Shape = list(between(0, 6), &METHOD);

pub(super) static ALLOW_ORIGINS_LIST: Shape = list(between(0, 100), &ORIGIN);

pub(super) static APPLICATION_LOG_LEVEL: Shape =
    one_of(&["FATAL", "TRACE", "WARN", "ERROR", "INFO", "DEBUG"]);

pub(super) static ARCHITECTURE: Shape = one_of(&["x86_64", "arm64"]);

pub(super) static ARCHITECTURES_LIST: Shape = list(between(1, 1), &ARCHITECTURE);

pub(super) static ARN: Shape = pattern(
    between(0, 10000),
    r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
);

pub(super) static BATCH_SIZE: Shape = integer(between(1, 10000));

pub(super) static BISECT_BATCH_ON_FUNCTION_ERROR: Shape = Shape::Boolean;

pub(super) static BLOB: Shape = blob(unbounded());

pub(super) static BOOLEAN: Shape = Shape::Boolean;

pub(super) static CODE_SIGNING_CONFIG_ARN: Shape = pattern(
    between(0, 200),
    r"arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:code-signing-config:csc-[a-z0-9]{17}",
);

pub(super) static CORS: Shape = structure(
    "Cors",
    &[
        optional("MaxAge", &MAX_AGE),
        optional("ExposeHeaders", &HEADERS_LIST),
        optional("AllowHeaders", &HEADERS_LIST),
        optional("AllowMethods", &ALLOW_METHODS_LIST),
        optional("AllowOrigins", &ALLOW_ORIGINS_LIST),
        optional("AllowCredentials", &ALLOW_CREDENTIALS),
    ],
);

pub(super) static DATE: Shape = Shape::Timestamp;

pub(super) static DEAD_LETTER_CONFIG: Shape =
    structure("DeadLetterConfig", &[optional("TargetArn", &RESOURCE_ARN)]);

pub(super) static DESCRIPTION: Shape = text(between(0, 256));

pub(super) static DESTINATION_ARN: Shape = pattern(
    between(0, 350),
    r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
);

pub(super) static DESTINATION_CONFIG: Shape = structure(
    "DestinationConfig",
    &[
        optional("OnFailure", &ON_FAILURE),
        optional("OnSuccess", &ON_SUCCESS),
    ],
);

pub(super) static DURABLE_EXECUTION_NAME: Shape = pattern(between(1, 64), r"[a-zA-Z0-9-_]+");

pub(super) static ENABLED: Shape = Shape::Boolean;

pub(super) static ENVIRONMENT: Shape = structure(
    "Environment",
    &[optional("Variables", &ENVIRONMENT_VARIABLES)],
);

pub(super) static ENVIRONMENT_VARIABLE_NAME: Shape =
    pattern(unbounded(), r"[a-zA-Z]([a-zA-Z0-9_])+");

pub(super) static ENVIRONMENT_VARIABLE_VALUE: Shape = text(unbounded());

pub(super) static ENVIRONMENT_VARIABLES: Shape = map(
    unbounded(),
    &ENVIRONMENT_VARIABLE_NAME,
    &ENVIRONMENT_VARIABLE_VALUE,
);

pub(super) static EPHEMERAL_STORAGE: Shape = structure(
    "EphemeralStorage",
    &[required("Size", &EPHEMERAL_STORAGE_SIZE)],
);

pub(super) static EPHEMERAL_STORAGE_SIZE: Shape = integer(between(512, 10240));

pub(super) static EVENT_SOURCE_MAPPING_LOGGING_CONFIG: Shape = structure(
    "EventSourceMappingLoggingConfig",
    &[optional(
        "SystemLogLevel",
        &EVENT_SOURCE_MAPPING_SYSTEM_LOG_LEVEL,
    )],
);

pub(super) static EVENT_SOURCE_MAPPING_METRIC: Shape =
    one_of(&["ErrorCount", "EventCount", "KafkaMetrics"]);

pub(super) static EVENT_SOURCE_MAPPING_METRIC_LIST: Shape =
    list(between(0, 3), &EVENT_SOURCE_MAPPING_METRIC);

pub(super) static EVENT_SOURCE_MAPPING_METRICS_CONFIG: Shape = structure(
    "EventSourceMappingMetricsConfig",
    &[optional("Metrics", &EVENT_SOURCE_MAPPING_METRIC_LIST)],
);

pub(super) static EVENT_SOURCE_MAPPING_SYSTEM_LOG_LEVEL: Shape = one_of(&["WARN", "INFO", "DEBUG"]);

pub(super) static EVENT_SOURCE_POSITION: Shape =
    one_of(&["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"]);

pub(super) static EVENT_SOURCE_TOKEN: Shape = pattern(between(0, 256), r"[a-zA-Z0-9._\-]+");

pub(super) static FILTER: Shape = structure("Filter", &[optional("Pattern", &PATTERN)]);

pub(super) static FILTER_CRITERIA: Shape =
    structure("FilterCriteria", &[optional("Filters", &FILTER_LIST)]);

pub(super) static FILTER_LIST: Shape = list(unbounded(), &FILTER);

pub(super) static FUNCTION_CODE: Shape = structure(
    "FunctionCode",
    &[
        optional("ImageUri", &STRING),
        optional("S3Bucket", &S3_BUCKET),
        optional("ZipFile", &BLOB),
        optional("S3ObjectStorageMode", &S3_OBJECT_STORAGE_MODE),
        optional("SourceKMSKeyArn", &KMS_KEY_ARN),
        optional("S3Key", &S3_KEY),
        optional("S3ObjectVersion", &S3_OBJECT_VERSION),
    ],
);

pub(super) static FUNCTION_NAME: Shape = pattern(
    between(1, 140),
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
);

pub(super) static FUNCTION_RESPONSE_TYPE: Shape = one_of(&["ReportBatchItemFailures"]);

pub(super) static FUNCTION_RESPONSE_TYPE_LIST: Shape = list(between(0, 1), &FUNCTION_RESPONSE_TYPE);

pub(super) static FUNCTION_RUNTIME_ALIAS: Shape = text(between(1, 128));

pub(super) static FUNCTION_RUNTIME_ARN: Shape = pattern(
    between(48, 2048),
    r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:runtime/.+",
);

pub(super) static FUNCTION_RUNTIME_CONFIG: Shape = structure(
    "FunctionRuntimeConfig",
    &[
        required("RuntimeArn", &FUNCTION_RUNTIME_ARN),
        required("RuntimeAlias", &FUNCTION_RUNTIME_ALIAS),
    ],
);

pub(super) static FUNCTION_URL_AUTH_TYPE: Shape = one_of(&["AWS_IAM", "NONE"]);

pub(super) static FUNCTION_URL_FUNCTION_NAME: Shape = pattern(
    between(1, 140),
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})(:((?!\d+$)[0-9a-zA-Z-_]+))?",
);

pub(super) static FUNCTION_URL_QUALIFIER: Shape =
    pattern(between(1, 128), r"((?!^\d+$)^[0-9a-zA-Z-_]+$)");

pub(super) static FUNCTION_VERSION: Shape = one_of(&["ALL"]);

pub(super) static FUNCTION_VERSION_LATEST_PUBLISHED: Shape = one_of(&["LATEST_PUBLISHED"]);

pub(super) static HANDLER: Shape = pattern(between(0, 128), r"[^\s]+");

pub(super) static HEADER: Shape = pattern(between(0, 1024), r".*");

pub(super) static HEADERS_LIST: Shape = list(between(0, 100), &HEADER);

pub(super) static INVOCATION_TYPE: Shape = one_of(&["DryRun", "RequestResponse", "Event"]);

pub(super) static INVOKE_MODE: Shape = one_of(&["RESPONSE_STREAM", "BUFFERED"]);

pub(super) static INVOKED_VIA_FUNCTION_URL: Shape = Shape::Boolean;

pub(super) static KMS_KEY_ARN: Shape = pattern(
    between(0, 10000),
    r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()",
);

pub(super) static LOG_FORMAT: Shape = one_of(&["JSON", "Text"]);

pub(super) static LOG_GROUP: Shape = pattern(between(1, 512), r"[\.\-_/#A-Za-z0-9]+");

pub(super) static LOG_TYPE: Shape = one_of(&["Tail", "None"]);

pub(super) static LOGGING_CONFIG: Shape = structure(
    "LoggingConfig",
    &[
        optional("LogGroup", &LOG_GROUP),
        optional("SystemLogLevel", &SYSTEM_LOG_LEVEL),
        optional("LogFormat", &LOG_FORMAT),
        optional("ApplicationLogLevel", &APPLICATION_LOG_LEVEL),
    ],
);

pub(super) static MASTER_REGION: Shape = pattern(
    between(1, 50),
    r"ALL|(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}",
);

pub(super) static MAX_AGE: Shape = integer(between(0, 86400));

pub(super) static MAX_FUNCTION_EVENT_INVOKE_CONFIG_LIST_ITEMS: Shape = integer(between(1, 50));

pub(super) static MAX_ITEMS: Shape = integer(between(1, 50));

pub(super) static MAX_LIST_ITEMS: Shape = integer(between(1, 10000));

pub(super) static MAX_PROVISIONED_CONCURRENCY_CONFIG_LIST_ITEMS: Shape = integer(between(1, 50));

pub(super) static MAXIMUM_BATCHING_WINDOW_IN_SECONDS: Shape = integer(between(0, 300));

pub(super) static MAXIMUM_EVENT_AGE_IN_SECONDS: Shape = integer(between(60, 21600));

pub(super) static MAXIMUM_RECORD_AGE_IN_SECONDS: Shape = integer(between(-1, 604800));

pub(super) static MAXIMUM_RETRY_ATTEMPTS: Shape = integer(between(0, 2));

pub(super) static MAXIMUM_RETRY_ATTEMPTS_EVENT_SOURCE_MAPPING: Shape = integer(between(-1, 10000));

pub(super) static MEMORY_SIZE: Shape = integer(between(128, 10240));

pub(super) static METHOD: Shape = pattern(between(0, 6), r".*");

pub(super) static NAMESPACED_FUNCTION_NAME: Shape = pattern(
    between(1, 256),
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
);

pub(super) static NAMESPACED_STATEMENT_ID: Shape = pattern(between(1, 100), r"([a-zA-Z0-9-_.]+)");

pub(super) static NULLABLE_BOOLEAN: Shape = Shape::Boolean;

pub(super) static NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER: Shape =
    pattern(between(1, 128), r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+");

pub(super) static ON_FAILURE: Shape =
    structure("OnFailure", &[optional("Destination", &DESTINATION_ARN)]);

pub(super) static ON_SUCCESS: Shape =
    structure("OnSuccess", &[optional("Destination", &DESTINATION_ARN)]);

pub(super) static ORIGIN: Shape = pattern(between(1, 253), r".*");

pub(super) static PACKAGE_TYPE: Shape = one_of(&["Zip", "Image"]);

pub(super) static PARALLELIZATION_FACTOR: Shape = integer(between(1, 10));

pub(super) static PATTERN: Shape = pattern(between(0, 4096), r"[\s\S]*");

pub(super) static POSITIVE_INTEGER: Shape = integer(at_least(1));

pub(super) static PRINCIPAL: Shape = pattern(between(0, 2048), r"[^\s]+");

pub(super) static PRINCIPAL_ORG_ID: Shape = pattern(between(12, 34), r"o-[a-z0-9]{10,32}");

pub(super) static QUALIFIER: Shape = pattern(between(1, 128), r"(|[a-zA-Z0-9$_-]+)");

pub(super) static RECURSIVE_LOOP: Shape = one_of(&["Terminate", "Allow"]);

pub(super) static RESERVED_CONCURRENT_EXECUTIONS: Shape = integer(at_least(0));

pub(super) static RESOURCE_ARN: Shape = pattern(
    between(0, 10000),
    r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()",
);

pub(super) static RESPONSE_STREAMING_INVOCATION_TYPE: Shape =
    one_of(&["DryRun", "RequestResponse"]);

pub(super) static ROLE_ARN: Shape = pattern(
    between(0, 10000),
    r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
);

pub(super) static RUNTIME: Shape = anything();

pub(super) static RUNTIME_VERSION_ARN: Shape = pattern(
    between(26, 2048),
    r"((arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}::runtime:.+)|(arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:runtime/[A-Za-z0-9_.-]{1,128}/version/[A-Za-z0-9_.-]{1,128}))",
);

pub(super) static S3_BUCKET: Shape = pattern(between(3, 63), r"[0-9A-Za-z\.\-_]*(?<!\.)");

pub(super) static S3_KEY: Shape = pattern(between(1, 1024), r".*");

pub(super) static S3_OBJECT_STORAGE_MODE: Shape = one_of(&["REFERENCE", "COPY"]);

pub(super) static S3_OBJECT_VERSION: Shape = pattern(between(1, 1024), r".*");

pub(super) static SECURITY_GROUP_ID: Shape = pattern(between(0, 1024), r"sg-[0-9a-zA-Z]*");

pub(super) static SECURITY_GROUP_IDS: Shape = list(between(0, 5), &SECURITY_GROUP_ID);

pub(super) static SNAP_START: Shape =
    structure("SnapStart", &[optional("ApplyOn", &SNAP_START_APPLY_ON)]);

pub(super) static SNAP_START_APPLY_ON: Shape = one_of(&["PublishedVersions", "None"]);

pub(super) static SOURCE_OWNER: Shape = pattern(between(0, 12), r"\d{12}");

pub(super) static STATEMENT_ID: Shape = pattern(between(1, 100), r"([a-zA-Z0-9-_]+)");

pub(super) static STRING: Shape = text(unbounded());

pub(super) static SUBNET_ID: Shape = pattern(between(0, 1024), r"subnet-[0-9a-z]*");

pub(super) static SUBNET_IDS: Shape = list(between(0, 16), &SUBNET_ID);

pub(super) static SYSTEM_LOG_LEVEL: Shape = one_of(&["WARN", "INFO", "DEBUG"]);

pub(super) static TAG_KEY: Shape = pattern(between(1, 128), r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");

pub(super) static TAG_KEY_LIST: Shape = list(unbounded(), &TAG_KEY);

pub(super) static TAG_VALUE: Shape = pattern(between(0, 256), r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");

pub(super) static TAGGABLE_RESOURCE: Shape = pattern(
    between(1, 10000),
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})",
);

pub(super) static TAGS: Shape = map(unbounded(), &TAG_KEY, &TAG_VALUE);

pub(super) static TENANCY_CONFIG: Shape = structure(
    "TenancyConfig",
    &[required("TenantIsolationMode", &TENANT_ISOLATION_MODE)],
);

pub(super) static TENANT_ID: Shape = pattern(between(1, 256), r"[a-zA-Z0-9\._:\/=+\-@ ]+");

pub(super) static TENANT_ISOLATION_MODE: Shape = one_of(&["PER_TENANT"]);

pub(super) static TIMEOUT: Shape = integer(between(1, 900));

pub(super) static TRACING_CONFIG: Shape =
    structure("TracingConfig", &[optional("Mode", &TRACING_MODE)]);

pub(super) static TRACING_MODE: Shape = one_of(&["Active", "PassThrough"]);

pub(super) static TUMBLING_WINDOW_IN_SECONDS: Shape = integer(between(0, 900));

pub(super) static UUID_STRING: Shape = text(between(36, 36));

pub(super) static UNQUALIFIED_FUNCTION_NAME: Shape = pattern(
    between(1, 140),
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)",
);

pub(super) static UPDATE_RUNTIME_ON: Shape = one_of(&["FunctionUpdate", "Manual", "Auto"]);

pub(super) static VERSION_WITH_LATEST_PUBLISHED: Shape =
    pattern(between(1, 1024), r"(\$LATEST(\.PUBLISHED)?|[0-9]+)");

pub(super) static VPC_CONFIG: Shape = structure(
    "VpcConfig",
    &[
        optional("Ipv6AllowedForDualStack", &NULLABLE_BOOLEAN),
        optional("SubnetIds", &SUBNET_IDS),
        optional("SecurityGroupIds", &SECURITY_GROUP_IDS),
    ],
);

pub(super) static WEIGHT: Shape = anything();
