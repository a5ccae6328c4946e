//! Streams as a whole: made, deleted, described, listed.

use model::{StreamKey, StreamName};
use streams::{
    CreateError, DeleteError, Distribution, StreamFacts, StreamMode, StreamStatus,
    limits::SHARDS_PER_STREAM_MAX,
};

use super::{
    super::{
        answer::Answer,
        documents::{
            DescribeStreamReply, DescribeStreamSummaryReply, EnhancedMetrics, ListStreamsReply,
            StreamDescription, StreamDescriptionSummary, StreamFacts as FactsDocument,
            StreamModeDetails, StreamSummary, WarmThroughput, seconds,
        },
        error::AwsError,
        input::Members,
        next_token::{ListKind, NextToken},
        records::ENCRYPTED,
    },
    Carrier,
    shards::{resolved, shard_documents},
    status_name,
};
use crate::limits::{DESCRIBED_PER_PAGE_MAX, RECORD_KIB_DEFAULT, SHARDS_DEFAULT};

impl Carrier<'_> {
    /// A stream that names neither mode nor shards is on demand, with AWS's count. A provisioned one must name its count.
    pub(super) async fn create_stream(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let count = input.count("ShardCount");
        let named_mode = input
            .inside("StreamModeDetails")
            .and_then(|details| details.text("StreamMode"));
        let mode = match (named_mode, count) {
            (Some("ON_DEMAND"), _) | (None, None) => StreamMode::OnDemand,
            (Some(_), None) => return Err(AwsError::provisioned_without_count()),
            (Some(_), Some(_)) | (None, Some(_)) => StreamMode::Provisioned,
        };
        let shards = count.map_or(SHARDS_DEFAULT, |count| {
            u32::try_from(count).unwrap_or(u32::MAX)
        });
        let traits = self.traits_at_creation(input, &key, mode)?;
        let warm = traits.warm_mibps.unwrap_or_default();
        let shards = shards.max(warm.min(SHARDS_PER_STREAM_MAX));
        if self.streams.describe(&key).is_err() {
            self.check_room_for_stream(shards, mode)?;
        }
        let created = self.streams.create(key.clone(), shards, mode, traits).await;
        created.map_err(|error| match error {
            CreateError::Exists(_) => {
                AwsError::stream_exists(key.name.as_str(), key.account.as_str())
            }
            CreateError::Shards { asked, .. } => self.shards_exceeded(asked),
            CreateError::Down(reason) => AwsError::internal(reason),
        })?;
        Ok(Answer::done(self.codec))
    }

    pub(super) async fn delete_stream(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let facts = self.described(&key)?;
        // One that is being deregistered goes as it is.
        let consumers = facts.traits.consumers(self.now());
        let consumers = consumers.filter(|consumer| consumer.gone_from.is_none());
        let consumers = consumers.count();
        if consumers > 0 && !input.flag("EnforceConsumerDeletion") {
            return Err(AwsError::stream_has_consumers(consumers, &key));
        }
        let deleted = self.streams.delete(key.clone()).await;
        deleted.map_err(|error| match error {
            DeleteError::Unknown(_) => {
                AwsError::stream_not_found(key.name.as_str(), key.account.as_str())
            }
            DeleteError::NotActive(status) => not_active(&key, status),
            DeleteError::Down(reason) => AwsError::internal(reason),
        })?;
        Ok(Answer::done(self.codec))
    }

    pub(super) fn describe_stream(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let facts = self.described(&key)?;
        let start = input.text("ExclusiveStartShardId");
        let after = start.map(|given| resolved(given, &key)).transpose()?;
        let limit = input
            .count("Limit")
            .map_or(DESCRIBED_PER_PAGE_MAX, |asked| {
                asked.min(DESCRIBED_PER_PAGE_MAX)
            });
        let mut shards = self.shown(&key)?;
        shards.retain(|shard| after.is_none_or(|after| shard.facts.id > after));
        let has_more_shards = shards.len() > limit;
        shards.truncate(limit);
        self.document(&DescribeStreamReply {
            stream_description: StreamDescription {
                stream: facts_document(&facts),
                shards: shard_documents(&shards),
                has_more_shards,
            },
        })
    }

    pub(super) fn describe_stream_summary(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let facts = self.described(&key)?;
        self.document(&DescribeStreamSummaryReply {
            stream_description_summary: StreamDescriptionSummary {
                stream: facts_document(&facts),
                open_shard_count: match facts.status {
                    StreamStatus::Creating => 0,
                    StreamStatus::Active | StreamStatus::Updating | StreamStatus::Deleting => {
                        facts.open_shards
                    }
                },
                consumer_count: facts.traits.consumers(self.now()).count(),
                max_record_size_in_ki_b: facts.traits.record_kib_max.unwrap_or(RECORD_KIB_DEFAULT),
                warm_throughput: facts.traits.warm_mibps.map(|warm| WarmThroughput {
                    target_mi_bps: warm,
                    current_mi_bps: warm,
                }),
                record_distribution_strategy: facts.traits.distribution.map(distribution_name),
            },
        })
    }

    pub(super) fn list_streams(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let world = self.world()?;
        let now_ms = self.now().as_millis();
        let of_world = |name: &StreamName| {
            let parts = [world.account.as_str(), world.region.as_str(), name.as_str()];
            parts.map(str::to_owned).to_vec()
        };
        let after = match input.text("NextToken") {
            Some(token) => {
                let parts = NextToken::decode(token, ListKind::Streams, now_ms)?;
                let name = parts.last().and_then(|name| StreamName::parse(name).ok());
                let name = name.filter(|name| of_world(name) == parts);
                Some(name.ok_or_else(AwsError::next_token_invalid)?)
            }
            None => {
                let name = input.text("ExclusiveStartStreamName");
                name.and_then(|name| StreamName::parse(name).ok())
            }
        };
        let limit = input
            .count("Limit")
            .map_or(DESCRIBED_PER_PAGE_MAX, |asked| {
                asked.min(DESCRIBED_PER_PAGE_MAX)
            });
        let listing = self.streams.list(&world, after.as_ref(), limit);
        let last = listing.streams.last().filter(|_| listing.more);
        let next_token = last.map(|last| {
            let token = NextToken {
                created_ms: now_ms,
                list: ListKind::Streams,
                parts: of_world(&last.key.name),
            };
            token.encode(self.platform.rng.u64())
        });
        let name = |facts: &StreamFacts| facts.key.name.as_str().to_owned();
        self.document(&ListStreamsReply {
            stream_names: listing.streams.iter().map(name).collect(),
            has_more_streams: listing.more,
            next_token,
            stream_summaries: listing.streams.iter().map(summary_document).collect(),
        })
    }
}

