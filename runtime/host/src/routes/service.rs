//! The door of the web: a request comes in, finds its route, and leaves as what its function answered, or as a sentence.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use dispatch::Switch;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request};
use hyper::body::Incoming;
use model::TriggerName;
use sandbox::{HttpBody, Kind};
use tracing::warn;
use wire::AllowedHosts;

use super::{
    buffered, cors,
    facts::{Facts, request_id},
    gate::Gate,
    refusal::{Refusal, whole},
    streamed,
    table::{Found, find},
    token,
};
use crate::{assemble::Rooms, listener::Serves, tls::Tls};

/// The gates of all routes, by the names of their triggers. A request keeps the gate that it came by.
#[derive(Debug, Default)]
pub(crate) struct Routes(RwLock<Named>);

type Named = Arc<BTreeMap<TriggerName, Arc<Gate>>>;

impl Routes {
    pub(crate) fn new(gates: impl Iterator<Item = Gate>) -> Self {
        let routes = Self::default();
        routes.replace(gates.map(Arc::new).collect());
        routes
    }

    /// From now on these are all.
    pub(crate) fn replace(&self, gates: Vec<Arc<Gate>>) {
        let named = gates
            .into_iter()
            .map(|gate| (gate.settings.name.clone(), gate));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(named.collect());
    }

    fn now(&self) -> Named {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Gate>> {
        self.now().values().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Gate>> {
        let now = self.now();
        let (_, gate) = now.iter().find(|(known, _)| known.as_str() == name)?;
        Some(Arc::clone(gate))
    }

    pub(crate) fn turn(&self, name: &TriggerName, to: Switch) {
        if let Some(gate) = self.now().get(name) {
            gate.turn(to);
        }
    }
}

/// What answers once the server is put together.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) hosts: AllowedHosts,
}

/// The listener's side: closed until there is something behind it.
#[derive(Default)]
pub(crate) struct WebDoor {
    web: OnceLock<Web>,
    tls: Option<Tls>,
}

impl fmt::Debug for WebDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebDoor").finish_non_exhaustive()
    }
}

impl WebDoor {
    pub(crate) fn with(tls: Option<Tls>) -> Self {
        Self {
            web: OnceLock::new(),
            tls,
        }
    }

    /// Once; what comes later is not heard.
    pub(crate) fn open(&self, web: Web) {
        let _again = self.web.set(web);
    }
}

impl Serves for WebDoor {
    type Body = HttpBody;

    fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<HttpBody> {
        match self.web.get() {
            Some(web) => web.answer(peer, request).await,
            None => Refusal::Starting.respond(),
        }
    }

    fn closing(&self) {}
}

impl Web {
    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<HttpBody> {
        let (head, body) = request.into_parts();
        if !self.hosts.admit(&head.uri, &head.headers) {
            return Refusal::Host.respond();
        }
        let asked = asked_method(&head);
        let gates = self.rooms.routes.now();
        let gates = gates.values().map(|gate| (gate.settings.route(), gate));
        let (gate, parts) = match find(gates, asked, head.uri.path()) {
            Found::Route(gate, parts) => (gate, parts),
            Found::OtherMethods(methods) => return Refusal::Method(methods).respond(),
            Found::Nothing => return Refusal::NoRoute.respond(),
        };
        let origin = cors::origin(&gate.settings.trigger.cors, &head.headers);
        if origin == cors::Origin::Refused {
            gate.answered(StatusCode::FORBIDDEN.as_u16());
            return Refusal::Origin.respond();
        }
        let mut response = if *asked == head.method {
            self.served(gate, parts, peer, &head, body).await
        } else {
            preflight(gate, &head)
        };
        cors::allow(response.headers_mut(), &origin);
        gate.answered(response.status().as_u16());
        response
    }

    async fn served(
        &self,
        gate: &Arc<Gate>,
        parts: Vec<(String, String)>,
        peer: SocketAddr,
        head: &request::Parts,
        body: Incoming,
    ) -> Response<HttpBody> {
        let rooms = &*self.rooms;
        let facts = Facts {
            settings: &gate.settings,
            head,
            parts,
            peer,
            id: request_id(rooms),
            at: rooms.platform.clock.wall(),
        };
        let answered = self.run(gate, &facts, body).await;
        let mut response = answered.unwrap_or_else(|refusal| {
            let status = refusal.status();
            if status.is_server_error() {
                let reason = refusal.reason();
                warn!(trigger = %gate.settings.name, request = facts.id, %status, reason, "a request failed");
                gate.failed(reason);
            }
            refusal.respond()
        });
        if let Ok(id) = HeaderValue::from_str(&facts.id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        response
    }

    async fn run(
        &self,
        gate: &Arc<Gate>,
        facts: &Facts<'_>,
        body: Incoming,
    ) -> Result<Response<HttpBody>, Refusal> {
        match gate.switch() {
            Switch::On => {}
            Switch::Paused => return Err(Refusal::Paused),
            Switch::Disabled => return Err(Refusal::Disabled),
        }
        let rooms = &*self.rooms;
        if let Some(name) = &gate.settings.trigger.auth {
            let secret = rooms.functions.secret(name);
            let secret =
                secret.ok_or_else(|| Refusal::NotRun(format!("secret `{name}` is gone")))?;
            if !token::carries(&facts.head.headers, &secret) {
                return Err(Refusal::Token);
            }
        }
        let loaded = rooms.functions.ready(gate.settings.function()).await;
        let loaded = &loaded.map_err(Refusal::NotRun)?;
        match loaded.function.kind() {
            Kind::Http => streamed::answer(rooms, gate, loaded, facts, body).await,
            Kind::Stream | Kind::Event | Kind::Command | Kind::Process => {
                buffered::answer(rooms, gate, loaded, facts, body).await
            }
        }
    }
}

/// A browser that asks whether it may ask names the method that it means.
fn asked_method(head: &request::Parts) -> &Method {
    const METHODS: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    static KNOWN: OnceLock<[Method; 7]> = OnceLock::new();
    let wanted = head.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let named = wanted
        .filter(|_| head.method == Method::OPTIONS && head.headers.contains_key(header::ORIGIN));
    let known = KNOWN.get_or_init(|| METHODS).iter();
    let meant = named.and_then(|wanted| {
        known
            .clone()
            .find(|method| method.as_str().as_bytes() == wanted.as_bytes())
    });
    meant.unwrap_or(&head.method)
}

fn preflight(gate: &Gate, head: &request::Parts) -> Response<HttpBody> {
    let mut response = Response::new(whole(bytes::Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let method = gate.settings.route().method.as_ref();
    let methods = method.map_or(
        "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        Method::as_str,
    );
    cors::preflight(&head.headers, methods, response.headers_mut());
    response
}
