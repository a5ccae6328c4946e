//! What is measured of calls, and whether AWS's quotas let them pass.

use model::StreamKey;
use platform::Monotonic;
use streams::{Noted, Operation, StreamMode, StreamStatus};

use super::{
    super::{
        error::AwsError,
        generated::Action,
        input::Members,
        quotas::{Calling, Exceeded},
    },
    Carrier,
    account::shards_per_account,
};
use crate::limits::{ON_DEMAND_STREAMS_PER_ACCOUNT, STREAMS_IN_TRANSITION_MAX};

impl Carrier<'_> {
    pub(super) fn begins(&self) -> Monotonic {
        self.platform.clock.monotonic()
    }

    /// Counts a call about a stream that began then.
    pub(super) fn measured(
        &self,
        key: &StreamKey,
        operation: Operation,
        began: Monotonic,
        noted: Noted,
    ) {
        let took = self.begins().0.saturating_sub(began.0);
        self.streams.note(key, operation, Noted { took, ..noted });
    }

    /// Whether quotas let the action pass. Of what they do not count they know nothing.
    pub(super) fn pass_quotas(&self, action: Action, input: Members<'_>) -> Result<(), AwsError> {
        let Some(quotas) = self.quotas else {
            return Ok(());
        };
        let stream = named(input);
        let passed = quotas.pass(action, self.calling(stream), self.begins());
        let account = &self.caller.account;
        passed.map_err(|exceeded| match exceeded {
            Exceeded::Rate if stream.is_empty() => AwsError::account_rate_exceeded(account),
            Exceeded::Rate => AwsError::stream_rate_exceeded(stream, account),
            Exceeded::Daily(max) => {
                AwsError::daily_quota_exceeded(self.action, max, stream, account)
            }
        })
    }

    /// Counts an action that succeeded, where only so many may within a day.
    pub(super) fn count_quotas(&self, action: Action, input: Members<'_>) {
        if let Some(quotas) = self.quotas {
            quotas.count(action, self.calling(named(input)), self.begins());
        }
    }

    /// Whether the account may have another stream.
    pub(super) fn check_room_for_stream(
        &self,
        shards: u32,
        mode: StreamMode,
    ) -> Result<(), AwsError> {
        if self.quotas.is_none() {
            return Ok(());
        }
        let world = self.world()?;
        let streams = self.streams.list(&world, None, usize::MAX).streams;
        let moving = streams.iter().filter(|stream| match stream.status {
            StreamStatus::Creating | StreamStatus::Deleting => true,
            StreamStatus::Active | StreamStatus::Updating => false,
        });
        if moving.count() >= STREAMS_IN_TRANSITION_MAX {
            return Err(AwsError::too_many_streams_in_transition());
        }
        let on_demand = streams
            .iter()
            .filter(|stream| stream.mode == StreamMode::OnDemand);
        if mode == StreamMode::OnDemand && on_demand.count() >= ON_DEMAND_STREAMS_PER_ACCOUNT {
            return Err(AwsError::too_many_streams_on_demand(&self.caller.account));
        }
        self.check_room_for_shards(shards)
    }

    /// Whether the account may have so many shards more.
    pub(super) fn check_room_for_shards(&self, more: u32) -> Result<(), AwsError> {
        if self.quotas.is_none() {
            return Ok(());
        }
        let after = self
            .open_shards()?
            .saturating_add(usize::try_from(more).unwrap_or(usize::MAX));
        if after > shards_per_account(&self.caller.region) {
            return Err(self.shards_exceeded(more));
        }
        Ok(())
    }

    /// So many shards more than there may be.
    pub(super) fn shards_exceeded(&self, more: u32) -> AwsError {
        let (account, region) = (&self.caller.account, &self.caller.region);
        self.open_shards().map_or_else(
            |error| error,
            |open| {
                let limit = shards_per_account(region);
                AwsError::account_shards_exceeded(account, region, (open, limit), more)
            },
        )
    }

    fn open_shards(&self) -> Result<usize, AwsError> {
        let streams = self.streams.list(&self.world()?, None, usize::MAX).streams;
        Ok(streams.iter().map(|stream| stream.open_shards).sum())
    }

    fn calling<'a>(&'a self, stream: &'a str) -> Calling<'a> {
        Calling {
            account: &self.caller.account,
            region: &self.caller.region,
            stream,
        }
    }
}

/// The name of the stream that an input is about, empty where there is none.
fn named(input: Members<'_>) -> &str {
    let of_arn = |arn: &'static str| {
        let resource = input.text(arn)?.split_once(":stream/")?.1;
        resource.split('/').next()
    };
    input
        .text("StreamName")
        .or_else(|| of_arn("StreamARN"))
        .or_else(|| of_arn("ResourceARN"))
        .or_else(|| of_arn("ConsumerARN"))
        .unwrap_or_default()
}
