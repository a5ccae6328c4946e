//! One connection to one server, made for one command. In: paths and JSON. Out: JSON, or a failure in the server's own
//! words. It never follows redirects, never leaves the given address and sends nothing twice by itself: the caller
//! decides, because only it knows whether a repeat is harmless.

use bytes::Bytes;
use host::Signer;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, SERVER};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use platform::Platform;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::failure::{Exit, Failure};
use crate::limits::{ANSWER_BYTES_MAX, READY_LOOKS_MAX, READY_PAUSE};
use crate::server::Address;
use crate::waiting;

const API: &str = "/_shardmill/api/";
const OTHER_SERVER: &str = "name the right one with `--server HOST:PORT` or SHARDMILL_SERVER";

/// Whose streams a Kinesis request means, as the server's own list names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) account: String,
    pub(crate) region: String,
}

/// The producer's header: a repeat under the same number is answered, not stored again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProducerNumber {
    pub(crate) producer: String,
    pub(crate) number: u64,
}

/// Why a request has no good answer.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// Nobody knows whether the server did it.
    Unanswered(String),
    /// The server starts or stops, and did nothing.
    Unavailable(Failure),
    Refused(Failure),
}

impl From<Unsent> for Failure {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Unanswered(fact) => Self::failed(fact),
            Unsent::Unavailable(failure) | Unsent::Refused(failure) => failure,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    address: Address,
    connection: SendRequest<Full<Bytes>>,
    key: Option<Signer>,
}

impl Client {
    /// Connects and makes sure that a shardmill answers there; waits for one that is starting.
    pub(crate) async fn connect(address: Address) -> Result<Self, Failure> {
        let connection = open(&address).await?;
        let mut client = Self {
            address,
            connection,
            key: None,
        };
        let who = client.who_answers().await;
        let (status, answered_by) = who.map_err(|unsent| match unsent {
            Unsent::Unanswered(_) => Failure::failed(format!(
                "ask {}: something listens there, but it does not speak HTTP",
                client.address
            ))
            .hint(OTHER_SERVER),
            Unsent::Unavailable(failure) | Unsent::Refused(failure) => failure,
        })?;
        if answered_by.as_deref() != Some("shardmill") {
            let other = answered_by.map_or_else(String::new, |name| format!(" (`server: {name}`)"));
            let message = format!(
                "ask {}: it is not a shardmill that answers there{other}, HTTP {status}",
                client.address
            );
            return Err(Failure::failed(message).hint(OTHER_SERVER));
        }
        client.ready(status).await?;
        Ok(client)
    }

    /// Functions may take a while to compile; until then only this is answered.
    async fn ready(&mut self, mut status: u16) -> Result<(), Failure> {
        for _ in 0..READY_LOOKS_MAX {
            if status != StatusCode::SERVICE_UNAVAILABLE.as_u16() {
                return Ok(());
            }
            waiting::pause(READY_PAUSE).await;
            (status, _) = self.who_answers().await?;
        }
        let message = format!("ask {}: the server is still starting", self.address);
        Err(Failure::new(Exit::TimedOut, message)
            .hint("its functions are being compiled: ask again in a moment"))
    }

    /// From now on puts are signed with this key.
    pub(crate) fn signing(self, key: Option<Signer>) -> Self {
        Self { key, ..self }
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    /// A new connection in place of one that broke.
    pub(crate) async fn reconnect(&mut self) -> Result<(), Failure> {
        self.connection = open(&self.address).await?;
        Ok(())
    }

    /// `path` stands below the API's root and may carry a query.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Value, Failure> {
        Ok(self.api(Method::GET, path, String::new()).await?)
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.post_text(path, body.to_string()).await
    }

    /// The same of JSON that is sent as it was written, its members in their order.
    pub(crate) async fn post_text(&mut self, path: &str, body: String) -> Result<Value, Failure> {
        Ok(self.api(Method::POST, path, body).await?)
    }

