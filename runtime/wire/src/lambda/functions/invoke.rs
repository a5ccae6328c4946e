//! Invoke: the payload is a function's event, the answer its answer, as it is. Log tail, errors of the function and
//! throttling go the ways that AWS's clients look. InvokeWithResponseStream says the same in the frames of a stream of events.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use model::TraceParent;
use serde_json::value::RawValue;

use super::{Asked, Functions, Invoked, LambdaError, Reply, Urgency, names};
use crate::{event_stream, lambda::call::Call};

const PAYLOAD_BYTES_MAX: usize = 6_291_456;
const ASYNC_PAYLOAD_BYTES_MAX: usize = 1_048_576;
/// Of base64.
const CLIENT_CONTEXT_BYTES_MAX: usize = 3_583;

pub(super) async fn invoke(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Reply, LambdaError> {
    let kind = call
        .header("x-amz-invocation-type")
        .unwrap_or("RequestResponse");
    let log = call.header("x-amz-log-type").unwrap_or("None");
    known(
        "invocationType",
        kind,
        &["Event", "RequestResponse", "DryRun"],
    )?;
    known("logType", log, &["None", "Tail"])?;
    let name = names::parsed(call, text)?;
    let (account, region) = functions.world();
    if name.account != account || name.region != region {
        return Err(names::not_found(&name));
    }
    let max = if kind == "Event" {
        ASYNC_PAYLOAD_BYTES_MAX
    } else {
        PAYLOAD_BYTES_MAX
    };
    if call.body.len() > max {
        return Err(LambdaError::request_too_large(max, "InvokeFunction"));
    }
    let asked = Asked {
        payload: payload(&call.body)?,
        client_context: client_context(call, kind)?,
        trace_parent: trace_parent(call),
        urgency: if log == "Tail" && kind == "RequestResponse" {
            Urgency::WithLog
        } else {
            Urgency::Plain
        },
        name: name.name.clone(),
        qualifier: name.qualifier.clone(),
    };
    if kind == "DryRun" {
        names::function(functions, call, text)?.hold_qualifier()?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let refuse = |error: LambdaError| {
        if error.is_no_function() {
            names::not_found(&name)
        } else {
            error
        }
    };
    if kind == "Event" {
        let id = functions.enqueue(asked).await.map_err(refuse)?;
        return Ok(Reply {
            request_id: Some(id),
            ..Reply::empty(StatusCode::ACCEPTED)
        });
    }
    let with_log = asked.urgency == Urgency::WithLog;
    let invoked = functions.invoke(asked).await.map_err(refuse)?;
    Ok(answered(invoked, with_log))
}

/// The same as a stream of events. The function's answer is there as a whole before the first of them.
pub(super) async fn invoke_streamed(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Reply, LambdaError> {
    if let Some(kind) = call.header("x-amz-invocation-type") {
        known("invocationType", kind, &["RequestResponse", "DryRun"])?;
    }
    let reply = invoke(functions, call, text).await?;
    let Some(payload) = reply.payload.clone() else {
        return Ok(reply);
    };
    Ok(streamed(&payload, reply))
}

fn streamed(payload: &Bytes, reply: Reply) -> Reply {
    let mut complete = serde_json::Map::new();
    let mut headers = vec![("content-type", event_stream::CONTENT_TYPE.to_owned())];
    let mut frames = BytesMut::new();
    for (name, value) in reply.headers {
        match name {
            "x-amz-log-result" => drop(complete.insert("LogResult".to_owned(), value.into())),
            "x-amz-function-error" => {
                let details = String::from_utf8_lossy(payload).into_owned();
                complete.insert("ErrorCode".to_owned(), value.into());
                complete.insert("ErrorDetails".to_owned(), details.into());
            }
            _ => headers.push((name, value)),
        }
    }
    if !complete.contains_key("ErrorCode") && !payload.is_empty() {
        let kind = "application/octet-stream";
        frames.extend_from_slice(&event_stream::event("PayloadChunk", kind, &[payload]));
    }
    let complete = serde_json::Value::from(complete).to_string();
    let complete = complete.as_bytes();
    let end = event_stream::event("InvokeComplete", "application/json", &[complete]);
    frames.extend_from_slice(&end);
    Reply {
        payload: Some(frames.freeze()),
        headers,
        ..reply
    }
}

fn answered(invoked: Invoked, with_log: bool) -> Reply {
    let mut headers = vec![("x-amz-executed-version", invoked.version)];
    if with_log {
        let tail = base64_simd::STANDARD.encode_to_string(&invoked.log_tail);
        headers.push(("x-amz-log-result", tail));
    }
    if let Some(error) = invoked.error {
        headers.push(("x-amz-function-error", error.to_owned()));
    }
    Reply {
        payload: Some(invoked.payload),
        headers,
        request_id: Some(invoked.request_id),
        ..Reply::empty(StatusCode::OK)
    }
}

fn trace_parent(call: &Call) -> Option<TraceParent> {
    call.header("traceparent").and_then(TraceParent::parse)
}

/// The call before `Event` was a header.
pub(super) async fn invoke_async(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, text)?;
    if call.body.len() > ASYNC_PAYLOAD_BYTES_MAX {
        return Err(LambdaError::request_too_large(
            ASYNC_PAYLOAD_BYTES_MAX,
            "InvokeAsync",
        ));
    }
    let asked = Asked {
        payload: payload(&call.body)?,
        client_context: None,
        trace_parent: trace_parent(call),
        urgency: Urgency::Plain,
        qualifier: named.name.qualifier.clone(),
        name: named.name.name,
    };
    let id = functions.enqueue(asked).await?;
    Ok(Reply {
        request_id: Some(id),
        ..Reply::of(StatusCode::ACCEPTED, serde_json::json!({}))
    })
}

fn known(member: &str, said: &str, words: &[&str]) -> Result<(), LambdaError> {
    if words.contains(&said) {
        return Ok(());
    }
    Err(LambdaError::validation(format!(
        "1 validation error detected: Value '{said}' at '{member}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
        words.join(", ")
    )))
}

/// JSON of any kind; nothing at all is an empty event.
fn payload(body: &Bytes) -> Result<Bytes, LambdaError> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<&RawValue>(body) {
        Ok(_) => Ok(body.clone()),
        Err(error) => Err(LambdaError::unreadable_payload(error)),
    }
}

fn client_context(call: &Call, kind: &str) -> Result<Option<String>, LambdaError> {
    let Some(text) = call
        .header("x-amz-client-context")
        .filter(|_| kind == "RequestResponse")
    else {
        return Ok(None);
    };
    if text.len() > CLIENT_CONTEXT_BYTES_MAX {
        return Err(LambdaError::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            format!(
                "Client context must be no more than {CLIENT_CONTEXT_BYTES_MAX} bytes when base64-encoded."
            ),
        ));
    }
    let decoded = base64_simd::STANDARD.decode_to_vec(text).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let is_json = |text: &String| serde_json::from_str::<&RawValue>(text).is_ok();
    match decoded.filter(is_json) {
        Some(context) => Ok(Some(context)),
        None => Err(LambdaError::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        )),
    }
}
