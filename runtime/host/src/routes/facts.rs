//! What a function is told of a request: an event in payload format 2.0, and the facts of its invocation.

use std::{net::SocketAddr, sync::Arc};

use http::request;
use model::{
    FencingToken, FunctionVersion, Invocation, ShardId, StreamKey, StreamName, Timestamp,
    TraceParent,
    invocation::{Begun, ItemFailures},
    lambda::web::{WebRequest, web_event},
};
use uuid::Builder;

use super::gate::RouteSettings;
use crate::assemble::Rooms;

/// A request that has found its route.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) settings: &'a RouteSettings,
    pub(super) head: &'a request::Parts,
    pub(super) parts: Vec<(String, String)>,
    pub(super) peer: SocketAddr,
    pub(super) id: String,
    pub(super) at: Timestamp,
}

/// A random UUID, as Lambda's request ids are.
pub(super) fn request_id(rooms: &Rooms) -> String {
    let mut bytes = [0; 16];
    rooms.platform.rng.fill(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The trace that a request says it belongs to.
pub(super) fn trace_parent(head: &request::Parts) -> Option<TraceParent> {
    let said = head.headers.get("traceparent")?;
    TraceParent::parse(said.to_str().ok()?)
}

/// What the head of a request says by itself.
pub(super) fn asked(head: &request::Parts) -> WebRequest<'_> {
    let headers = head.headers.iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str(), text)
    });
    WebRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        protocol: match head.version {
            http::Version::HTTP_10 => "HTTP/1.0",
            http::Version::HTTP_2 => "HTTP/2.0",
            _ => "HTTP/1.1",
        },
        headers: headers.collect(),
        ..WebRequest::default()
    }
}

impl Facts<'_> {
    pub(super) fn event(&self, rooms: &Rooms, body: &[u8]) -> Vec<u8> {
        let route = self.settings.route().to_string();
        web_event(&WebRequest {
            route: &route,
            path_parameters: self.parts.clone(),
            source_ip: self.peer.ip().to_string(),
            account: rooms.world.account.as_str(),
            api: self.settings.name.as_str(),
            request_id: &self.id,
            at: self.at,
            body,
            ..asked(self.head)
        })
    }

    pub(super) fn invocation(&self, rooms: &Rooms, version: FunctionVersion) -> Invocation {
        let name = &self.settings.name;
        let stream = StreamName::parse(name.as_str())
            .unwrap_or_else(|_| unreachable!("streams and triggers have names of one kind"));
        Invocation {
            trigger: name.clone(),
            function: self.settings.function().clone(),
            version,
            stream: StreamKey {
                account: rooms.world.account.clone(),
                region: rooms.world.region.clone(),
                name: stream,
            },
            shard: ShardId(0),
            request_id: self.id.clone(),
            attempt: 1,
            attempts_max: Some(1),
            fencing_token: FencingToken(0),
            behind_ms: 0,
            started: self.at,
            records: Arc::default(),
            outputs: Arc::new(self.settings.outputs.keys().cloned().collect()),
            state: None,
            window: None,
            tracing: false,
            envelope: false,
            item_failures: ItemFailures::Ignored,
            role: None,
            qualifier: None,
            client_context: None,
            trace_parent: trace_parent(self.head),
            begun: Begun::default(),
            replayed_to: None,
        }
    }
}
