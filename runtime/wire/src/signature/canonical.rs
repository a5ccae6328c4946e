//! The form of a request that is signed: everything in one order and one spelling.

use http::{HeaderMap, request::Parts};
use sha2::{Digest as _, Sha256};

use super::hex;
use crate::credentials::Claim;

/// What HTTP/2 has in the place of `host`, and clients that speak it may sign.
pub(super) const AUTHORITY: &str = ":authority";

pub(super) fn canonical_request(parts: &Parts, body: &[u8], claim: &Claim) -> String {
    let query = parts.uri.query().unwrap_or_default();
    format!(
        "{}\n{}\n{}\n{}\n{}\n{}",
        parts.method,
        canonical_path(parts.uri.path()),
        canonical_query(query),
        canonical_headers(parts, claim),
        claim.signed_headers,
        hex(&Sha256::digest(body)),
    )
}

/// Whether a header is among those that are signed. One that is absent need not be.
pub(super) fn signs(claim: &Claim, header: &str) -> bool {
    signed_names(claim).any(|name| name == header)
}

fn signed_names(claim: &Claim) -> impl Iterator<Item = &str> {
    claim.signed_headers.split(';')
}

/// The path as it was sent, encoded once more, without empty segments and dots.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            named => segments.push(named),
        }
    }
    let mut canonical = String::from("/");
    let encoded: Vec<String> = segments.into_iter().map(encoded).collect();
    canonical += &encoded.join("/");
    if canonical.len() > 1 && path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encoded_anew(name), encoded_anew(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

fn canonical_headers(parts: &Parts, claim: &Claim) -> String {
    let mut lines = String::new();
    for name in signed_names(claim) {
        let value = header_value(&parts.headers, name);
        // HTTP/2 has the host in another place.
        let value = match (value, parts.uri.authority()) {
            (None, Some(authority)) if name == "host" || name == AUTHORITY => authority.to_string(),
            (value, _) => value.unwrap_or_default(),
        };
        lines += &format!("{name}:{value}\n");
    }
    lines
}

/// All values of a header, each with its runs of blanks made one.
fn header_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let words: Vec<&str> = text.split_ascii_whitespace().collect();
            words.join(" ")
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Percent signs are taken back before they are set, so that every spelling becomes the same.
fn encoded_anew(text: &str) -> String {
    encoded_bytes(&decoded(text))
}

pub(super) fn encoded(text: &str) -> String {
    encoded_bytes(text.as_bytes())
}

fn encoded_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(*byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

/// What percent signs stand for; one without two digits stands for itself.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}
