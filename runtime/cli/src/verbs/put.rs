//! `put`: records out of arguments, files and standard input, into a stream, in order. Each request carries a
//! producer's number, so that one whose answer was lost is sent again without storing its records twice; with
//! `--resume` that holds across runs too. Records that a busy stream refuses are sent again under the next number.

use std::cell::Cell;
use std::io::{self, BufReader};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::items;
use crate::arguments::Put;
use crate::batches::Batches;
use crate::client::{Client, ProducerNumber, Unsent, World, percent_encoded};
use crate::failure::{Exit, Failure};
use crate::limits::{PUT_ATTEMPTS_MAX, PUT_PAUSE_FIRST, PUT_PAUSE_MAX, RECORD_BYTES_USUAL};
use crate::output::{Output, text};
use crate::progress::{Bookkeeping, Target};
use crate::records::{self, Keys, Layout, Place, Record, Records, Spread};
use crate::waiting;

const KEYLESS: &str = "there are records without a partition key among them: streams on demand take those whose RecordDistributionStrategy is AUTO";

pub(crate) async fn put(client: &mut Client, output: Output, put: &Put) -> Result<(), Failure> {
    let begun = begin(client, &put.stream, put.resume.as_deref()).await?;
    let keys = match (&put.key_field, &put.key) {
        (Some(field), _) => Keys::Field(field.clone()),
        (None, Some(key)) => Keys::Same(key.clone()),
        (None, None) => Keys::Spread(Spread::of(begun.books.producer())),
    };
    mention_files(output, put);
    let records = sources(put, &keys);
    send_all(client, output, &put.stream, begun, records, None).await
}

/// What is known of a stream and of earlier runs before anything is sent.
pub(super) struct Begun {
    world: World,
    books: Bookkeeping,
    name: Option<String>,
}

/// Finds the stream, and how far a run of this name came before.
pub(super) async fn begin(
    client: &mut Client,
    stream: &str,
    name: Option<&str>,
) -> Result<Begun, Failure> {
    let facts = client
        .get(&format!("streams/{}", percent_encoded(stream)))
        .await?;
    let world = World {
        account: text(&facts, "/account"),
        region: text(&facts, "/region"),
    };
    let target = Target {
        name: stream.to_owned(),
        created_ms: facts
            .pointer("/created_ms")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
    };
    let books = Bookkeeping::open(name, target)?;
    let name = name.map(str::to_owned);
    Ok(Begun { world, books, name })
}

/// How much of a file is read, in bytes.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) read: Rc<Cell<u64>>,
    pub(super) all: u64,
}

impl Progress {
    fn percent(&self) -> u64 {
        (self.read.get().saturating_mul(100))
            .checked_div(self.all)
            .unwrap_or(100)
    }
}

/// Stores what earlier runs did not, and says how much that was.
pub(super) async fn send_all(
    client: &mut Client,
    output: Output,
    stream: &str,
    begun: Begun,
    mut records: Records<'_>,
    progress: Option<&Progress>,
) -> Result<(), Failure> {
    let Begun {
        world,
        mut books,
        name,
    } = begun;
    books.skip(name.as_deref(), &mut records)?;
    let bar = output.spinner();
    let (before, is_resumable) = (books.before, books.is_resumable());
    let mut sender = Sender {
        client,
        output,
        stream,
        world,
        books,
    };
    let stored = Cell::new(0);
    let all = async {
        for batch in Batches::new(records) {
            stored.set(stored.get() + sender.settle(batch?).await?);
            let done = format!("{} records -> {stream}", stored.get());
            bar.set_message(match progress {
                Some(progress) => format!("{done}, {} %", progress.percent()),
                None => done,
            });
            bar.tick();
        }
        Ok(())
    };
    let ended = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted")),
        ended = all => ended,
    };
    bar.finish_and_clear();
    let stored = stored.get();
    ended.map_err(|failure| with_progress(failure, before + stored, is_resumable))?;
    let done = json!({"stream": stream, "records": stored, "before": before});
    output.one(&done, |_| match before {
        0 => format!("{stored} records -> {stream}"),
        before => format!("{stored} records -> {stream} ({before} were there before)"),
    })
}

/// A file whose name does not end like one of records is taken as data, which is seldom what was meant.
fn mention_files(output: Output, put: &Put) {
    let files = put.records.iter().filter(|given| {
        *given != "-" && Layout::of_name(given).is_none() && Path::new(given).is_file()
    });
    for file in files {
        output.note(&format!(
            "note: the text `{file}` itself is put; the lines of that file are put by `shardmill put {} - < {file}`",
            put.stream
        ));
    }
}

