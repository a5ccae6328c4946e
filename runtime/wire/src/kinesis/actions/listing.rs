//! ListShards: which shards, by their place in time, and page after page.
//!
//! In: a stream and a filter, or the token of a page before. Out: shards in order of their ids. A token carries the
//! stream's ARN and the filter, because a request with a token may name nothing else.

use model::{ShardId, StreamKey, Timestamp};
use streams::{ShardDescription, StreamFacts, StreamStatus};

use super::{
    super::{
        answer::Answer,
        documents::ListShardsReply,
        error::AwsError,
        input::{Members, StreamFields},
        next_token::{ListKind, NextToken},
    },
    Carrier,
    lifecycle::not_active,
    shards::{resolved, shard_documents},
};
use crate::limits::LISTED_SHARDS_PER_PAGE_MAX;

/// Which shards are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// All that may hold records.
    FromHorizon,
    After(ShardId),
    AtHorizon,
    AtLatest,
    At(Timestamp),
    From(Timestamp),
}

/// Where a listing stands.
struct Listing {
    key: StreamKey,
    after: Option<ShardId>,
    filter: Filter,
}

impl Carrier<'_> {
    pub(super) fn list_shards(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let listing = match input.text("NextToken") {
            Some(token) => self.continued(input, token)?,
            None => self.begun(input)?,
        };
        let facts = self.described(&listing.key)?;
        check_creation(input, &facts)?;
        if facts.status == StreamStatus::Creating {
            return Err(not_active(&listing.key, facts.status));
        }
        let mut shards = self.shown(&listing.key)?;
        shards.retain(|shard| {
            let behind = listing.after.is_none_or(|after| shard.facts.id > after);
            behind && listing.filter.selects(shard, &facts, self.now())
        });
        let max = LISTED_SHARDS_PER_PAGE_MAX;
        let limit = input
            .count("MaxResults")
            .map_or(max, |asked| asked.min(max));
        let more = shards.len() > limit;
        shards.truncate(limit);
        let last = shards.last().filter(|_| more);
        self.document(&ListShardsReply {
            shards: shard_documents(&shards),
            next_token: last.map(|last| self.token(&listing, last.facts.id)),
        })
    }

    fn begun(&self, input: Members<'_>) -> Result<Listing, AwsError> {
        if input.stream() == StreamFields::default() {
            return Err(AwsError::list_unnamed());
        }
        let key = self.addressed(input)?;
        let start = input.text("ExclusiveStartShardId");
        let after = start.map(|given| resolved(given, &key)).transpose()?;
        let filter = match input.inside("ShardFilter") {
            Some(filter) => Filter::read(filter, &key)?,
            None => Filter::FromHorizon,
        };
        Ok(Listing { key, after, filter })
    }

    /// Where a listing goes on, which its token says alone.
    fn continued(&self, input: Members<'_>, token: &str) -> Result<Listing, AwsError> {
        check_beside_token(
            input,
            &[
                "StreamName",
                "StreamCreationTimestamp",
                "ExclusiveStartShardId",
                "ShardFilter",
            ],
        )?;
        let parts = NextToken::decode(token, ListKind::Shards, self.now().as_millis())?;
        let [arn, last, filter, argument] = parts.as_slice() else {
            return Err(AwsError::next_token_invalid());
        };
        let of_arn = |arn: &str| StreamFields {
            name: None,
            arn: Some(arn.to_owned()),
        };
        let addressed = of_arn(arn).addressed(&self.caller);
        let addressed = addressed.map_err(|_| AwsError::next_token_invalid())?;
        if let Some(given) = input.text("StreamARN")
            && of_arn(given).addressed(&self.caller)? != addressed
        {
            return Err(AwsError::next_token_invalid());
        }
        Ok(Listing {
            key: self.permitted(&addressed)?,
            after: ShardId::parse(last),
            filter: Filter::from_parts(filter, argument)
                .ok_or_else(AwsError::next_token_invalid)?,
        })
    }

    fn token(&self, listing: &Listing, last: ShardId) -> String {
        let (filter, argument) = listing.filter.parts();
        let token = NextToken {
            created_ms: self.now().as_millis(),
            list: ListKind::Shards,
            parts: vec![
                listing.key.arn(),
                last.to_string(),
                filter.to_owned(),
                argument,
            ],
        };
        token.encode(self.platform.rng.u64())
    }
}

