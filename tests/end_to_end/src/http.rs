//! The smallest HTTP client that can send a body no SDK would: one request, one connection, the whole answer.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// An answer, its head as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// A header's value; names are lower-case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(found, value)| (found == name).then_some(value))
    }
}

/// A plain question to a server that may not be ready.
#[must_use]
pub fn get(address: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server answers");
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream
        .write_all(head.as_bytes())
        .expect("the request is taken");
    answer(stream)
}

/// A verb of the server's own, its body sent as it is.
pub(crate) fn post_verb(address: &str, path: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server answers");
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream
        .write_all(request.as_bytes())
        .expect("the request is taken");
    answer(stream)
}

pub(crate) fn post(address: &str, action: &str, body: &str) -> Answer {
    let mut stream = ask(address, action, body.len());
    stream
        .write_all(body.as_bytes())
        .expect("the body is taken");
    answer(stream)
}

/// The whole answer of a connection that ends behind it.
fn answer(mut stream: TcpStream) -> Answer {
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// Sends the first half of the body and goes away; returns once the server has let go of the connection too.
pub(crate) fn post_half(address: &str, action: &str, body: &str) {
    let mut stream = ask(address, action, body.len());
    stream
        .write_all(&body.as_bytes()[..body.len() / 2])
        .and_then(|()| stream.shutdown(Shutdown::Write))
        .expect("half the body is taken");
    // Whatever it answers, nobody is there to read it.
    drop(stream.read_to_end(&mut Vec::new()));
}

/// A connection on which the head of a request was sent.
fn ask(address: &str, action: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server answers");
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/x-amz-json-1.1\r\nx-amz-target: Kinesis_20131202.{action}\r\n\
         x-amz-date: 20260101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=dev/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, \
         Signature=00\r\ncontent-length: {length}\r\n\r\n"
    );
    stream
        .write_all(head.as_bytes())
        .expect("the request is taken");
    stream
}

/// A request of the web with a method, headers and a body of its own, its answer as a whole.
///
/// Names of headers are lower-case. The connection ends behind the answer.
#[must_use]
pub fn web(address: &str, head: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = begin_web(address, head, headers, Some(body.len()));
    // A server that refuses the body may have closed its side before all of it is sent.
    drop(stream.write_all(body));
    let mut answer = answer(stream);
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = joined(&answer.body);
    }
    answer
}

/// The text of a body that came in chunks.
fn joined(mut chunks: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("the length of a chunk");
        let (chunk, rest) = rest.split_at(length.min(rest.len()));
        text.push_str(chunk);
        chunks = rest.trim_start_matches("\r\n");
    }
    text
}

/// The same up to its body, which the caller sends, or never ends.
#[must_use]
pub fn begin_web(
    address: &str,
    head: &str,
    headers: &[(&str, &str)],
    length: Option<usize>,
) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server answers");
    stream
        .set_read_timeout(Some(Duration::from_secs(240)))
        .expect("a deadline");
    let mut text = format!("{head} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        text += &format!("host: {address}\r\n");
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &match length {
        Some(length) => format!("content-length: {length}\r\n\r\n"),
        None => "transfer-encoding: chunked\r\n\r\n".to_owned(),
    };
    stream
        .write_all(text.as_bytes())
        .expect("the request is taken");
    stream
}
