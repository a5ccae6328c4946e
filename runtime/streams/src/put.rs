//! Puts: records in, their shards and sequence numbers out, all of one request in one commit.
//!
//! A put is answered when the log calls it durable. Records on their way to a shard that closes meanwhile are routed again
//! once its children are known. A producer that repeats a request gets the first answer again.
//! Outputs of transactions are only routed here; their commit is the caller's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use log::{Append, Assigned, Commit, ProducerMark, Refused};
use model::{NewRecord, SequenceNumber, ShardId, ShardSlot, StreamKey};

use crate::{
    engine::{Streams, unknown},
    facts::{StreamStatus, UnknownStream},
    registry::{ShardEntry, StreamEntry},
    route::{Gathered, Routed, spread},
    traffic::Passed,
    traits::Distribution,
};

/// One entry a record that was stored, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutAnswer {
    pub entries: Vec<(ShardId, SequenceNumber)>,
    /// The others, whose shards were full: their places in the request, in order.
    pub refused: Vec<(usize, ShardId)>,
    /// Whether the stream is encrypted.
    pub encrypted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    #[error(transparent)]
    Unknown(#[from] UnknownStream),
    #[error("put records: the stream is {0:?}, wait until it is active")]
    NotActive(StreamStatus),
    #[error("put records: the disk is full, free space or shorten retention")]
    Full,
    #[error("put records: {bytes} bytes are over the limit of {max}, send fewer at once")]
    TooLarge { bytes: usize, max: usize },
    #[error("put records: {0} takes no more just now, wait a moment")]
    ShardFull(ShardId),
    #[error("put records: the producer already sent request {last}, use a larger number")]
    StaleProducer { last: u64 },
    #[error("put records: the producer sent other records under this number before")]
    OtherRequest,
    #[error("put records: {0}")]
    Down(String),
}

impl Streams {
    /// Routes the records, appends them and waits until they are durable.
    pub async fn put(
        &self,
        key: &StreamKey,
        mut records: Vec<NewRecord>,
        producer: Option<ProducerMark>,
    ) -> Result<PutAnswer, PutError> {
        let mut changes = self.changes();
        let mut stream = self.taking(key)?;
        let refused = self.admit(&stream, &mut records, producer.as_ref())?;
        if records.is_empty() {
            let entries = Vec::new();
            return Ok(PutAnswer {
                entries,
                refused,
                encrypted: false,
            });
        }
        let mut encrypted = false;
        let (entries, placed) = loop {
            encrypted |= stream.traits.data_key.is_some();
            let mut gathered = Gathered::default();
            let mut routed = Vec::with_capacity(records.len());
            for record in &records {
                let place = gathered.add(stream.routes(), record.clone());
                routed.push(place.ok_or_else(|| unknown(key))?);
            }
            let passed = gathered.passed();
            let commit = Commit {
                appends: gathered.into_appends(),
                producer: producer.clone(),
                ..Commit::default()
            };
            match self.shared.log.place(commit).await {
                Ok(placed) if placed.repeated => {
                    let entries = repeated(&stream, &records, &placed.appends);
                    break (entries, placed);
                }
                Ok(placed) => {
                    stream.count_puts(&passed, &records, &routed);
                    break (numbered(&routed, &placed.appends), placed);
                }
                Err(Refused::NoSuchShard(_)) => {
                    changes.next().await;
                    stream = self.taking(key)?;
                }
                Err(refused) => return Err(refused.into()),
            }
        };
        let durable = self.shared.log.durable(placed.at).await;
        durable.map_err(|stopped| PutError::Down(stopped.to_string()))?;
        let entries = entries.ok_or(PutError::OtherRequest)?;
        Ok(PutAnswer {
            entries,
            refused,
            encrypted,
        })
    }

    /// A stream that takes records.
    fn taking(&self, key: &StreamKey) -> Result<Arc<StreamEntry>, PutError> {
        let stream = self.existing(key)?;
        match stream.status(self.now()) {
            Some(status) if status.takes_records() => Ok(stream),
            Some(status) => Err(PutError::NotActive(status)),
            None => Err(unknown(key).into()),
        }
    }

