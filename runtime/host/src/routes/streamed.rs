//! Functions of the kind *http*: the request goes in as it comes, the answer goes out as it is written.
//!
//! Where the route has outputs, the answer waits until the function has ended and what it put out is committed. A body of a
//! request that never ends holds its function until its timeout, and is then told to be too slow.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use model::{ByteSize, Outcome};
use platform::Task;
use sandbox::HttpBody;
use tokio::sync::oneshot;

use super::{
    bodies::{Counted, Fate, Serving, Written},
    buffered::{commit, late},
    facts::Facts,
    gate::{Gate, Place},
    refusal::{Refusal, whole},
};
use crate::{
    assemble::Rooms, functions::LoadedFunction, limits::WEB_HELD_ANSWER_BYTES_MAX,
    report::OwedReport,
};

pub(super) async fn answer(
    rooms: &Rooms,
    gate: &Arc<Gate>,
    loaded: &LoadedFunction,
    facts: &Facts<'_>,
    body: Incoming,
) -> Result<Response<HttpBody>, Refusal> {
    let settings = &gate.settings.trigger;
    if body.size_hint().lower() > settings.body.bytes() {
        return Err(Refusal::TooLarge(settings.body));
    }
    let place = gate.enter().ok_or(Refusal::Busy)?;
    let (body, fate) = Counted::new(body, settings.body.bytes());
    let mut request = Request::new(body.boxed_unsync());
    request.method_mut().clone_from(&facts.head.method);
    request.uri_mut().clone_from(&facts.head.uri);
    request.headers_mut().clone_from(&facts.head.headers);
    let invocation = facts.invocation(rooms, loaded.version);
    let begun = invocation.begun.clone();
    let (tell, told) = oneshot::channel();
    let running = Arc::clone(&loaded.function);
    let report = OwedReport::of(rooms, &invocation, loaded.function.limits().memory_told);
    let traced = rooms.functions.traced(&invocation);
    let serving = async move {
        let called = running.serve(invocation, request, tell).await;
        traced.inspect(|traced| traced.tell(&called.outcome));
        report.say(&called);
        called.outcome
    };
    let serving = Serving(rooms.platform.tasks.spawn("web-function", serving));
    let exchange = Exchange {
        rooms,
        gate,
        fate,
        serving,
        place,
        own_timeout: loaded.function.limits().timeout,
    };
    let head = rooms.platform.clock.timeout(settings.timeout, told).await;
    match head.map_err(|_| exchange.late(begun.is_told()))? {
        Ok(Ok(response)) if gate.settings.outputs.is_empty() => {
            exchange.go_on(response, &facts.head.method)
        }
        Ok(Ok(response)) => exchange.hold(response).await,
        Ok(Err(code)) => Err(exchange.refused(format!("its answer is an error: {code}"))),
        Err(_) => Err(exchange.ended().await),
    }
}

/// A function at work on a request.
struct Exchange<'a> {
    rooms: &'a Rooms,
    gate: &'a Arc<Gate>,
    fate: Fate,
    serving: Serving<Outcome>,
    place: Place,
    /// Of the function.
    own_timeout: Duration,
}

impl Exchange<'_> {
    /// Time is over before there was the head of an answer.
    fn late(&self, begun: bool) -> Refusal {
        if begun && self.fate.is_awaited() {
            return Refusal::TooSlow;
        }
        late(begun, self.gate.settings.trigger.timeout)
    }

    fn refused(&self, reason: String) -> Refusal {
        if self.fate.is_too_large() {
            return Refusal::TooLarge(self.gate.settings.trigger.body);
        }
        Refusal::Failed(reason)
    }

    /// The answer is sent while the function goes on.
    fn go_on(
        self,
        response: Response<HttpBody>,
        method: &Method,
    ) -> Result<Response<HttpBody>, Refusal> {
        if self.fate.is_too_large() {
            return Err(Refusal::TooLarge(self.gate.settings.trigger.body));
        }
        let gate = Arc::clone(self.gate);
        let Self { serving, place, .. } = self;
        let written = response.map(|inner| Written {
            inner,
            gate,
            _place: place,
            _serving: serving,
        });
        if *method != Method::HEAD {
            return Ok(written.map(|body| body.boxed_unsync()));
        }
        // Nobody takes the body, and the function is to end as if somebody did.
        let (head, body) = written.into_parts();
        let taking = async move { drop(body.collect().await) };
        drop(self.rooms.platform.tasks.spawn("web-head", taking));
        Ok(Response::from_parts(head, whole(bytes::Bytes::new())))
    }

    /// The answer waits until what the function put out is committed.
    async fn hold(mut self, response: Response<HttpBody>) -> Result<Response<HttpBody>, Refusal> {
        let (head, body) = response.into_parts();
        let most = WEB_HELD_ANSWER_BYTES_MAX;
        let body = Limited::new(body, most).collect().await;
        let outcome = self.outcome().await?;
        let emitted = match outcome {
            Outcome::Answered(answer) => answer.outputs,
            Outcome::Failed(fault) => return Err(self.of(&fault)),
        };
        let body = body.map_err(|error| {
            let most = ByteSize(u64::try_from(most).unwrap_or(u64::MAX));
            let fact = "the answer of a route with outputs";
            self.refused(format!("{fact} has {most} at most, or broke off: {error}"))
        })?;
        if self.fate.is_too_large() {
            return Err(Refusal::TooLarge(self.gate.settings.trigger.body));
        }
        commit(self.rooms, self.gate, emitted).await?;
        Ok(Response::from_parts(head, whole(body.to_bytes())))
    }

    /// It ended without an answer.
    async fn ended(mut self) -> Refusal {
        match self.outcome().await {
            Ok(Outcome::Answered(_)) => self.refused("it ended without an answer".to_owned()),
            Ok(Outcome::Failed(fault)) => self.of(&fault),
            Err(refusal) => refusal,
        }
    }

    fn of(&self, fault: &model::Fault) -> Refusal {
        if self.fate.is_too_large() {
            return Refusal::TooLarge(self.gate.settings.trigger.body);
        }
        // The function waited for a body until its time was over.
        if fault.kind == "Timeout" && self.fate.is_awaited() {
            return Refusal::TooSlow;
        }
        Refusal::of(fault, self.own_timeout)
    }

    async fn outcome(&mut self) -> Result<Outcome, Refusal> {
        let task: &mut Task<Outcome> = &mut self.serving.0;
        let outcome = task.await;
        outcome.map_err(|error| Refusal::NotRun(error.to_string()))
    }
}
