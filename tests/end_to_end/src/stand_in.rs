//! Stand-ins for services of others: requests of HTTP as they come in, each on a connection of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// Names are lower-case.
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    connection: TcpStream,
}

impl Asked {
    /// Reads all of it.
    #[must_use]
    pub fn of(connection: TcpStream) -> Self {
        let mut reader = BufReader::new(connection);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a head");
            line.trim_end().to_owned()
        };
        let first = line();
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next(), words.next().expect("a path"));
        let mut headers = Vec::new();
        while let Some((name, value)) = line().split_once(": ") {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, length)| length.parse().expect("a length"));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        Self {
            method: method.unwrap_or_default(),
            path,
            headers,
            body,
            connection: reader.into_inner(),
        }
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }

    /// Ends the connection with this answer; `length` is what it says of the body.
    pub fn answer(mut self, status: u16, length: usize, body: &[u8]) {
        let head =
            format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        self.connection
            .write_all(head.as_bytes())
            .and_then(|()| self.connection.write_all(body))
            .expect("it listens");
    }
}

/// A port on which nobody listens.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
