//! The three calls of AWS that carry a failure document: SendMessage, Publish and PutObject.
//!
//! In: a document and where it goes. Out: a signed request. Credentials are those that AWS's own tools find in the
//! environment; without them requests are signed with the key `test`, which servers for tests accept.

use std::{collections::BTreeMap, fmt};

use http::Uri;
use model::Timestamp;
use serde_json::json;
use wire::{Signer, Unsent, encoded_path};

use super::{Address, client::Outgoing};

/// Who signs.
#[derive(Clone)]
pub(crate) struct Credentials {
    signer: Signer,
    token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signer.fmt(f)
    }
}

impl Credentials {
    pub(crate) fn of(environment: &BTreeMap<String, String>) -> Self {
        let given = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let id = given("AWS_ACCESS_KEY_ID").zip(given("AWS_SECRET_ACCESS_KEY"));
        let (id, secret) = id.map_or(("test".to_owned(), "test".to_owned()), |(id, secret)| {
            (id.clone(), secret.clone())
        });
        Self {
            signer: Signer { id, secret },
            token: given("AWS_SESSION_TOKEN").cloned(),
        }
    }

    fn signed(&self, call: Unsigned<'_>, now: Timestamp) -> Outgoing {
        let mut headers = vec![("host".to_owned(), call.to.authority())];
        headers.extend(call.headers);
        if let Some(token) = &self.token {
            headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        let unsent = Unsent {
            service: call.service,
            region: call.region,
            method: call.method,
            path: &call.to.path,
            headers,
            body: &call.body,
        };
        let headers = self.signer.sign_request(unsent, now);
        Outgoing {
            method: call.method,
            to: call.to,
            headers,
            body: call.body,
        }
    }
}

struct Unsigned<'a> {
    service: &'static str,
    region: &'a str,
    method: &'static str,
    to: Address,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A document, attributes beside it, and the time at which it is sent.
pub(super) type Message<'a> = (&'a [u8], &'a BTreeMap<String, String>, Timestamp);

/// Account and name of a queue.
pub(super) type Queue<'a> = (&'a str, &'a str);

pub(super) fn send_message(
    credentials: &Credentials,
    endpoint: Option<&Address>,
    region: &str,
    (account, name): Queue<'_>,
    (document, attributes, now): Message<'_>,
) -> Outgoing {
    let aws = || Address::of_aws(format!("sqs.{region}.amazonaws.com"));
    let to = endpoint.cloned().unwrap_or_else(aws);
    let queue = to.at(&format!("/{account}/{name}"));
    let mut body = json!({
        "QueueUrl": queue.to_string(),
        "MessageBody": String::from_utf8_lossy(document),
    });
    if !attributes.is_empty() {
        let named = attributes.iter().map(|(name, value)| {
            let value = json!({ "DataType": "String", "StringValue": value });
            (name.clone(), value)
        });
        body["MessageAttributes"] = named.collect::<serde_json::Map<_, _>>().into();
    }
    let call = Unsigned {
        service: "sqs",
        region,
        method: "POST",
        to: to.at("/"),
        headers: vec![
            header("content-type", "application/x-amz-json-1.0"),
            header("x-amz-target", "AmazonSQS.SendMessage"),
        ],
        body: body.to_string().into_bytes(),
    };
    credentials.signed(call, now)
}

pub(super) fn publish(
    credentials: &Credentials,
    endpoint: Option<&Address>,
    region: &str,
    topic: &str,
    (document, attributes, now): Message<'_>,
) -> Outgoing {
    let aws = || Address::of_aws(format!("sns.{region}.amazonaws.com"));
    let to = endpoint.cloned().unwrap_or_else(aws);
    // A slash is left as it is by the encoding of paths, and may stand in a form.
    let message = encoded_path(&String::from_utf8_lossy(document));
    let topic = encoded_path(topic);
    let mut body = format!("Action=Publish&Version=2010-03-31&TopicArn={topic}&Message={message}");
    for (number, (name, value)) in (1..).zip(attributes) {
        let (entry, value) = (
            format!("&MessageAttributes.entry.{number}"),
            encoded_path(value),
        );
        body += &format!(
            "{entry}.Name={name}{entry}.Value.DataType=String{entry}.Value.StringValue={value}"
        );
    }
    let call = Unsigned {
        service: "sns",
        region,
        method: "POST",
        to: to.at("/"),
        headers: vec![header("content-type", "application/x-www-form-urlencoded")],
        body: body.into_bytes(),
    };
    credentials.signed(call, now)
}

/// `object` is a bucket and the key in it.
pub(super) fn put_object(
    credentials: &Credentials,
    endpoint: Option<&Address>,
    region: &str,
    (bucket, key): (&str, &str),
    (document, now): (Vec<u8>, Timestamp),
) -> Outgoing {
    let path = encoded_path(&format!("/{bucket}/{key}"));
    let object = Object {
        endpoint,
        region,
        path: &path,
    };
    let headers = vec![header("content-type", "application/json")];
    call_object(credentials, &object, ("PUT", headers), (document, now))
}

/// An object in a bucket; its path is encoded.
pub(crate) struct Object<'a> {
    pub(crate) endpoint: Option<&'a Address>,
    pub(crate) region: &'a str,
    pub(crate) path: &'a str,
}

/// One call of S3 about an object.
pub(crate) fn call_object(
    credentials: &Credentials,
    object: &Object<'_>,
    (method, headers): (&'static str, Vec<(String, String)>),
    (body, now): (Vec<u8>, Timestamp),
) -> Outgoing {
    debug_assert!(object.path.parse::<Uri>().is_ok());
    let aws = || Address::of_aws(format!("s3.{}.amazonaws.com", object.region));
    let to = object.endpoint.cloned().unwrap_or_else(aws).at(object.path);
    let call = Unsigned {
        service: "s3",
        region: object.region,
        method,
        to,
        headers,
        body,
    };
    credentials.signed(call, now)
}
