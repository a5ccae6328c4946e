//! The operations of the service that the door has: where their members are, and what they must be.
//!
//! Written by `cargo xtask codegen` from the service model 2015-03-31; change the generator, not this file.

use super::super::constraints::{
    Operation,
    Place::{Body, Header, Path, Query},
};
use super::shapes;
use crate::kinesis::schema::{optional, required};

/// Names of runtimes.
#[rustfmt::skip]
pub(in crate::lambda) const RUNTIMES: &[&str] = &["nodejs", "nodejs4.3", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x", "java8", "java8.al2", "java11", "java17", "java21", "java25", "python2.7", "python3.6", "python3.7", "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet6", "dotnet8", "dotnet10", "nodejs4.3-edge", "go1.x", "ruby2.5", "ruby2.7", "ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0", "provided", "provided.al2", "provided.al2023", "nodejs26.x", "python3.15", "java8.al2023", "java11.al2023", "java17.al2023", "custom"];

#[rustfmt::skip]
pub(in crate::lambda) static OPERATIONS: &[Operation] = &[
    // ListProvisionedConcurrencyConfigs
    Operation { method: "GET", path: &["2019-09-30", "functions", "{FunctionName}", "provisioned-concurrency"], asked: &[("List", "ALL")], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Query("Marker"), optional("Marker", &shapes::STRING)),
        (Query("MaxItems"), optional("MaxItems", &shapes::MAX_PROVISIONED_CONCURRENCY_CONFIG_LIST_ITEMS)),
    ] },
    // AddPermission
    Operation { method: "POST", path: &["2015-03-31", "functions", "{FunctionName}", "policy"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Body, required("StatementId", &shapes::STATEMENT_ID)),
        (Body, required("Action", &shapes::ACTION)),
        (Body, required("Principal", &shapes::PRINCIPAL)),
        (Body, optional("SourceArn", &shapes::ARN)),
        (Body, optional("FunctionUrlAuthType", &shapes::FUNCTION_URL_AUTH_TYPE)),
        (Body, optional("InvokedViaFunctionUrl", &shapes::INVOKED_VIA_FUNCTION_URL)),
        (Body, optional("SourceAccount", &shapes::SOURCE_OWNER)),
        (Body, optional("EventSourceToken", &shapes::EVENT_SOURCE_TOKEN)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
        (Body, optional("RevisionId", &shapes::STRING)),
        (Body, optional("PrincipalOrgID", &shapes::PRINCIPAL_ORG_ID)),
    ] },
    // CreateAlias
    Operation { method: "POST", path: &["2015-03-31", "functions", "{FunctionName}", "aliases"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Body, required("Name", &shapes::ALIAS)),
        (Body, required("FunctionVersion", &shapes::VERSION_WITH_LATEST_PUBLISHED)),
        (Body, optional("Description", &shapes::DESCRIPTION)),
        (Body, optional("RoutingConfig", &shapes::ALIAS_ROUTING_CONFIGURATION)),
    ] },
    // CreateEventSourceMapping
    Operation { method: "POST", path: &["2015-03-31", "event-source-mappings"], asked: &[], members: &[
        (Body, optional("EventSourceArn", &shapes::ARN)),
        (Body, required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Body, optional("Enabled", &shapes::ENABLED)),
        (Body, optional("BatchSize", &shapes::BATCH_SIZE)),
        (Body, optional("FilterCriteria", &shapes::FILTER_CRITERIA)),
        (Body, optional("KMSKeyArn", &shapes::KMS_KEY_ARN)),
        (Body, optional("MetricsConfig", &shapes::EVENT_SOURCE_MAPPING_METRICS_CONFIG)),
        (Body, optional("LoggingConfig", &shapes::EVENT_SOURCE_MAPPING_LOGGING_CONFIG)),
        (Body, optional("MaximumBatchingWindowInSeconds", &shapes::MAXIMUM_BATCHING_WINDOW_IN_SECONDS)),
        (Body, optional("ParallelizationFactor", &shapes::PARALLELIZATION_FACTOR)),
        (Body, optional("StartingPosition", &shapes::EVENT_SOURCE_POSITION)),
        (Body, optional("StartingPositionTimestamp", &shapes::DATE)),
        (Body, optional("DestinationConfig", &shapes::DESTINATION_CONFIG)),
        (Body, optional("MaximumRecordAgeInSeconds", &shapes::MAXIMUM_RECORD_AGE_IN_SECONDS)),
        (Body, optional("BisectBatchOnFunctionError", &shapes::BISECT_BATCH_ON_FUNCTION_ERROR)),
        (Body, optional("MaximumRetryAttempts", &shapes::MAXIMUM_RETRY_ATTEMPTS_EVENT_SOURCE_MAPPING)),
        (Body, optional("Tags", &shapes::TAGS)),
        (Body, optional("TumblingWindowInSeconds", &shapes::TUMBLING_WINDOW_IN_SECONDS)),
        (Body, optional("FunctionResponseTypes", &shapes::FUNCTION_RESPONSE_TYPE_LIST)),
    ] },
    // CreateFunction
    Operation { method: "POST", path: &["2015-03-31", "functions"], asked: &[], members: &[
        (Body, required("FunctionName", &shapes::FUNCTION_NAME)),
        (Body, optional("Runtime", &shapes::RUNTIME)),
        (Body, required("Role", &shapes::ROLE_ARN)),
        (Body, optional("Handler", &shapes::HANDLER)),
        (Body, required("Code", &shapes::FUNCTION_CODE)),
        (Body, optional("Description", &shapes::DESCRIPTION)),
        (Body, optional("Timeout", &shapes::TIMEOUT)),
        (Body, optional("MemorySize", &shapes::MEMORY_SIZE)),
        (Body, optional("Publish", &shapes::BOOLEAN)),
        (Body, optional("PublishTo", &shapes::FUNCTION_VERSION_LATEST_PUBLISHED)),
        (Body, optional("VpcConfig", &shapes::VPC_CONFIG)),
        (Body, optional("PackageType", &shapes::PACKAGE_TYPE)),
        (Body, optional("DeadLetterConfig", &shapes::DEAD_LETTER_CONFIG)),
        (Body, optional("Environment", &shapes::ENVIRONMENT)),
        (Body, optional("KMSKeyArn", &shapes::KMS_KEY_ARN)),
        (Body, optional("TracingConfig", &shapes::TRACING_CONFIG)),
        (Body, optional("Tags", &shapes::TAGS)),
        (Body, optional("CodeSigningConfigArn", &shapes::CODE_SIGNING_CONFIG_ARN)),
        (Body, optional("Architectures", &shapes::ARCHITECTURES_LIST)),
        (Body, optional("EphemeralStorage", &shapes::EPHEMERAL_STORAGE)),
        (Body, optional("SnapStart", &shapes::SNAP_START)),
        (Body, optional("LoggingConfig", &shapes::LOGGING_CONFIG)),
        (Body, optional("TenancyConfig", &shapes::TENANCY_CONFIG)),
        (Body, optional("RuntimeConfig", &shapes::FUNCTION_RUNTIME_CONFIG)),
        (Body, optional("AcceleratorConfig", &shapes::ACCELERATOR_CONFIG)),
    ] },
    // CreateFunctionUrlConfig
    Operation { method: "POST", path: &["2021-10-31", "functions", "{FunctionName}", "url"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_URL_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::FUNCTION_URL_QUALIFIER)),
        (Body, required("AuthType", &shapes::FUNCTION_URL_AUTH_TYPE)),
        (Body, optional("Cors", &shapes::CORS)),
        (Body, optional("InvokeMode", &shapes::INVOKE_MODE)),
    ] },
    // DeleteAlias
    Operation { method: "DELETE", path: &["2015-03-31", "functions", "{FunctionName}", "aliases", "{Name}"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Path(4), required("Name", &shapes::ALIAS)),
    ] },
    // DeleteEventSourceMapping
    Operation { method: "DELETE", path: &["2015-03-31", "event-source-mappings", "{UUID}"], asked: &[], members: &[
        (Path(2), required("UUID", &shapes::UUID_STRING)),
    ] },
    // DeleteFunction
    Operation { method: "DELETE", path: &["2015-03-31", "functions", "{FunctionName}"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
    ] },
    // DeleteFunctionCodeSigningConfig
    Operation { method: "DELETE", path: &["2020-06-30", "functions", "{FunctionName}", "code-signing-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
    ] },
    // DeleteFunctionConcurrency
    Operation { method: "DELETE", path: &["2017-10-31", "functions", "{FunctionName}", "concurrency"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
    ] },
    // DeleteFunctionEventInvokeConfig
    Operation { method: "DELETE", path: &["2019-09-25", "functions", "{FunctionName}", "event-invoke-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
    ] },
    // DeleteFunctionUrlConfig
    Operation { method: "DELETE", path: &["2021-10-31", "functions", "{FunctionName}", "url"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_URL_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::FUNCTION_URL_QUALIFIER)),
    ] },
    // DeleteProvisionedConcurrencyConfig
    Operation { method: "DELETE", path: &["2019-09-30", "functions", "{FunctionName}", "provisioned-concurrency"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Query("Qualifier"), required("Qualifier", &shapes::QUALIFIER)),
    ] },
    // GetAlias
    Operation { method: "GET", path: &["2015-03-31", "functions", "{FunctionName}", "aliases", "{Name}"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Path(4), required("Name", &shapes::ALIAS)),
    ] },
    // GetEventSourceMapping
    Operation { method: "GET", path: &["2015-03-31", "event-source-mappings", "{UUID}"], asked: &[], members: &[
        (Path(2), required("UUID", &shapes::UUID_STRING)),
    ] },
    // GetFunction
    Operation { method: "GET", path: &["2015-03-31", "functions", "{FunctionName}"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
    ] },
    // GetFunctionCodeSigningConfig
    Operation { method: "GET", path: &["2020-06-30", "functions", "{FunctionName}", "code-signing-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
    ] },
    // GetFunctionConcurrency
    Operation { method: "GET", path: &["2019-09-30", "functions", "{FunctionName}", "concurrency"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
    ] },
    // GetFunctionConfiguration
    Operation { method: "GET", path: &["2015-03-31", "functions", "{FunctionName}", "configuration"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
    ] },
    // GetFunctionEventInvokeConfig
    Operation { method: "GET", path: &["2019-09-25", "functions", "{FunctionName}", "event-invoke-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
    ] },
    // GetFunctionRecursionConfig
    Operation { method: "GET", path: &["2024-08-31", "functions", "{FunctionName}", "recursion-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::UNQUALIFIED_FUNCTION_NAME)),
    ] },
    // GetFunctionUrlConfig
    Operation { method: "GET", path: &["2021-10-31", "functions", "{FunctionName}", "url"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_URL_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::FUNCTION_URL_QUALIFIER)),
    ] },
    // GetPolicy
    Operation { method: "GET", path: &["2015-03-31", "functions", "{FunctionName}", "policy"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
    ] },
    // GetProvisionedConcurrencyConfig
    Operation { method: "GET", path: &["2019-09-30", "functions", "{FunctionName}", "provisioned-concurrency"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Query("Qualifier"), required("Qualifier", &shapes::QUALIFIER)),
    ] },
    // GetRuntimeManagementConfig
    Operation { method: "GET", path: &["2021-07-20", "functions", "{FunctionName}", "runtime-management-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
    ] },
    // Invoke
    Operation { method: "POST", path: &["2015-03-31", "functions", "{FunctionName}", "invocations"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Header("X-Amz-Invocation-Type"), optional("InvocationType", &shapes::INVOCATION_TYPE)),
        (Header("X-Amz-Log-Type"), optional("LogType", &shapes::LOG_TYPE)),
        (Header("X-Amz-Client-Context"), optional("ClientContext", &shapes::STRING)),
        (Header("X-Amz-Durable-Execution-Name"), optional("DurableExecutionName", &shapes::DURABLE_EXECUTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
        (Header("X-Amz-Tenant-Id"), optional("TenantId", &shapes::TENANT_ID)),
    ] },
    // InvokeAsync
    Operation { method: "POST", path: &["2014-11-13", "functions", "{FunctionName}", "invoke-async"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
    ] },
    // InvokeWithResponseStream
    Operation { method: "POST", path: &["2021-11-15", "functions", "{FunctionName}", "response-streaming-invocations"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Header("X-Amz-Log-Type"), optional("LogType", &shapes::LOG_TYPE)),
        (Header("X-Amz-Client-Context"), optional("ClientContext", &shapes::STRING)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
        (Header("X-Amz-Tenant-Id"), optional("TenantId", &shapes::TENANT_ID)),
        (Header("X-Amz-Invocation-Type"), optional("InvocationType", &shapes::RESPONSE_STREAMING_INVOCATION_TYPE)),
    ] },
    // ListAliases
    Operation { method: "GET", path: &["2015-03-31", "functions", "{FunctionName}", "aliases"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Query("FunctionVersion"), optional("FunctionVersion", &shapes::VERSION_WITH_LATEST_PUBLISHED)),
        (Query("Marker"), optional("Marker", &shapes::STRING)),
        (Query("MaxItems"), optional("MaxItems", &shapes::MAX_LIST_ITEMS)),
    ] },
    // ListEventSourceMappings
    Operation { method: "GET", path: &["2015-03-31", "event-source-mappings"], asked: &[], members: &[
        (Query("EventSourceArn"), optional("EventSourceArn", &shapes::ARN)),
        (Query("FunctionName"), optional("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Marker"), optional("Marker", &shapes::STRING)),
        (Query("MaxItems"), optional("MaxItems", &shapes::MAX_LIST_ITEMS)),
    ] },
    // ListFunctionEventInvokeConfigs
    Operation { method: "GET", path: &["2019-09-25", "functions", "{FunctionName}", "event-invoke-config", "list"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Marker"), optional("Marker", &shapes::STRING)),
        (Query("MaxItems"), optional("MaxItems", &shapes::MAX_FUNCTION_EVENT_INVOKE_CONFIG_LIST_ITEMS)),
    ] },
    // ListFunctionUrlConfigs
    Operation { method: "GET", path: &["2021-10-31", "functions", "{FunctionName}", "urls"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_URL_FUNCTION_NAME)),
        (Query("Marker"), optional("Marker", &shapes::STRING)),
        (Query("MaxItems"), optional("MaxItems", &shapes::MAX_ITEMS)),
    ] },
    // ListFunctions
    Operation { method: "GET", path: &["2015-03-31", "functions"], asked: &[], members: &[
        (Query("MasterRegion"), optional("MasterRegion", &shapes::MASTER_REGION)),
        (Query("FunctionVersion"), optional("FunctionVersion", &shapes::FUNCTION_VERSION)),
        (Query("Marker"), optional("Marker", &shapes::STRING)),
        (Query("MaxItems"), optional("MaxItems", &shapes::MAX_LIST_ITEMS)),
    ] },
    // ListTags
    Operation { method: "GET", path: &["2017-03-31", "tags", "{Resource}"], asked: &[], members: &[
        (Path(2), required("Resource", &shapes::TAGGABLE_RESOURCE)),
    ] },
    // ListVersionsByFunction
    Operation { method: "GET", path: &["2015-03-31", "functions", "{FunctionName}", "versions"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Marker"), optional("Marker", &shapes::STRING)),
        (Query("MaxItems"), optional("MaxItems", &shapes::MAX_LIST_ITEMS)),
    ] },
    // PublishVersion
    Operation { method: "POST", path: &["2015-03-31", "functions", "{FunctionName}", "versions"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Body, optional("CodeSha256", &shapes::STRING)),
        (Body, optional("Description", &shapes::DESCRIPTION)),
        (Body, optional("RevisionId", &shapes::STRING)),
        (Body, optional("PublishTo", &shapes::FUNCTION_VERSION_LATEST_PUBLISHED)),
    ] },
    // PutFunctionCodeSigningConfig
    Operation { method: "PUT", path: &["2020-06-30", "functions", "{FunctionName}", "code-signing-config"], asked: &[], members: &[
        (Body, required("CodeSigningConfigArn", &shapes::CODE_SIGNING_CONFIG_ARN)),
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
    ] },
    // PutFunctionConcurrency
    Operation { method: "PUT", path: &["2017-10-31", "functions", "{FunctionName}", "concurrency"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Body, required("ReservedConcurrentExecutions", &shapes::RESERVED_CONCURRENT_EXECUTIONS)),
    ] },
    // PutFunctionEventInvokeConfig
    Operation { method: "PUT", path: &["2019-09-25", "functions", "{FunctionName}", "event-invoke-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
        (Body, optional("MaximumRetryAttempts", &shapes::MAXIMUM_RETRY_ATTEMPTS)),
        (Body, optional("MaximumEventAgeInSeconds", &shapes::MAXIMUM_EVENT_AGE_IN_SECONDS)),
        (Body, optional("DestinationConfig", &shapes::DESTINATION_CONFIG)),
    ] },
    // PutFunctionRecursionConfig
    Operation { method: "PUT", path: &["2024-08-31", "functions", "{FunctionName}", "recursion-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::UNQUALIFIED_FUNCTION_NAME)),
        (Body, required("RecursiveLoop", &shapes::RECURSIVE_LOOP)),
    ] },
    // PutProvisionedConcurrencyConfig
    Operation { method: "PUT", path: &["2019-09-30", "functions", "{FunctionName}", "provisioned-concurrency"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Query("Qualifier"), required("Qualifier", &shapes::QUALIFIER)),
        (Body, required("ProvisionedConcurrentExecutions", &shapes::POSITIVE_INTEGER)),
    ] },
    // PutRuntimeManagementConfig
    Operation { method: "PUT", path: &["2021-07-20", "functions", "{FunctionName}", "runtime-management-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
        (Body, required("UpdateRuntimeOn", &shapes::UPDATE_RUNTIME_ON)),
        (Body, optional("RuntimeVersionArn", &shapes::RUNTIME_VERSION_ARN)),
    ] },
    // RemovePermission
    Operation { method: "DELETE", path: &["2015-03-31", "functions", "{FunctionName}", "policy", "{StatementId}"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Path(4), required("StatementId", &shapes::NAMESPACED_STATEMENT_ID)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
        (Query("RevisionId"), optional("RevisionId", &shapes::STRING)),
    ] },
    // TagResource
    Operation { method: "POST", path: &["2017-03-31", "tags", "{Resource}"], asked: &[], members: &[
        (Path(2), required("Resource", &shapes::TAGGABLE_RESOURCE)),
        (Body, required("Tags", &shapes::TAGS)),
    ] },
    // UntagResource
    Operation { method: "DELETE", path: &["2017-03-31", "tags", "{Resource}"], asked: &[], members: &[
        (Path(2), required("Resource", &shapes::TAGGABLE_RESOURCE)),
        (Query("tagKeys"), required("TagKeys", &shapes::TAG_KEY_LIST)),
    ] },
    // UpdateAlias
    Operation { method: "PUT", path: &["2015-03-31", "functions", "{FunctionName}", "aliases", "{Name}"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Path(4), required("Name", &shapes::ALIAS)),
        (Body, optional("FunctionVersion", &shapes::VERSION_WITH_LATEST_PUBLISHED)),
        (Body, optional("Description", &shapes::DESCRIPTION)),
        (Body, optional("RoutingConfig", &shapes::ALIAS_ROUTING_CONFIGURATION)),
        (Body, optional("RevisionId", &shapes::STRING)),
    ] },
    // UpdateEventSourceMapping
    Operation { method: "PUT", path: &["2015-03-31", "event-source-mappings", "{UUID}"], asked: &[], members: &[
        (Path(2), required("UUID", &shapes::UUID_STRING)),
        (Body, optional("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Body, optional("Enabled", &shapes::ENABLED)),
        (Body, optional("BatchSize", &shapes::BATCH_SIZE)),
        (Body, optional("FilterCriteria", &shapes::FILTER_CRITERIA)),
        (Body, optional("KMSKeyArn", &shapes::KMS_KEY_ARN)),
        (Body, optional("MetricsConfig", &shapes::EVENT_SOURCE_MAPPING_METRICS_CONFIG)),
        (Body, optional("LoggingConfig", &shapes::EVENT_SOURCE_MAPPING_LOGGING_CONFIG)),
        (Body, optional("MaximumBatchingWindowInSeconds", &shapes::MAXIMUM_BATCHING_WINDOW_IN_SECONDS)),
        (Body, optional("ParallelizationFactor", &shapes::PARALLELIZATION_FACTOR)),
        (Body, optional("DestinationConfig", &shapes::DESTINATION_CONFIG)),
        (Body, optional("MaximumRecordAgeInSeconds", &shapes::MAXIMUM_RECORD_AGE_IN_SECONDS)),
        (Body, optional("BisectBatchOnFunctionError", &shapes::BISECT_BATCH_ON_FUNCTION_ERROR)),
        (Body, optional("MaximumRetryAttempts", &shapes::MAXIMUM_RETRY_ATTEMPTS_EVENT_SOURCE_MAPPING)),
        (Body, optional("TumblingWindowInSeconds", &shapes::TUMBLING_WINDOW_IN_SECONDS)),
        (Body, optional("FunctionResponseTypes", &shapes::FUNCTION_RESPONSE_TYPE_LIST)),
    ] },
    // UpdateFunctionCode
    Operation { method: "PUT", path: &["2015-03-31", "functions", "{FunctionName}", "code"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Body, optional("ZipFile", &shapes::BLOB)),
        (Body, optional("S3Bucket", &shapes::S3_BUCKET)),
        (Body, optional("S3Key", &shapes::S3_KEY)),
        (Body, optional("S3ObjectVersion", &shapes::S3_OBJECT_VERSION)),
        (Body, optional("S3ObjectStorageMode", &shapes::S3_OBJECT_STORAGE_MODE)),
        (Body, optional("ImageUri", &shapes::STRING)),
        (Body, optional("Architectures", &shapes::ARCHITECTURES_LIST)),
        (Body, optional("Publish", &shapes::BOOLEAN)),
        (Body, optional("PublishTo", &shapes::FUNCTION_VERSION_LATEST_PUBLISHED)),
        (Body, optional("DryRun", &shapes::BOOLEAN)),
        (Body, optional("RevisionId", &shapes::STRING)),
        (Body, optional("SourceKMSKeyArn", &shapes::KMS_KEY_ARN)),
    ] },
    // UpdateFunctionConfiguration
    Operation { method: "PUT", path: &["2015-03-31", "functions", "{FunctionName}", "configuration"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_NAME)),
        (Body, optional("Role", &shapes::ROLE_ARN)),
        (Body, optional("Handler", &shapes::HANDLER)),
        (Body, optional("Description", &shapes::DESCRIPTION)),
        (Body, optional("Timeout", &shapes::TIMEOUT)),
        (Body, optional("MemorySize", &shapes::MEMORY_SIZE)),
        (Body, optional("VpcConfig", &shapes::VPC_CONFIG)),
        (Body, optional("Environment", &shapes::ENVIRONMENT)),
        (Body, optional("Runtime", &shapes::RUNTIME)),
        (Body, optional("DeadLetterConfig", &shapes::DEAD_LETTER_CONFIG)),
        (Body, optional("KMSKeyArn", &shapes::KMS_KEY_ARN)),
        (Body, optional("TracingConfig", &shapes::TRACING_CONFIG)),
        (Body, optional("RevisionId", &shapes::STRING)),
        (Body, optional("EphemeralStorage", &shapes::EPHEMERAL_STORAGE)),
        (Body, optional("SnapStart", &shapes::SNAP_START)),
        (Body, optional("LoggingConfig", &shapes::LOGGING_CONFIG)),
        (Body, optional("RuntimeConfig", &shapes::FUNCTION_RUNTIME_CONFIG)),
        (Body, optional("AcceleratorConfig", &shapes::ACCELERATOR_CONFIG)),
    ] },
    // UpdateFunctionEventInvokeConfig
    Operation { method: "POST", path: &["2019-09-25", "functions", "{FunctionName}", "event-invoke-config"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::NAMESPACED_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER)),
        (Body, optional("MaximumRetryAttempts", &shapes::MAXIMUM_RETRY_ATTEMPTS)),
        (Body, optional("MaximumEventAgeInSeconds", &shapes::MAXIMUM_EVENT_AGE_IN_SECONDS)),
        (Body, optional("DestinationConfig", &shapes::DESTINATION_CONFIG)),
    ] },
    // UpdateFunctionUrlConfig
    Operation { method: "PUT", path: &["2021-10-31", "functions", "{FunctionName}", "url"], asked: &[], members: &[
        (Path(2), required("FunctionName", &shapes::FUNCTION_URL_FUNCTION_NAME)),
        (Query("Qualifier"), optional("Qualifier", &shapes::FUNCTION_URL_QUALIFIER)),
        (Body, optional("AuthType", &shapes::FUNCTION_URL_AUTH_TYPE)),
        (Body, optional("Cors", &shapes::CORS)),
        (Body, optional("InvokeMode", &shapes::INVOKE_MODE)),
    ] },
];
