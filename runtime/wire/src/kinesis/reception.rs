//! The order of questions at the door: is this a call at all, of which action, by whom, with which input?
//!
//! In: the head of a request and its collected body. Out: a call whose input fits its shape, or the answer that
//! ends the matter here. The order is AWS's, and visible in which error comes first: method and CORS, content
//! type and body, target, signature, types of members, their bounds. Existence and state come later, in
//! `actions`; of streams only this is asked, whether one spreads records, because then they need no keys. Never waits.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request::Parts};
use model::Timestamp;
use serde_json::{Map, Value};
use streams::{Distribution, Streams};

use super::{
    actions::stream_key,
    answer::{Answer, CBOR, Codec, JSON, OLD_JSON},
    cbor,
    decode::{check_types, parse_body},
    error::{AwsError, Kind},
    generated::Action,
    input::Members,
    producer::ProducerMark,
    puts::{PutRecordBody, PutRecordsBody},
    schema::{ActionRow, Member, Shape},
    validate::validate,
};
use crate::{
    credentials,
    credentials::Caller,
    hosts::AllowedHosts,
    signature::{Keyring, verify},
};

/// A request that got through the door.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) action: Action,
    /// The action as clients call it.
    pub(super) name: &'static str,
    /// Of the request, and so of its answer.
    pub(super) codec: Codec,
    pub(super) caller: Caller,
    /// Whether the caller is who it says, so that policies can mean something.
    pub(super) verified: bool,
    pub(super) producer: Option<ProducerMark>,
    pub(super) input: Input,
}

/// The input of a call. Puts have forms of their own, decoded without a tree of values in between.
#[derive(Debug)]
pub(super) enum Input {
    PutRecord(PutRecordBody),
    PutRecords(PutRecordsBody),
    Object(Map<String, Value>),
}

/// Who is let in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access<'a> {
    pub(super) hosts: &'a AllowedHosts,
    /// Without keys any signature is accepted.
    pub(super) keys: Option<&'a Keyring>,
    /// By the clock that nobody shifts.
    pub(super) now: Timestamp,
    /// Of which some spread records by themselves; without them none does.
    pub(super) streams: Option<&'a Streams>,
}

/// Receives a request. The error is the answer that ends it.
pub(super) fn receive(parts: &Parts, body: &Bytes, access: Access<'_>) -> Result<Call, Answer> {
    if !access.hosts.admit(&parts.uri, &parts.headers) {
        return Err(Answer::host_refused());
    }
    let text = |name: header::HeaderName| header_text(&parts.headers, &name);
    let from_page = parts.headers.contains_key(header::ORIGIN);
    if parts.method == Method::OPTIONS && from_page {
        return Err(Answer::preflight(
            text(header::ACCESS_CONTROL_REQUEST_HEADERS),
            text(header::ACCESS_CONTROL_REQUEST_METHOD),
        ));
    }
    if parts.method != Method::POST {
        return Err(Answer::access_denied_xml());
    }
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    let target = text(header::HeaderName::from_static("x-amz-target")).unwrap_or_default();
    let row = ActionRow::targeted(&target);
    let codec = check_content(content_type, &target, row, body)?;

    let refuse = |error: AwsError| Answer::error(codec, &error);
    // A put that is in order needs no tree. Whatever is odd about it is found again below, in AWS's order.
    if let Some(row) = row
        && let Some(input) = read_put(row.action, codec, body)
        && let Ok((caller, producer)) = identify(parts, body, access)
    {
        return Ok(Call {
            action: row.action,
            name: row.name,
            codec,
            caller,
            verified: access.keys.is_some(),
            producer,
            input,
        });
    }
    let expected = row.map_or(&[][..], |row| members(row.input));
    let (object, misplaced) =
        read(codec, body, expected).ok_or_else(|| refuse(AwsError::body_unreadable()))?;
    let row = row.ok_or_else(|| refuse(AwsError::bare(Kind::UnknownOperation)))?;
    let (caller, producer) = identify(parts, body, access).map_err(refuse)?;
    if let Some(text) = misplaced {
        return Err(refuse(AwsError::new(Kind::Serialization, text)));
    }
    let is_spread = is_spread(row.action, &object, &caller, access);
    check_input(expected, &object, is_spread).map_err(refuse)?;
    Ok(Call {
        action: row.action,
        name: row.name,
        codec,
        caller,
        verified: access.keys.is_some(),
        producer,
        input: Input::Object(object),
    })
}

