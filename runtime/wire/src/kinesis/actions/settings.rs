//! What is set on a stream: retention, metrics, encryption, mode, size of records, throughput, distribution.

use std::{collections::BTreeSet, time::Duration};

use model::StreamKey;
use serde_json::Value;
use streams::{Amendment, Distribution, StreamMode, StreamStatus, Traits};

use super::{
    super::{
        answer::Answer,
        documents::{EnhancedMonitoringReply, UpdateWarmThroughputReply, WarmThroughput},
        error::AwsError,
        generated::Action,
        input::{Members, StreamFields},
    },
    Carrier,
    lifecycle::not_active,
    tags::tags_at_creation,
};
use crate::limits::{RETENTION_HOURS_MIN, WARM_MIBPS_MAX};

/// In the order in which AWS lists them.
const METRICS: [&str; 7] = [
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "WriteProvisionedThroughputExceeded",
];

impl Carrier<'_> {
    /// Lengthens or shortens retention. Data that the old one did not cover does not come back.
    pub(super) async fn change_retention(
        &self,
        input: Members<'_>,
        longer: bool,
    ) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let asked = input.whole("RetentionPeriodHours").unwrap_or_default();
        self.described(&key)?;
        let hours = u64::try_from(asked).unwrap_or_default();
        if asked < RETENTION_HOURS_MIN {
            return Err(AwsError::retention_too_short(asked));
        }
        let stream = key.clone();
        self.amend(key, move |amendment| {
            check_in_use(amendment, &stream)?;
            let known = amendment.retention().as_secs() / 3600;
            if longer && hours < known {
                return Err(AwsError::retention_not_longer(hours, known, &stream));
            }
            if !longer && hours > known {
                return Err(AwsError::retention_not_shorter(hours, known, &stream));
            }
            amendment.set_retention(Duration::from_hours(hours));
            Ok(())
        })
        .await?;
        Ok(Answer::done(self.codec))
    }

    pub(super) async fn change_monitoring(
        &self,
        input: Members<'_>,
        enable: bool,
    ) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let asked = asked_metrics(input);
        let stream = key.clone();
        let (before, after) = self
            .amend(key.clone(), move |amendment| {
                check_active(amendment, &stream)?;
                let before = amendment.traits().metrics.clone();
                let metrics = &mut amendment.traits_mut().metrics;
                if enable {
                    metrics.extend(asked);
                } else {
                    metrics.retain(|metric| !asked.contains(metric));
                }
                Ok((before, metrics.clone()))
            })
            .await?;
        self.document(&EnhancedMonitoringReply {
            stream_name: key.name.as_str().to_owned(),
            stream_arn: key.arn(),
            current_shard_level_metrics: before.into_iter().collect(),
            desired_shard_level_metrics: after.into_iter().collect(),
        })
    }

    /// Another key's id than before means another data key; the ids themselves are only kept and told back.
    pub(super) async fn start_encryption(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let known = self.described(&key)?;
        if input.text("EncryptionType") != Some("KMS") {
            return Err(AwsError::encryption_type_none());
        }
        let key_id = input.text("KeyId").unwrap_or_default().to_owned();
        let same = known.traits.data_key.is_some() && known.traits.key_id.as_ref() == Some(&key_id);
        let fresh = if same || known.status != StreamStatus::Active {
            None
        } else {
            let fresh = self.streams.fresh_key(&key).await;
            Some(fresh.map_err(AwsError::internal)?)
        };
        self.update(key, move |amendment| {
            let encrypted = amendment.encrypt(key_id, fresh);
            encrypted.map_err(AwsError::internal)
        })
        .await?;
        self.count_quotas(Action::StartStreamEncryption, input);
        Ok(Answer::done(self.codec))
    }

    pub(super) async fn stop_encryption(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        self.described(&key)?;
        if input.text("EncryptionType") != Some("KMS") {
            return Err(AwsError::encryption_type_none());
        }
        self.update(key, |amendment| {
            amendment.stop_encryption();
            Ok(())
        })
        .await?;
        self.count_quotas(Action::StopStreamEncryption, input);
        Ok(Answer::done(self.codec))
    }

    pub(super) async fn update_stream_mode(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let details = input.inside("StreamModeDetails");
        let asked = details.and_then(|details| details.text("StreamMode"));
        let mode = if asked == Some("ON_DEMAND") {
            StreamMode::OnDemand
        } else {
            StreamMode::Provisioned
        };
        self.described(&key)?;
        let warm_mibps = self.asked_warmth(input, mode)?;
        self.update(key, move |amendment| {
            amendment.set_mode(mode);
            let traits = amendment.traits_mut();
            match mode {
                StreamMode::OnDemand => traits.warm_mibps = warm_mibps.or(traits.warm_mibps),
                // Neither is there for such a stream.
                StreamMode::Provisioned => (traits.warm_mibps, traits.distribution) = (None, None),
            }
            warm_up(amendment)
        })
        .await?;
        self.count_quotas(Action::UpdateStreamMode, input);
        Ok(Answer::done(self.codec))
    }

    pub(super) async fn update_max_record_size(
        &self,
        input: Members<'_>,
    ) -> Result<Answer, AwsError> {
        if input.stream() == StreamFields::default() {
            return Err(AwsError::stream_unnamed());
        }
        let key = self.addressed(input)?;
        let asked = input.whole("MaxRecordSizeInKiB").unwrap_or_default();
        self.update(key, move |amendment| {
            amendment.traits_mut().record_kib_max = u32::try_from(asked).ok();
            Ok(())
        })
        .await?;
        Ok(Answer::done(self.codec))
    }

    pub(super) async fn update_warm_throughput(
        &self,
        input: Members<'_>,
    ) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        self.described(&key)?;
        let warm_mibps = self.asked_warmth(input, StreamMode::OnDemand)?;
        let stream = key.clone();
        let before = self
            .amend(key.clone(), move |amendment| {
                if amendment.mode() == StreamMode::Provisioned {
                    return Err(AwsError::warmth_of_provisioned());
                }
                check_active(amendment, &stream)?;
                amendment.begin_update();
                let warmth = &mut amendment.traits_mut().warm_mibps;
                let before = std::mem::replace(warmth, warm_mibps);
                warm_up(amendment)?;
                Ok(before)
            })
            .await?;
        self.document(&UpdateWarmThroughputReply {
            stream_name: key.name.as_str().to_owned(),
            stream_arn: key.arn(),
            warm_throughput: WarmThroughput {
                target_mi_bps: warm_mibps.unwrap_or_default(),
                current_mi_bps: before.unwrap_or_default(),
            },
        })
    }

    pub(super) async fn update_distribution(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let distribution = asked_distribution(input);
        self.update(key, move |amendment| {
            if amendment.mode() == StreamMode::Provisioned
                && distribution == Some(Distribution::Auto)
            {
                return Err(AwsError::auto_on_provisioned());
            }
            amendment.traits_mut().distribution = distribution;
            Ok(())
        })
        .await?;
        Ok(Answer::done(self.codec))
    }

    /// What CreateStream sets beside shards and mode.
    pub(super) fn traits_at_creation(
        &self,
        input: Members<'_>,
        key: &StreamKey,
        mode: StreamMode,
    ) -> Result<Traits, AwsError> {
        let distribution = asked_distribution(input);
        if mode == StreamMode::Provisioned && distribution == Some(Distribution::Auto) {
            return Err(AwsError::auto_on_provisioned());
        }
        let size = input.whole("MaxRecordSizeInKiB");
        Ok(Traits {
            tags: tags_at_creation(input, key.name.as_str(), key.account.as_str())?,
            record_kib_max: size.and_then(|size| u32::try_from(size).ok()),
            distribution,
            warm_mibps: self.asked_warmth(input, mode)?,
            ..Traits::default()
        })
    }

    /// Streams of accounts that promised a throughput can be warmed, and only on demand.
    fn asked_warmth(&self, input: Members<'_>, mode: StreamMode) -> Result<Option<u32>, AwsError> {
        let Some(asked) = input.whole("WarmThroughputMiBps") else {
            return Ok(None);
        };
        if mode == StreamMode::Provisioned {
            return Err(AwsError::warmth_of_provisioned());
        }
        if !self.streams.account_settings(&self.world()?).commitment {
            return Err(AwsError::warmth_without_commitment());
        }
        if asked > WARM_MIBPS_MAX {
            return Err(AwsError::warmth_over_maximum());
        }
        Ok(u32::try_from(asked).ok())
    }

    /// A change for which the stream must be ACTIVE, and after which it is UPDATING for a while.
    async fn update(
        &self,
        key: StreamKey,
        change: impl FnOnce(&mut Amendment<'_>) -> Result<(), AwsError> + Send + 'static,
    ) -> Result<(), AwsError> {
        let stream = key.clone();
        self.amend(key, move |amendment| {
            check_active(amendment, &stream)?;
            amendment.begin_update();
            change(amendment)
        })
        .await
    }
}

