//! The reader of triggers with a route: method and path, and what one request may take, come in; a route that no other
//! trigger has goes out.

use std::collections::BTreeMap;

use model::TriggerName;

use super::diagnostic::At;
use super::project::{Cors, HttpTrigger};
use super::reader::{Reader, Section};
use super::route_keys::{
    AUTH, BEARER, BODY, CONCURRENCY, CORS, ENABLED, ROUTE, ROUTE_AUTH, TIMEOUT,
};
use super::schedules::streams_of;
use super::tree::{Key, Node, Value};
use super::triggers::{Functions, Secrets, Streams, bare_function, declared, outputs};
use crate::routes::Route;

pub(super) fn route(
    reader: &mut Reader<'_>,
    section: &mut Section,
    (streams, functions, secrets): (&Streams, &Functions, &Secrets),
) -> Option<HttpTrigger> {
    let line = section.at.line;
    let (key, node) = section.take("http")?;
    let title = format!("`http` of {}", section.title);
    let node = match node.value {
        Value::Map(_) => node,
        // The short form is the route alone.
        Value::Null | Value::Bare(_) | Value::Text(_) | Value::List(_) => Node {
            at: node.at,
            value: Value::Map(vec![(
                Key {
                    at: node.at,
                    name: "route".to_owned(),
                },
                node,
            )]),
        },
    };
    let mut http = reader.section(&ROUTE, title, key.at, node);
    let body = reader.measured(&mut http, &BODY);
    let concurrency = reader.measured(&mut http, &CONCURRENCY);
    let timeout = reader.measured(&mut http, &TIMEOUT);
    let cors = cors(reader, &mut http);
    let auth = auth(reader, &mut http, secrets);
    let route = parsed(reader, &mut http);
    let function = bare_function(reader, section, functions);
    let outputs = outputs(reader, section, streams);
    let enabled = reader.choice(section, &ENABLED);
    Some(HttpTrigger {
        route: route?,
        body,
        concurrency,
        timeout,
        cors,
        auth,
        function: function?,
        outputs: streams_of(outputs),
        enabled,
        line,
    })
}

fn parsed(reader: &mut Reader<'_>, http: &mut Section) -> Option<Route> {
    let hint =
        "write a method and a path, such as `POST /flights/{day}`, `GET /files/{path+}` or `ANY /`";
    let Some((_, node)) = http.take("route") else {
        reader.absent(http, "route", "has no route", hint);
        return None;
    };
    let at = node.at;
    let text = reader.scalar(&http.title, "route", node)?;
    match Route::parse(&text) {
        Ok(route) => Some(route),
        Err(error) => {
            reader.note(at, format!("`route` of {}: {error}", http.title), hint);
            None
        }
    }
}

/// The name of the secret that requests have to carry. After a diagnostic there is none, and no file.
fn auth(reader: &mut Reader<'_>, http: &mut Section, secrets: &Secrets) -> Option<String> {
    let (key, node) = http.take(AUTH.name)?;
    let title = format!("`auth` of {}", http.title);
    let mut auth = reader.section(&ROUTE_AUTH, title, key.at, node);
    let Some((_, node)) = auth.take(BEARER.name) else {
        let hint = "add `bearer: SECRET`, and the secret under `secrets:` of the file";
        reader.absent(&auth, BEARER.name, "names no secret", hint);
        return None;
    };
    let named = declared(reader, &auth.title, BEARER.name, node, secrets);
    named.map(|(_, name)| name.0)
}

fn cors(reader: &mut Reader<'_>, http: &mut Section) -> Cors {
    let Some((_, node)) = http.take(CORS.name) else {
        return Cors::Off;
    };
    let hint = "write `off`, `any`, or a list of origins such as [\"https://example.com\"]";
    let title = http.title.clone();
    let nodes = match node.value {
        Value::List(nodes) => nodes,
        Value::Null | Value::Bare(_) | Value::Text(_) | Value::Map(_) => {
            let at = node.at;
            return match reader.scalar(&title, CORS.name, node).as_deref() {
                Some("off") | None => Cors::Off,
                Some("any") => Cors::Any,
                Some(other) => {
                    let message = format!("`cors` of {title} cannot be `{other}`");
                    reader.note(at, message, hint);
                    Cors::Off
                }
            };
        }
    };
    let mut origins = Vec::new();
    for node in nodes {
        let at = node.at;
        let Some(origin) = reader.scalar(&title, CORS.name, node) else {
            continue;
        };
        let named = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        if named.is_none_or(|name| name.is_empty() || name.contains('/')) {
            let message = format!("`{origin}` in `cors` of {title} is no origin");
            reader.note(
                at,
                message,
                "an origin is http:// or https:// with a host and perhaps a port, and no path",
            );
        }
        origins.push(origin);
    }
    Cors::Origins(origins)
}

/// Two triggers may not wait for the same requests.
pub(super) fn refuse_double(
    reader: &mut Reader<'_>,
    routes: &BTreeMap<TriggerName, HttpTrigger>,
    places: &BTreeMap<TriggerName, At>,
) {
    let mut seen: BTreeMap<String, &TriggerName> = BTreeMap::new();
    for (name, trigger) in routes {
        let Some(first) = seen.insert(trigger.route.shape(), name) else {
            continue;
        };
        let message = format!(
            "triggers `{first}` and `{name}` have the same route, `{}`",
            trigger.route
        );
        let at = places.get(name).copied().unwrap_or(At::START);
        reader.note(at, message, "give one of them another method or path");
    }
}
