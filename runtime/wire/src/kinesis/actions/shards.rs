//! Shards of a stream: resolved from what a client calls them, described, and pointed into by iterators.

use model::{
    SequenceNumber, ShardId, StreamKey, Timestamp,
    seams::{ReadFrom, SourceError},
    sequence::Origin,
};
use streams::{ShardDescription, StreamStatus, Streams};

use super::{
    super::{
        answer::Answer,
        documents::{
            ChildShardDocument, GetShardIteratorReply, HashKeyRangeDocument,
            SequenceNumberRangeDocument, ShardDocument,
        },
        error::AwsError,
        input::Members,
        iterator::{Place, ShardIterator},
    },
    Carrier,
};

/// How a request says where to begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    /// Whose texts an error is told in.
    pub(super) action: &'static str,
    pub(super) kind: Option<&'a str>,
    pub(super) number: Option<&'a str>,
    pub(super) moment_ms: Option<u64>,
}

impl Carrier<'_> {
    /// Shards as descriptions show them. A stream that is CREATING shows none.
    pub(super) fn shown(&self, key: &StreamKey) -> Result<Vec<ShardDescription>, AwsError> {
        let unknown = |_| AwsError::stream_not_found(key.name.as_str(), key.account.as_str());
        if self.described(key)?.status == StreamStatus::Creating {
            return Ok(Vec::new());
        }
        self.streams.shown_shards(key).map_err(unknown)
    }

    pub(super) fn get_shard_iterator(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let shard = resolved(input.text("ShardId").unwrap_or_default(), &key)?;
        let described = self.existing_shard(&key, shard)?;
        let start = Start {
            action: "GetShardIterator",
            kind: input.text("ShardIteratorType"),
            number: input.text("StartingSequenceNumber"),
            moment_ms: input.moment_ms("Timestamp"),
        };
        let from = self.place(start, &key, &described)?;
        if input.flag("DryRun") {
            return Err(AwsError::dry_run());
        }
        if !self.streams.may_iterate(&key, shard) {
            return Err(AwsError::shard_full(shard, &key));
        }
        let shard_iterator = self.iterator(&key, shard, from)?;
        self.document(&GetShardIteratorReply { shard_iterator })
    }

    /// A shard that can be read. Of a stream that is CREATING there is none.
    pub(super) fn existing_shard(
        &self,
        key: &StreamKey,
        shard: ShardId,
    ) -> Result<ShardDescription, AwsError> {
        let (name, account) = (key.name.as_str(), key.account.as_str());
        let missing = || AwsError::shard_missing(&shard.to_string(), name, account);
        let facts = self.streams.describe(key).map_err(|_| missing())?;
        let shards = match facts.status {
            StreamStatus::Creating => Vec::new(),
            StreamStatus::Active | StreamStatus::Updating | StreamStatus::Deleting => {
                self.streams.shards(key).map_err(|_| missing())?
            }
        };
        let found = shards.into_iter().find(|found| found.facts.id == shard);
        found.ok_or_else(missing)
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

    /// The place that a request names.
    pub(super) fn place(
        &self,
        start: Start<'_>,
        key: &StreamKey,
        shard: &ShardDescription,
    ) -> Result<ReadFrom, AwsError> {
        let kind = start.kind.unwrap_or_default();
        let required = || {
            let number = start.number;
            let number = number.ok_or_else(|| AwsError::starting_number_mismatch(kind, "no"))?;
            starting_number(start.action, number, key, shard)
        };
        match kind {
            "AT_SEQUENCE_NUMBER" => Ok(ReadFrom::At(required()?)),
            "AFTER_SEQUENCE_NUMBER" => Ok(ReadFrom::After(required()?)),
            "AT_TIMESTAMP" => {
                let given_ms = start.moment_ms.ok_or_else(AwsError::timestamp_missing)?;
                let now_ms = self.now().as_millis();
                if given_ms > now_ms {
                    return Err(AwsError::timestamp_in_future(given_ms, now_ms));
                }
                Ok(ReadFrom::Arrived(Timestamp::from_millis(given_ms)))
            }
            // The bounds of the input leave TRIM_HORIZON and LATEST.
            _ if start.number.is_some() => Err(AwsError::starting_number_mismatch(kind, "also a")),
            "LATEST" => Ok(ReadFrom::Latest),
            _ => Ok(ReadFrom::Oldest),
        }
    }
}

/// A number that a record of this very shard could have.
fn starting_number(
    action: &str,
    given: &str,
    key: &StreamKey,
    shard: &ShardDescription,
) -> Result<SequenceNumber, AwsError> {
    let used = shard.facts.id.to_string();
    let invalid = |reason| AwsError::starting_number_invalid(action, given, &used, key, reason);
    let number: SequenceNumber = given.parse().map_err(|_| invalid(""))?;
    let origin = number.origin().ok_or_else(|| invalid(""))?;
    if origin.shard != shard.facts.id.0 {
        return Err(AwsError::starting_number_of_other_shard(
            origin.shard,
            &used,
        ));
    }
    let own = shard.starting.origin();
    let is_own = |own: Origin| {
        (own.version, own.shard_created_s) == (origin.version, origin.shard_created_s)
    };
    if !own.is_some_and(is_own) {
        return Err(invalid(" because it did not come from this stream"));
    }
    Ok(number)
}

/// A shard by whatever name AWS takes for it.
pub(super) fn resolved(given: &str, key: &StreamKey) -> Result<ShardId, AwsError> {
    ShardId::parse(given)
        .ok_or_else(|| AwsError::shard_unresolved(given, key.name.as_str(), key.account.as_str()))
}

/// What continues a shard that has ended.
pub(in crate::kinesis) fn children(
    streams: &Streams,
    key: &StreamKey,
    parent: ShardId,
) -> Result<Vec<ChildShardDocument>, AwsError> {
    let shards = streams.shards(key);
    let mut shards = shards.map_err(|error| source_error(error.into(), key))?;
    shards.retain(|shard| shard.facts.parents.contains(&parent));
    let child = |shard: &ShardDescription| ChildShardDocument {
        shard_id: shard.facts.id.to_string(),
        parent_shards: shard.facts.parents.iter().map(ShardId::to_string).collect(),
        hash_key_range: range_document(shard),
    };
    Ok(shards.iter().map(child).collect())
}

pub(in crate::kinesis) fn source_error(error: SourceError, key: &StreamKey) -> AwsError {
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
            ending_sequence_number: shard.ending.map(|ending| ending.to_string()),
        },
    };
    shards.iter().map(one).collect()
}

fn range_document(shard: &ShardDescription) -> HashKeyRangeDocument {
    HashKeyRangeDocument {
        starting_hash_key: shard.facts.range.starting.0.to_string(),
        ending_hash_key: shard.facts.range.ending.0.to_string(),
    }
}
