//! Answers about streams and shards, as serde writes them.
//!
//! In: what the engine knows, already in AWS's words. Out: JSON with AWS's member names, absent members left out.
//! Answers that carry records are written by hand in `records`, because there speed counts.

use serde::Serialize;

/// A point in time: seconds since 1970, with milliseconds behind the point.
pub(super) fn seconds(ms: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact for the next 280,000 years"
    )]
    let ms = ms as f64;
    ms / 1000.0
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeStreamReply {
    pub(super) stream_description: StreamDescription,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StreamDescription {
    #[serde(flatten)]
    pub(super) stream: StreamFacts,
    pub(super) shards: Vec<ShardDocument>,
    pub(super) has_more_shards: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeStreamSummaryReply {
    pub(super) stream_description_summary: StreamDescriptionSummary,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StreamDescriptionSummary {
    #[serde(flatten)]
    pub(super) stream: StreamFacts,
    pub(super) open_shard_count: usize,
    pub(super) consumer_count: usize,
    #[serde(rename = "MaxRecordSizeInKiB")]
    pub(super) max_record_size_in_ki_b: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) warm_throughput: Option<WarmThroughput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record_distribution_strategy: Option<&'static str>,
}

/// What both descriptions of a stream say.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StreamFacts {
    pub(super) stream_name: String,
    #[serde(rename = "StreamARN")]
    pub(super) stream_arn: String,
    pub(super) stream_status: &'static str,
    pub(super) stream_mode_details: StreamModeDetails,
    pub(super) retention_period_hours: u64,
    pub(super) stream_creation_timestamp: f64,
    pub(super) enhanced_monitoring: [EnhancedMetrics; 1],
    pub(super) encryption_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StreamModeDetails {
    pub(super) stream_mode: &'static str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnhancedMetrics {
    pub(super) shard_level_metrics: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListStreamsReply {
    pub(super) stream_names: Vec<String>,
    pub(super) has_more_streams: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
    pub(super) stream_summaries: Vec<StreamSummary>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StreamSummary {
    pub(super) stream_name: String,
    #[serde(rename = "StreamARN")]
    pub(super) stream_arn: String,
    pub(super) stream_status: &'static str,
    pub(super) stream_mode_details: StreamModeDetails,
    pub(super) stream_creation_timestamp: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShardsReply {
    pub(super) shards: Vec<ShardDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardDocument {
    pub(super) shard_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_shard_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) adjacent_parent_shard_id: Option<String>,
    pub(super) hash_key_range: HashKeyRangeDocument,
    pub(super) sequence_number_range: SequenceNumberRangeDocument,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HashKeyRangeDocument {
    pub(super) starting_hash_key: String,
    pub(super) ending_hash_key: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SequenceNumberRangeDocument {
    pub(super) starting_sequence_number: String,
    /// Of closed shards only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ending_sequence_number: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateShardCountReply {
    pub(super) stream_name: String,
    #[serde(rename = "StreamARN")]
    pub(super) stream_arn: String,
    pub(super) current_shard_count: u32,
    pub(super) target_shard_count: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetShardIteratorReply {
    pub(super) shard_iterator: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRecordReply {
    pub(super) shard_id: String,
    pub(super) sequence_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encryption_type: Option<&'static str>,
}

/// A shard that continues one that has ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChildShardDocument {
    pub(super) shard_id: String,
    pub(super) parent_shards: Vec<String>,
    pub(super) hash_key_range: HashKeyRangeDocument,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsForStreamReply {
    pub(super) tags: Vec<Tag>,
    pub(super) has_more_tags: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsForResourceReply {
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnhancedMonitoringReply {
    pub(super) stream_name: String,
    #[serde(rename = "StreamARN")]
    pub(super) stream_arn: String,
    pub(super) current_shard_level_metrics: Vec<String>,
    pub(super) desired_shard_level_metrics: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WarmThroughput {
    #[serde(rename = "TargetMiBps")]
    pub(super) target_mi_bps: u32,
    #[serde(rename = "CurrentMiBps")]
    pub(super) current_mi_bps: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateWarmThroughputReply {
    pub(super) stream_name: String,
    #[serde(rename = "StreamARN")]
    pub(super) stream_arn: String,
    pub(super) warm_throughput: WarmThroughput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeLimitsReply {
    pub(super) shard_limit: usize,
    pub(super) open_shard_count: usize,
    pub(super) on_demand_stream_count: usize,
    pub(super) on_demand_stream_count_limit: usize,
    pub(super) channel_count: usize,
    pub(super) channel_count_limit: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountSettingsReply {
    pub(super) minimum_throughput_billing_commitment: Commitment,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Commitment {
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) started_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) earliest_allowed_end_at: Option<f64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetResourcePolicyReply {
    pub(super) policy: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConsumerDocument {
    pub(super) consumer_name: String,
    #[serde(rename = "ConsumerARN")]
    pub(super) consumer_arn: String,
    pub(super) consumer_status: &'static str,
    pub(super) consumer_creation_timestamp: f64,
    #[serde(rename = "StreamARN", skip_serializing_if = "Option::is_none")]
    pub(super) stream_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RegisterStreamConsumerReply {
    pub(super) consumer: ConsumerDocument,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeStreamConsumerReply {
    pub(super) consumer_description: ConsumerDocument,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListStreamConsumersReply {
    pub(super) consumers: Vec<ConsumerDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}
