//! Who calls: account and region, read from the signature of a request.
//!
//! In: headers and query of a request. Out: what the signature claims, or the reason why it cannot be read, in AWS's
//! words. Whether the claim is true is the matter of `signature`; a server that knows no keys believes every one. A
//! request without any signature is refused all the same, as AWS does.

use http::{HeaderMap, header};

use crate::signature::decoded;

/// The account of callers whose access key is not an account number itself.
const DEFAULT_ACCOUNT: &str = "000000000000";
/// The region of a signature whose scope names none.
const DEFAULT_REGION: &str = "us-east-1";

/// Whom a request acts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Twelve digits.
    pub(crate) account: String,
    pub(crate) region: String,
}

/// What a signature says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) caller: Caller,
    pub(crate) key_id: String,
    pub(crate) algorithm: String,
    /// `DATE/REGION/SERVICE/aws4_request`
    pub(crate) scope: String,
    pub(crate) date: String,
    /// Names in lower case, with semicolons between them.
    pub(crate) signed_headers: String,
    pub(crate) signature: String,
    /// For how long a presigned request may be used.
    pub(crate) expires_s: Option<u64>,
}

/// Why a signature cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnreadableSignature {
    #[error("Missing Authentication Token")]
    Missing,
    #[error(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )]
    Twice,
    #[error("{0}")]
    Incomplete(String),
}

/// Reads the claim out of the `Authorization` header or the query of a presigned request.
pub(crate) fn identify(headers: &HeaderMap, query: &str) -> Result<Claim, UnreadableSignature> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.as_bytes());
    let presigned = pairs(query, '&').any(|(name, _)| name == "X-Amz-Algorithm");
    match (authorization, presigned) {
        (Some(_), true) => Err(UnreadableSignature::Twice),
        (None, false) => Err(UnreadableSignature::Missing),
        (Some(authorization), false) => {
            let dated = headers.get("x-amz-date").or(headers.get(header::DATE));
            let date = dated.map(|date| String::from_utf8_lossy(date.as_bytes()).into_owned());
            from_header(&String::from_utf8_lossy(authorization), date)
        }
        (None, true) => from_query(query),
    }
}

fn from_header(authorization: &str, date: Option<String>) -> Result<Claim, UnreadableSignature> {
    let parameters = || {
        let parts = authorization.split([',', ' ']).skip(1);
        parts
            .filter_map(|part| part.split_once('='))
            .filter(|(_, value)| !value.is_empty())
    };
    let mut missing = String::new();
    for name in ["Credential", "Signature", "SignedHeaders"] {
        if !parameters().any(|(given, _)| given == name) {
            missing += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if date.is_none() {
        missing +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    if !missing.is_empty() {
        return Err(UnreadableSignature::Incomplete(format!(
            "{missing}Authorization={authorization}"
        )));
    }
    let given = |wanted: &str| {
        let found = parameters().find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| value).to_owned()
    };
    let credential = given("Credential");
    Ok(Claim {
        algorithm: authorization
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
        date: date.unwrap_or_default(),
        signed_headers: given("SignedHeaders"),
        signature: given("Signature"),
        expires_s: None,
        ..scoped(&credential)
    })
}

fn from_query(query: &str) -> Result<Claim, UnreadableSignature> {
    let given = |name: &str| {
        let found = pairs(query, '&').find(|(key, value)| *key == name && !value.is_empty());
        found.map(|(_, value)| String::from_utf8_lossy(&decoded(value)).into_owned())
    };
    let mut missing = String::new();
    for name in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "X-Amz-Date",
    ] {
        if given(name).is_none() {
            missing += &format!("AWS query-string parameters must include '{name}'. ");
        }
    }
    if !missing.is_empty() {
        missing += "Re-examine the query-string parameters.";
        return Err(UnreadableSignature::Incomplete(missing));
    }
    let text = |name: &str| given(name).unwrap_or_default();
    let credential = text("X-Amz-Credential");
    let expires = given("X-Amz-Expires").and_then(|seconds| seconds.parse().ok());
    Ok(Claim {
        algorithm: text("X-Amz-Algorithm"),
        date: text("X-Amz-Date"),
        signed_headers: text("X-Amz-SignedHeaders"),
        signature: text("X-Amz-Signature"),
        expires_s: expires.or(Some(0)),
        ..scoped(&credential)
    })
}

/// The parts of a claim that its credential says.
fn scoped(credential: &str) -> Claim {
    let (key_id, scope) = credential.split_once('/').unwrap_or((credential, ""));
    Claim {
        caller: caller(credential),
        key_id: key_id.to_owned(),
        algorithm: String::new(),
        scope: scope.to_owned(),
        date: String::new(),
        signed_headers: String::new(),
        signature: String::new(),
        expires_s: None,
    }
}

/// A credential is `KEY/DATE/REGION/SERVICE/aws4_request`.
fn caller(credential: &str) -> Caller {
    let mut parts = credential.split('/');
    let key = parts.next().unwrap_or_default();
    let region = parts
        .nth(1)
        .filter(|region| is_region(region))
        .unwrap_or(DEFAULT_REGION);
    let is_account = key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit());
    let account = if is_account { key } else { DEFAULT_ACCOUNT };
    Caller {
        account: account.to_owned(),
        region: region.to_owned(),
    }
}

