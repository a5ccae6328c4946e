//! PutRecord and PutRecords in CBOR, decoded without a tree of values: data and keys are slices of the body itself.
//!
//! As with JSON, anything odd gives nothing at all, and the general path finds the exact error.

use bytes::Bytes;
use minicbor::Decoder;
use model::{HashKey, NewRecord};

use super::{
    super::{
        generated::Action,
        input::{StreamFields, is_stream_name},
        puts::{PutRecordBody, PutRecordsBody, is_plain_number, is_short_key},
        reception::Input,
    },
    reading::{Malformed, goes_on},
};
use crate::limits::{PUT_RECORDS_BYTES_MAX, RECORDS_PER_PUT_MAX};

/// The input of a put that is in order.
pub(in crate::kinesis) fn read_put(action: Action, body: &Bytes) -> Option<Input> {
    let read = if action == Action::PutRecords {
        read_many(body).map(Input::PutRecords)
    } else if action == Action::PutRecord {
        read_one(body).map(Input::PutRecord)
    } else {
        return None;
    };
    read.ok()
}

/// A record whose members are read one by one.
#[derive(Debug, Default)]
struct Draft<'b> {
    partition_key: Option<&'b str>,
    explicit_hash_key: Option<HashKey>,
    data: Option<&'b [u8]>,
}

fn read_many(body: &Bytes) -> Result<PutRecordsBody, Malformed> {
    let mut decoder = Decoder::new(body);
    let (mut name, mut dry_run, mut records) = (None, false, Vec::new());
    let mut left = decoder.map()?;
    while goes_on(&mut decoder, &mut left)? {
        match decoder.str()? {
            "StreamName" => name = Some(stream_name(&mut decoder)?),
            "DryRun" => dry_run = decoder.bool()?,
            "Records" if records.is_empty() => {
                let mut inside = decoder.array()?;
                // Bounded: what a head announces need not come.
                records.reserve(announced(inside).min(RECORDS_PER_PUT_MAX));
                while goes_on(&mut decoder, &mut inside)? {
                    if records.len() == RECORDS_PER_PUT_MAX {
                        return Err(Malformed);
                    }
                    records.push(entry(&mut decoder, body)?);
                }
            }
            _ => return Err(Malformed),
        }
    }
    let bytes = records.iter().map(NewRecord::counted_len).sum::<usize>();
    let in_order =
        decoder.position() == body.len() && !records.is_empty() && bytes <= PUT_RECORDS_BYTES_MAX;
    let name = name.filter(|_| in_order).ok_or(Malformed)?;
    Ok(PutRecordsBody {
        stream: StreamFields {
            name: Some(name),
            arn: None,
        },
        dry_run,
        records,
    })
}

fn read_one(body: &Bytes) -> Result<PutRecordBody, Malformed> {
    let mut decoder = Decoder::new(body);
    let (mut name, mut dry_run, mut draft) = (None, false, Draft::default());
    let mut left = decoder.map()?;
    while goes_on(&mut decoder, &mut left)? {
        match decoder.str()? {
            "StreamName" => name = Some(stream_name(&mut decoder)?),
            "DryRun" => dry_run = decoder.bool()?,
            member => draft.take(member, &mut decoder)?,
        }
    }
    let in_order = decoder.position() == body.len();
    let name = name.filter(|_| in_order).ok_or(Malformed)?;
    Ok(PutRecordBody {
        stream: StreamFields {
            name: Some(name),
            arn: None,
        },
        dry_run,
        record: draft.finish(body)?,
        sequence_number_for_ordering: None,
    })
}

fn entry(decoder: &mut Decoder<'_>, body: &Bytes) -> Result<NewRecord, Malformed> {
    let mut draft = Draft::default();
    let mut left = decoder.map()?;
    while goes_on(decoder, &mut left)? {
        let member = decoder.str()?;
        draft.take(member, decoder)?;
    }
    draft.finish(body)
}

/// How many items an array says that it has.
fn announced(items: Option<u64>) -> usize {
    items
        .and_then(|items| usize::try_from(items).ok())
        .unwrap_or_default()
}

fn stream_name(decoder: &mut Decoder<'_>) -> Result<String, Malformed> {
    let name = decoder.str()?;
    is_stream_name(name)
        .then(|| name.to_owned())
        .ok_or(Malformed)
}

impl<'b> Draft<'b> {
    fn take(&mut self, member: &str, decoder: &mut Decoder<'b>) -> Result<(), Malformed> {
        match member {
            "PartitionKey" => self.partition_key = Some(decoder.str()?),
            "Data" => self.data = Some(decoder.bytes()?),
            "ExplicitHashKey" => {
                let text = decoder.str()?;
                let number = text.parse().ok().filter(|_| is_plain_number(text));
                self.explicit_hash_key = Some(HashKey(number.ok_or(Malformed)?));
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn finish(self, body: &Bytes) -> Result<NewRecord, Malformed> {
        let (Some(key), Some(data)) = (self.partition_key, self.data) else {
            return Err(Malformed);
        };
        if !is_short_key(key) || data.len() > PUT_RECORDS_BYTES_MAX {
            return Err(Malformed);
        }
        Ok(NewRecord {
            partition_key: body.slice_ref(key.as_bytes()),
            explicit_hash_key: self.explicit_hash_key,
            data: body.slice_ref(data),
        })
    }
}
