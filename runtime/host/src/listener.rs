//! The one port: HTTP/1.1 and HTTP/2, plain (with prior knowledge) and within TLS; AWS doors at `/`, the JSON API of the
//! verbs below `/_shardmill/`.
//!
//! Accepts connections up to a bound and serves each on a task of its own. Stops accepting when asked, lets open requests
//! finish within a grace time, and never looks into a record.

mod body;
mod connection;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use jiff::fmt::rfc2822::DateTimePrinter;
use model::Timestamp;
use platform::{Listener, Platform, StopToken};
use tokio::sync::Semaphore;
use wire::{AnswerBody, lambda::LambdaDoor};

use self::{body::PortBody, connection::serve_connection, watch::Watch};
use crate::{
    api::Api,
    limits::{CONNECTIONS_MAX, STOP_GRACE},
    routes::{Urls, url_named},
    tls::Tls,
};

/// What answers the requests of a listener.
pub(crate) trait Serves: fmt::Debug + Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// For clients that ask for it; all others are served as they come.
    fn tls(&self) -> Option<&Tls>;

    fn answer(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// No further request comes; what would go on for ever is to end.
    fn closing(&self);
}

/// What a request may reach.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) kinesis: wire::kinesis::KinesisDoor,
    pub(crate) lambda: LambdaDoor,
    pub(crate) api: Api,
    pub(crate) urls: Urls,
    /// Whether verbs may come from other machines. They are not signed.
    pub(crate) verbs_from_afar: bool,
}

/// The doors once there are rooms behind them. Until then only health is told.
#[derive(Debug, Default)]
pub(crate) struct Entrance {
    doors: OnceLock<Doors>,
    /// For clients that ask for it; all others are served as they come.
    tls: Option<Tls>,
}

impl Entrance {
    pub(crate) fn with(tls: Option<Tls>) -> Self {
        Self {
            doors: OnceLock::new(),
            tls,
        }
    }

    /// Once; what comes later is not heard.
    pub(crate) fn open(&self, doors: Doors) {
        let _again = self.doors.set(doors);
    }
}

impl Serves for Entrance {
    type Body = PortBody;

    fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<PortBody> {
        if let Some(doors) = self.doors.get()
            && let Some(id) = url_named(request.uri(), request.headers())
        {
            let answered = doors.urls.answer(&doors.lambda, (peer, &id), request).await;
            return answered.map(PortBody::Function);
        }
        let answered = answer(self, peer.ip().is_loopback(), request).await;
        answered.map(PortBody::Door)
    }

    fn closing(&self) {
        if let Some(doors) = self.doors.get() {
            doors.kinesis.end_subscriptions();
        }
    }
}

/// Serves until `stop`, then waits for open requests, at most the grace time.
pub(crate) async fn serve<S: Serves>(
    platform: Platform,
    listener: Listener,
    entrance: Arc<S>,
    stop: StopToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            break;
        };
        tokio::select! {
            biased;
            () = stop.stopped() => break,
            accepted = listener.accept() => match accepted {
                Ok((connection, peer)) => {
                    let (entrance, stop) = (Arc::clone(&entrance), stop.clone());
                    let world = platform.clone();
                    let watch = Watch::new(platform.clock.clone(), Arc::clone(&slots));
                    drop(platform.tasks.spawn("connection", async move {
                        serve_connection(connection, peer, world, entrance, watch, stop).await;
                        drop(slot);
                    }));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    platform.clock.sleep(std::time::Duration::from_millis(50)).await;
                }
            },
        }
    }
    entrance.closing();
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    if platform
        .clock
        .timeout(STOP_GRACE, slots.acquire_many(all))
        .await
        .is_err()
    {
        tracing::warn!("requests were still open after the grace time");
    }
}

/// `near` says that the caller is on this machine.
async fn answer(
    entrance: &Entrance,
    near: bool,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let path = request.uri().path();
    let asked = |wanted: &str| request.method() == Method::GET && path == wanted;
    let mut response = match entrance.doors.get() {
        _ if asked("/healthz") => text(StatusCode::OK, "ok\n"),
        Some(_) if asked("/readyz") => text(StatusCode::OK, "ready\n"),
        None if asked("/readyz") => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        None => starting().map(AnswerBody::from),
        Some(doors) if asked("/metrics") && (near || doors.verbs_from_afar) => doors
            .api
            .metrics(&request.into_parts().0)
            .map(AnswerBody::from),
        Some(doors) if asked("/_shardmill/") && (near || doors.verbs_from_afar) => doors
            .api
            .console(&request.into_parts().0)
            .map(AnswerBody::from),
        Some(doors) if path.starts_with("/_shardmill/") && !near && !doors.verbs_from_afar => text(
            StatusCode::FORBIDDEN,
            "verbs are answered on this machine only\n",
        ),
        Some(doors) if path.starts_with("/_shardmill/") => {
            doors.api.answer(request).await.map(AnswerBody::from)
        }
        Some(doors) if LambdaDoor::serves(path) => doors.lambda.answer(request).await,
        Some(doors) => doors.kinesis.answer(request).await,
    };
    response
        .headers_mut()
        .insert(header::SERVER, HeaderValue::from_static("shardmill"));
    response
}

/// In the words of both doors; clients of AWS send it again by themselves.
fn starting() -> Response<Full<Bytes>> {
    let said = "the server is starting: its functions are being compiled";
    let body = serde_json::json!({
        "__type": "ServiceUnavailable", "message": said,
        "error": said, "hint": "ask again in a moment",
    });
    crate::api::json(StatusCode::SERVICE_UNAVAILABLE, &body)
}

/// As HTTP writes a moment; one that no calendar has reads as 1970.
fn http_date(at: Timestamp) -> HeaderValue {
    let at = i64::try_from(at.as_millis())
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .unwrap_or_default();
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

fn text(status: StatusCode, body: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::from(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response
}
