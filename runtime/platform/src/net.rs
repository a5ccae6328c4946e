//! TCP in production, pipes in memory in a simulation. Connections send small writes at once.

#[cfg(feature = "simulation")]
mod simulated;
mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
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
    #[cfg(feature = "simulation")]
    Simulated(simulated::World),
}

#[derive(Debug)]
pub struct Listener {
    kind: ListenerKind,
}

#[derive(Debug)]
enum ListenerKind {
    Real(TcpListener),
    #[cfg(feature = "simulation")]
    Simulated(simulated::Listener),
}

#[derive(Debug)]
pub struct Connection {
    kind: ConnectionKind,
}

#[derive(Debug)]
enum ConnectionKind {
    Real(TcpStream),
    #[cfg(feature = "simulation")]
    Simulated(tokio::io::DuplexStream),
}

impl Net {
    pub(crate) fn real() -> Self {
        Self {
            kind: NetKind::Real,
        }
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn simulated() -> Self {
        Self {
            kind: NetKind::Simulated(simulated::World::default()),
        }
    }

    pub async fn listen(&self, addr: SocketAddr) -> io::Result<Listener> {
        let kind = match &self.kind {
            NetKind::Real => ListenerKind::Real(TcpListener::bind(addr).await?),
            #[cfg(feature = "simulation")]
            NetKind::Simulated(world) => ListenerKind::Simulated(world.listen(addr)?),
        };
        Ok(Listener { kind })
    }

    /// The addresses of a name; in a simulation names are addresses themselves.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        match &self.kind {
            NetKind::Real => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
            #[cfg(feature = "simulation")]
            NetKind::Simulated(_) => Err(io::Error::other(format!("no name {host} here"))),
        }
    }

    pub async fn connect(&self, addr: SocketAddr) -> io::Result<Connection> {
        match &self.kind {
            NetKind::Real => Connection::tcp(TcpStream::connect(addr).await?),
            #[cfg(feature = "simulation")]
            NetKind::Simulated(world) => Ok(Connection::piped(world.connect(addr).await?)),
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
            #[cfg(feature = "simulation")]
            ListenerKind::Simulated(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Connection::piped(stream), peer))
            }
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.kind {
            ListenerKind::Real(listener) => listener.local_addr(),
            #[cfg(feature = "simulation")]
            ListenerKind::Simulated(listener) => Ok(listener.local_addr()),
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

    #[cfg(feature = "simulation")]
    fn piped(stream: tokio::io::DuplexStream) -> Self {
        Self {
            kind: ConnectionKind::Simulated(stream),
        }
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
            #[cfg(feature = "simulation")]
            ConnectionKind::Simulated(stream) => Pin::new(stream).poll_read(cx, buf),
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
            #[cfg(feature = "simulation")]
            ConnectionKind::Simulated(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            ConnectionKind::Real(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "simulation")]
            ConnectionKind::Simulated(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            ConnectionKind::Real(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "simulation")]
            ConnectionKind::Simulated(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests;
