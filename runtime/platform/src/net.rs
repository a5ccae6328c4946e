//! TCP in production. Connections send small writes at once.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Debug)]
pub struct Net {
    kind: NetKind,
}

#[derive(Clone, Debug)]
enum NetKind {
    Real,
}

#[derive(Debug)]
pub struct Listener {
    kind: ListenerKind,
}

#[derive(Debug)]
enum ListenerKind {
    Real(TcpListener),
}

#[derive(Debug)]
pub struct Connection {
    kind: ConnectionKind,
}

#[derive(Debug)]
enum ConnectionKind {
    Real(TcpStream),
}

impl Net {
    pub(crate) fn real() -> Self {
        Self {
            kind: NetKind::Real,
        }
    }

    pub async fn listen(&self, addr: SocketAddr) -> io::Result<Listener> {
        let kind = match &self.kind {
            NetKind::Real => ListenerKind::Real(TcpListener::bind(addr).await?),
        };
        Ok(Listener { kind })
    }

    pub async fn connect(&self, addr: SocketAddr) -> io::Result<Connection> {
        match &self.kind {
            NetKind::Real => Connection::tcp(TcpStream::connect(addr).await?),
        }
    }
}

impl Listener {
    pub async fn accept(&self) -> io::Result<(Connection, SocketAddr)> {
        match &self.kind {
            ListenerKind::Real(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Connection::tcp(stream)?, peer))
            }
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.kind {
            ListenerKind::Real(listener) => listener.local_addr(),
        }
    }
}

impl Connection {
    fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            kind: ConnectionKind::Real(stream),
        })
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.kind {
            ConnectionKind::Real(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            ConnectionKind::Real(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            ConnectionKind::Real(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            ConnectionKind::Real(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
