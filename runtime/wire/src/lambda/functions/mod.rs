//! Functions of the Lambda API: created, changed, published, aliased, invoked.
//!
//! In: calls. Out: documents with AWS's members and refusals in AWS's words. A function is a `catalog::Entry`; what a call
//! decides about it is decided here, on the entry, and handed on as a change. Code is unpacked, kept and run by whoever
//! stands behind `Functions`.

mod absent;
mod aliases;
mod asynchronous;
mod code;
mod concurrency;
mod document;
mod invoke;
mod names;
mod permits;
mod policy;
mod settings;
mod urls;
mod versions;

#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
pub(super) mod tests;

use std::fmt;

use bytes::Bytes;
use catalog::{Entry, Revision, Settings};
use http::{Method, StatusCode};
use model::{Digest, FunctionVersion, TraceParent, seams::BoxFuture};
use platform::Platform;
use serde_json::json;

pub use names::forget_qualifier;
pub use permits::UrlCall;
pub use policy::KEPT as POLICIES_KEPT;
pub use urls::{KEPT as URLS_KEPT, url_id};

use super::{call::Call, door::Reply, error::LambdaError};

/// What is changed about a function, all of it or nothing.
pub type Change = Box<dyn FnOnce(&mut Entry) -> Result<(), LambdaError> + Send>;

/// A new function whose first version has this number.
pub type Make = Box<dyn FnOnce(u64) -> Entry + Send>;

/// What of a version shows only where it runs.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Of a handler file: what AWS would call its runtime, and its handler.
    pub runtime: Option<(String, String)>,
    /// Why it is not run, where this server runs none of its kind.
    pub refused: Option<String>,
}

/// What keeps functions and runs them.
pub trait Functions: Send + Sync + fmt::Debug {
    /// The account and the region in which they are.
    fn world(&self) -> (String, String);
    fn find(&self, name: &str) -> Option<Entry>;
    /// In order of their names.
    fn all(&self) -> Vec<(String, Entry)>;
    /// What is known of a version beside what is kept of it.
    fn running(&self, name: &str, version: FunctionVersion) -> Running;
    /// A random one, for what changes.
    fn id(&self) -> String;
    /// Where the package of a function can be fetched.
    fn location(&self, package: Digest) -> String;
    /// Of this server, for addresses of functions.
    fn port(&self) -> u16;
    /// Unpacks code, makes of it what runs, and keeps it. Waits while it is compiled.
    fn accept(&self, handed: Handed) -> BoxFuture<'_, Result<Revision, LambdaError>>;
    /// What is made is told the number of its first version, which no earlier function of the name had.
    fn create(&self, name: String, make: Make) -> BoxFuture<'_, Result<Entry, LambdaError>>;
    /// The function as it is then.
    fn change(&self, name: String, change: Change) -> BoxFuture<'_, Result<Entry, LambdaError>>;
    fn remove(&self, name: String) -> BoxFuture<'_, Result<(), LambdaError>>;
    /// Runs it and waits for its answer.
    fn invoke(&self, asked: Asked) -> BoxFuture<'_, Result<Invoked, LambdaError>>;
    /// Kept, to be run as soon as it can be, when it resolves; the id of the request.
    fn enqueue(&self, asked: Asked) -> BoxFuture<'_, Result<String, LambdaError>>;
}

/// Code as a caller handed it over, or as it was kept before.
#[derive(Clone, Debug)]
pub enum Package {
    Zip(Bytes),
    Kept(Digest),
}

/// What a revision is made of.
#[derive(Clone, Debug)]
pub struct Handed {
    pub package: Package,
    pub settings: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// The log's tail is wanted too.
    WithLog,
    Plain,
}

