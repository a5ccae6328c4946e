//! `tail`: the records of a stream, oldest first within a shard, once or for as long as one watches. Data that is text
//! is shown as text; the other formats keep base64 unless told to decode.

mod aggregates;
mod events;
mod fan_out;

use serde_json::Value;

use super::{items, query};
use crate::arguments::Tail;
use crate::client::{Client, percent_encoded};
use crate::failure::Failure;
use crate::limits::{FOLLOW_WAIT, PAGE_ITEMS_MAX};
use crate::moment::{From, shown};
use crate::output::{Format, Output, text};
use crate::waiting;

pub(crate) async fn tail(client: &mut Client, output: Output, tail: &Tail) -> Result<(), Failure> {
    let from = match (&tail.from, tail.follow) {
        (Some(from), _) => from.clone(),
        (None, true) => From::Latest,
        (None, false) => From::Oldest,
    };
    if let Some(consumer) = &tail.fan_out {
        return fan_out::tail(client, output, (tail, &from), consumer.as_deref()).await;
    }
    let path = format!("streams/{}/records", percent_encoded(&tail.stream));
    let shard = tail.shard.as_deref().map(shard_number).transpose()?;
    let wait = tail.follow.then(|| FOLLOW_WAIT.as_millis().to_string());
    let mut after: Option<String> = None;
    let mut shown = Shown::new(output, tail);
    loop {
        let begin = after.is_none().then(|| from.word(waiting::now()));
        let parameters = [
            ("from", begin),
            ("shard", shard.map(|shard| shard.to_string())),
            ("limit", Some(PAGE_ITEMS_MAX.to_string())),
            ("after", after.clone()),
            ("wait_ms", wait.clone()),
        ];
        let page = client.get(&format!("{path}{}", query(&parameters))).await?;
        for record in items(&page, "records") {
            if !shown.record(record)? {
                return Ok(());
            }
        }
        after = Some(text(&page, "/after"));
        let at_tip = page.get("at_tip").and_then(Value::as_bool).unwrap_or(true);
        if at_tip && !tail.follow {
            return Ok(());
        }
    }
}

/// Shows records until there were as many as were asked for.
#[derive(Debug)]
struct Shown {
    output: Output,
    decode: bool,
    left: u64,
}

impl Shown {
    fn new(output: Output, tail: &Tail) -> Self {
        Self {
            output,
            decode: tail.decode,
            left: tail.number.unwrap_or(u64::MAX),
        }
    }

    /// Whether more are wanted.
    fn record(&mut self, record: Value) -> Result<bool, Failure> {
        let records = if self.decode {
            aggregates::expand(record)
        } else {
            vec![record]
        };
        for mut record in records {
            // People see text where there is some, decoded or not.
            if self.decode && self.output.format != Format::Table {
                decode(&mut record);
            }
            self.output.item(&record, readable)?;
            self.left -= 1;
            if self.left == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Takes `2` and `shardId-000000000002`.
fn shard_number(given: &str) -> Result<u64, Failure> {
    let digits = given.strip_prefix("shardId-").unwrap_or(given);
    digits.parse().map_err(|_| {
        Failure::usage(format!("read shard `{given}`: it is no shard"))
            .hint("write its number, or its id as `shardmill stream shards` shows it")
    })
}

/// Data as JSON when it is JSON, as text when it is text; else it stays base64.
pub(super) fn decode(record: &mut Value) {
    let Some(bytes) = bytes(record, "data") else {
        return;
    };
    let decoded = serde_json::from_slice(&bytes)
        .ok()
        .or_else(|| String::from_utf8(bytes).ok().map(Value::String));
    if let (Some(decoded), Some(data)) = (decoded, record.get_mut("data")) {
        *data = decoded;
    }
}

fn bytes(record: &Value, field: &str) -> Option<Vec<u8>> {
    base64_simd::STANDARD
        .decode_to_vec(record.get(field)?.as_str()?)
        .ok()
}

fn readable(record: &Value) -> String {
    let data = bytes(record, "data")
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|data| !data.contains('\u{1b}'))
        .unwrap_or_else(|| format!("base64:{}", text(record, "/data")));
    let at = record
        .get("arrived_ms")
        .and_then(Value::as_i64)
        .map_or_else(String::new, shown);
    let (shard, sequence) = (text(record, "/shard"), text(record, "/sequence"));
    let sub = record.get("sub_sequence");
    let sub = sub.map_or_else(String::new, |number| format!(":{number}"));
    format!(
        "{at}  {shard}  {sequence}{sub}  {}  {data}",
        text(record, "/key")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_is_decoded_as_far_as_it_goes() {
        let table = [
            ("eyJhIjoxfQ==", json!({"a": 1})),
            ("aGk=", json!("hi")),
            ("/w==", json!("/w==")),
            ("not base64", json!("not base64")),
        ];
        for (given, expected) in table {
            let mut record = json!({"data": given});
            decode(&mut record);
            assert_eq!(record["data"], expected);
        }
    }

    #[test]
    fn a_record_is_one_line() {
        let record =
            json!({"shard": 2, "sequence": "4966", "arrived_ms": 0, "key": "EWR", "data": "aGk="});
        insta::assert_snapshot!(readable(&record), @"1970-01-01T00:00:00.000Z  2  4966  EWR  hi");
        let hostile = json!({"shard": 2, "sequence": "1", "key": "k", "data": "G1sySg=="});
        insta::assert_snapshot!(readable(&hostile), @"  2  1  k  base64:G1sySg==");
    }

    #[test]
    fn a_shard_has_a_number() {
        assert_eq!(shard_number("2"), Ok(2));
        assert_eq!(shard_number("shardId-000000000012"), Ok(12));
        assert!(shard_number("two").is_err());
    }
}
