//! Records: put into streams and got out of them.

use model::{
    NewRecord, Record, SequenceNumber, ShardId, StreamKey, Timestamp,
    seams::{Page, ReadFrom, ReadLimit, SourceError},
};
use streams::{Noted, Operation, PutAnswer, PutError, StreamStatus};

use super::{
    super::{
        answer::Answer,
        documents::PutRecordReply,
        error::AwsError,
        input::{Members, StreamFields},
        iterator::{Place, ShardIterator},
        puts::{PutRecordBody, PutRecordsBody},
        records::{ENCRYPTED, Ending, records_body, results_body},
    },
    Carrier,
    shards::{children, source_error},
};
use crate::limits::{GET_RECORDS_BYTES_MAX, GET_RECORDS_MAX, RECORD_KIB_DEFAULT};

impl Carrier<'_> {
    pub(super) async fn put_record(&self, body: PutRecordBody) -> Result<Answer, AwsError> {
        let key = self.permitted(&body.stream.addressed(&self.caller)?)?;
        if let Some(given) = &body.sequence_number_for_ordering {
            self.check_ordering(given, &key)?;
        }
        self.check_size(|| "data".to_owned(), &body.record, &key)?;
        let noted = noted(std::slice::from_ref(&body.record));
        let (began, record) = (self.begins(), vec![body.record]);
        let put = self.put(&key, body.dry_run, record).await;
        let stored = put.and_then(|answer| match answer.refused.first() {
            Some((_, full)) => Err(AwsError::shard_full(*full, &key)),
            None => Ok(answer),
        });
        let succeeded = stored.is_ok();
        self.measured(
            &key,
            Operation::PutRecord,
            began,
            Noted { succeeded, ..noted },
        );
        let answer = stored?;
        let (shard, number) = answer
            .entries
            .first()
            .ok_or_else(|| AwsError::internal("a put of one record has no result"))?;
        self.document(&PutRecordReply {
            shard_id: shard.to_string(),
            sequence_number: number.to_string(),
            encryption_type: answer.encrypted.then_some(ENCRYPTED),
        })
    }

    pub(super) async fn put_records(&self, body: PutRecordsBody) -> Result<Answer, AwsError> {
        let key = self.permitted(&body.stream.addressed(&self.caller)?)?;
        for (index, entry) in body.records.iter().enumerate() {
            self.check_size(|| format!("records.{}.member.data", index + 1), entry, &key)?;
        }
        let (began, noted) = (self.begins(), noted(&body.records));
        let put = self.put(&key, body.dry_run, body.records).await;
        let refused = put.as_ref().map_or(0, |answer| answer.refused.len());
        let noted = Noted {
            // As AWS counts it: where at least one record was stored.
            succeeded: put.as_ref().is_ok_and(|answer| !answer.entries.is_empty()),
            throttled: count(refused),
            ..noted
        };
        self.measured(&key, Operation::PutRecords, began, noted);
        let body = results_body(self.codec, &put?, &key);
        Ok(Answer::success(self.codec, body))
    }

    /// A number that AWS may have given out, of any layout. It orders nothing more than the order of puts does.
    fn check_ordering(&self, given: &str, key: &StreamKey) -> Result<(), AwsError> {
        let number: Option<SequenceNumber> = given.parse().ok();
        let origin = number.and_then(SequenceNumber::origin);
        if origin.is_some_and(|origin| origin.record_s <= self.now().as_seconds()) {
            return Ok(());
        }
        self.described(key)?;
        let (name, account) = (key.name.as_str(), key.account.as_str());
        Err(AwsError::ordering_number_invalid(given, name, account))
    }

    /// Streams may take larger records than others; most records are not even near to that.
    fn check_size(
        &self,
        path: impl FnOnce() -> String,
        record: &NewRecord,
        key: &StreamKey,
    ) -> Result<(), AwsError> {
        if record.counted_len() <= kib(RECORD_KIB_DEFAULT) {
            return Ok(());
        }
        let raised = self.described(key)?.traits.record_kib_max;
        let bytes_max = kib(raised.unwrap_or(RECORD_KIB_DEFAULT));
        if record.counted_len() > bytes_max {
            return Err(AwsError::record_too_large(&path(), bytes_max));
        }
        Ok(())
    }

    async fn put(
        &self,
        key: &StreamKey,
        dry_run: bool,
        records: Vec<NewRecord>,
    ) -> Result<PutAnswer, AwsError> {
        if dry_run {
            let facts = self.described(key)?;
            return Err(if facts.status.takes_records() {
                AwsError::dry_run()
            } else {
                put_error(PutError::NotActive(facts.status), key)
            });
        }
        let producer = self.producer.as_ref().map(|mark| streams::ProducerMark {
            id: mark.name.clone(),
            number: mark.number,
        });
        let put = self.streams.put(key, records, producer).await;
        put.map_err(|error| put_error(error, key))
    }

    pub(super) async fn get_records(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let given = input.text("ShardIterator").unwrap_or_default();
        let iterator = ShardIterator::decode(given, self.now().as_millis())?;
        let from = read_from(iterator.place)?;
        let fields = StreamFields {
            name: Some(iterator.stream),
            arn: input.stream().arn,
        };
        let key = self.permitted(&fields.addressed(&self.caller)?)?;
        let shard = ShardId(iterator.shard);
        let missing =
            || AwsError::shard_missing(&shard.to_string(), key.name.as_str(), key.account.as_str());
        let facts = self.streams.describe(&key).map_err(|_| missing())?;
        // Only an iterator of an earlier stream of that name comes here.
        if facts.status == StreamStatus::Creating {
            return Err(missing());
        }
        if input.flag("DryRun") {
            return Err(AwsError::dry_run());
        }
        let began = self.begins();
        let read = self
            .read_page(&key, shard, from, input.count("Limit"))
            .await;
        let noted = match &read {
            Ok(page) => page_noted(page),
            Err(_) => Noted::default(),
        };
        self.measured(&key, Operation::GetRecords, began, noted);
        let body = self.records_body(&key, shard, &read?)?;
        Ok(Answer::success(self.codec, body))
    }

    async fn read_page(
        &self,
        key: &StreamKey,
        shard: ShardId,
        from: ReadFrom,
        limit: Option<usize>,
    ) -> Result<Page, AwsError> {
        if !self.streams.may_read(key, shard) {
            return Err(AwsError::shard_full(shard, key));
        }
        let limit = ReadLimit {
            records: limit.unwrap_or(GET_RECORDS_MAX),
            bytes: GET_RECORDS_BYTES_MAX,
        };
        let read = self.streams.read(key, shard, from, limit).await;
        let page = read.map_err(|error| match error {
            SourceError::NoSuchStream(_) => {
                let (name, account) = (key.name.as_str(), key.account.as_str());
                AwsError::shard_missing(&shard.to_string(), name, account)
            }
            SourceError::NoSuchShard(_) | SourceError::Down(_) => source_error(error, key),
        })?;
        self.streams.count_read(key, shard, &page, true);
        Ok(page)
    }

    fn records_body(
        &self,
        key: &StreamKey,
        shard: ShardId,
        page: &Page,
    ) -> Result<Vec<u8>, AwsError> {
        let children = if page.ended {
            children(self.streams, key, shard)?
        } else {
            Vec::new()
        };
        let next = if page.ended {
            None
        } else {
            Some(self.iterator(key, shard, page.next)?)
        };
        let ending = Ending {
            next: next.as_deref().map(|next| ("NextShardIterator", next)),
            behind_ms: page.behind_ms,
            children: &children,
        };
        records_body(self.codec, &page.records, &ending)
    }
}