/// An invocation.
#[derive(Clone, Debug)]
pub struct Asked {
    pub name: String,
    pub qualifier: Option<String>,
    pub payload: Bytes,
    /// JSON, decoded.
    pub client_context: Option<String>,
    pub trace_parent: Option<TraceParent>,
    pub urgency: Urgency,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Invoked {
    pub request_id: String,
    /// A number, or `$LATEST`.
    pub version: String,
    pub payload: Bytes,
    /// `Unhandled`, where the function failed.
    pub error: Option<&'static str>,
    /// The end of what it logged, at most 4 KiB.
    pub log_tail: Vec<u8>,
}

pub(super) async fn call(
    functions: &dyn Functions,
    platform: &Platform,
    call: &Call,
    path: &[&str],
) -> Result<Reply, LambdaError> {
    let now = platform.clock.wall();
    match (call.method.as_str(), path) {
        ("POST", ["2015-03-31", "functions"]) => code::create(functions, call, now).await,
        ("GET", ["2015-03-31", "functions"]) => versions::list_functions(functions, call),
        ("GET", ["2015-03-31", "functions", name]) => versions::get(functions, call, name),
        ("DELETE", ["2015-03-31", "functions", name]) => {
            versions::delete(functions, call, name).await
        }
        (method, ["2015-03-31", "functions", name, rest @ ..]) => {
            of_function(functions, (call, now), method, (*name, rest)).await
        }
        ("POST", ["2014-11-13", "functions", name, "invoke-async"]) => {
            invoke::invoke_async(functions, call, name).await
        }
        (
            "POST",
            [
                "2021-11-15",
                "functions",
                name,
                "response-streaming-invocations",
            ],
        ) => invoke::invoke_streamed(functions, call, name).await,
        (_, ["2017-10-31" | "2019-09-30", "functions", name, rest @ ..]) => {
            concurrency::call(functions, call, name, rest).await
        }
        (
            _,
            [
                "2019-09-25",
                "functions",
                name,
                "event-invoke-config",
                rest @ ..,
            ],
        ) => asynchronous::call(functions, (call, now), name, rest).await,
        (_, ["2021-10-31", "functions", name, what @ ("url" | "urls")]) => {
            urls::call(functions, (call, now), name, *what == "urls").await
        }
        ("GET", ["2016-08-19", "account-settings"]) => Ok(concurrency::account(functions)),
        (_, ["2017-03-31", "tags", resource]) => policy::tags(functions, call, resource).await,
        _ => absent::call(functions, call, path).await,
    }
}

async fn of_function(
    functions: &dyn Functions,
    (call, now): (&Call, model::Timestamp),
    method: &str,
    (name, rest): (&str, &[&str]),
) -> Result<Reply, LambdaError> {
    match (method, rest) {
        ("PUT", ["code"]) => code::update(functions, call, now, name).await,
        ("GET", ["configuration"]) => versions::configuration(functions, call, name),
        ("PUT", ["configuration"]) => settings::update(functions, call, now, name).await,
        ("POST", ["invocations"]) => invoke::invoke(functions, call, name).await,
        ("GET", ["versions"]) => versions::list(functions, call, name),
        ("POST", ["versions"]) => versions::publish(functions, call, name).await,
        (_, ["aliases", rest @ ..]) => aliases::call(functions, call, name, rest).await,
        (_, ["policy", rest @ ..]) => policy::call(functions, call, name, rest).await,
        _ => Err(LambdaError::unknown_operation()),
    }
}

/// What changes a function of the file is refused: it would be undone by the next start.
fn only_of_api(entry: &Entry, name: &str) -> Result<(), LambdaError> {
    match entry.head.origin {
        catalog::Origin::Api => Ok(()),
        catalog::Origin::File => Err(LambdaError::conflict(format!(
            "The function {name} is declared in triggers.yaml and can only be changed there."
        ))
        .with_hint("change the file, then `shardmill deploy`")),
    }
}

fn created(document: serde_json::Value) -> Reply {
    Reply::of(StatusCode::CREATED, document)
}

fn ok(document: serde_json::Value) -> Reply {
    Reply::of(StatusCode::OK, document)
}

/// The items of one page, sorted by `key`, and the marker of the next where there is one.
fn page<T>(
    call: &Call,
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    most: usize,
) -> Result<(Vec<T>, Option<String>), LambdaError> {
    let asked = call.items_asked(most)?;
    let after = call.parameter("Marker");
    let mut rest: Vec<T> = items
        .into_iter()
        .filter(|item| after.is_none_or(|after| key(item).as_str() > after))
        .collect();
    let more = rest.len() > asked;
    rest.truncate(asked);
    let marker = rest.last().filter(|_| more).map(key);
    Ok((rest, marker))
}

fn listed(name: &str, items: &[serde_json::Value], marker: Option<String>) -> Reply {
    let mut answer = json!({ name: items });
    if let Some(marker) = marker {
        answer["NextMarker"] = json!(marker);
    }
    ok(answer)
}

/// Whether a call names the revision that it means to change, and that is another one by now.
fn hold_revision(input: Option<&str>, revision: &str) -> Result<(), LambdaError> {
    match input {
        Some(asked) if asked != revision => Err(LambdaError::precondition()),
        Some(_) | None => Ok(()),
    }
}

fn is_delete(call: &Call) -> bool {
    call.method == Method::DELETE
}
