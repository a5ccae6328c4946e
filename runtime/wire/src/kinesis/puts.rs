//! The inputs of PutRecord and PutRecords, decoded without a tree of values in between.
//!
//! In: the bytes of a body. Out: records whose data lie side by side in one buffer and whose keys are slices of the
//! body, or nothing when anything is odd: the general path then finds the exact error. The same forms are built from a
//! checked object, for requests that are fine but unusual.

use std::borrow::Cow;

use bytes::Bytes;
use model::{HashKey, NewRecord, plain_json::PlainJson};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    error::AwsError,
    input::{StreamFields, is_stream_name},
    validate::decoded_length,
};
use crate::limits::{PARTITION_KEY_CHARACTERS_MAX, PUT_RECORDS_BYTES_MAX, RECORDS_PER_PUT_MAX};

#[derive(Debug)]
pub(super) struct PutRecordsBody {
    pub(super) stream: StreamFields,
    pub(super) dry_run: bool,
    pub(super) records: Vec<NewRecord>,
}

#[derive(Debug)]
pub(super) struct PutRecordBody {
    pub(super) stream: StreamFields,
    pub(super) dry_run: bool,
    pub(super) record: NewRecord,
    pub(super) sequence_number_for_ordering: Option<String>,
}

impl PutRecordsBody {
    /// Reads a body that is in order. `None` says nothing about what is wrong with it.
    pub(super) fn read(body: &Bytes) -> Option<Self> {
        let plain = PutRecordsFields::plain(body);
        let fields = plain.or_else(|| serde_json::from_slice(body).ok())?;
        let in_order = is_plain_stream(&fields.stream_name, &fields.stream_arn)
            && fields.stream_id.is_none()
            && (1..=RECORDS_PER_PUT_MAX).contains(&fields.records.len())
            && fields.records.iter().all(EntryFields::in_order);
        if in_order {
            Self::build(fields, body).ok()
        } else {
            None
        }
    }

    /// Builds the input from an object that fits its shape.
    pub(super) fn from_object(object: Map<String, Value>) -> Result<Self, AwsError> {
        Self::build(from_checked(object)?, &Bytes::new())
    }

