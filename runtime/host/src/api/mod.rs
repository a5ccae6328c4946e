//! The JSON API behind the verbs of the command line, below `/_shardmill/api/`.
//!
//! A request comes in, one JSON document goes out. Errors are `{"error", "hint"}` with a fitting status. Only pages of
//! this server's own origin may call it: a request that carries another `Origin` is refused.

mod answer;
pub(crate) mod audit;
mod backups;
mod bookmarks;
mod console;
mod dead_letters;
pub(crate) mod deliveries;
pub(crate) mod deploy;
mod functions;
mod keys;
mod logs;
mod measured;
mod records;
mod redrive;
mod replay;
mod reshard;
mod routes;
mod schedules;
mod seek;
mod server;
mod shadow;
mod state;
pub(crate) mod status;
pub(crate) mod streams;
mod testing;
pub(crate) mod triggers;
mod versions;
mod wait;
mod why;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use wire::{AllowedHosts, BodyRefused, whole_body};

pub(crate) use answer::{ApiError, Query, json};
pub(crate) use measured::Measured;

use crate::{
    assemble::Rooms,
    limits::{API_BODY_BYTES_MAX, API_CODE_BYTES_MAX},
};

/// What a verb was asked: the path below `/_shardmill/api/`, its query and its body.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) path: Vec<&'a str>,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
}

pub(crate) type Reply = Result<serde_json::Value, ApiError>;

#[derive(Debug)]
pub(crate) struct Api {
    rooms: Arc<Rooms>,
    hosts: AllowedHosts,
    backups: backups::Backups,
    /// Whether the server runs for tests.
    testing: bool,
}