fn is_region(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

pub(crate) fn pairs(text: &str, separator: char) -> impl Iterator<Item = (&str, &str)> {
    text.split(separator)
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], query: &str, expected: Result<(&str, &str), &str>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let expected = expected.map(|(account, region)| (account.to_owned(), region.to_owned()));
        let actual = identify(&map, query).map(|claim| (claim.caller.account, claim.caller.region));
        assert_eq!(
            actual.map_err(|error| error.to_string()),
            expected.map_err(str::to_owned)
        );
    }

    #[test]
    fn account_and_region_come_from_the_credential() {
        let signed = |credential: &str| {
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=c")
        };
        for (credential, expected) in [
            (
                "test/20260101/eu-west-1/kinesis/aws4_request",
                ("000000000000", "eu-west-1"),
            ),
            (
                "123456789012/20260101/us-east-2/kinesis/aws4_request",
                ("123456789012", "us-east-2"),
            ),
            ("a", ("000000000000", "us-east-1")),
            ("a/b/NOT A REGION/c/d", ("000000000000", "us-east-1")),
        ] {
            let headers = [
                ("authorization", &*signed(credential)),
                ("x-amz-date", "20260101T000000Z"),
            ];
            check(&headers, "", Ok(expected));
        }
        check(
            &[],
            "X-Amz-Algorithm=a&X-Amz-Credential=k%2F1%2Feu-north-1%2Fkinesis%2Fx&X-Amz-Signature=c\
             &X-Amz-SignedHeaders=d&X-Amz-Date=e",
            Ok(("000000000000", "eu-north-1")),
        );
    }

    #[test]
    fn unreadable_signatures_are_refused_in_the_words_of_aws() {
        let query = "X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d";
        check(&[], query, Err("Missing Authentication Token"));
        check(
            &[("authorization", "X")],
            "X-Amz-Algorithm",
            Err(
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
            ),
        );
        check(
            &[("authorization", "X")],
            "X-Amz-Algorith",
            Err("Authorization header requires 'Credential' parameter. \
                 Authorization header requires 'Signature' parameter. \
                 Authorization header requires 'SignedHeaders' parameter. \
                 Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
                 Authorization=X"),
        );
        for authorization in [
            "AWS4- Signature=b Credential=a",
            "AWS4- Signature=b,Credential=a",
        ] {
            let text = "Authorization header requires 'SignedHeaders' parameter. Authorization=";
            check(
                &[("authorization", authorization), ("date", "a")],
                "",
                Err(&format!("{text}{authorization}")),
            );
        }
        check(
            &[],
            "X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-Date=d",
            Err(
                "AWS query-string parameters must include 'X-Amz-SignedHeaders'. \
                 Re-examine the query-string parameters.",
            ),
        );
    }
}
