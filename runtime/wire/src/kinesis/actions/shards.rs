//! Shards of a stream: listed, resolved from what a client calls them, and pointed into by iterators.

use model::{
    SequenceNumber, ShardId, StreamKey, Timestamp,
    seams::{ReadFrom, SourceError},
};
use streams::{ShardDescription, StreamStatus};

use super::{
    super::{
        answer::Answer,
        documents::{
            GetShardIteratorReply, HashKeyRangeDocument, ListShardsReply,
            SequenceNumberRangeDocument, ShardDocument,
        },
        error::AwsError,
        input::{Members, StreamFields},
        iterator::{Place, ShardIterator},
        next_token::{ListKind, NextToken},
    },
    Carrier, key,
    lifecycle::not_active,
};
use crate::limits::LISTED_SHARDS_PER_PAGE_MAX;

impl Carrier<'_> {
    pub(super) fn list_shards(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let now_ms = self.now().as_millis();
        let (key, after) = match input.text("NextToken") {
            Some(token) => self.continued(input, token, now_ms)?,
            None => {
                if input.stream() == StreamFields::default() {
                    return Err(AwsError::list_unnamed());
                }
                let key = self.addressed(input)?;
                let start = starting_shard(input, "ExclusiveStartShardId", &key)?;
                let filter = input.inside("ShardFilter");
                // No shard has ended yet in this server: every other filter selects all shards.
                let filtered = match filter.filter(|f| f.text("Type") == Some("AFTER_SHARD_ID")) {
                    Some(filter) => starting_shard(filter, "ShardId", &key)?,
                    None => None,
                };
                (key, start.max(filtered))
            }
        };
        let facts = self.described(&key)?;
        if facts.status == StreamStatus::Creating {
            return Err(not_active(&key, facts.status));
        }
        let limit = input
            .count("MaxResults")
            .map_or(LISTED_SHARDS_PER_PAGE_MAX, |asked| {
                asked.min(LISTED_SHARDS_PER_PAGE_MAX)
            });
        let (shards, more) = self.shard_page(&key, facts.status, after, limit)?;
        let last = shards.last().filter(|_| more);
        let next_token = last.map(|last| {
            let token = NextToken {
                created_ms: now_ms,
                list: ListKind::Shards,
                parts: vec![key.name.as_str().to_owned(), last.facts.id.to_string()],
            };
            token.encode(self.platform.rng.u64())
        });
        self.document(&ListShardsReply {
            shards: shard_documents(&shards),
            next_token,
        })
    }

    /// Where a listing goes on, which its token says alone.
    fn continued(
        &self,
        input: Members<'_>,
        token: &str,
        now_ms: u64,
    ) -> Result<(StreamKey, Option<ShardId>), AwsError> {
        for member in ["StreamName", "ExclusiveStartShardId", "ShardFilter"] {
            if input.0.get(member).is_some_and(|value| !value.is_null()) {
                return Err(AwsError::beside_next_token(member));
            }
        }
        let parts = NextToken::decode(token, ListKind::Shards, now_ms)?;
        let [name, last] = parts.as_slice() else {
            return Err(AwsError::next_token_invalid());
        };
        let fields = StreamFields {
            name: Some(name.clone()),
            arn: input.stream().arn,
        };
        let key = key(&fields.addressed(&self.caller)?)?;
        Ok((key, ShardId::parse(last)))
    }

    /// Shards behind `after`, and whether there are more than `limit`. A stream that is CREATING shows none.
    pub(super) fn shard_page(
        &self,
        key: &StreamKey,
        status: StreamStatus,
        after: Option<ShardId>,
        limit: usize,
    ) -> Result<(Vec<ShardDescription>, bool), AwsError> {
        if status == StreamStatus::Creating {
            return Ok((Vec::new(), false));
        }
        let unknown = |_| AwsError::stream_not_found(key.name.as_str(), key.account.as_str());
        let mut shards = self.streams.shards(key).map_err(unknown)?;
        shards.retain(|shard| after.is_none_or(|after| shard.facts.id > after));
        let more = shards.len() > limit;
        shards.truncate(limit);
        Ok((shards, more))
    }

    pub(super) fn get_shard_iterator(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let given = input.text("ShardId").unwrap_or_default();
        let (name, account) = (key.name.as_str(), key.account.as_str());
        let shard = ShardId::parse(given)
            .ok_or_else(|| AwsError::shard_unresolved(given, name, account))?;
        let missing = || AwsError::shard_missing(&shard.to_string(), name, account);
        let facts = self.streams.describe(&key).map_err(|_| missing())?;
        let (shards, _) = self.shard_page(&key, facts.status, None, usize::MAX)?;
        let found = shards.iter().find(|found| found.facts.id == shard);
        let from = self.asked_place(input, &key, found.ok_or_else(missing)?)?;
        if input.flag("DryRun") {
            return Err(AwsError::dry_run());
        }
        let shard_iterator = self.iterator(&key, shard, from)?;
        self.document(&GetShardIteratorReply { shard_iterator })
    }

    /// A new iterator, never one that was given before.
    pub(super) fn iterator(
        &self,
        key: &StreamKey,
        shard: ShardId,
        from: ReadFrom,
    ) -> Result<String, AwsError> {
        let place = match from {
            ReadFrom::Oldest => Place::Horizon,
            ReadFrom::At(number) => Place::At(number.to_string()),
            ReadFrom::After(number) => Place::After(number.to_string()),
            ReadFrom::Arrived(time) => Place::Time(time.as_millis()),
            // What comes after this call is read, whenever the iterator is used.
            ReadFrom::Latest => {
                let tip = self.streams.tip(key, shard);
                Place::At(tip.map_err(|error| source_error(error, key))?.to_string())
            }
        };
        let iterator = ShardIterator {
            created_ms: self.now().as_millis(),
            stream: key.name.as_str().to_owned(),
            shard: shard.0,
            place,
        };
        Ok(iterator.encode(self.platform.rng.u64()))
    }

    fn asked_place(
        &self,
        input: Members<'_>,
        key: &StreamKey,
        shard: &ShardDescription,
    ) -> Result<ReadFrom, AwsError> {
        let kind = input.text("ShardIteratorType").unwrap_or_default();
        let number = input.text("StartingSequenceNumber");
        let required = |number: Option<&str>| {
            let number = number.ok_or_else(|| AwsError::starting_number_mismatch(kind, "no"))?;
            starting_number(number, key, shard)
        };
        match kind {
            "AT_SEQUENCE_NUMBER" => Ok(ReadFrom::At(required(number)?)),
            "AFTER_SEQUENCE_NUMBER" => Ok(ReadFrom::After(required(number)?)),
            "AT_TIMESTAMP" => {
                let given_ms = input.moment_ms("Timestamp");
                let given_ms = given_ms.ok_or_else(AwsError::timestamp_missing)?;
                let now_ms = self.now().as_millis();
                if given_ms > now_ms {
                    return Err(AwsError::timestamp_in_future(given_ms, now_ms));
                }
                Ok(ReadFrom::Arrived(Timestamp::from_millis(given_ms)))
            }
            // The bounds of the input leave TRIM_HORIZON and LATEST.
            _ if number.is_some() => Err(AwsError::starting_number_mismatch(kind, "also a")),
            "LATEST" => Ok(ReadFrom::Latest),
            _ => Ok(ReadFrom::Oldest),
        }
    }
}

