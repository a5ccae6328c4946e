//! Who calls: account and region, read from the signature of a request.
//!
//! In: headers and query of a request. Out: a caller, or the reason why the signature cannot be read, in AWS's
//! words. The signature itself is not verified: this is for loopback, where any signature is accepted. A request
//! without any is refused all the same, as AWS does.

use http::{HeaderMap, header};

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

/// Reads the caller out of the `Authorization` header or the query of a presigned request.
pub(crate) fn identify(headers: &HeaderMap, query: &str) -> Result<Caller, UnreadableSignature> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.as_bytes());
    let presigned = pairs(query, '&').any(|(name, _)| name == "X-Amz-Algorithm");
    match (authorization, presigned) {
        (Some(_), true) => Err(UnreadableSignature::Twice),
        (None, false) => Err(UnreadableSignature::Missing),
        (Some(authorization), false) => {
            let dated = headers.contains_key("x-amz-date") || headers.contains_key(header::DATE);
            from_header(&String::from_utf8_lossy(authorization), dated)
        }
        (None, true) => from_query(query),
    }
}

fn from_header(authorization: &str, dated: bool) -> Result<Caller, UnreadableSignature> {
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
    if !dated {
        missing +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    if !missing.is_empty() {
        return Err(UnreadableSignature::Incomplete(format!(
            "{missing}Authorization={authorization}"
        )));
    }
    let credential = parameters().find(|(name, _)| *name == "Credential");
    Ok(caller(credential.map_or("", |(_, value)| value)))
}

fn from_query(query: &str) -> Result<Caller, UnreadableSignature> {
    let given =
        |name: &str| pairs(query, '&').find(|(key, value)| *key == name && !value.is_empty());
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
    let credential = given("X-Amz-Credential").map_or("", |(_, value)| value);
    Ok(caller(&credential.replace("%2F", "/").replace("%2f", "/")))
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

fn pairs(text: &str, separator: char) -> impl Iterator<Item = (&str, &str)> {
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
        let actual = identify(&map, query).map(|caller| (caller.account, caller.region));
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