fn read_from(place: Place) -> Result<ReadFrom, AwsError> {
    let number = |text: String| text.parse().map_err(|_| AwsError::iterator_invalid());
    Ok(match place {
        Place::Horizon => ReadFrom::Oldest,
        Place::At(text) => ReadFrom::At(number(text)?),
        Place::After(text) => ReadFrom::After(number(text)?),
        Place::Time(ms) => ReadFrom::Arrived(Timestamp::from_millis(ms)),
    })
}

/// What a put brings, before it is known what came of it.
fn noted(records: &[NewRecord]) -> Noted {
    Noted {
        bytes: count(records.iter().map(NewRecord::counted_len).sum()),
        records: count(records.len()),
        ..Noted::default()
    }
}

/// What a page took along.
pub(in crate::kinesis) fn page_noted(page: &Page) -> Noted {
    let bytes = |record: &Record| record.data.len() + record.partition_key.len();
    Noted {
        succeeded: true,
        bytes: count(page.records.iter().map(bytes).sum()),
        records: count(page.records.len()),
        ..Noted::default()
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn kib(count: u32) -> usize {
    usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(1024)
}

/// A stream that is not active takes no records, and AWS says that it is not there.
fn put_error(error: PutError, key: &StreamKey) -> AwsError {
    match error {
        PutError::Unknown(_) | PutError::NotActive(_) => {
            AwsError::stream_not_found(key.name.as_str(), key.account.as_str())
        }
        PutError::Full => AwsError::disk_full(),
        PutError::ShardFull(shard) => AwsError::shard_full(shard, key),
        PutError::TooLarge { .. } => AwsError::records_too_large(),
        PutError::StaleProducer { .. } | PutError::OtherRequest => {
            AwsError::invalid_argument(error)
        }
        PutError::Down(reason) => AwsError::internal(reason),
    }
}
