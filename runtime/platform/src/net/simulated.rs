//! One host's network in memory: listeners by address, connections as pipes. Nothing is lost or reordered;
//! connecting where nobody listens is refused.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Each way, as large as a usual socket buffer: writers wait for readers beyond it.
const PIPE_BYTES: usize = 256 * 1024;
/// Connections that wait to be accepted, as many as Linux keeps.
const BACKLOG_MAX: usize = 4096;
const FIRST_FREE_PORT: u16 = 49_152;

type Arrival = (DuplexStream, SocketAddr);
type Registry = BTreeMap<SocketAddr, Sender<Arrival>>;

#[derive(Clone, Debug)]
pub(super) struct World {
    ports: Arc<Mutex<Ports>>,
}

#[derive(Debug)]
struct Ports {
    listeners: Registry,
    next_free: u16,
}

#[derive(Debug)]
pub(super) struct Listener {
    world: World,
    addr: SocketAddr,
    arrivals: tokio::sync::Mutex<Receiver<Arrival>>,
}

impl Default for World {
    fn default() -> Self {
        let ports = Ports {
            listeners: Registry::new(),
            next_free: FIRST_FREE_PORT,
        };
        Self {
            ports: Arc::new(Mutex::new(ports)),
        }
    }
}

impl World {
    /// Port 0 takes the next free one.
    pub(super) fn listen(&self, mut addr: SocketAddr) -> io::Result<Listener> {
        let mut ports = self.ports();
        if addr.port() == 0 {
            addr.set_port(ports.free_port()?);
        } else if ports.listeners.contains_key(&addr) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, arrivals) = channel(BACKLOG_MAX);
        ports.listeners.insert(addr, sender);
        Ok(Listener {
            world: self.clone(),
            addr,
            arrivals: tokio::sync::Mutex::new(arrivals),
        })
    }

    pub(super) async fn connect(&self, addr: SocketAddr) -> io::Result<DuplexStream> {
        let (backlog, peer) = {
            let mut ports = self.ports();
            let backlog = ports
                .listener(addr)
                .ok_or(io::ErrorKind::ConnectionRefused)?;
            (backlog, SocketAddr::new(addr.ip(), ports.free_port()?))
        };
        let (here, there) = duplex(PIPE_BYTES);
        backlog
            .send((there, peer))
            .await
            .map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(here)
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ports {
    /// The listener on this very address, or else on every address.
    fn listener(&self, addr: SocketAddr) -> Option<Sender<Arrival>> {
        let everywhere = [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ];
        std::iter::once(addr.ip())
            .chain(everywhere)
            .find_map(|ip| self.listeners.get(&SocketAddr::new(ip, addr.port())))
            .cloned()
    }

    fn free_port(&mut self) -> io::Result<u16> {
        for _ in FIRST_FREE_PORT..=u16::MAX {
            let port = self.next_free;
            self.next_free = port.checked_add(1).unwrap_or(FIRST_FREE_PORT);
            if self.listeners.keys().all(|addr| addr.port() != port) {
                return Ok(port);
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<Arrival> {
        let mut arrivals = self.arrivals.lock().await;
        // The registry keeps a sender for as long as this listener lives.
        arrivals
            .recv()
            .await
            .ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.world.ports().listeners.remove(&self.addr);
    }
}
