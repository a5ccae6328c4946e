//! Signs requests of ours to services of AWS.
//!
//! In: a request without its signature, a key and the time. Out: the headers that sign it. Every header given is signed;
//! the path must be encoded as it will be sent.

use model::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{ALGORITHM, Signer, TERMINATOR, canonical::encoded, hex, signature};
use crate::calendar::basic_date;

/// What is signed.
#[derive(Debug)]
pub struct Unsent<'a> {
    pub service: &'a str,
    pub region: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    /// Names in lower case; `host` must be there.
    pub headers: Vec<(String, String)>,
    pub body: &'a [u8],
}

impl Signer {
    /// All headers of the request, those of the signature among them.
    #[must_use]
    pub fn sign_request(&self, unsent: Unsent<'_>, now: Timestamp) -> Vec<(String, String)> {
        let date = basic_date(now.as_millis());
        let day = date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/{TERMINATOR}", unsent.region, unsent.service);
        let digest = hex(&Sha256::digest(unsent.body));
        let mut headers = unsent.headers;
        headers.push(("x-amz-date".to_owned(), date.clone()));
        headers.push(("x-amz-content-sha256".to_owned(), digest.clone()));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{}\n", value.trim()))
            .collect();
        let path = canonical_path(unsent.service, unsent.path);
        let method = unsent.method;
        let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{digest}");
        let signature = signature(&self.secret, &date, &scope, &canonical);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.id
        );
        headers.push(("authorization".to_owned(), authorization));
        headers
    }
}

/// S3 signs the path as it is sent; all others encode it once more.
fn canonical_path(service: &str, path: &str) -> String {
    if service == "s3" {
        return path.to_owned();
    }
    let segments: Vec<String> = path.split('/').map(encoded).collect();
    segments.join("/")
}

/// A name as it stands in a path: slashes stay, everything else that is not plain is encoded.
#[must_use]
pub fn encoded_path(name: &str) -> String {
    let segments: Vec<String> = name.split('/').map(encoded).collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "GET Object" and "PUT Object" of the examples in AWS's documentation of S3.
    #[test]
    fn the_example_of_aws_has_the_signature_of_aws() {
        let signer = Signer {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let put = Unsent {
            service: "s3",
            region: "us-east-1",
            method: "PUT",
            path: "/test%24file.text",
            headers: vec![
                header("host", "examplebucket.s3.amazonaws.com"),
                header("date", "Fri, 24 May 2013 00:00:00 GMT"),
                header("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            body: b"Welcome to Amazon S3.",
        };
        let headers = signer.sign_request(put, Timestamp::from_millis(1_369_353_600_000));
        let authorization = headers.iter().find(|(name, _)| name == "authorization");
        let (_, authorization) = authorization.unwrap();
        let expected = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
        assert!(authorization.ends_with(expected), "{authorization}");
        assert_eq!(encoded_path("a b/ü"), "a%20b/%C3%BC");
    }
}
