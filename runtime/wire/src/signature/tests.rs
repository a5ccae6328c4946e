//! Signatures that AWS wrote down, requests that were changed behind them, and keys in files.

use http::Request;
use proptest::prelude::*;

use super::*;
use crate::credentials::identify;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const ID: &str = "AKIDEXAMPLE";
/// 2015-08-30 12:36:00
const NOW: Timestamp = Timestamp::from_millis(1_440_938_160_000);

fn keys() -> Keyring {
    let text = format!("[default]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n");
    Keyring::parse(&text).unwrap()
}

/// Who signs a POST of an action, and how.
struct Signer<'a> {
    date: &'a str,
    scope: &'a str,
    headers: &'a str,
    secret: &'a str,
}

const SIGNER: Signer<'_> = Signer {
    date: "20150830T123600Z",
    scope: "20150830/us-east-1/kinesis/aws4_request",
    headers: "host;x-amz-date;x-amz-target",
    secret: SECRET,
};

impl Signer<'_> {
    fn request(&self, target: &str, authorization: &str) -> Parts {
        let request = Request::post("/")
            .header("host", "localhost:4566")
            .header("x-amz-date", self.date)
            .header("x-amz-target", target)
            .header("authorization", authorization);
        request.body(()).unwrap().into_parts().0
    }

    fn authorization(&self, signature: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={ID}/{}, SignedHeaders={}, Signature={signature}",
            self.scope, self.headers
        )
    }

    fn signed(&self, target: &str, body: &[u8]) -> Parts {
        let draft = self.request(target, &self.authorization("0"));
        let claim = identify(&draft.headers, "").unwrap();
        let canonical = canonical_request(&draft, body, &claim);
        let signature = signature(self.secret, self.date, self.scope, &canonical);
        self.request(target, &self.authorization(&signature))
    }
}

fn check(parts: &Parts, body: &[u8], now: Timestamp) -> Result<(), String> {
    let claim = identify(&parts.headers, parts.uri.query().unwrap_or_default()).unwrap();
    let keys = keys();
    let verified = verify(parts, body, &claim, &keys, now);
    verified.map(drop).map_err(|error| error.to_string())
}

/// Cases of AWS's test suite for signatures, whose service is `service`.
#[test]
fn signatures_are_those_of_the_test_suite() {
    let scope = "20150830/us-east-1/service/aws4_request";
    for (method, uri, extra, signed_headers, expected) in [
        (
            "GET",
            "/",
            &[][..],
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "/",
            &[],
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            &[],
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/?Param1=value2&Param1=Value1",
            &[],
            "host;x-amz-date",
            "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
        ),
        (
            "GET",
            "/",
            &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ] {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={ID}/{scope}, SignedHeaders={signed_headers}, Signature=0"),
            );
        for (name, value) in extra {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let claim = identify(&parts.headers, "").unwrap();
        let canonical = canonical_request(&parts, b"", &claim);
        let signature = signature(SECRET, "20150830T123600Z", scope, &canonical);
        assert_eq!(signature, expected, "{method} {uri}");
    }
}

#[test]
fn a_request_is_accepted_only_as_it_was_signed() {
    let parts = SIGNER.signed("Kinesis_20131202.ListStreams", b"{}");
    assert_eq!(check(&parts, b"{}", NOW), Ok(()));
    let mismatch = Err(Unsigned::Mismatch.to_string());
    assert_eq!(check(&parts, b"{ }", NOW), mismatch);
    let mut other = parts;
    let target = "Kinesis_20131202.DeleteStream".parse().unwrap();
    other.headers.insert("x-amz-target", target);
    assert_eq!(check(&other, b"{}", NOW), mismatch);
    let stranger = Signer {
        secret: "another",
        ..SIGNER
    };
    let parts = stranger.signed("Kinesis_20131202.ListStreams", b"{}");
    assert_eq!(check(&parts, b"{}", NOW), mismatch);
}

#[test]
fn what_is_wrong_beside_the_signature_is_told_in_the_words_of_aws() {
    let signed = |signer: &Signer<'_>| signer.signed("Kinesis_20131202.ListStreams", b"{}");
    let minutes = |count: u64| Duration::from_secs(60 * count + 1);
    for (parts, now, expected) in [
        (
            signed(&SIGNER),
            NOW.plus(minutes(5)),
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)",
        ),
        (
            signed(&SIGNER),
            NOW.minus(minutes(5)),
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)",
        ),
        (
            signed(&Signer {
                scope: "20150831/us-east-1/sqs/aws4",
                ..SIGNER
            }),
            NOW,
            "Credential should be scoped to correct service: 'kinesis'. Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'.",
        ),
        (
            signed(&Signer {
                scope: "20150830",
                ..SIGNER
            }),
            NOW,
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
        ),
        (
            signed(&Signer {
                date: "Sun, 30 Aug 2015",
                ..SIGNER
            }),
            NOW,
            "Date must be in ISO-8601 'basic format'. Got 'Sun, 30 Aug 2015'. See http://en.wikipedia.org/wiki/ISO_8601",
        ),
        (
            signed(&Signer {
                headers: "host;x-amz-date",
                ..SIGNER
            }),
            NOW,
            "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.",
        ),
    ] {
        assert_eq!(check(&parts, b"{}", now), Err(expected.to_owned()));
    }
    let parts = signed(&SIGNER);
    let claim = identify(&parts.headers, "").unwrap();
    let none = Keyring::default();
    assert_eq!(
        verify(&parts, b"{}", &claim, &none, NOW),
        Err(Unsigned::UnknownKey)
    );
}