/// The body as an object, and what only its codec can find wrong with its members.
fn read(
    codec: Codec,
    body: &[u8],
    expected: &[Member],
) -> Option<(Map<String, Value>, Option<String>)> {
    match codec {
        Codec::Json => Some((parse_body(body)?, None)),
        Codec::Cbor => {
            let cbor::Body { object, misplaced } = cbor::read_body(body, expected)?;
            Some((object, misplaced))
        }
    }
}

/// Which of AWS's two codecs the body has. Whatever has neither is answered here, in the form in which AWS does.
fn check_content(
    content_type: &str,
    target: &str,
    row: Option<&ActionRow>,
    body: &[u8],
) -> Result<Codec, Answer> {
    if body.is_empty() {
        let codec = if content_type == JSON {
            Codec::Json
        } else {
            Codec::Cbor
        };
        let kind = if row.is_some() {
            Kind::Serialization
        } else {
            Kind::UnknownOperation
        };
        return Err(Answer::error(codec, &AwsError::bare(kind)));
    }
    match content_type {
        JSON => Ok(Codec::Json),
        CBOR => Ok(Codec::Cbor),
        OLD_JSON => Err(match parse_body(body) {
            None => Answer::old_json(StatusCode::BAD_REQUEST, Kind::Serialization.name()),
            Some(_) => Answer::old_json(StatusCode::NOT_FOUND, Kind::UnknownOperation.name()),
        }),
        _ => {
            let names_operation = target
                .split_once('.')
                .is_some_and(|(service, operation)| !service.is_empty() && !operation.is_empty());
            Err(if names_operation {
                Answer::unknown_operation_xml()
            } else {
                Answer::access_denied_xml()
            })
        }
    }
}

fn read_put(action: Action, codec: Codec, body: &Bytes) -> Option<Input> {
    match codec {
        Codec::Cbor => cbor::read_put(action, body),
        Codec::Json if action == Action::PutRecords => {
            PutRecordsBody::read(body).map(Input::PutRecords)
        }
        Codec::Json if action == Action::PutRecord => {
            PutRecordBody::read(body).map(Input::PutRecord)
        }
        Codec::Json => None,
    }
}

fn identify(
    parts: &Parts,
    body: &[u8],
    access: Access<'_>,
) -> Result<(Caller, Option<ProducerMark>), AwsError> {
    let query = parts.uri.query().unwrap_or_default();
    let claim = credentials::identify(&parts.headers, query)?;
    let caller = match access.keys {
        Some(keys) => {
            let key = verify(parts, body, &claim, keys, access.now)?;
            let account = key
                .account
                .as_ref()
                .map(|account| account.as_str().to_owned());
            Caller {
                account: account.unwrap_or(claim.caller.account),
                ..claim.caller
            }
        }
        // Any page may send a request with a made-up signature. No key is known here, so no page gets in.
        None if parts.headers.contains_key(header::ORIGIN) => {
            return Err(AwsError::origin_refused());
        }
        None => claim.caller,
    };
    let producer = parts
        .headers
        .get("x-shardmill-producer")
        .map(ProducerMark::parse)
        .transpose()?;
    Ok((caller, producer))
}

fn check_input(
    members: &[Member],
    object: &Map<String, Value>,
    is_spread: bool,
) -> Result<(), AwsError> {
    check_types(members, object).map_err(|text| AwsError::new(Kind::Serialization, text))?;
    validate(members, object, is_spread).map_err(|text| AwsError::new(Kind::Validation, text))
}

/// Whether a put is into a stream that spreads records by itself, so that they need no partition keys.
fn is_spread(
    action: Action,
    object: &Map<String, Value>,
    caller: &Caller,
    access: Access<'_>,
) -> bool {
    let puts = action == Action::PutRecord || action == Action::PutRecords;
    let Some(streams) = access.streams.filter(|_| puts) else {
        return false;
    };
    let addressed = Members(object).stream().addressed(caller);
    let named = addressed.and_then(|addressed| stream_key(&addressed));
    let facts = named.ok().and_then(|key| streams.describe(&key).ok());
    facts.is_some_and(|facts| facts.traits.distribution == Some(Distribution::Auto))
}

fn members(input: &'static Shape) -> &'static [Member] {
    match input {
        Shape::Structure { members, .. } => members,
        Shape::Boolean
        | Shape::Timestamp
        | Shape::Integer { .. }
        | Shape::Blob { .. }
        | Shape::Text { .. }
        | Shape::List { .. }
        | Shape::Map { .. } => &[],
    }
}

fn header_text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
