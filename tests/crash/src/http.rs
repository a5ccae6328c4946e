//! One request, one connection, the whole answer. A server that goes away in the middle is an error and no more.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const CONNECT_MAX: Duration = Duration::from_secs(1);
const ANSWER_MAX: Duration = Duration::from_secs(120);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// An action of Kinesis; `mark` names the request so that it may be repeated.
pub(crate) fn kinesis(
    address: SocketAddr,
    action: &str,
    mark: Option<&str>,
    body: &str,
) -> io::Result<Answer> {
    let mark = mark.map_or_else(String::new, |mark| {
        format!("x-shardmill-producer: {mark}\r\n")
    });
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/x-amz-json-1.1\r\nx-amz-target: Kinesis_20131202.{action}\r\n\
         x-amz-date: 20260101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=dev/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, \
         Signature=00\r\n{mark}content-length: {}\r\n\r\n",
        body.len()
    );
    exchange(address, &head, body)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Result<Value> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    document(
        path,
        &exchange(address, &head, "").with_context(|| path.to_owned())?,
    )
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Result<Value> {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    document(
        path,
        &exchange(address, &head, &body).with_context(|| path.to_owned())?,
    )
}

/// Whether it answers that it is ready.
pub(crate) fn is_ready(address: SocketAddr) -> bool {
    let head = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    exchange(address, &head, "").is_ok_and(|answer| answer.status == 200)
}

fn document(path: &str, answer: &Answer) -> Result<Value> {
    if answer.status != 200 {
        bail!("{path}: {} {}", answer.status, answer.body);
    }
    serde_json::from_str(&answer.body).with_context(|| format!("read the answer of {path}"))
}

fn exchange(address: SocketAddr, head: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_MAX)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    parsed(&text).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
}

/// `None` where the answer is not whole.
fn parsed(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().ok())?
    })?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    (body.len() == length).then(|| Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_answer_is_none() {
        let whole = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parsed(whole).map(|answer| answer.status), Some(200));
        for half in [&whole[..whole.len() - 1], "HTTP/1.1 200 OK\r\n", ""] {
            assert!(parsed(half).is_none(), "{half}");
        }
    }
}
