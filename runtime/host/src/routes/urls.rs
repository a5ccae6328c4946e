//! Function URLs of the Lambda API, served on the one port: whose name in `Host` is `ID.lambda-url.REGION.localhost` means the
//! function that was given the address (rules FU-1 to FU-4).
//!
//! The id is random and all that an address without authentication asks for; `AWS_IAM` wants a signature that this server
//! takes. Where signatures are verified, the function's policy says who may call it. What functions put out without a trigger is stored nowhere.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header, request::Parts};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use model::{
    Outcome,
    lambda::web::{WebRequest, WebSigner, web_answer, web_event},
};
use sandbox::{BodyBroken, Function, HttpBody, Kind};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tracing::warn;
use wire::{
    AllowedHosts, BodyRefused,
    lambda::{LambdaDoor, POLICIES_KEPT, URLS_KEPT, UrlCall, url_id},
    whole_body,
};

use super::{
    bodies::Serving,
    buffered::sent,
    facts::{asked, request_id, trace_parent},
    refusal::{Refusal, whole},
    url_cors,
};
use crate::{
    assemble::Rooms,
    functions::{
        answering::Answering,
        calling,
        lambda::{Chosen, Given, NotNow, choose, run},
    },
    limits::WEB_EVENT_BODY_BYTES_MAX,
    report::OwedReport,
};

/// As Lambda says it.
const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

#[derive(Debug)]
pub(crate) struct Urls {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) hosts: AllowedHosts,
}

/// An address, and what was said of it.
#[derive(Debug, PartialEq)]
struct Known {
    function: String,
    qualifier: Option<String>,
    config: Value,
    /// What its permissions say, where there are any.
    policy: Option<Value>,
}

/// The id of the address that a request names, where it names one.
pub(crate) fn named(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = match (uri.authority(), headers.get(header::HOST)) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().ok()?,
        (None, None) => return None,
    };
    url_id(host).map(str::to_ascii_lowercase)
}

impl Urls {
    /// `id` is what the request's host begins with.
    pub(crate) async fn answer(
        &self,
        lambda: &LambdaDoor,
        (peer, id): (SocketAddr, &str),
        request: Request<Incoming>,
    ) -> Response<HttpBody> {
        let (head, body) = request.into_parts();
        if !self.hosts.admit(&head.uri, &head.headers) {
            return Refusal::Host.respond();
        }
        let Some(known) = self.known(id) else {
            return unknown();
        };
        let cors = known.config.get("Cors").filter(|cors| cors.is_object());
        if let Some(cors) = cors
            && url_cors::is_preflight(&head)
        {
            let mut response = Response::new(whole(Bytes::new()));
            url_cors::preflight(cors, &head.headers, response.headers_mut());
            return response;
        }
        let request_id = request_id(&self.rooms);
        let told = (peer, id, request_id.as_str());
        let mut response = self.served(lambda, &known, told, &head, body).await;
        if let Some(cors) = cors {
            url_cors::allow(cors, &head.headers, response.headers_mut());
        }
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        response
    }

    fn known(&self, id: &str) -> Option<Known> {
        let functions = self.rooms.functions.now();
        functions.iter().find_map(|(name, deployed)| {
            let kept = deployed.entry.head.words.get(URLS_KEPT)?.as_object()?;
            let is_it = |config: &Value| {
                let url = config["FunctionUrl"].as_str().unwrap_or_default();
                url_id(url.trim_start_matches("http://")) == Some(id)
            };
            let (qualifier, config) = kept.iter().find(|(_, config)| is_it(config))?;
            let qualifier = (qualifier != "$LATEST").then(|| qualifier.clone());
            let policies = deployed.entry.head.words.get(POLICIES_KEPT);
            let policy = policies.and_then(|all| all.get(qualifier.as_deref().unwrap_or_default()));
            Some(Known {
                function: name.to_string(),
                policy: policy.cloned(),
                qualifier,
                config: config.clone(),
            })
        })
    }

    async fn served(
        &self,
        lambda: &LambdaDoor,
        known: &Known,
        (peer, id, request_id): (SocketAddr, &str, &str),
        head: &Parts,
        body: Incoming,
    ) -> Response<HttpBody> {
        let most = WEB_EVENT_BODY_BYTES_MAX;
        let bytes_max = usize::try_from(most.bytes()).unwrap_or(usize::MAX);
        let body = match whole_body(&self.rooms.platform.clock, body, bytes_max).await {
            Ok(body) => body,
            Err(BodyRefused::TooLarge) => return Refusal::TooLarge(most).respond(),
            Err(BodyRefused::TooSlow) => return Refusal::TooSlow.respond(),
            Err(BodyRefused::CutOff) => return Refusal::CutOff.respond(),
        };
        let signer = match self.admitted(lambda, known, head, &body) {
            Ok(signer) => signer,
            Err(refused) => return *refused,
        };
        let chosen = match choose(&self.rooms, &known.function, known.qualifier.as_deref()) {
            Ok(chosen) => chosen,
            Err(NotNow::NoFunction) => return unknown(),
            Err(NotNow::Throttled) => {
                let said = json!({ "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded." });
                return refused(StatusCode::TOO_MANY_REQUESTS, &said);
            }
        };
        let loaded = self.rooms.functions.load(&chosen.deployed, chosen.version);
        let answered = match loaded.await {
            Ok(function) if function.kind() == Kind::Http => {
                self.streamed(&function, chosen, request_id, (head, body))
                    .await
            }
            Ok(_) => {
                let request = WebRequest {
                    route: "$default",
                    account: signer.as_ref().map_or("anonymous", |it| &it.account),
                    api: id,
                    request_id,
                    source_ip: peer.ip().to_string(),
                    at: self.rooms.platform.clock.wall(),
                    body: &body,
                    signer: signer.as_ref(),
                    ..asked(head)
                };
                let given = Given {
                    event: web_event(&request),
                    trace_parent: trace_parent(head),
                    ..Given::default()
                };
                self.buffered(&chosen, request_id, given).await
            }
            Err(why) => Err(Refusal::NotRun(why)),
        };
        answered.unwrap_or_else(|refusal| {
            let reason = refusal.reason();
            warn!(
                function = known.function,
                request = request_id,
                reason,
                "a request to a function's address failed"
            );
            // A client of Lambda is told nothing else of a function that is late.
            let told = match matches!(refusal, Refusal::TimedOut(_)) {
                true => Refusal::Failed(reason),
                false => refusal,
            };
            told.respond()
        })
    }

