//! Shards split, merged, and their number changed.

use model::{HashKey, StreamKey};
use streams::ReshardError;

use super::{
    super::{
        answer::Answer, documents::UpdateShardCountReply, error::AwsError, generated::Action,
        input::Members,
    },
    Carrier,
    lifecycle::not_active,
    shards::resolved,
};

impl Carrier<'_> {
    pub(super) async fn split_shard(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let shard = resolved(input.text("ShardToSplit").unwrap_or_default(), &key)?;
        let given = input.text("NewStartingHashKey").unwrap_or_default();
        // What is too large for a hash key lies outside of every shard.
        let at = given.parse().unwrap_or(u128::MAX);
        self.check_room_for_shards(1)?;
        let split = self.streams.split(key.clone(), shard, HashKey(at)).await;
        split.map_err(|error| {
            if let ReshardError::OutsideOfShard { range } = error {
                AwsError::split_outside_of_shard(given, shard, &key, range)
            } else {
                reshard_error(error, &key)
            }
        })?;
        Ok(Answer::done(self.codec))
    }

    pub(super) async fn merge_shards(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let named = |member| resolved(input.text(member).unwrap_or_default(), &key);
        let (lower, upper) = (named("ShardToMerge")?, named("AdjacentShardToMerge")?);
        let merged = self.streams.merge(key.clone(), lower, upper).await;
        merged.map_err(|error| {
            if error == ReshardError::NotAdjacent {
                AwsError::shards_not_adjacent(lower, upper, &key)
            } else {
                reshard_error(error, &key)
            }
        })?;
        Ok(Answer::done(self.codec))
    }

    pub(super) async fn update_shard_count(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let asked = input.count("TargetShardCount").unwrap_or_default();
        let asked = u32::try_from(asked).unwrap_or(u32::MAX);
        let open = self.described(&key)?.open_shards;
        let more = asked.saturating_sub(u32::try_from(open).unwrap_or(u32::MAX));
        self.check_room_for_shards(more)?;
        let scaled = self.streams.scale(key.clone(), asked).await;
        let scaled = scaled.map_err(|error| {
            if let ReshardError::Limit { .. } = error {
                self.shards_exceeded(more)
            } else {
                reshard_error(error, &key)
            }
        })?;
        self.count_quotas(Action::UpdateShardCount, input);
        self.document(&UpdateShardCountReply {
            stream_name: key.name.as_str().to_owned(),
            stream_arn: key.arn(),
            current_shard_count: scaled.before,
            target_shard_count: scaled.after,
        })
    }
}

fn reshard_error(error: ReshardError, key: &StreamKey) -> AwsError {
    let (name, account) = (key.name.as_str(), key.account.as_str());
    match error {
        ReshardError::Unknown(_) => AwsError::stream_not_found(name, account),
        ReshardError::NoSuchShard(shard) => {
            AwsError::shard_unresolved(&shard.to_string(), name, account)
        }
        ReshardError::Closed(shard) => AwsError::shard_closed(shard, key),
        ReshardError::NotActive(status) => not_active(key, status),
        ReshardError::OnDemand => AwsError::stream_on_demand(key),
        ReshardError::TooMany { open, asked } => AwsError::scaled_too_far_up(open, asked),
        ReshardError::TooFew { open, asked } => AwsError::scaled_too_far_down(open, asked),
        ReshardError::Limit { .. }
        | ReshardError::OutsideOfShard { .. }
        | ReshardError::NotAdjacent
        | ReshardError::UsedUp
        | ReshardError::Down(_) => AwsError::internal(error),
    }
}