impl Api {
    pub(crate) fn new(rooms: Arc<Rooms>, hosts: AllowedHosts, testing: bool) -> Self {
        Self {
            testing,
            rooms,
            hosts,
            backups: backups::Backups::default(),
        }
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        if !self.hosts.admit(&parts.uri, &parts.headers) {
            return ApiError::refused("this server does not answer to that host name")
                .with_hint("use 127.0.0.1 or localhost")
                .respond();
        }
        let own = parts
            .headers
            .get(header::HOST)
            .map(http::HeaderValue::as_bytes);
        if let Some(origin) = parts
            .headers
            .get(header::ORIGIN)
            .map(http::HeaderValue::as_bytes)
            && origin.strip_prefix(b"http://") != own
            && origin.strip_prefix(b"https://") != own
        {
            return ApiError::refused("requests of other origins are not answered").respond();
        }
        let clock = &self.rooms.platform.clock;
        let max = match parts.uri.path() {
            "/_shardmill/api/code" | "/_shardmill/api/runtimes" => API_CODE_BYTES_MAX,
            _ => API_BODY_BYTES_MAX,
        };
        let body = match whole_body(clock, body, max).await {
            Ok(body) => body,
            Err(BodyRefused::TooSlow) => {
                return ApiError::timed_out("the body did not come in time").respond();
            }
            Err(BodyRefused::TooLarge | BodyRefused::CutOff) => {
                let most = max >> 20;
                return ApiError::bad(&format!("the body is over {most} MiB or was cut off"))
                    .with_hint("hand over less at once")
                    .respond();
            }
        };
        let path = answer::segments(parts.uri.path().trim_start_matches("/_shardmill/api/"));
        if let ["code", digest] = path
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
            && parts.method == Method::GET
        {
            return self.package(digest).await;
        }
        let call = Call {
            path: path.iter().map(String::as_str).collect(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            body,
        };
        match self.carry_out(&parts.method, call).await {
            Ok(value) => json(StatusCode::OK, &value),
            Err(error) => error.respond(),
        }
    }

    /// A function's package as it was handed over.
    async fn package(&self, digest: &str) -> Response<Full<Bytes>> {
        let found = crate::functions::lambda::package(&self.rooms, digest).await;
        let Some(bytes) = found else {
            return ApiError::not_found(&format!("package {digest}")).respond();
        };
        let mut response = Response::new(Full::new(bytes));
        let kind = http::HeaderValue::from_static("application/zip");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    /// What is measured, as Prometheus reads it.
    pub(crate) fn metrics(&self, parts: &http::request::Parts) -> Response<Full<Bytes>> {
        if !self.hosts.admit(&parts.uri, &parts.headers) {
            return ApiError::refused("this server does not answer to that host name").respond();
        }
        let text = crate::metrics::text(&self.rooms);
        let mut response = Response::new(Full::from(text));
        let kind = http::HeaderValue::from_static("text/plain; version=0.0.4");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    /// The console, for browsers.
    pub(crate) fn console(&self, parts: &http::request::Parts) -> Response<Full<Bytes>> {
        if !self.hosts.admit(&parts.uri, &parts.headers) {
            return ApiError::refused("this server does not answer to that host name").respond();
        }
        console::page()
    }

    async fn carry_out(&self, method: &Method, call: Call<'_>) -> Reply {
        let rooms = &*self.rooms;
        let path = call.path.clone();
        match (method.as_str(), path.as_slice()) {
            ("POST" | "GET", ["_shardmill", what @ ("reset" | "clock")]) if !self.testing => {
                Err(testing::refused(what))
            }
            ("POST", ["_shardmill", "reset"]) => testing::reset(rooms).await,
            ("POST", ["_shardmill", "clock"]) => testing::clock(rooms, &call).await,
            ("GET", ["_shardmill", "clock"]) => Ok(testing::shown(rooms)),
            ("GET", ["status"]) => status::status(rooms).await,
            ("GET", ["server"]) => server::show(rooms),
            ("GET", ["streams"]) => streams::list(rooms, &call),
            ("GET", ["streams", name]) => streams::show(rooms, name),
            ("POST", ["streams"]) => streams::create(rooms, &call).await,
            ("DELETE", ["streams", name]) => streams::delete(rooms, name).await,
            ("GET", ["streams", name, "hot"]) => reshard::hot(rooms, name),
            ("POST", ["streams", name, "split"]) => reshard::split(rooms, name, &call).await,
            ("POST", ["streams", name, "merge"]) => reshard::merge(rooms, name, &call).await,
            ("POST", ["streams", name, "scale"]) => reshard::scale(rooms, name, &call).await,
            ("POST", ["streams", name, "retention"]) => {
                reshard::retention(rooms, name, &call).await
            }
            ("POST", ["streams", name, "mode"]) => reshard::mode(rooms, name, &call).await,
            ("GET", ["streams", name, "consumers"]) => reshard::consumers(rooms, name),
            ("POST", ["streams", name, "consumers"]) => {
                reshard::add_consumer(rooms, name, &call).await
            }
            ("DELETE", ["streams", name, "consumers", consumer]) => {
                reshard::remove_consumer(rooms, name, consumer).await
            }
            ("GET", ["streams", name, "records"]) => records::page(rooms, name, &call).await,
            ("POST", ["code", "missing"]) => deploy::missing_code(rooms, &call).await,
            ("POST", ["code"]) => deploy::code(rooms, &call.body).await,
            ("POST", ["runtimes", "missing"]) => deploy::missing_runtimes(rooms, &call).await,
            ("POST", ["runtimes"]) => deploy::runtime(rooms, &call.body).await,
            ("POST", ["deploy"]) => deploy::deploy(rooms, &call).await,
            ("GET", ["functions"]) => functions::list(rooms),
            ("GET", ["functions", name]) => functions::show(rooms, name),
            ("GET", ["functions", name, "versions"]) => versions::list(rooms, name),
            ("POST", ["functions", name, "promote"]) => versions::promote(rooms, name, &call).await,
            ("POST", ["functions", name, "rollback"]) => {
                versions::roll_back(rooms, name, &call).await
            }
            ("DELETE", ["functions", name]) => versions::delete(rooms, name).await,
            ("POST", ["functions", name, "invoke"]) => functions::invoke(rooms, name, &call).await,
            ("GET", ["triggers"]) => triggers::list(rooms),
            ("GET", ["triggers", name]) => triggers::show(rooms, name),
            ("GET", ["triggers", name, "shadow"]) => shadow::show(rooms, name),
            ("POST", ["triggers", name, "pause"]) => triggers::pause(rooms, name, &call).await,
            ("POST", ["triggers", name, "resume"]) => triggers::resume(rooms, name, &call).await,
            ("POST", ["triggers", name, "run"]) => schedules::run(rooms, name).await,
            ("POST", ["triggers", name, "seek"]) => seek::seek(&self.rooms, name, &call).await,
            ("GET", ["why"]) => why::why(rooms, &call),
            ("GET", ["logs"]) => logs::logs(rooms, &call).await,
            ("GET", ["state", trigger]) => state::list(rooms, trigger, &call),
            ("GET", ["state", trigger, key]) => state::get(rooms, trigger, key),
            ("GET", ["dead-letters"]) => dead_letters::list(rooms, &call),
            ("GET", ["dead-letters", trigger, id]) => dead_letters::show(rooms, trigger, id),
            ("POST", ["backups"]) => self.backups.begin(rooms),
            ("GET", ["backups", id, from]) => self.backups.page(id, from).await,
            ("DELETE", ["backups", id]) => self.backups.end(id),
            ("DELETE", ["dead-letters", trigger, id]) => {
                dead_letters::drop(rooms, trigger, id).await
            }
            ("POST", ["wait"]) => wait::wait(rooms, &call).await,
            _ => self.order(method, &call, path.as_slice()).await,
        }
    }

    /// What operators order about triggers, and what came of it.
    async fn order(&self, method: &Method, call: &Call<'_>, path: &[&str]) -> Reply {
        let rooms = &*self.rooms;
        match (method.as_str(), path) {
            ("GET", ["keys"]) => keys::list(rooms, call),
            ("GET", ["keys", trigger, key]) => keys::show(rooms, trigger, key),
            ("POST", ["keys", trigger, key, "park"]) => keys::park(rooms, trigger, key).await,
            ("POST", ["keys", trigger, key, "unpark"]) => keys::unpark(rooms, trigger, key).await,
            ("DELETE", ["keys", trigger, key]) => keys::drop(rooms, trigger, key).await,
            ("GET", ["bookmarks"]) => bookmarks::list(rooms, call),
            ("POST", ["bookmarks", trigger]) => bookmarks::create(rooms, trigger, call).await,
            ("DELETE", ["bookmarks", trigger, name]) => {
                bookmarks::delete(rooms, trigger, name).await
            }
            ("GET", ["audit"]) => audit::list(rooms, call),
            ("GET", ["capsules"]) => replay::list(rooms).await,
            ("GET", ["capsules", trigger, entry]) => replay::show(rooms, trigger, entry).await,
            ("POST", ["replay"]) => replay::replay(rooms, call).await,
            ("POST", ["dead-letters", trigger, "redrive"]) => {
                redrive::redrive(rooms, trigger, call).await
            }
            ("DELETE", ["triggers", name]) => triggers::delete(rooms, name).await,
            ("DELETE", ["state", trigger]) => state::clear(rooms, trigger, None).await,
            ("DELETE", ["state", trigger, key]) => state::clear(rooms, trigger, Some(key)).await,
            _ => Err(ApiError::not_found("this address")
                .with_hint("this server may be of another version: `shardmill version`")),
        }
    }
}

/// Waits until something happened, the time is over or the server stops: the next look tells which.
async fn news<T>(rooms: &Rooms, wait: Duration, happened: impl Future<Output = T>) {
    tokio::select! {
        biased;
        () = rooms.stop.stopped() => {}
        _ = rooms.platform.clock.timeout(wait, happened) => {}
    }
}
