//! A mapping as AWS writes it, with every member that AWS writes and no other.

use model::partition;
use serde_json::{Value, json};

use super::{MappingState, Shown, StartingPosition};

impl StartingPosition {
    pub(super) const WORDS: [(&'static str, Self); 3] = [
        ("LATEST", Self::Latest),
        ("AT_TIMESTAMP", Self::AtTimestamp),
        ("TRIM_HORIZON", Self::TrimHorizon),
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Latest => "LATEST",
            Self::AtTimestamp => "AT_TIMESTAMP",
            Self::TrimHorizon => "TRIM_HORIZON",
        }
    }
}

impl MappingState {
    fn word(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Enabling => "Enabling",
            Self::Enabled => "Enabled",
            Self::Disabling => "Disabling",
            Self::Disabled => "Disabled",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
        }
    }
}

/// `arn:PARTITION:lambda:REGION:ACCOUNT:event-source-mapping:UUID`, beside the function.
pub(super) fn arn(shown: &Shown) -> String {
    let mut parts = shown.mapping.function_arn.split(':').skip(3);
    let region = parts.next().unwrap_or_default();
    let account = parts.next().unwrap_or_default();
    let uuid = &shown.mapping.uuid;
    let partition = partition(region);
    format!("arn:{partition}:lambda:{region}:{account}:event-source-mapping:{uuid}")
}

pub(super) fn document(shown: &Shown) -> Value {
    let mapping = &shown.mapping;
    let settings = &mapping.settings;
    let destination = settings.on_failure.as_ref();
    let on_failure = destination.map_or(json!({}), |arn| json!({ "Destination": arn }));
    let response_types: &[&str] = if settings.report_item_failures {
        &["ReportBatchItemFailures"]
    } else {
        &[]
    };
    let mut document = json!({
        "UUID": mapping.uuid,
        "EventSourceMappingArn": arn(shown),
        "EventSourceArn": mapping.event_source_arn,
        "FunctionArn": mapping.function_arn,
        "StartingPosition": mapping.starting_position.word(),
        "BatchSize": settings.batch_size,
        "MaximumBatchingWindowInSeconds": settings.batching_window_s,
        "ParallelizationFactor": settings.parallelization_factor,
        "BisectBatchOnFunctionError": settings.bisect,
        "MaximumRetryAttempts": settings.retry_attempts,
        "MaximumRecordAgeInSeconds": settings.record_age_s,
        "TumblingWindowInSeconds": settings.tumbling_window_s,
        "DestinationConfig": { "OnFailure": on_failure },
        "FunctionResponseTypes": response_types,
        "State": shown.state.word(),
        "StateTransitionReason": "User action",
        "LastProcessingResult": shown.last_result.to_string(),
        "LastModified": seconds(mapping.modified_ms),
    });
    if let Some(at) = mapping.starting_position_timestamp {
        document["StartingPositionTimestamp"] = json!(at);
    }
    if !settings.filters.is_empty() {
        let filters = settings.filters.iter();
        let filters: Vec<Value> = filters.map(|it| json!({ "Pattern": it })).collect();
        document["FilterCriteria"] = json!({ "Filters": filters });
    }
    if settings.event_count {
        document["MetricsConfig"] = json!({ "Metrics": ["EventCount"] });
    }
    document
}

/// As a number with milliseconds behind the point.
fn seconds(ms: u64) -> Value {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
