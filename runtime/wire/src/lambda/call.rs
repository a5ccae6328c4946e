//! A request that got through the door: who calls, where to, with what.
//!
//! In: the head of a request and its collected body. Out: a call, or the refusal that ends the matter. Only names, keys
//! and the form of things are looked at here; what a call means is its room's affair.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, header, request::Parts};
use model::Timestamp;
use serde_json::{Map, Value};

use super::error::LambdaError;
use crate::{
    credentials::{self, Caller, pairs},
    hosts::AllowedHosts,
    limits::ITEMS_ASKED_MAX,
    signature::{Keyring, Service, decoded, verify_for},
};

/// Who is let in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access<'a> {
    pub(super) hosts: &'a AllowedHosts,
    /// Without keys any signature is accepted.
    pub(super) keys: Option<&'a Keyring>,
    /// By the clock that nobody shifts.
    pub(super) now: Timestamp,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The parts of the path between slashes, decoded; an empty one at the end is left out.
    pub(super) path: Vec<String>,
    pub(super) query: BTreeMap<String, Vec<String>>,
    pub(super) caller: Caller,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn receive(
        parts: &Parts,
        body: Bytes,
        access: Access<'_>,
    ) -> Result<Self, LambdaError> {
        if !access.hosts.admit(&parts.uri, &parts.headers) {
            return Err(LambdaError::host_refused());
        }
        let text = parts.uri.query().unwrap_or_default();
        let claim = credentials::identify(&parts.headers, text)?;
        let caller = match access.keys {
            Some(keys) => {
                let key = verify_for(Service::Lambda, parts, &body, &claim, keys, access.now)?;
                let account = key.account.as_ref();
                Caller {
                    account: account.map_or(claim.caller.account, |it| it.as_str().to_owned()),
                    ..claim.caller
                }
            }
            // Any page may send a request with a made-up signature. No key is known here, so no page gets in.
            None if parts.headers.contains_key(header::ORIGIN) => {
                return Err(LambdaError::origin_refused());
            }
            None => claim.caller,
        };
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs(text, '&') {
            query.entry(plain(name)).or_default().push(plain(value));
        }
        let path = parts.uri.path().trim_matches('/');
        Ok(Self {
            method: parts.method.clone(),
            path: path.split('/').map(plain).collect(),
            query,
            caller,
            headers: parts.headers.clone(),
            body,
        })
    }

    /// The first value of a parameter of the query that is not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let first = self.query.get(name)?.first()?;
        Some(first.as_str()).filter(|value| !value.is_empty())
    }

    /// How many items a page has: `MaxItems`, and no more than `most`.
    pub(super) fn items_asked(&self, most: usize) -> Result<usize, LambdaError> {
        let Some(text) = self.parameter("MaxItems") else {
            return Ok(most);
        };
        let rule = match text.parse::<i64>() {
            Ok(count) if count < 1 => {
                "Member must have value greater than or equal to 1".to_owned()
            }
            Ok(count) => match usize::try_from(count) {
                Ok(count) if count <= ITEMS_ASKED_MAX => return Ok(most.min(count)),
                Ok(_) | Err(_) => {
                    format!("Member must have value less than or equal to {ITEMS_ASKED_MAX}")
                }
            },
            Err(_) => "Member must be a number".to_owned(),
        };
        Err(LambdaError::validation(format!(
            "1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy constraint: {rule}"
        )))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as an object; no body is an empty one.
    pub(super) fn object(&self) -> Result<Map<String, Value>, LambdaError> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_slice(&self.body).map_err(|_| LambdaError::unreadable_body())
    }
}

fn plain(text: &str) -> String {
    String::from_utf8_lossy(&decoded(text)).into_owned()
}
