//! NATS JetStream as a peer for the durable append: its own text protocol, one stream in files, an acknowledgement for each
//! message.
//!
//! A producer of single messages waits for each acknowledgement, as a PutRecord does; a producer of batches sends 500
//! messages and waits for all of their acknowledgements, as a PutRecords does. Anything but acknowledgements ends it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpStream, tcp},
    task::JoinSet,
};

use crate::{
    load::Subject as _,
    report::{Report, Row},
    requests::RECORDS_PER_PUT,
    server::Server,
};

const KIB: usize = 1 << 10;
const WARM_UP: Duration = Duration::from_millis(300);
const MEASURED: Duration = Duration::from_secs(2);
const SUBJECT: &str = "puts.all";

pub(crate) async fn put_many(report: &mut Report, server: &Server, name: &str) -> Result<()> {
    create(server).await?;
    for connections in [1, 4] {
        let load = run(server, connections, RECORDS_PER_PUT).await?;
        let what =
            format!("{name}: 500 messages x 1 KiB, then their acks, {connections} connections");
        report.add(Row::new(what, load.per_second, "records/s").server_us(load.server_us));
    }
    Ok(())
}

pub(crate) async fn put_one(report: &mut Report, server: &Server, name: &str) -> Result<()> {
    create(server).await?;
    let load = run(server, 64, 1).await?;
    let what = format!("{name}: a message of 1 KiB, then its ack, 64 connections");
    report.add(Row::new(what, load.per_second, "requests/s").server_us(load.server_us));
    Ok(())
}

struct Load {
    per_second: f64,
    server_us: f64,
}

async fn run(server: &Server, connections: usize, batch: usize) -> Result<Load> {
    during(server, connections, batch, WARM_UP).await?;
    let before = server.cpu_seconds()?;
    let began = Instant::now();
    let messages = during(server, connections, batch, MEASURED).await?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Load {
        per_second: messages as f64 / seconds,
        server_us: (server.cpu_seconds()? - before) * 1e6 / messages as f64,
    })
}

/// Returns how many messages were acknowledged.
async fn during(
    server: &Server,
    connections: usize,
    batch: usize,
    time: Duration,
) -> Result<usize> {
    let mut producers = JoinSet::new();
    for number in 0..connections {
        let mut client = Client::open(server, &format!("_INBOX.{number}")).await?;
        let end = Instant::now() + time;
        producers.spawn(async move {
            let message = client.message(SUBJECT, &[b'x'; KIB]).repeat(batch);
            let mut acknowledged = 0;
            while Instant::now() < end {
                client.write.write_all(&message).await?;
                for _ in 0..batch {
                    client.acknowledgement().await?;
                }
                acknowledged += batch;
            }
            anyhow::Ok(acknowledged)
        });
    }
    let mut all = 0;
    while let Some(ended) = producers.join_next().await {
        all += ended??;
    }
    Ok(all)
}

async fn create(server: &Server) -> Result<()> {
    let mut client = Client::open(server, "_INBOX.create").await?;
    let stream = json!({"name": "puts", "subjects": ["puts.>"], "storage": "file"}).to_string();
    let ask = client.message("$JS.API.STREAM.CREATE.puts", stream.as_bytes());
    client.write.write_all(&ask).await?;
    client.acknowledgement().await
}

struct Client {
    read: BufReader<tcp::OwnedReadHalf>,
    write: tcp::OwnedWriteHalf,
    inbox: String,
    line: String,
    body: Vec<u8>,
}

impl Client {
    async fn open(server: &Server, inbox: &str) -> Result<Self> {
        let stream = TcpStream::connect(server.address()).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let mut client = Self {
            read: BufReader::with_capacity(64 * KIB, read),
            write,
            inbox: inbox.to_owned(),
            line: String::new(),
            body: Vec::new(),
        };
        client.line().await?;
        let hello = format!("CONNECT {{\"verbose\":false}}\r\nSUB {inbox} 1\r\nPING\r\n");
        client.write.write_all(hello.as_bytes()).await?;
        client.line().await?;
        if client.line.trim() != "PONG" {
            bail!("expected PONG, got {}", client.line.trim());
        }
        Ok(client)
    }

    fn message(&self, subject: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("PUB {subject} {} {}\r\n", self.inbox, body.len());
        [head.as_bytes(), body, b"\r\n"].concat()
    }

    async fn line(&mut self) -> Result<()> {
        self.line.clear();
        let read = self.read.read_line(&mut self.line).await?;
        (read > 0)
            .then_some(())
            .context("the connection was closed")
    }

    /// `MSG SUBJECT ID LENGTH`, and a document without an error.
    async fn acknowledgement(&mut self) -> Result<()> {
        self.line().await?;
        while self.line.trim() == "PING" {
            self.write.write_all(b"PONG\r\n").await?;
            self.line().await?;
        }
        let length = self.line.trim().rsplit_once(' ').map(|(_, length)| length);
        let length: usize = match length.map(str::parse) {
            Some(Ok(length)) if self.line.starts_with("MSG ") => length,
            Some(Ok(_) | Err(_)) | None => bail!("expected an answer, got {}", self.line.trim()),
        };
        self.body.resize(length + "\r\n".len(), 0);
        self.read.read_exact(&mut self.body).await?;
        if memchr::memmem::find(&self.body, b"\"error\"").is_some() {
            bail!("{}", String::from_utf8_lossy(&self.body));
        }
        Ok(())
    }
}