/// A number that a record of this very shard could have.
fn starting_number(
    given: &str,
    key: &StreamKey,
    shard: &ShardDescription,
) -> Result<SequenceNumber, AwsError> {
    let used = shard.facts.id.to_string();
    let invalid = |reason| {
        let (name, account) = (key.name.as_str(), key.account.as_str());
        AwsError::starting_number_invalid(given, &used, name, account, reason)
    };
    let number: SequenceNumber = given.parse().map_err(|_| invalid(""))?;
    let parts = number.parts().ok_or_else(|| invalid(""))?;
    if parts.shard != shard.facts.id.0 {
        let encoded = ShardId(parts.shard).to_string();
        return Err(AwsError::starting_number_of_other_shard(&encoded, &used));
    }
    let created = shard.starting.parts().map(|parts| parts.shard_created_s);
    if created != Some(parts.shard_created_s) {
        return Err(invalid(" because it did not come from this stream"));
    }
    Ok(number)
}

/// The shard behind which a listing begins.
pub(super) fn starting_shard(
    input: Members<'_>,
    member: &str,
    key: &StreamKey,
) -> Result<Option<ShardId>, AwsError> {
    let resolve = |given| {
        ShardId::parse(given).ok_or_else(|| {
            AwsError::shard_unresolved(given, key.name.as_str(), key.account.as_str())
        })
    };
    input.text(member).map(resolve).transpose()
}

pub(super) fn source_error(error: SourceError, key: &StreamKey) -> AwsError {
    match error {
        SourceError::NoSuchStream(_) => {
            AwsError::stream_not_found(key.name.as_str(), key.account.as_str())
        }
        SourceError::NoSuchShard(shard) => {
            AwsError::shard_missing(&shard.to_string(), key.name.as_str(), key.account.as_str())
        }
        SourceError::Down(reason) => AwsError::internal(reason),
    }
}

pub(super) fn shard_documents(shards: &[ShardDescription]) -> Vec<ShardDocument> {
    let parent = |shard: &ShardDescription, index: usize| {
        shard.facts.parents.get(index).map(ShardId::to_string)
    };
    let one = |shard: &ShardDescription| ShardDocument {
        shard_id: shard.facts.id.to_string(),
        parent_shard_id: parent(shard, 0),
        adjacent_parent_shard_id: parent(shard, 1),
        hash_key_range: range_document(shard),
        sequence_number_range: SequenceNumberRangeDocument {
            starting_sequence_number: shard.starting.to_string(),
        },
    };
    shards.iter().map(one).collect()
}

pub(super) fn range_document(shard: &ShardDescription) -> HashKeyRangeDocument {
    HashKeyRangeDocument {
        starting_hash_key: shard.facts.range.starting.0.to_string(),
        ending_hash_key: shard.facts.range.ending.0.to_string(),
    }
}