#[test]
fn clients_of_http_2_sign_the_authority() {
    let scope = SIGNER.scope;
    let request = |signature: &str| {
        let request = Request::post("http://localhost:4566/")
            .header("x-amz-date", SIGNER.date)
            .header("x-amz-target", "Kinesis_20131202.ListStreams")
            .header(
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={ID}/{scope}, \
                     SignedHeaders=:authority;x-amz-date;x-amz-target, Signature={signature}"
                ),
            );
        request.body(()).unwrap().into_parts().0
    };
    let draft = request("0");
    let claim = identify(&draft.headers, "").unwrap();
    let canonical = canonical_request(&draft, b"{}", &claim);
    assert!(
        canonical.contains("\n:authority:localhost:4566\n"),
        "{canonical}"
    );
    let parts = request(&signature(SECRET, SIGNER.date, scope, &canonical));
    assert_eq!(check(&parts, b"{}", NOW), Ok(()));
}

#[test]
fn what_our_own_signer_signs_is_accepted() {
    let signer = super::Signer {
        id: ID.to_owned(),
        secret: SECRET.to_owned(),
    };
    let target = "Kinesis_20131202.PutRecords";
    let (date, authorization) = signer.sign("localhost:4566", target, "eu-west-1", b"{}", NOW);
    let request = Request::post("/")
        .header("host", "localhost:4566")
        .header("x-amz-date", date)
        .header("x-amz-target", target)
        .header("authorization", authorization);
    let parts = request.body(()).unwrap().into_parts().0;
    assert_eq!(check(&parts, b"{}", NOW), Ok(()));
    assert_eq!(check(&parts, b"", NOW), Err(Unsigned::Mismatch.to_string()));
}

#[test]
fn presigned_requests_live_as_long_as_they_say() {
    let query = |signature: &str| {
        format!(
            "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={ID}%2F20150830%2Fus-east-1%2Fkinesis%2Faws4_request\
             &X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-amz-target&X-Amz-Signature={signature}"
        )
    };
    let request = |signature: &str| {
        let request = Request::post(query(signature))
            .header("host", "localhost")
            .header("x-amz-target", "Kinesis_20131202.ListStreams");
        request.body(()).unwrap().into_parts().0
    };
    let draft = request("0");
    let claim = identify(&draft.headers, draft.uri.query().unwrap()).unwrap();
    let canonical = canonical_request(&draft, b"{}", &claim);
    let parts = request(&signature(SECRET, &claim.date, &claim.scope, &canonical));
    assert_eq!(
        check(&parts, b"{}", NOW.plus(Duration::from_secs(60))),
        Ok(())
    );
    let late = check(&parts, b"{}", NOW.plus(Duration::from_secs(61)));
    assert!(late.unwrap_err().starts_with("Signature expired"));
    assert_eq!(
        check(&draft, b"{}", NOW),
        Err(Unsigned::Mismatch.to_string())
    );
}

#[test]
fn keys_are_read_as_the_tools_of_aws_write_them() {
    let text = "\
# comment
[one]
aws_access_key_id=A
aws_secret_access_key = s3cr=t
region = eu-west-1

[two]
aws_access_key_id = B
aws_secret_access_key = b
account = 123456789012
";
    let keys = Keyring::parse(text).unwrap();
    assert_eq!(keys.find("A").unwrap().secret, "s3cr=t");
    let text = text.replace("account =", "aws_account_id =");
    let as_aws = Keyring::parse(&text).unwrap();
    assert_eq!(
        as_aws.find("B").unwrap().account,
        keys.find("B").unwrap().account
    );
    let account = keys.find("B").unwrap().account.clone();
    assert_eq!(account.unwrap().as_str(), "123456789012");
    assert!(keys.find("C").is_none());
    assert!(!format!("{keys:?}").contains("s3cr"));
    for (text, expected) in [
        ("", "line 1: it holds no key"),
        (
            "aws_access_key_id = A",
            "line 1: expected a `[section]` first",
        ),
        ("[a]\nkey", "line 2: expected `name = value` or `[section]`"),
        (
            "[a]\naws_access_key_id = A\n",
            "line 1: the section needs aws_access_key_id and aws_secret_access_key",
        ),
        ("[a]\naccount = 12", "line 2: an account has 12 digits"),
        (
            "[a]\naws_access_key_id=A\naws_secret_access_key=s\n[b]\naws_access_key_id=A\naws_secret_access_key=s",
            "line 4: the same aws_access_key_id stands in two sections",
        ),
    ] {
        assert_eq!(Keyring::parse(text).unwrap_err().to_string(), expected);
    }
}

proptest! {
    #[test]
    fn hostile_signatures_are_only_refused(
        authorization in "[ -~]{0,200}", date in "[ -~]{0,20}", query in "[!-~]{0,100}",
    ) {
        let query = query.replace(['"', '<', '>', '\\', '^', '`', '{', '|', '}', '#'], "%");
        let request = Request::post(format!("/a/../%2f/?{query}"))
            .header("authorization", authorization)
            .header("x-amz-date", date);
        let parts = request.body(()).unwrap().into_parts().0;
        if let Ok(claim) = identify(&parts.headers, &query) {
            prop_assert!(verify(&parts, b"", &claim, &keys(), NOW).is_err());
            canonical_request(&parts, b"", &claim);
        }
    }
}