/// How far a put came that did not come to its end, and how it goes on.
fn with_progress(failure: Failure, stored: usize, is_resumable: bool) -> Failure {
    let next = match (stored, is_resumable) {
        (0, _) => None,
        (_, true) => Some("the same command goes on where this one ended"),
        (_, false) => {
            Some("put the rest; with `--resume NAME` the same command would go on where it ended")
        }
    };
    let hints: Vec<String> = failure
        .hint
        .into_iter()
        .chain(next.map(str::to_owned))
        .collect();
    Failure {
        message: format!("{}; {stored} records are stored", failure.message),
        hint: Some(hints.join("; ")).filter(|hint| !hint.is_empty()),
        exit: failure.exit,
    }
}

/// A request that is refused as a whole, with the records it was about.
fn with_places(failure: Failure, batch: &[Record]) -> Failure {
    let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
        return failure;
    };
    let mut places = first.place.to_string();
    if batch.len() > 1 {
        places = format!("{places} to {}", last.place);
    }
    let size = |record: &Record| record.key.len() + record.data.len();
    let largest = batch.iter().max_by_key(|record| size(record));
    if let Some(record) = largest.filter(|record| size(record) > RECORD_BYTES_USUAL) {
        places = format!(
            "{places} (the largest record is {}, {} bytes)",
            record.place,
            size(record)
        );
    }
    let keyless = batch
        .iter()
        .any(|record| record.key.is_empty())
        .then_some(KEYLESS);
    Failure {
        message: format!("put {places}: {}", failure.message),
        hint: failure.hint.or_else(|| keyless.map(str::to_owned)),
        ..failure
    }
}

/// All records of all arguments, one after the other; nothing is opened before its turn.
fn sources<'a>(put: &'a Put, keys: &'a Keys) -> Records<'a> {
    let each = put
        .records
        .iter()
        .zip(1_u64..)
        .flat_map(move |(given, number)| {
            if given == "-" {
                let layout = if put.csv { Layout::Csv } else { Layout::Lines };
                return records::read(BufReader::new(io::stdin()), "standard input", layout, keys);
            }
            match Layout::of_name(given) {
                Some(layout) => file(given, layout, keys),
                None => {
                    let place = Place::whole(&format!("argument {number}"));
                    Box::new(std::iter::once(
                        keys.keyed(given.clone().into_bytes(), place),
                    ))
                }
            }
        });
    Box::new(each)
}

#[expect(
    clippy::disallowed_types,
    reason = "a file of the person who asks, read by no simulation"
)]
pub(super) fn file<'a>(name: &'a str, layout: Layout, keys: &'a Keys) -> Records<'a> {
    match std::fs::File::open(name) {
        Ok(file) => records::read(BufReader::new(file), name, layout, keys),
        Err(error) => {
            let failure = Failure::failed(format!("read records from {name}: {error}"));
            Box::new(std::iter::once(Err(failure)))
        }
    }
}

struct Sender<'a> {
    client: &'a mut Client,
    output: Output,
    stream: &'a str,
    world: World,
    books: Bookkeeping,
}

impl Sender<'_> {
    /// Puts a batch until each of its records is stored; gives their number.
    async fn settle(&mut self, batch: Vec<Record>) -> Result<usize, Failure> {
        let mut open: Vec<usize> = match self.books.progress.left.as_slice() {
            [] => (0..batch.len()).collect(),
            left => left
                .iter()
                .copied()
                .filter(|index| *index < batch.len())
                .collect(),
        };
        let stored = open.len();
        let mut pause = PUT_PAUSE_FIRST;
        for _attempt in 0..PUT_ATTEMPTS_MAX {
            let answer = self.send(body(self.stream, &batch, &open)).await;
            let answer = answer.map_err(|failure| with_places(failure, &batch))?;
            let (refused, reason) = refused(&answer, &open);
            let settled = if refused.is_empty() {
                batch.as_slice()
            } else {
                &[]
            };
            self.books.answered(settled, refused.clone())?;
            open = refused;
            if open.is_empty() {
                return Ok(stored);
            }
            self.output
                .note(&format!("put {} records again: {reason}", open.len()));
            pause = wait(pause).await;
        }
        let message = format!(
            "put into {}: {} records were refused {PUT_ATTEMPTS_MAX} times, all before them are stored",
            self.stream,
            open.len()
        );
        Err(Failure::failed(message)
            .hint("`shardmill stream shards` shows the load; add shards or put slower"))
    }

    /// One request under one number, until it is answered.
    async fn send(&mut self, body: Bytes) -> Result<Value, Failure> {
        let producer = ProducerNumber {
            producer: self.books.producer().to_owned(),
            number: self.books.progress.number,
        };
        let mut pause = PUT_PAUSE_FIRST;
        let mut last = String::new();
        for attempt in 0..PUT_ATTEMPTS_MAX {
            if attempt > 0 {
                self.output.note(&format!("send again: {last}"));
                pause = wait(pause).await;
                if let Err(unreachable) = self.client.reconnect().await {
                    last = unreachable.message;
                    continue;
                }
            }
            match self
                .client
                .kinesis("PutRecords", body.clone(), &self.world, &producer)
                .await
            {
                Ok(answer) => return Ok(answer),
                Err(Unsent::Refused(failure)) => return Err(failure),
                Err(Unsent::Unavailable(failure)) => last = failure.message,
                Err(Unsent::Unanswered(fact)) => last = fact,
            }
        }
        Err(Failure::failed(last))
    }
}