    /// What comes before routing: records are spread where the stream says so, and those that full shards refuse are taken
    /// out. A producer's request that may be repeated is refused or taken as a whole.
    fn admit(
        &self,
        stream: &StreamEntry,
        records: &mut Vec<NewRecord>,
        producer: Option<&ProducerMark>,
    ) -> Result<Vec<(usize, ShardId)>, PutError> {
        let limited = self.shared.settings.aws_limits;
        if stream.traits.distribution == Some(Distribution::Auto) {
            let turn = stream.meters.stream.take_turns(0);
            spread(records, producer, turn);
        }
        if !limited && !self.throttles() {
            return Ok(Vec::new());
        }
        let now = self.shared.platform.clock.monotonic();
        match producer {
            None => Ok(stream.refuse_over_rate(records, limited, now)),
            Some(_) => match stream.full_shard(records, limited, now) {
                Some(full) => Err(PutError::ShardFull(full)),
                None => Ok(Vec::new()),
            },
        }
    }

    /// The appends that put these records, for a commit of the caller's. Streams may be of any state but gone.
    pub fn route_outputs(
        &self,
        outputs: Vec<(StreamKey, NewRecord)>,
    ) -> Result<Vec<Append>, UnknownStream> {
        let now = self.now();
        let mut gathered = Gathered::default();
        for (key, record) in outputs {
            let stream = self.existing(&key)?;
            // What a stream takes while it is being deleted goes with it.
            if stream.status(now) == Some(StreamStatus::Deleting) {
                return Err(unknown(&key));
            }
            let mut record = [record];
            if stream.traits.distribution == Some(Distribution::Auto) {
                spread(&mut record, None, stream.meters.stream.take_turns(0));
            }
            let routed = gathered.add(stream.routes(), record[0].clone());
            let routed = routed.ok_or_else(|| unknown(&key))?;
            stream.count_puts(&[passed(&routed, &record[0])], &record, &[routed]);
        }
        Ok(gathered.into_appends())
    }
}

fn passed(routed: &Routed, record: &NewRecord) -> (ShardId, Passed) {
    let bytes = u64::try_from(record.counted_len()).unwrap_or(u64::MAX);
    let passed = Passed { bytes, records: 1 };
    (routed.shard.id, passed)
}

/// The first answer to a request, whose shards may be closed by now.
fn repeated(
    stream: &StreamEntry,
    records: &[NewRecord],
    assigned: &[Assigned],
) -> Option<Vec<(ShardId, SequenceNumber)>> {
    let slots: BTreeSet<ShardSlot> = assigned.iter().map(|append| append.slot).collect();
    let shards = stream.shards.iter();
    let mut then: Vec<ShardEntry> = shards
        .filter(|shard| slots.contains(&shard.slot))
        .copied()
        .collect();
    then.sort_by_key(|shard| shard.range.starting);
    let mut gathered = Gathered::default();
    let places = records.iter().cloned();
    let routed: Option<Vec<Routed>> = places.map(|record| gathered.add(&then, record)).collect();
    numbered(&routed?, assigned)
}

/// `None` when the log's answer is not about these records: a producer's number was used for others before.
fn numbered(routed: &[Routed], assigned: &[Assigned]) -> Option<Vec<(ShardId, SequenceNumber)>> {
    let by_slot: BTreeMap<ShardSlot, &Assigned> = assigned
        .iter()
        .map(|append| (append.slot, append))
        .collect();
    let counted: u64 = assigned.iter().map(|append| u64::from(append.count)).sum();
    if u64::try_from(routed.len()).ok() != Some(counted) {
        return None;
    }
    routed
        .iter()
        .map(|place| {
            let append = by_slot.get(&place.shard.slot)?;
            let index = append.first_index.checked_add(place.offset)?;
            let number = place.shard.numbers().of_record(index, append.arrived);
            (place.offset < u64::from(append.count)).then_some((place.shard.id, number))
        })
        .collect()
}

impl From<Refused> for PutError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::TooLarge { bytes, max } => Self::TooLarge { bytes, max },
            Refused::StaleProducer { last } => Self::StaleProducer { last },
            // Puts carry no guards, expect nothing and name only open shards: these would be our own mistakes.
            Refused::Fenced { .. }
            | Refused::Changed
            | Refused::NoSuchShard(_)
            | Refused::Stopped(_) => Self::Down(refused.to_string()),
        }
    }
}
