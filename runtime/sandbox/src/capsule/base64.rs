//! Bytes as text, where a document is one.

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub(super) fn base64(bytes: &Bytes) -> String {
    STANDARD.encode_to_string(bytes)
}

pub(super) struct Base64(pub(super) Bytes);

impl Serialize for Base64 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&base64(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD
            .decode_to_vec(text)
            .map_err(serde::de::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}
