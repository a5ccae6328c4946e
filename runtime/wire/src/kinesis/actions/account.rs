//! What holds for an account in a region: its limits and its settings.

use model::Timestamp;
use streams::{AccountSettings, StreamMode};

use super::{
    super::{
        answer::Answer,
        documents::{AccountSettingsReply, Commitment, DescribeLimitsReply, seconds},
        error::AwsError,
        input::Members,
    },
    Carrier,
};
use crate::limits::{
    CHANNELS_PER_ACCOUNT, COMMITMENT_MIN, CONSUMERS_PER_STREAM_MAX, CONSUMERS_WITH_COMMITMENT_MAX,
    LARGE_REGIONS, ON_DEMAND_STREAMS_PER_ACCOUNT, SHARDS_PER_ACCOUNT,
    SHARDS_PER_ACCOUNT_IN_LARGE_REGIONS,
};

impl Carrier<'_> {
    pub(super) fn describe_limits(&self) -> Result<Answer, AwsError> {
        let streams = self.streams.list(&self.world()?, None, usize::MAX).streams;
        let on_demand = streams
            .iter()
            .filter(|stream| stream.mode == StreamMode::OnDemand);
        self.document(&DescribeLimitsReply {
            shard_limit: shards_per_account(&self.caller.region),
            open_shard_count: streams.iter().map(|stream| stream.open_shards).sum(),
            on_demand_stream_count: on_demand.count(),
            on_demand_stream_count_limit: ON_DEMAND_STREAMS_PER_ACCOUNT,
            channel_count: 0,
            channel_count_limit: CHANNELS_PER_ACCOUNT,
        })
    }

    pub(super) fn describe_account_settings(&self) -> Result<Answer, AwsError> {
        let settings = self.streams.account_settings(&self.world()?);
        self.document(&settings_document(settings, self.now()))
    }

    pub(super) async fn update_account_settings(
        &self,
        input: Members<'_>,
    ) -> Result<Answer, AwsError> {
        let commitment = input.inside("MinimumThroughputBillingCommitment");
        let enable = commitment.and_then(|commitment| commitment.text("Status")) == Some("ENABLED");
        let changed = self
            .streams
            .change_account_settings(self.world()?, move |known, now| decided(known, enable, now))
            .await;
        let settings = changed.map_err(AwsError::internal)?;
        self.document(&settings_document(settings, self.now()))
    }
}

/// How many shards an account may have in a region.
pub(super) fn shards_per_account(region: &str) -> usize {
    if LARGE_REGIONS.contains(&region) {
        SHARDS_PER_ACCOUNT_IN_LARGE_REGIONS
    } else {
        SHARDS_PER_ACCOUNT
    }
}

/// How many consumers a stream of that mode may have.
pub(super) fn consumers_per_stream(
    mode: StreamMode,
    settings: AccountSettings,
    now: Timestamp,
) -> usize {
    match mode {
        StreamMode::OnDemand if holds(settings, now) => CONSUMERS_WITH_COMMITMENT_MAX,
        StreamMode::OnDemand | StreamMode::Provisioned => CONSUMERS_PER_STREAM_MAX,
    }
}

/// Whether a commitment holds, be it only until its earliest end.
fn holds(settings: AccountSettings, now: Timestamp) -> bool {
    settings.commitment || settings.ended.is_some_and(|ended| ended > now)
}

/// A commitment that ends early holds until its shortest time has passed.
fn decided(known: AccountSettings, enable: bool, now: Timestamp) -> AccountSettings {
    match (known.commitment, enable) {
        (false, true) => AccountSettings {
            commitment: true,
            started: Some(now),
            ended: None,
        },
        (true, true) => AccountSettings {
            ended: None,
            ..known
        },
        (true, false) => AccountSettings {
            commitment: false,
            ended: Some(now.max(earliest_end(known))),
            ..known
        },
        (false, false) => known,
    }
}

fn earliest_end(settings: AccountSettings) -> Timestamp {
    settings.started.unwrap_or_default().plus(COMMITMENT_MIN)
}

fn settings_document(settings: AccountSettings, now: Timestamp) -> AccountSettingsReply {
    let moment = |time: Timestamp| seconds(time.as_millis());
    let holds = holds(settings, now);
    let status = match (settings.commitment, holds) {
        (true, _) => "ENABLED",
        (false, true) => "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
        (false, false) => "DISABLED",
    };
    AccountSettingsReply {
        minimum_throughput_billing_commitment: Commitment {
            status,
            started_at: settings.started.map(moment),
            ended_at: settings.ended.map(moment),
            earliest_allowed_end_at: holds.then(|| moment(earliest_end(settings))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_regions_have_more_shards() {
        for (region, shards) in [
            ("us-east-1", 20_000),
            ("us-west-2", 20_000),
            ("eu-west-1", 20_000),
            ("eu-central-1", 6_000),
            ("us-east-2", 6_000),
        ] {
            assert_eq!(shards_per_account(region), shards, "{region}");
        }
    }
}
