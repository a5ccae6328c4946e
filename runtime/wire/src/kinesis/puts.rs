//! The inputs of PutRecord and PutRecords, decoded without a tree of values in between.
//!
//! In: the bytes of a body. Out: records whose data lie side by side in one buffer, or nothing when anything is
//! odd: the general path then finds the exact error. Texts are borrowed from the body until a record is built.
//! The same forms are built from a checked object, for requests that are fine but unusual.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    error::AwsError,
    input::{StreamFields, is_stream_name},
    validate::decoded_length,
};
use crate::limits::{PARTITION_KEY_CHARACTERS_MAX, PUT_RECORDS_BYTES_MAX, RECORDS_PER_PUT_MAX};

/// A record as the request gives it.
#[derive(Debug)]
pub(super) struct PutEntry {
    pub(super) partition_key: String,
    pub(super) explicit_hash_key: Option<u128>,
    pub(super) data: Bytes,
}

#[derive(Debug)]
pub(super) struct PutRecordsBody {
    pub(super) stream: StreamFields,
    pub(super) dry_run: bool,
    pub(super) records: Vec<PutEntry>,
}

#[derive(Debug)]
pub(super) struct PutRecordBody {
    pub(super) stream: StreamFields,
    pub(super) dry_run: bool,
    pub(super) record: PutEntry,
    pub(super) sequence_number_for_ordering: Option<String>,
}

impl PutRecordsBody {
    /// Reads a body that is in order. `None` says nothing about what is wrong with it.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let fields: PutRecordsFields<'_> = serde_json::from_slice(body).ok()?;
        let in_order = is_plain_stream(&fields.stream_name, &fields.stream_arn)
            && (1..=RECORDS_PER_PUT_MAX).contains(&fields.records.len())
            && fields.records.iter().all(EntryFields::in_order);
        if in_order {
            Self::build(fields).ok()
        } else {
            None
        }
    }

    /// Builds the input from an object that fits its shape.
    pub(super) fn from_object(object: Map<String, Value>) -> Result<Self, AwsError> {
        Self::build(from_checked(object)?)
    }

    fn build(fields: PutRecordsFields<'_>) -> Result<Self, AwsError> {
        let records = build_entries(&fields.records)?;
        let size = |entry: &PutEntry| entry.partition_key.len() + entry.data.len();
        if records.iter().map(size).sum::<usize>() > PUT_RECORDS_BYTES_MAX {
            return Err(AwsError::records_too_large());
        }
        let stream = StreamFields {
            name: owned(fields.stream_name),
            arn: owned(fields.stream_arn),
        };
        Ok(Self {
            stream,
            dry_run: fields.dry_run.unwrap_or_default(),
            records,
        })
    }
}

impl PutRecordBody {
    /// Reads a body that is in order. `None` says nothing about what is wrong with it.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let fields: PutRecordFields<'_> = serde_json::from_slice(body).ok()?;
        let in_order = is_plain_stream(&fields.stream_name, &fields.stream_arn)
            && fields.sequence_number_for_ordering.is_none()
            && fields.entry().in_order();
        if in_order {
            Self::build(fields).ok()
        } else {
            None
        }
    }

    /// Builds the input from an object that fits its shape.
    pub(super) fn from_object(object: Map<String, Value>) -> Result<Self, AwsError> {
        Self::build(from_checked(object)?)
    }

    fn build(fields: PutRecordFields<'_>) -> Result<Self, AwsError> {
        let mut records = build_entries(&[fields.entry()])?;
        let record = records.pop().ok_or_else(AwsError::put_unreadable)?;
        Ok(Self {
            stream: StreamFields {
                name: owned(fields.stream_name),
                arn: owned(fields.stream_arn),
            },
            dry_run: fields.dry_run.unwrap_or_default(),
            record,
            sequence_number_for_ordering: owned(fields.sequence_number_for_ordering),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordsFields<'a> {
    #[serde(borrow)]
    stream_name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<Cow<'a, str>>,
    dry_run: Option<bool>,
    #[serde(borrow)]
    records: Vec<EntryFields<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryFields<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    explicit_hash_key: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordFields<'a> {
    #[serde(borrow)]
    stream_name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<Cow<'a, str>>,
    dry_run: Option<bool>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    explicit_hash_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sequence_number_for_ordering: Option<Cow<'a, str>>,
}

impl PutRecordFields<'_> {
    fn entry(&self) -> EntryFields<'_> {
        EntryFields {
            data: Cow::Borrowed(&self.data),
            partition_key: Cow::Borrowed(&self.partition_key),
            explicit_hash_key: self.explicit_hash_key.as_deref().map(Cow::Borrowed),
        }
    }
}

impl EntryFields<'_> {
    /// Whether the bounds hold, but for the form of the base64 and the range of the hash key.
    fn in_order(&self) -> bool {
        let hash_key = self
            .explicit_hash_key
            .as_deref()
            .is_none_or(is_plain_number);
        is_short_key(&self.partition_key)
            && hash_key
            && decoded_length(&self.data) <= PUT_RECORDS_BYTES_MAX
    }
}

/// All data go into one buffer, of which the records are slices: one allocation for a whole put.
fn build_entries(entries: &[EntryFields<'_>]) -> Result<Vec<PutEntry>, AwsError> {
    let total = entries
        .iter()
        .map(|entry| decoded_length(&entry.data))
        .sum();
    let mut buffer = Vec::with_capacity(total);
    let mut ends = Vec::with_capacity(entries.len());
    for entry in entries {
        base64_simd::STANDARD
            .decode_append(entry.data.as_bytes(), &mut buffer)
            .map_err(|_| AwsError::put_unreadable())?;
        ends.push(buffer.len());
    }
    let buffer = Bytes::from(buffer);
    let mut start = 0;
    let mut records = Vec::with_capacity(entries.len());
    for (entry, end) in entries.iter().zip(ends) {
        records.push(PutEntry {
            partition_key: entry.partition_key.as_ref().to_owned(),
            explicit_hash_key: entry
                .explicit_hash_key
                .as_deref()
                .map(hash_key)
                .transpose()?,
            data: buffer.slice(start..end),
        });
        start = end;
    }
    Ok(records)
}

fn hash_key(text: &str) -> Result<u128, AwsError> {
    text.parse()
        .map_err(|_| AwsError::hash_key_out_of_range(text))
}

fn is_plain_stream(name: &Option<Cow<'_, str>>, arn: &Option<Cow<'_, str>>) -> bool {
    arn.is_none() && name.as_deref().is_some_and(is_stream_name)
}

/// Whether a partition key has 1 to 256 characters.
pub(super) fn is_short_key(key: &str) -> bool {
    let short = key.len() <= PARTITION_KEY_CHARACTERS_MAX
        || key.chars().count() <= PARTITION_KEY_CHARACTERS_MAX;
    !key.is_empty() && short
}

pub(super) fn is_plain_number(text: &str) -> bool {
    let digits = (1..=39).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

fn from_checked<T: Deserialize<'static>>(object: Map<String, Value>) -> Result<T, AwsError> {
    T::deserialize(Value::Object(object)).map_err(|_| AwsError::put_unreadable())
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}