async fn wait(pause: Duration) -> Duration {
    waiting::pause(pause).await;
    (pause * 2).min(PUT_PAUSE_MAX)
}

fn body(stream: &str, batch: &[Record], open: &[usize]) -> Bytes {
    let records: Vec<Value> = open
        .iter()
        .filter_map(|index| batch.get(*index))
        .map(|record| {
            let data = base64_simd::STANDARD.encode_to_string(&record.data);
            let mut entry = json!({"Data": data});
            // An exported record of a stream that spreads them may have none.
            if !record.key.is_empty() {
                entry["PartitionKey"] = json!(record.key);
            }
            if let Some(key) = &record.hash_key {
                entry["ExplicitHashKey"] = json!(key);
            }
            entry
        })
        .collect();
    Bytes::from(json!({"StreamName": stream, "Records": records}).to_string())
}

/// The records of `open` that the answer refuses, and the first reason.
fn refused(answer: &Value, open: &[usize]) -> (Vec<usize>, String) {
    let answers = items(answer, "Records");
    let refused: Vec<(usize, &Value)> = open
        .iter()
        .copied()
        .zip(&answers)
        .filter(|(_, answer)| answer.get("ErrorCode").is_some_and(|code| !code.is_null()))
        .collect();
    let reason = refused.first().map_or_else(String::new, |(_, answer)| {
        format!(
            "{}: {}",
            text(answer, "/ErrorCode"),
            text(answer, "/ErrorMessage")
        )
    });
    (
        refused.into_iter().map(|(index, _)| index).collect(),
        reason,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_that_ends_early_says_how_far_it_came() {
        let check = |stored, is_resumable, expected: &str| {
            let failure = Failure::failed("read a.csv line 9: bad").hint("mend it");
            let failure = with_progress(failure, stored, is_resumable);
            assert_eq!(failure.to_string(), expected);
        };
        check(
            0,
            false,
            "read a.csv line 9: bad; 0 records are stored\nhint: mend it",
        );
        check(
            7,
            true,
            "read a.csv line 9: bad; 7 records are stored\nhint: mend it; the same command goes on where this one ended",
        );
        check(
            7,
            false,
            "read a.csv line 9: bad; 7 records are stored\nhint: mend it; put the rest; with `--resume NAME` the same command would go on where it ended",
        );
    }

    #[test]
    fn a_request_that_is_refused_names_its_records() {
        let record = |line: &str, bytes: usize| Record {
            key: "k".to_owned(),
            hash_key: None,
            data: vec![0; bytes],
            place: Place::whole(line),
        };
        let check = |batch: &[Record], expected: &str| {
            let failure = with_places(Failure::usage("too large"), batch);
            assert_eq!(failure.message, expected);
        };
        check(&[record("a line 1", 9)], "put a line 1: too large");
        check(
            &[
                record("a line 1", 9),
                record("a line 2", 2 << 20),
                record("b line 1", 1),
            ],
            "put a line 1 to b line 1 (the largest record is a line 2, 2097153 bytes): too large",
        );
        let keyless = Record {
            key: String::new(),
            ..record("a line 1", 9)
        };
        let hint = |record| with_places(Failure::usage("no"), &[record]).hint;
        assert_eq!(hint(keyless).as_deref(), Some(KEYLESS));
        assert_eq!(hint(record("a line 1", 9)), None);
    }

    #[test]
    fn only_refused_records_stay_open() {
        let answer = json!({"FailedRecordCount": 1, "Records": [
            {"SequenceNumber": "1", "ShardId": "s"},
            {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"},
            {"SequenceNumber": "2", "ShardId": "s", "ErrorCode": null},
        ]});
        let (open, reason) = refused(&answer, &[0, 4, 7]);
        assert_eq!(open, [4]);
        assert_eq!(reason, "ProvisionedThroughputExceededException: slow down");
        assert_eq!(
            refused(&json!({"Records": []}), &[]),
            (vec![], String::new())
        );
    }

    #[test]
    fn a_request_holds_what_is_open() {
        let record = |key: &str| Record {
            key: key.to_owned(),
            hash_key: None,
            data: b"x".to_vec(),
            place: Place::whole("x"),
        };
        let body = body("flights", &[record("a"), record("b")], &[1]);
        let expected =
            json!({"StreamName": "flights", "Records": [{"PartitionKey": "b", "Data": "eA=="}]});
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }
}