    /// Bytes as they are.
    pub(crate) async fn upload(&mut self, path: &str, bytes: Vec<u8>) -> Result<Value, Failure> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{API}{path}"))
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|error| Failure::usage(format!("ask for {path}: {error}")))?;
        Ok(self.exchange(request).await?)
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Result<Value, Failure> {
        Ok(self.api(Method::DELETE, path, String::new()).await?)
    }

    /// An action of the Kinesis door. A server without keys reads the signature for account and region only.
    pub(crate) async fn kinesis(
        &mut self,
        action: &str,
        body: Bytes,
        world: &World,
        producer: &ProducerNumber,
    ) -> Result<Value, Unsent> {
        let signed = signed(&self.address, self.key.as_ref(), (action, world), &body);
        let number = format!("{}:{}", producer.producer, producer.number);
        let request = signed.header("x-shardmill-producer", number);
        let request = request.body(Full::new(body));
        let request = request
            .map_err(|error| Unsent::Refused(Failure::usage(format!("{action}: {error}"))))?;
        self.exchange(request).await
    }

    /// What subscribes to shards over connections of its own.
    pub(crate) fn subscriber(&self, world: &World) -> Subscriber {
        Subscriber {
            address: self.address.clone(),
            key: self.key.clone(),
            world: world.clone(),
        }
    }

    async fn api(&mut self, method: Method, path: &str, body: String) -> Result<Value, Unsent> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{API}{path}"))
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Unsent::Refused(Failure::usage(format!("ask for {path}: {error}"))))?;
        self.exchange(request).await
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Value, Unsent> {
        let response = self.send(request).await?;
        let status = response.status();
        let hint = header(&response, "x-shardmill-hint");
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                return Err(Unsent::Unanswered(format!(
                    "read from {}: {error}",
                    self.address
                )));
            }
        };
        understand(status, hint, &body).map_err(|failure| {
            if status == StatusCode::SERVICE_UNAVAILABLE {
                Unsent::Unavailable(failure)
            } else {
                Unsent::Refused(failure)
            }
        })
    }

    async fn who_answers(&mut self) -> Result<(u16, Option<String>), Unsent> {
        let request = Request::builder()
            .uri("/readyz")
            .header(HOST, self.address.to_string())
            .body(Full::default())
            .map_err(|error| {
                Unsent::Refused(Failure::usage(format!("ask {}: {error}", self.address)))
            })?;
        let response = self.send(request).await?;
        let answered_by = header(&response, SERVER.as_str());
        let status = response.status().as_u16();
        // The body is read so that the connection is free for the real request.
        let _health = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        Ok((status, answered_by))
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unsent> {
        let lost = |error: hyper::Error| {
            Unsent::Unanswered(format!(
                "ask {}: the connection broke: {error}",
                self.address
            ))
        };
        self.connection.ready().await.map_err(lost)?;
        self.connection.send_request(request).await.map_err(lost)
    }
}

/// Asks the same server for events, one connection a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Subscriber {
    address: Address,
    key: Option<Signer>,
    world: World,
}

impl Subscriber {
    /// The body of a subscription that began; it goes on for minutes.
    pub(crate) async fn subscribe(&self, body: Bytes) -> Result<Incoming, Failure> {
        let action = "SubscribeToShard";
        let signed = signed(
            &self.address,
            self.key.as_ref(),
            (action, &self.world),
            &body,
        );
        let request = signed.body(Full::new(body));
        let request = request.map_err(|error| Failure::usage(format!("{action}: {error}")))?;
        let mut connection = open(&self.address).await?;
        let lost = |error: hyper::Error| {
            let address = &self.address;
            Failure::failed(format!("ask {address}: the connection broke: {error}"))
        };
        let response = connection.send_request(request).await.map_err(lost)?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let (status, hint) = (response.status(), header(&response, "x-shardmill-hint"));
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map(|body| body.to_bytes());
        understand(status, hint, &body.unwrap_or_default())?;
        Err(Failure::failed(format!("{action}: HTTP {status}")))
    }
}

