//! One client of the server: HTTP/1.1 over the simulated network, one request at a time, repeated until it is answered.
//!
//! Every answer goes into the trace, to the last byte. Repeating is harmless: puts carry a producer's number, and the
//! rest only asks.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use platform::Platform;
use serde_json::Value;

use crate::{fault::Fault, server::ADDRESS, trace::Trace};

/// Between the first tries, and between those after a long time without an answer.
const PAUSE: Duration = Duration::from_millis(7);
const PAUSE_MAX: Duration = Duration::from_secs(20);
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=dev/20260101/us-east-1/kinesis/aws4_request, \
                         SignedHeaders=host;x-amz-date, Signature=00";

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) platform: Platform,
    name: String,
    trace: Trace,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// What is asked, as often as it takes.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Ask {
    pub(crate) fn get(path: &str) -> Self {
        Self::api(Method::GET, path, Bytes::new())
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::api(Method::POST, path, body.to_string().into())
    }

    fn api(method: Method, path: &str, body: Bytes) -> Self {
        Self {
            method,
            path: format!("/_shardmill/api/{path}"),
            headers: Vec::new(),
            body,
        }
    }

    /// A put that is stored once, however often it is sent.
    pub(crate) fn put_records(body: &Value, producer: &str, number: u64) -> Self {
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", "Kinesis_20131202.PutRecords".to_owned()),
            ("x-amz-date", "20260101T000000Z".to_owned()),
            ("authorization", SIGNATURE.to_owned()),
            ("x-shardmill-producer", format!("{producer}:{number}")),
        ];
        Self {
            method: Method::POST,
            path: "/".to_owned(),
            headers,
            body: body.to_string().into(),
        }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let address = SocketAddr::from(ADDRESS);
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::HOST, address.to_string());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
            .body(Full::new(self.body.clone()))
            .expect("the story's requests are well formed")
    }
}

impl Client {
    pub(crate) fn new(platform: &Platform, name: &str, trace: &Trace) -> Self {
        Self {
            platform: platform.clone(),
            name: name.to_owned(),
            trace: trace.clone(),
            connection: None,
        }
    }

    /// Repeats until the server answers that it is done. Being told of a mistake of ours ends the run.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Value {
        let mut pause = PAUSE;
        loop {
            if let Some((status, body)) = self.once(ask).await {
                if status == StatusCode::OK {
                    return serde_json::from_slice(&body).expect("answers are JSON");
                }
                let text = String::from_utf8_lossy(&body);
                assert!(passes(status, &text), "{ask:?}: {status} {text}");
                if text.contains("full") {
                    self.trace.fault(Fault::Refused);
                }
            }
            self.hang_up();
            self.platform.clock.sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The next request takes a new connection.
    pub(crate) fn hang_up(&mut self) {
        self.connection = None;
    }

    /// `None` when nobody knows whether the server did it.
    pub(crate) async fn once(&mut self, ask: &Ask) -> Option<(StatusCode, Bytes)> {
        let connection = self.connected().await?;
        let response = connection.send_request(ask.request()).await.ok()?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        self.trace.note(&format!(
            "{} <- {} {:?} {}",
            self.name,
            parts.status,
            parts.headers,
            String::from_utf8_lossy(&body)
        ));
        Some((parts.status, body))
    }

    async fn connected(&mut self) -> Option<&mut SendRequest<Full<Bytes>>> {
        if self.connection.is_none() {
            let connection = self.platform.net.connect(ADDRESS.into()).await.ok()?;
            let (sender, driver) = handshake(TokioIo::new(connection)).await.ok()?;
            // The side that waits for the answer sees the same end of the connection.
            let driver = async { drop(driver.await) };
            drop(self.platform.tasks.spawn("client connection", driver));
            self.connection = Some(sender);
        }
        let connection = self.connection.as_mut()?;
        connection.ready().await.ok()?;
        Some(connection)
    }
}

/// Whether another life of the server, or a disk with room, may do what this one did not.
fn passes(status: StatusCode, text: &str) -> bool {
    status.is_server_error() || text.contains("ProvisionedThroughputExceeded")
}
