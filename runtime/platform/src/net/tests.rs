//! The same conversations over TCP and over the pipes of a simulation.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Net;

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// More than a pipe holds, so that the writer has to wait for the reader.
async fn echo(net: &Net) -> io::Result<()> {
    let listener = net.listen(local(0)).await?;
    let addr = listener.local_addr()?;
    assert_ne!(addr.port(), 0);
    let sent = vec![7; 3 << 20];
    let server = async {
        let (mut connection, peer) = listener.accept().await?;
        assert_eq!(peer.ip(), addr.ip());
        let mut got = Vec::new();
        connection.read_to_end(&mut got).await?;
        connection.write_all(&got.len().to_be_bytes()).await?;
        connection.shutdown().await
    };
    let client = async {
        let mut connection = net.connect(addr).await?;
        connection.write_all(&sent).await?;
        connection.shutdown().await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        assert_eq!(answer, sent.len().to_be_bytes());
        Ok(())
    };
    tokio::try_join!(server, client).map(|_| ())
}

async fn refusals(net: &Net) -> io::Result<()> {
    let listener = net.listen(local(0)).await?;
    let addr = listener.local_addr()?;
    let taken = net.listen(addr).await.map(|_| ());
    assert_eq!(
        taken.map_err(|error| error.kind()),
        Err(io::ErrorKind::AddrInUse)
    );
    drop(listener);
    let refused = net.connect(addr).await.map(|_| ());
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(io::ErrorKind::ConnectionRefused)
    );
    net.listen(addr).await.map(|_| ())
}

#[tokio::test]
async fn real_connections_carry_bytes_both_ways() -> io::Result<()> {
    echo(&Net::real()).await
}

#[tokio::test]
async fn a_real_port_refuses_a_second_listener_and_calls_to_nobody() -> io::Result<()> {
    refusals(&Net::real()).await
}

#[cfg(feature = "simulation")]
mod simulated {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn simulated_connections_carry_bytes_both_ways() -> io::Result<()> {
        echo(&Net::simulated()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_port_refuses_a_second_listener_and_calls_to_nobody() -> io::Result<()> {
        refusals(&Net::simulated()).await
    }

    #[tokio::test(start_paused = true)]
    async fn clones_share_one_network_and_a_new_one_is_empty() -> io::Result<()> {
        let net = Net::simulated();
        let listener = net.listen(SocketAddr::from(([0, 0, 0, 0], 80))).await?;
        let clone = net.clone();
        let (called, accepted) = tokio::join!(clone.connect(local(80)), listener.accept());
        called.and(accepted)?;
        assert!(Net::simulated().connect(local(80)).await.is_err());
        Ok(())
    }
}