pub(super) fn not_active(key: &StreamKey, status: StreamStatus) -> AwsError {
    AwsError::stream_not_active(key.name.as_str(), key.account.as_str(), status_name(status))
}

fn facts_document(facts: &StreamFacts) -> FactsDocument {
    FactsDocument {
        stream_name: facts.key.name.as_str().to_owned(),
        stream_arn: facts.key.arn(),
        stream_status: status_name(facts.status),
        stream_mode_details: mode_document(facts.mode),
        retention_period_hours: facts.retention.as_secs() / 3600,
        stream_creation_timestamp: seconds(facts.created.as_millis()),
        enhanced_monitoring: [EnhancedMetrics {
            shard_level_metrics: facts.traits.metrics.iter().cloned().collect(),
        }],
        encryption_type: match facts.traits.data_key {
            Some(_) => ENCRYPTED,
            None => "NONE",
        },
        // Earlier versions kept ids of keys without encrypting anything.
        key_id: facts.traits.data_key.and(facts.traits.key_id.clone()),
    }
}

fn distribution_name(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Auto => "AUTO",
        Distribution::UserPartitionKey => "USER_PARTITION_KEY",
    }
}

fn summary_document(facts: &StreamFacts) -> StreamSummary {
    StreamSummary {
        stream_name: facts.key.name.as_str().to_owned(),
        stream_arn: facts.key.arn(),
        stream_status: status_name(facts.status),
        stream_mode_details: mode_document(facts.mode),
        stream_creation_timestamp: seconds(facts.created.as_millis()),
    }
}

fn mode_document(mode: StreamMode) -> StreamModeDetails {
    let stream_mode = match mode {
        StreamMode::Provisioned => "PROVISIONED",
        StreamMode::OnDemand => "ON_DEMAND",
    };
    StreamModeDetails { stream_mode }
}