/// What a token says already may not be said beside it.
pub(super) fn check_beside_token(input: Members<'_>, members: &[&str]) -> Result<(), AwsError> {
    let given = |member: &&&str| input.0.get(**member).is_some_and(|value| !value.is_null());
    match members.iter().find(given) {
        Some(member) => Err(AwsError::beside_next_token(member)),
        None => Ok(()),
    }
}

/// Whether a stream is the one that its creation tells from others of its name. Some clients say whole seconds only.
pub(super) fn check_creation(input: Members<'_>, stream: &StreamFacts) -> Result<(), AwsError> {
    let given_s = input
        .moment_ms("StreamCreationTimestamp")
        .map(|given_ms| given_ms / 1000);
    let key = &stream.key;
    match given_s {
        Some(given_s) if given_s != stream.created.as_seconds() => Err(AwsError::stream_not_found(
            key.name.as_str(),
            key.account.as_str(),
        )),
        Some(_) | None => Ok(()),
    }
}

impl Filter {
    fn read(given: Members<'_>, key: &StreamKey) -> Result<Self, AwsError> {
        let kind = given.text("Type").unwrap_or_default();
        let moment = || {
            let ms = given.moment_ms("Timestamp");
            ms.map(Timestamp::from_millis)
                .ok_or_else(|| AwsError::filter_incomplete(kind, "Timestamp"))
        };
        Ok(match kind {
            "AFTER_SHARD_ID" => {
                let shard = given.text("ShardId");
                let shard = shard.ok_or_else(|| AwsError::filter_incomplete(kind, "ShardId"))?;
                Self::After(resolved(shard, key)?)
            }
            "AT_TRIM_HORIZON" => Self::AtHorizon,
            "AT_LATEST" => Self::AtLatest,
            "AT_TIMESTAMP" => Self::At(moment()?),
            "FROM_TIMESTAMP" => Self::From(moment()?),
            // The bounds of the input leave FROM_TRIM_HORIZON.
            _ => Self::FromHorizon,
        })
    }

    fn parts(self) -> (&'static str, String) {
        match self {
            Self::FromHorizon => ("from-horizon", String::new()),
            Self::After(shard) => ("after", shard.to_string()),
            Self::AtHorizon => ("at-horizon", String::new()),
            Self::AtLatest => ("at-latest", String::new()),
            Self::At(time) => ("at", time.as_millis().to_string()),
            Self::From(time) => ("from", time.as_millis().to_string()),
        }
    }

    fn from_parts(kind: &str, argument: &str) -> Option<Self> {
        let time = || argument.parse().ok().map(Timestamp::from_millis);
        match kind {
            "from-horizon" => Some(Self::FromHorizon),
            "after" => ShardId::parse(argument).map(Self::After),
            "at-horizon" => Some(Self::AtHorizon),
            "at-latest" => Some(Self::AtLatest),
            "at" => time().map(Self::At),
            "from" => time().map(Self::From),
            _ => None,
        }
    }

    fn selects(self, shard: &ShardDescription, stream: &StreamFacts, now: Timestamp) -> bool {
        let ended_by = |time: Timestamp| shard.closed.is_some_and(|closed| closed < time);
        let open_at = |time: Timestamp| shard.opened <= time && !ended_by(time);
        match self {
            Self::FromHorizon => true,
            Self::After(after) => shard.facts.id > after,
            Self::AtLatest => shard.closed.is_none(),
            Self::At(time) => open_at(time),
            Self::From(time) => !ended_by(time),
            // Before its creation a stream had no records to trim.
            Self::AtHorizon => open_at(now.minus(stream.retention).max(stream.created)),
        }
    }
}
