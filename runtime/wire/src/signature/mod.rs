//! Version 4 of AWS's signatures, in headers and in the query of presigned requests.
//!
//! In: a request, what its signature claims, the keys that this server knows, and the time. Out: consent, or the
//! reason why not, in AWS's words. Comparing takes as long for a wrong signature as for a right one. The body is part
//! of what is signed, so it must be there as a whole.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod canonical;
mod keys;
mod signing;

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use model::Timestamp;
use sha2::{Digest as _, Sha256};

pub(crate) use canonical::decoded;
use canonical::{AUTHORITY, canonical_request, signs};
pub use keys::{AccessKey, Keyring, UnreadableKeys};
pub use signing::{Unsent, encoded_path};

use crate::{
    calendar::{basic_date, parse_basic_date},
    credentials::Claim,
    limits::{PRESIGNED_SECONDS_MAX, SIGNATURE_SKEW_MAX},
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

/// A service whose requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Kinesis,
    Lambda,
}

impl Service {
    /// As it stands in the scope of a credential.
    fn name(self) -> &'static str {
        match self {
            Self::Kinesis => "kinesis",
            Self::Lambda => "lambda",
        }
    }

    /// Whether the header `x-amz-target` says what is asked for, and so must be signed.
    fn is_targeted(self) -> bool {
        match self {
            Self::Kinesis => true,
            Self::Lambda => false,
        }
    }
}

/// Why a signature is not accepted. Texts are AWS's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsigned {
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
         Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    #[error("Unsupported AWS 'algorithm': '{0}'.")]
    Algorithm(String),
    #[error(
        "Date must be in ISO-8601 'basic format'. Got '{0}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )]
    Date(String),
    #[error("Signature expired: {signed} is now earlier than {earliest} ({now} - {minutes} min.)")]
    Expired {
        signed: String,
        earliest: String,
        now: String,
        minutes: u64,
    },
    #[error(
        "Signature not yet current: {signed} is still later than {latest} ({now} + {minutes} min.)"
    )]
    NotYet {
        signed: String,
        latest: String,
        now: String,
        minutes: u64,
    },
    #[error("{0}")]
    Scope(String),
    #[error("{0} must be a 'SignedHeader' in the AWS Authorization.")]
    HeaderLeftOut(&'static str),
}

/// Whether a request to Kinesis is signed by a known key, at about this time. The key is returned.
pub(crate) fn verify<'k>(
    parts: &Parts,
    body: &[u8],
    claim: &Claim,
    keys: &'k Keyring,
    now: Timestamp,
) -> Result<&'k AccessKey, Unsigned> {
    verify_for(Service::Kinesis, parts, body, claim, keys, now)
}

/// The same for a request to any service.
pub(crate) fn verify_for<'k>(
    service: Service,
    parts: &Parts,
    body: &[u8],
    claim: &Claim,
    keys: &'k Keyring,
    now: Timestamp,
) -> Result<&'k AccessKey, Unsigned> {
    if claim.algorithm != ALGORITHM {
        return Err(Unsigned::Algorithm(claim.algorithm.clone()));
    }
    let signed = parse_basic_date(&claim.date).ok_or_else(|| Unsigned::Date(claim.date.clone()))?;
    check_scope(claim, service.name())?;
    check_time(claim, Timestamp::from_millis(signed), now)?;
    if !signs(claim, "host") && !signs(claim, AUTHORITY) {
        return Err(Unsigned::HeaderLeftOut("'Host' or ':authority'"));
    }
    if service.is_targeted() && !signs(claim, "x-amz-target") {
        return Err(Unsigned::HeaderLeftOut("'X-Amz-Target'"));
    }
    let key = keys.find(&claim.key_id).ok_or(Unsigned::UnknownKey)?;
    let canonical = canonical_request(parts, body, claim);
    let expected = signature(&key.secret, &claim.date, &claim.scope, &canonical);
    if equal(expected.as_bytes(), claim.signature.as_bytes()) {
        Ok(key)
    } else {
        Err(Unsigned::Mismatch)
    }
}

/// A key that signs, for clients of ours.
#[derive(Clone)]
pub struct Signer {
    pub id: String,
    pub secret: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The values of `x-amz-date` and `authorization` for a POST to `/` of this target.
    #[must_use]
    pub fn sign(
        &self,
        host: &str,
        target: &str,
        region: &str,
        body: &[u8],
        now: Timestamp,
    ) -> (String, String) {
        let date = basic_date(now.as_millis());
        let day = date.get(..8).unwrap_or_default();
        let service = Service::Kinesis.name();
        let scope = format!("{day}/{region}/{service}/{TERMINATOR}");
        let names = "host;x-amz-date;x-amz-target";
        let digest = hex(&Sha256::digest(body));
        let canonical = format!(
            "POST\n/\n\nhost:{host}\nx-amz-date:{date}\nx-amz-target:{target}\n\n{names}\n{digest}"
        );
        let signature = signature(&self.secret, &date, &scope, &canonical);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.id
        );
        (date, authorization)
    }
}

/// The signature of a canonical request, in hexadecimal digits.
fn signature(secret: &str, date: &str, scope: &str, canonical: &str) -> String {
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{digest}");
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = mac(&key, part.as_bytes());
    }
    hex(&mac(&key, to_sign.as_bytes()))
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    // Keys of any length are taken.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes the same time wherever the first difference lies.
fn equal(one: &[u8], other: &[u8]) -> bool {
    let difference = one
        .iter()
        .zip(other)
        .fold(0, |difference, (one, other)| difference | (one ^ other));
    one.len() == other.len() && std::hint::black_box(difference) == 0
}

fn check_scope(claim: &Claim, expected: &str) -> Result<(), Unsigned> {
    let parts: Vec<&str> = claim.scope.split('/').collect();
    let [day, _, service, terminator] = parts.as_slice() else {
        return Err(Unsigned::Scope(
            "Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term."
                .to_owned(),
        ));
    };
    let mut wrong = String::new();
    if *service != expected {
        wrong += &format!("Credential should be scoped to correct service: '{expected}'. ");
    }
    if *terminator != TERMINATOR {
        wrong += &format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'. "
        );
    }
    let date_day = claim.date.get(..8).unwrap_or_default();
    if *day != date_day {
        wrong += &format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{day}' != '{date_day}', from '{}'.",
            claim.date
        );
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Unsigned::Scope(wrong))
    }
}

fn check_time(claim: &Claim, signed: Timestamp, now: Timestamp) -> Result<(), Unsigned> {
    let lifetime = match claim.expires_s {
        None => SIGNATURE_SKEW_MAX,
        Some(seconds) => Duration::from_secs(seconds.min(PRESIGNED_SECONDS_MAX)),
    };
    let text = |time: Timestamp| basic_date(time.as_millis());
    if signed.plus(lifetime) < now {
        return Err(Unsigned::Expired {
            signed: text(signed),
            earliest: text(now.minus(lifetime)),
            now: text(now),
            minutes: lifetime.as_secs() / 60,
        });
    }
    if now.plus(SIGNATURE_SKEW_MAX) < signed {
        return Err(Unsigned::NotYet {
            signed: text(signed),
            latest: text(now.plus(SIGNATURE_SKEW_MAX)),
            now: text(now),
            minutes: SIGNATURE_SKEW_MAX.as_secs() / 60,
        });
    }
    Ok(())
}