    /// Who has signed the request, where that is asked for, if the function is open to whoever it is.
    fn admitted(
        &self,
        lambda: &LambdaDoor,
        known: &Known,
        head: &Parts,
        body: &Bytes,
    ) -> Result<Option<WebSigner>, Box<Response<HttpBody>>> {
        let signer = if known.config["AuthType"] == "AWS_IAM" {
            let nobody = || Box::new(forbidden());
            Some(lambda.signer(head, body).ok_or_else(nobody)?)
        } else {
            None
        };
        let call = UrlCall {
            policy: known.policy.as_ref(),
            auth: known.config["AuthType"].as_str().unwrap_or_default(),
            account: self.rooms.world.account.as_str(),
            signer: signer.as_ref(),
        };
        if lambda.permits(&call) {
            Ok(signer)
        } else {
            Err(unpermitted().into())
        }
    }

    async fn buffered(
        &self,
        chosen: &Chosen,
        request_id: &str,
        given: Given,
    ) -> Result<Response<HttpBody>, Refusal> {
        let ran = run(&self.rooms, chosen, request_id, given).await;
        match ran.map_err(Refusal::NotRun)?.answering {
            Answering::Answered { document, .. } => {
                let answer = web_answer(&document);
                sent(answer.map_err(|error| Refusal::Failed(error.to_string()))?)
            }
            Answering::Failed { document, .. } => Err(Refusal::Failed(document.to_string())),
            Answering::NotRun(why) => Err(Refusal::NotRun(why)),
        }
    }

    async fn streamed(
        &self,
        function: &Arc<Function>,
        chosen: Chosen,
        request_id: &str,
        (head, body): (&Parts, Bytes),
    ) -> Result<Response<HttpBody>, Refusal> {
        let facts = calling::Facts {
            function: &chosen.name,
            version: chosen.version,
            request_id: request_id.to_owned(),
            attempt: 1,
            qualifier: chosen.qualifier.clone(),
            client_context: None,
            trace_parent: trace_parent(head),
        };
        let invocation = calling::invocation(&self.rooms, facts, Vec::new());
        let invocation = invocation.map_err(|error| Refusal::NotRun(error.to_string()))?;
        let body = Full::new(body).map_err(|never| match never {});
        let mut request = Request::new(body.boxed_unsync());
        request.method_mut().clone_from(&head.method);
        request.uri_mut().clone_from(&head.uri);
        request.headers_mut().clone_from(&head.headers);
        let (tell, told) = oneshot::channel();
        let running = Arc::clone(function);
        let traced = self.rooms.functions.traced(&invocation);
        let report = OwedReport::of(&self.rooms, &invocation, function.limits().memory_told);
        let rooms = Arc::clone(&self.rooms);
        let serving = async move {
            let called = running.serve(invocation, request, tell).await;
            report.say_at(&rooms.functions.pace, &called);
            let outcome = called.outcome;
            traced.inspect(|traced| traced.tell(&outcome));
            outcome
        };
        let tasks = &self.rooms.platform.tasks;
        let mut serving = Serving(tasks.spawn("url-function", serving));
        match told.await {
            Ok(Ok(response)) => Ok(response.map(|inner| {
                let held = Held {
                    inner,
                    _chosen: chosen,
                    _serving: serving,
                };
                held.boxed_unsync()
            })),
            Ok(Err(code)) => Err(Refusal::Failed(format!("its answer is an error: {code}"))),
            Err(_) => match (&mut serving.0).await {
                Ok(Outcome::Failed(fault)) => Err(Refusal::of(&fault, function.limits().timeout)),
                Ok(Outcome::Answered(_)) => {
                    Err(Refusal::Failed("it ended without an answer".to_owned()))
                }
                Err(error) => Err(Refusal::NotRun(error.to_string())),
            },
        }
    }
}

/// The body of an answer that its function still writes; whoever drops it ends the function.
struct Held {
    inner: HttpBody,
    _chosen: Chosen,
    _serving: Serving<Outcome>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }
}

fn refused(status: StatusCode, document: &Value) -> Response<HttpBody> {
    let mut response = Response::new(whole(document.to_string().into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn forbidden() -> Response<HttpBody> {
    refused(StatusCode::FORBIDDEN, &json!({ "Message": FORBIDDEN }))
}

/// No permission of the function lets the caller in.
fn unpermitted() -> Response<HttpBody> {
    let mut response = forbidden();
    let hint = HeaderValue::from_static(
        "its policy must allow lambda:InvokeFunctionUrl and lambda:InvokeFunction (AddPermission)",
    );
    response.headers_mut().insert("x-shardmill-hint", hint);
    response
}

fn unknown() -> Response<HttpBody> {
    let mut response = refused(StatusCode::FORBIDDEN, &json!({ "Message": null }));
    let kind = HeaderValue::from_static("AccessDeniedException");
    response.headers_mut().insert("x-amzn-errortype", kind);
    response
}
