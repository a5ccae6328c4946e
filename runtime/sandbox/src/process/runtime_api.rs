//! The endpoint of one process: Lambda's runtime API, `2018-06-01`. The program asks for the next event and posts what came
//! of it; nobody else is told the address, which is of this machine alone.
#![deny(clippy::indexing_slicing)]

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use model::TraceParent;
use platform::{Listener, Platform, Task, watch};
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc};
use wasmtime_wasi_http::io::TokioIo;

use crate::{
    bindings::types,
    limits::{ERROR_DOCUMENT_BYTES_MAX, PROCESS_ANSWER_BYTES_MAX, PROCESS_CONNECTIONS_MAX},
};

/// One invocation as the program is told of it.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) body: Bytes,
    pub(super) deadline_ms: u64,
    pub(super) arn: String,
    pub(super) client_context: Option<Arc<str>>,
    pub(super) trace_parent: Option<TraceParent>,
}

/// What it posted.
#[derive(Debug)]
pub(super) enum Answer {
    Response(Bytes),
    Error(Posted),
    TooLarge,
}

/// An error as it was posted.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub(super) fault: types::Fault,
    /// The whole body, where that is a JSON object of moderate size.
    pub(super) document: Option<Bytes>,
}

/// Dropping it closes it.
#[derive(Debug)]
pub(super) struct Endpoint {
    address: SocketAddr,
    events: mpsc::Sender<Event>,
    answers: mpsc::Receiver<(String, Answer)>,
    began: watch::Receiver<Began>,
    serving: Task<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What is known of its beginning.
#[derive(Debug, Clone, Default)]
enum Began {
    #[default]
    NotYet,
    Well,
    Badly(Posted),
}

#[derive(Debug)]
struct Api {
    next: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    answers: mpsc::Sender<(String, Answer)>,
    began: watch::Sender<Began>,
    /// What was handed out and not answered.
    current: Mutex<Option<String>>,
}

impl Endpoint {
    pub(super) async fn open(platform: &Platform) -> io::Result<Self> {
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = platform.net.listen(here).await?;
        let address = listener.local_addr()?;
        let (events, next) = mpsc::channel(1);
        let (tell, answers) = mpsc::channel(1);
        let began = watch::Sender::default();
        let known = began.subscribe();
        let api = Arc::new(Api {
            next: tokio::sync::Mutex::new(next),
            answers: tell,
            began,
            current: Mutex::default(),
        });
        let world = platform.clone();
        let serving = platform.tasks.spawn("runtime-api", async move {
            serve(&world, &listener, &api).await;
        });
        Ok(Self {
            address,
            events,
            answers,
            began: known,
            serving,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has asked for its first event, or says why it never will.
    pub(super) async fn began(&mut self) -> Result<(), Posted> {
        let known = self.began.wait_for(|began| !matches!(began, Began::NotYet));
        match known.await.map(|known| known.clone()) {
            Ok(Began::Badly(posted)) => Err(posted),
            Ok(Began::Well | Began::NotYet) | Err(_) => Ok(()),
        }
    }

    /// One at a time: the one before has been answered.
    pub(super) fn give(&self, event: Event) {
        // Whoever gives one that cannot be taken waits for an answer until its time is over.
        let _full = self.events.try_send(event);
    }

    pub(super) async fn answer(&mut self, id: &str) -> Answer {
        loop {
            match self.answers.recv().await {
                Some((of, answer)) if of == id => return answer,
                // Of an invocation that is over.
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

async fn serve(platform: &Platform, listener: &Listener, api: &Arc<Api>) {
    let places = Arc::new(Semaphore::new(PROCESS_CONNECTIONS_MAX));
    let mut open = Vec::new();
    while let Ok((connection, _)) = listener.accept().await {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let api = Arc::clone(api);
        let served = async move {
            let _place = place;
            let service = service_fn(|request| {
                let api = Arc::clone(&api);
                async move { Ok::<_, Infallible>(api.answered(request).await) }
            });
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(connection), service);
            // A program that ends in the middle of a request is told of elsewhere.
            drop(connection.await);
        };
        open.retain(|task: &Closing| !task.0.is_finished());
        open.push(Closing(
            platform.tasks.spawn("runtime-api-connection", served),
        ));
    }
}

/// A connection that ends with its endpoint.
struct Closing(Task<()>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is asked for, by its path.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    Next,
    Response(&'a str),
    Error(&'a str),
    InitError,
}

fn asked<'a>(method: &Method, path: &'a str) -> Option<Asked<'a>> {
    let rest = path.strip_prefix("/2018-06-01/runtime/")?;
    match (method.as_str(), rest) {
        ("GET", "invocation/next") => Some(Asked::Next),
        ("POST", "init/error") => Some(Asked::InitError),
        ("POST", _) => {
            // Ids of batches have slashes, which most programs leave as they are.
            let rest = rest.strip_prefix("invocation/")?;
            let response = rest.strip_suffix("/response").map(Asked::Response);
            response.or_else(|| rest.strip_suffix("/error").map(Asked::Error))
        }
        _ => None,
    }
}

/// An id as it is, of a path in which it may be escaped.
fn unescaped(id: &str) -> String {
    [("%2F", "/"), ("%2f", "/"), ("%2B", "+"), ("%2b", "+")]
        .iter()
        .fold(id.to_owned(), |id, (escaped, plain)| {
            id.replace(escaped, plain)
        })
}

impl Api {
    async fn answered(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let kind = head.headers.get("lambda-runtime-function-error-type");
        let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
        match asked(&head.method, head.uri.path()) {
            Some(Asked::Next) => self.next().await,
            Some(Asked::Response(id)) => self.response(id, body).await,
            Some(Asked::Error(id)) => {
                let posted = posted(kind, body).await;
                self.post(id, Answer::Error(posted)).await
            }
            Some(Asked::InitError) => {
                let posted = posted(kind, body).await;
                self.began
                    .send_modify(|began| *began = Began::Badly(posted));
                accepted()
            }
            None => refused(
                StatusCode::NOT_FOUND,
                "UnknownPath",
                "there is nothing at this path",
            ),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.began.send_modify(|began| {
            if matches!(began, Began::NotYet) {
                *began = Began::Well;
            }
        });
        let Some(event) = self.next.lock().await.recv().await else {
            return refused(StatusCode::GONE, "Ended", "there will be no further event");
        };
        *self.current() = Some(event.id.clone());
        let mut response = Response::new(Full::new(event.body));
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        };
        put("content-type", "application/json");
        put("lambda-runtime-aws-request-id", &event.id);
        put("lambda-runtime-deadline-ms", &event.deadline_ms.to_string());
        put("lambda-runtime-invoked-function-arn", &event.arn);
        if let Some(context) = &event.client_context {
            put("lambda-runtime-client-context", context);
        }
        if let Some(parent) = &event.trace_parent {
            put("lambda-runtime-trace-id", &x_ray(parent));
        }
        response
    }

    async fn response(&self, id: &str, body: Incoming) -> Response<Full<Bytes>> {
        match Limited::new(body, PROCESS_ANSWER_BYTES_MAX).collect().await {
            Ok(body) => self.post(id, Answer::Response(body.to_bytes())).await,
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                drop(self.post(id, Answer::TooLarge).await);
                let what = format!("an answer has {PROCESS_ANSWER_BYTES_MAX} bytes at most");
                refused(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestEntityTooLarge",
                    &what,
                )
            }
            Err(_) => refused(StatusCode::BAD_REQUEST, "CutOff", "the answer was cut off"),
        }
    }

    /// Only for the invocation that it was given last, and once.
    async fn post(&self, id: &str, answer: Answer) -> Response<Full<Bytes>> {
        let id = unescaped(id);
        let mine = self.current().take_if(|current| *current == id);
        let Some(id) = mine else {
            return refused(
                StatusCode::BAD_REQUEST,
                "InvalidRequestID",
                "this is not the invocation that waits for an answer",
            );
        };
        // Whoever waited may have given up.
        let _gone = self.answers.send((id, answer)).await;
        accepted()
    }

    fn current(&self) -> MutexGuard<'_, Option<String>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A posted error, in whatever form it came.
async fn posted(kind: Option<String>, body: Incoming) -> Posted {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Said {
        error_type: Option<String>,
        error_message: Option<String>,
    }
    let body = Limited::new(body, PROCESS_ANSWER_BYTES_MAX).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let parsed = serde_json::from_slice::<Said>(&body);
    let fits = body.len() <= ERROR_DOCUMENT_BYTES_MAX && parsed.is_ok();
    let document = fits.then(|| body.clone());
    let posted = parsed.unwrap_or_default();
    let kind = posted.error_type.or(kind).filter(|kind| !kind.is_empty());
    let said = || String::from_utf8_lossy(&body).into_owned();
    Posted {
        fault: types::Fault {
            kind: kind.unwrap_or_else(|| "Unhandled".to_owned()),
            message: posted.error_message.unwrap_or_else(said),
            retry_after_ms: None,
        },
        document,
    }
}

fn accepted() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"status":"OK"}"#)));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn refused(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "errorType": kind, "errorMessage": message });
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

/// The same trace in the words of X-Ray, which is what the runtimes of Lambda understand.
fn x_ray(parent: &TraceParent) -> String {
    let (begun, rest) = parent.trace_id().split_at(8);
    let sampled = u8::from(parent.is_sampled());
    format!(
        "Root=1-{begun}-{rest};Parent={};Sampled={sampled}",
        parent.span_id()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_lambda() {
        for (method, path, expect) in [
            (
                Method::GET,
                "/2018-06-01/runtime/invocation/next",
                Some(Asked::Next),
            ),
            (
                Method::POST,
                "/2018-06-01/runtime/invocation/a-1/response",
                Some(Asked::Response("a-1")),
            ),
            (
                Method::POST,
                "/2018-06-01/runtime/invocation/a-1/error",
                Some(Asked::Error("a-1")),
            ),
            (
                Method::POST,
                "/2018-06-01/runtime/invocation/t/shardId-0/1+2/error",
                Some(Asked::Error("t/shardId-0/1+2")),
            ),
            (
                Method::POST,
                "/2018-06-01/runtime/init/error",
                Some(Asked::InitError),
            ),
            (Method::POST, "/2018-06-01/runtime/invocation/next", None),
            (Method::GET, "/2018-06-01/runtime/restore/next", None),
        ] {
            assert_eq!(asked(&method, path), expect, "{method} {path}");
        }
        assert_eq!(unescaped("t%2FshardId-0%2F1%2B2"), "t/shardId-0/1+2");
    }
}
