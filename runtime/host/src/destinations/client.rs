//! One HTTP request to a destination, over the platform's network; encrypted where the address says `https`.
//!
//! Each request has a connection of its own and a deadline. What comes back is a status and the beginning of a body.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use platform::{Connection, Platform};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Address;
use crate::limits::{DELIVERY_ANSWER_BYTES_MAX, DELIVERY_TIMEOUT};

/// What an answer may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) bytes_max: usize,
    pub(crate) timeout: Duration,
}

const DELIVERIES: Patience = Patience {
    bytes_max: DELIVERY_ANSWER_BYTES_MAX,
    timeout: DELIVERY_TIMEOUT,
};

#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: &'static str,
    pub(crate) to: Address,
    /// `host` among them.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// An answer whose body is wanted for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    /// What the answer says of its length, or of that of the body it leaves out.
    pub(crate) length: Option<u64>,
    /// Nothing where it was longer than it may be.
    pub(crate) body: Bytes,
}

/// The error is a sentence for people.
pub(crate) async fn send(platform: &Platform, request: Outgoing) -> Result<Answered, String> {
    let fetched = fetch(platform, request, DELIVERIES).await?;
    Ok(Answered {
        status: fetched.status,
        body: String::from_utf8_lossy(&fetched.body).into_owned(),
    })
}

/// As `send`, for answers of another size and in another time.
pub(crate) async fn fetch(
    platform: &Platform,
    request: Outgoing,
    patience: Patience,
) -> Result<Fetched, String> {
    let place = request.to.authority();
    let exchanged = exchange(platform, request, patience.bytes_max);
    let sent = platform.clock.timeout(patience.timeout, exchanged);
    match sent.await {
        Ok(answered) => answered,
        Err(_) => Err(format!(
            "{place} did not answer within {} s",
            patience.timeout.as_secs()
        )),
    }
}

async fn exchange(
    platform: &Platform,
    request: Outgoing,
    bytes_max: usize,
) -> Result<Fetched, String> {
    let to = &request.to;
    let place = to.authority();
    let unreachable = |error: std::io::Error| format!("connect to {place}: {error}");
    let addresses = platform.net.resolve(&to.host, to.port).await;
    let addresses = addresses.map_err(unreachable)?;
    let mut connected = Err(std::io::Error::other("the name has no address"));
    for address in addresses {
        connected = platform.net.connect(address).await;
        if connected.is_ok() {
            break;
        }
    }
    let connection: Connection = connected.map_err(unreachable)?;
    if to.secure {
        let secured = connection.secured(&to.host).await;
        spoken(platform, secured.map_err(unreachable)?, request, bytes_max).await
    } else {
        spoken(platform, connection, request, bytes_max).await
    }
}

async fn spoken<C>(
    platform: &Platform,
    connection: C,
    request: Outgoing,
    bytes_max: usize,
) -> Result<Fetched, String>
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let place = request.to.authority();
    let broken = |error: hyper::Error| format!("speak with {place}: {error}");
    let mut head = Request::builder()
        .method(request.method)
        .uri(&request.to.path);
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let whole = head
        .body(Full::new(Bytes::from(request.body)))
        .map_err(|error| format!("write the request to {place}: {error}"))?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection))
        .await
        .map_err(broken)?;
    let driving = platform.tasks.spawn("delivery", async move {
        // Its failure shows in the request.
        drop(driver.await);
    });
    let answered = async {
        let response = sender.send_request(whole).await.map_err(broken)?;
        let status = response.status().as_u16();
        let length = response.headers().get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(response.into_body(), bytes_max)
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        Ok(Fetched {
            status,
            length,
            body,
        })
    };
    let answered = answered.await;
    driving.abort();
    answered
}
