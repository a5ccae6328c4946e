//! One HTTP/1.1 connection to the server, one request at a time. An answer that is not 2xx is an error that shows it.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const JSON: &str = "application/x-amz-json-1.1";
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/kinesis/aws4_request, \
                             SignedHeaders=host, Signature=00";
/// As much of an answer as an error shows.
const SHOWN_BYTES: usize = 300;

#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its end is seen by whoever sends the next request.
        drop(tokio::spawn(connection));
        Ok(Self { sender, address })
    }

    /// An action of Kinesis.
    pub(crate) async fn kinesis(&mut self, action: &str, body: Bytes) -> Result<Bytes> {
        self.action(action, JSON, body).await
    }

    /// With a body in CBOR, and an answer in CBOR.
    pub(crate) async fn kinesis_cbor(&mut self, action: &str, body: Bytes) -> Result<Bytes> {
        self.action(action, "application/x-amz-cbor-1.1", body)
            .await
    }

    async fn action(&mut self, action: &str, codec: &str, body: Bytes) -> Result<Bytes> {
        let request = self.action_request(action, codec, body)?;
        self.send(request).await.with_context(|| action.to_owned())
    }

    fn action_request(
        &self,
        action: &str,
        codec: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>> {
        let request = Request::post("/")
            .header(header::HOST, self.address.to_string())
            .header("x-amz-target", format!("Kinesis_20131202.{action}"))
            .header(header::CONTENT_TYPE, codec)
            .header(header::AUTHORIZATION, AUTHORIZATION)
            .header("x-amz-date", "20260101T000000Z");
        Ok(request.body(Full::new(body))?)
    }

    /// An action whose answer goes on until somebody ends it.
    pub(crate) async fn live(&mut self, action: &str, body: Bytes) -> Result<Incoming> {
        let request = self.action_request(action, JSON, body)?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        if !answer.status().is_success() {
            bail!("{action}: {}", answer.status());
        }
        Ok(answer.into_body())
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.plain(Method::GET, path, Bytes::new()).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Result<Bytes> {
        self.plain(Method::POST, path, body).await
    }

    /// A call of the Lambda API, which wants to know who calls.
    pub(crate) async fn lambda(&mut self, path: &str, body: Bytes) -> Result<Bytes> {
        let mut request = self.request(Method::POST, path, body)?;
        // Some find the service that is meant in here.
        let signature = AUTHORIZATION.replace("/kinesis/", "/lambda/");
        let signature = HeaderValue::from_str(&signature)?;
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, signature);
        headers.insert("x-amz-date", HeaderValue::from_static("20260101T000000Z"));
        self.send(request).await.with_context(|| path.to_owned())
    }

    /// Sends a body to where nobody reads it, whatever the answer is.
    pub(crate) async fn in_vain(&mut self, body: Bytes) -> Result<Bytes> {
        let request = self.request(Method::POST, "/nothing-is-here", body)?;
        let (_, answer) = self.exchange(request).await?;
        Ok(answer)
    }

    async fn plain(&mut self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let request = self.request(method, path, body)?;
        self.send(request).await.with_context(|| path.to_owned())
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string());
        Ok(request.body(Full::new(body))?)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        let (status, body) = self.exchange(request).await?;
        if !status.is_success() {
            let shown = &body[..body.len().min(SHOWN_BYTES)];
            bail!("{status}: {}", String::from_utf8_lossy(shown));
        }
        Ok(body)
    }
}