    fn build(fields: PutRecordsFields<'_>, body: &Bytes) -> Result<Self, AwsError> {
        let records = build_records(&fields.records, body)?;
        let bytes = records.iter().map(NewRecord::counted_len).sum::<usize>();
        if bytes > PUT_RECORDS_BYTES_MAX {
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
    pub(super) fn read(body: &Bytes) -> Option<Self> {
        let plain = PutRecordFields::plain(body);
        let fields = plain.or_else(|| serde_json::from_slice(body).ok())?;
        let in_order = is_plain_stream(&fields.stream_name, &fields.stream_arn)
            && fields.stream_id.is_none()
            && fields.sequence_number_for_ordering.is_none()
            && fields.entry().in_order();
        if in_order {
            Self::build(fields, body).ok()
        } else {
            None
        }
    }

    /// Builds the input from an object that fits its shape.
    pub(super) fn from_object(object: Map<String, Value>) -> Result<Self, AwsError> {
        Self::build(from_checked(object)?, &Bytes::new())
    }

    fn build(fields: PutRecordFields<'_>, body: &Bytes) -> Result<Self, AwsError> {
        let mut records = build_records(&[fields.entry()], body)?;
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
    #[serde(borrow)]
    stream_id: Option<Cow<'a, str>>,
    dry_run: Option<bool>,
    #[serde(borrow)]
    records: Vec<EntryFields<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryFields<'a> {
    #[serde(borrow)]
    data: Cow<'a, [u8]>,
    /// Empty where there is none, which only a stream that spreads records takes.
    #[serde(borrow, default)]
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
    #[serde(borrow)]
    stream_id: Option<Cow<'a, str>>,
    dry_run: Option<bool>,
    #[serde(borrow)]
    data: Cow<'a, [u8]>,
    /// Empty where there is none, which only a stream that spreads records takes.
    #[serde(borrow, default)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    explicit_hash_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sequence_number_for_ordering: Option<Cow<'a, str>>,
}

/// What one member of a record may say once.
#[derive(Debug, Default)]
struct Draft<'a> {
    /// Decoding it looks at each of its bytes.
    data: Option<&'a [u8]>,
    partition_key: Option<&'a str>,
    explicit_hash_key: Option<&'a str>,
}

impl<'a> Draft<'a> {
    fn take(&mut self, name: &[u8], json: &mut PlainJson<'a>) -> Option<()> {
        match name {
            b"Data" => once(&mut self.data, json.raw_text()?),
            b"PartitionKey" => once(&mut self.partition_key, json.text()?),
            b"ExplicitHashKey" => once(&mut self.explicit_hash_key, json.text()?),
            _ => None,
        }
    }

    fn finish(self) -> Option<EntryFields<'a>> {
        Some(EntryFields {
            data: Cow::Borrowed(self.data?),
            partition_key: Cow::Borrowed(self.partition_key?),
            explicit_hash_key: self.explicit_hash_key.map(Cow::Borrowed),
        })
    }
}

/// A member that comes twice is not plain.
fn once<T>(member: &mut Option<T>, value: T) -> Option<()> {
    member.replace(value).is_none().then_some(())
}

impl<'a> PutRecordsFields<'a> {
    /// As most clients write it.
    fn plain(body: &'a [u8]) -> Option<Self> {
        let (mut name, mut records) = (None, Vec::new());
        PlainJson::object(body, |member, json| match member {
            b"StreamName" => once(&mut name, json.text()?),
            b"Records" if records.is_empty() => json.items(|json| {
                let mut draft = Draft::default();
                json.members(|name, json| draft.take(name, json))?;
                records.push(draft.finish()?);
                Some(())
            }),
            _ => None,
        })?;
        Some(Self {
            stream_name: name.map(Cow::Borrowed),
            stream_arn: None,
            stream_id: None,
            dry_run: None,
            records,
        })
    }
}

impl<'a> PutRecordFields<'a> {
    /// As most clients write it.
    fn plain(body: &'a [u8]) -> Option<Self> {
        let (mut name, mut draft) = (None, Draft::default());
        PlainJson::object(body, |member, json| match member {
            b"StreamName" => once(&mut name, json.text()?),
            member => draft.take(member, json),
        })?;
        let EntryFields {
            data,
            partition_key,
            explicit_hash_key,
        } = draft.finish()?;
        Some(Self {
            stream_name: name.map(Cow::Borrowed),
            stream_arn: None,
            stream_id: None,
            dry_run: None,
            data,
            partition_key,
            explicit_hash_key,
            sequence_number_for_ordering: None,
        })
    }

    fn entry(&self) -> EntryFields<'a> {
        EntryFields {
            data: self.data.clone(),
            partition_key: self.partition_key.clone(),
            explicit_hash_key: self.explicit_hash_key.clone(),
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
fn build_records(entries: &[EntryFields<'_>], body: &Bytes) -> Result<Vec<NewRecord>, AwsError> {
    let total = entries
        .iter()
        .map(|entry| decoded_length(&entry.data))
        .sum();
    let mut buffer = Vec::with_capacity(total);
    let mut ends = Vec::with_capacity(entries.len());
    for entry in entries {
        base64_simd::STANDARD
            .decode_append(&entry.data, &mut buffer)
            .map_err(|_| AwsError::put_unreadable())?;
        ends.push(buffer.len());
    }
    let buffer = Bytes::from(buffer);
    let mut start = 0;
    let mut records = Vec::with_capacity(entries.len());
    for (entry, end) in entries.iter().zip(ends) {
        let hash_key = entry.explicit_hash_key.as_deref().map(hash_key);
        records.push(NewRecord {
            partition_key: key_in(body, &entry.partition_key),
            explicit_hash_key: hash_key.transpose()?,
            data: buffer.slice(start..end),
        });
        start = end;
    }
    Ok(records)
}

/// A key that was read from the body without a change is a part of it.
fn key_in(body: &Bytes, key: &str) -> Bytes {
    if body.as_ptr_range().contains(&key.as_ptr()) {
        body.slice_ref(key.as_bytes())
    } else {
        Bytes::copy_from_slice(key.as_bytes())
    }
}

fn hash_key(text: &str) -> Result<HashKey, AwsError> {
    let number = text.parse().map(HashKey);
    number.map_err(|_| AwsError::hash_key_out_of_range(text))
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