/// A request of the Kinesis door without its body. A server without keys reads the signature for account and region only.
fn signed(
    address: &Address,
    key: Option<&Signer>,
    (action, world): (&str, &World),
    body: &Bytes,
) -> hyper::http::request::Builder {
    let World { account, region } = world;
    let (host, target) = (address.to_string(), format!("Kinesis_20131202.{action}"));
    let (date, signature) = match key {
        Some(key) => {
            let now = Platform::real().clock.unshifted_wall();
            key.sign(&host, &target, region, body, now)
        }
        None => (
            "20260101T000000Z".to_owned(),
            format!(
                "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/kinesis/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=00"
            ),
        ),
    };
    Request::builder()
        .method(Method::POST)
        .uri("/")
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .header("x-amz-date", date)
        .header("authorization", signature)
}

async fn open(address: &Address) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let unreachable = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("no server answers at {address}: {error}"))
            .hint("start one with `shardmill up`, or name another with `--server HOST:PORT`")
    };
    let stream = TcpStream::connect(address.as_str())
        .await
        .map_err(|error| unreachable(&error))?;
    stream
        .set_nodelay(true)
        .map_err(|error| unreachable(&error))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(&error))?;
    waiting::drive(async {
        // The side that waits for the answer sees the same end of the connection, with its reason.
        let _end = connection.await;
    });
    Ok(sender)
}

fn header(response: &Response<Incoming>, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// Turns status and body into the answer, or into a failure in the words of the API or of AWS's door.
fn understand(status: StatusCode, hint: Option<String>, body: &[u8]) -> Result<Value, Failure> {
    let value: Option<Value> = if body.is_empty() {
        Some(Value::Null)
    } else {
        serde_json::from_slice(body).ok()
    };
    let said = |name: &str| Some(value.as_ref()?.get(name)?.as_str()?.to_owned());
    if status.is_success() {
        return value.ok_or_else(|| Failure::failed("read the answer: it is not JSON"));
    }
    let kind = said("__type").map_or_else(String::new, |kind| format!("{kind}: "));
    let message = said("error")
        .or_else(|| said("message"))
        .or_else(|| said("Message"))
        .unwrap_or_else(|| format!("the server answered HTTP {}", status.as_u16()));
    let mut exit = Exit::of_status(status.as_u16());
    if kind.starts_with("ResourceNotFound") {
        exit = Exit::NotFound;
    } else if kind.starts_with("ResourceInUse") {
        exit = Exit::Conflict;
    }
    Err(Failure {
        exit,
        message: format!("{kind}{message}"),
        hint: said("hint").or(hint),
    })
}

/// A segment of a path or a value of a query: all but unreserved characters as `%XX`.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expected: Result<&str, (u8, &str)>) {
        let status = StatusCode::from_u16(status).unwrap();
        let actual = understand(status, None, body.as_bytes());
        let expected = expected.map(|text| serde_json::from_str::<Value>(text).unwrap());
        match (actual, expected) {
            (Ok(actual), Ok(expected)) => assert_eq!(actual, expected),
            (Err(actual), Err((code, text))) => {
                assert_eq!(
                    (actual.exit.code(), actual.to_string().as_str()),
                    (code, text)
                );
            }
            (actual, expected) => panic!("{actual:?} is not {expected:?}"),
        }
    }

    #[test]
    fn answers_are_understood() {
        check(200, "{\"a\":1}", Ok("{\"a\":1}"));
        check(200, "", Ok("null"));
        check(200, "<html>", Err((1, "read the answer: it is not JSON")));
        check(
            404,
            r#"{"error":"no stream","hint":"x"}"#,
            Err((3, "no stream\nhint: x")),
        );
        check(
            400,
            r#"{"__type":"ResourceNotFoundException","message":"Stream a"}"#,
            Err((3, "ResourceNotFoundException: Stream a")),
        );
        check(
            400,
            r#"{"__type":"ResourceInUseException","message":"Another"}"#,
            Err((6, "ResourceInUseException: Another")),
        );
        check(503, "", Err((1, "the server answered HTTP 503")));
    }

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(percent_encoded("a-Z.9_~"), "a-Z.9_~");
        assert_eq!(percent_encoded("a b/ü?"), "a%20b%2F%C3%BC%3F");
    }
}
