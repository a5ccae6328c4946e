//! Functions that take events: the whole body goes in as an event, the answer comes out as a whole, and what the function
//! put out is committed in between.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use model::{
    ByteSize, Emitted, NewRecord, Outcome, Transaction,
    lambda::web::{WebAnswer, web_answer},
    seams::CommitError,
};
use sandbox::HttpBody;
use wire::{BodyRefused, whole_body};

use super::{
    facts::Facts,
    gate::{Gate, Place},
    refusal::{Refusal, whole},
};
use crate::{
    assemble::Rooms, functions::LoadedFunction, limits::WEB_EVENT_BODY_BYTES_MAX,
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
    let most = settings.body.min(WEB_EVENT_BODY_BYTES_MAX);
    let body = read(rooms, body, most).await?;
    let _place: Place = gate.enter().ok_or(Refusal::Busy)?;
    let event = facts.event(rooms, &body);
    let invocation = facts.invocation(rooms, loaded.version);
    let begun = invocation.begun.clone();
    let report = OwedReport::of(rooms, &invocation, loaded.function.limits().memory_told);
    let traced = rooms.functions.traced(&invocation);
    let called = loaded.function.call(invocation, Some(event));
    let called = rooms.platform.clock.timeout(settings.timeout, called).await;
    let called = called.map_err(|_| late(begun.is_told(), settings.timeout))?;
    traced.inspect(|traced| traced.tell(&called.outcome));
    report.say(&called);
    let outputs = match called.outcome {
        Outcome::Answered(answer) => answer.outputs,
        Outcome::Failed(fault) => {
            return Err(Refusal::of(&fault, loaded.function.limits().timeout));
        }
    };
    commit(rooms, gate, outputs).await?;
    let document = called.document.unwrap_or(Bytes::from_static(b"null"));
    let answer = web_answer(&document).map_err(|error| Refusal::Failed(error.to_string()))?;
    sent(answer)
}

/// Time is over: for want of a place to run in, or because the function takes too long.
pub(super) fn late(begun: bool, timeout: Duration) -> Refusal {
    if begun {
        return Refusal::TimedOut(timeout);
    }
    let reason = format!("no place to run in became free within {timeout:?}");
    Refusal::NotRun(reason)
}

async fn read(rooms: &Rooms, body: Incoming, most: ByteSize) -> Result<Bytes, Refusal> {
    let bytes_max = usize::try_from(most.bytes()).unwrap_or(usize::MAX);
    let body = whole_body(&rooms.platform.clock, body, bytes_max).await;
    body.map_err(|refused| match refused {
        BodyRefused::TooLarge => Refusal::TooLarge(most),
        BodyRefused::TooSlow => Refusal::TooSlow,
        BodyRefused::CutOff => Refusal::CutOff,
    })
}

/// Durable when it returns.
pub(super) async fn commit(
    rooms: &Rooms,
    gate: &Gate,
    emitted: Vec<Emitted>,
) -> Result<(), Refusal> {
    if emitted.is_empty() {
        return Ok(());
    }
    let output = |emitted: Emitted| {
        let stream = gate.settings.outputs.get(&emitted.output)?.clone();
        let record = NewRecord {
            partition_key: emitted.partition_key,
            explicit_hash_key: emitted.explicit_hash_key,
            data: emitted.data,
        };
        Some((stream, record))
    };
    let transaction = Transaction {
        outputs: emitted.into_iter().filter_map(output).collect(),
        ..Transaction::default()
    };
    let not_stored = |error: CommitError| Refusal::NotStored(error.to_string());
    let at = rooms
        .journal
        .commit(transaction)
        .await
        .map_err(not_stored)?;
    rooms.journal.durable(at).await.map_err(not_stored)
}

pub(super) fn sent(answer: WebAnswer) -> Result<Response<HttpBody>, Refusal> {
    let WebAnswer {
        status,
        headers,
        body,
    } = answer;
    let bad = |what: String| Refusal::Failed(what);
    let mut response = Response::new(whole(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(status).map_err(|error| bad(error.to_string()))?;
    for (name, value) in headers {
        let known = HeaderName::try_from(name.as_str());
        let known =
            known.map_err(|_| bad(format!("`{name}` of its answer is no name of a header")))?;
        let value = HeaderValue::try_from(value);
        let value = value.map_err(|_| {
            bad(format!(
                "header `{name}` of its answer has no value that can be sent"
            ))
        })?;
        // How an answer is framed is not the function's affair.
        if !is_of_connections(&known) {
            response.headers_mut().append(known, value);
        }
    }
    Ok(response)
}

/// Headers that say how an answer travels, which whoever sends it decides.
fn is_of_connections(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "content-length"
            | "keep-alive"
            | "transfer-encoding"
            | "upgrade"
            | "te"
            | "trailer"
    )
}