pub(super) fn check_active(amendment: &Amendment<'_>, key: &StreamKey) -> Result<(), AwsError> {
    match amendment.status() {
        StreamStatus::Active => Ok(()),
        status @ (StreamStatus::Creating | StreamStatus::Updating | StreamStatus::Deleting) => {
            Err(not_active(key, status))
        }
    }
}

/// What changes nothing of the shards is taken while the stream takes records, so also while it is UPDATING.
pub(super) fn check_in_use(amendment: &Amendment<'_>, key: &StreamKey) -> Result<(), AwsError> {
    let status = amendment.status();
    if status.takes_records() {
        Ok(())
    } else {
        Err(not_active(key, status))
    }
}

/// When it is no longer UPDATING the stream takes what it is warmed for: a shard takes 1 MiB a second.
fn warm_up(amendment: &mut Amendment<'_>) -> Result<(), AwsError> {
    let shards = amendment.traits().warm_mibps.unwrap_or_default();
    amendment.grow_to(shards).map_err(AwsError::internal)
}

/// ALL stands for each of them.
fn asked_metrics(input: Members<'_>) -> BTreeSet<String> {
    let listed = input.0.get("ShardLevelMetrics").and_then(Value::as_array);
    let names: Vec<&str> = listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let asked = |metric: &&str| names.contains(metric) || names.contains(&"ALL");
    METRICS
        .into_iter()
        .filter(asked)
        .map(str::to_owned)
        .collect()
}

fn asked_distribution(input: Members<'_>) -> Option<Distribution> {
    input
        .text("RecordDistributionStrategy")
        .map(|asked| match asked {
            "AUTO" => Distribution::Auto,
            // The bounds of the input leave one other.
            _ => Distribution::UserPartitionKey,
        })
}
