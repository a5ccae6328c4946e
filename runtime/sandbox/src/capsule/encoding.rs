//! Capsules as bytes: a line of JSON with the records behind it, or all of it as JSON.
//!
//! In: a capsule, or a file that should hold one. Out: the bytes, or the capsule; a file that holds none is an error that says
//! why, never a panic.

use bytes::Bytes;
use model::UserRecord;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Capsule,
    document::Document,
    listed::{record, record_document},
    records,
};

/// The version of a document that holds everything, and of one that stands before its records.
const LISTED: u32 = 1;
const PACKED: u32 = 2;
/// How one that stands before its records begins, and no other.
const PACKED_HEAD: &[u8] = b"{\"capsule\":2,";

/// What is wrong with a file that should hold a capsule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapsuleError {
    #[error("it is no capsule: {0}")]
    Unreadable(String),
    #[error("it has version {0}, this shardmill reads versions {LISTED} and {PACKED}")]
    Version(u32),
}

impl Capsule {
    /// For a file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to a Vec cannot fail, and a document is text and numbers.
        let written = serde_json::to_writer(&mut bytes, &self.document(PACKED, Vec::new()));
        debug_assert!(written.is_ok());
        bytes.push(b'\n');
        records::pack(&self.invocation.records, &mut bytes);
        bytes
    }

    /// For people; `decode` takes it too.
    pub fn listed(&self) -> Result<Value, CapsuleError> {
        let records = self.invocation.records.iter().map(record_document);
        let document = self.document(LISTED, records.collect());
        serde_json::to_value(document).map_err(|error| unreadable(&error))
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, CapsuleError> {
        #[derive(Deserialize)]
        struct Head {
            capsule: u32,
        }
        let no_number = || CapsuleError::Unreadable("a number is none".to_owned());
        if bytes.starts_with(PACKED_HEAD) {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let end = end.unwrap_or(bytes.len());
            let (head, rest) = bytes.split_at(end);
            let document: Document =
                serde_json::from_slice(head).map_err(|error| unreadable(&error))?;
            let rest = Bytes::copy_from_slice(rest.get(1..).unwrap_or_default());
            let records = records::unpack(rest);
            let records =
                records.ok_or_else(|| CapsuleError::Unreadable("it is cut off".to_owned()))?;
            return Self::of(document, records).ok_or_else(no_number);
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        if head.capsule != LISTED {
            return Err(CapsuleError::Version(head.capsule));
        }
        let mut document: Document =
            serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        let listed = std::mem::take(&mut document.records).into_iter();
        let records: Option<Vec<UserRecord>> = listed.map(record).collect();
        records
            .and_then(|records| Self::of(document, records))
            .ok_or_else(no_number)
    }
}

fn unreadable(error: &serde_json::Error) -> CapsuleError {
    CapsuleError::Unreadable(error.to_string())
}
