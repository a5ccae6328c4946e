//! What becomes of events that nobody waits for: how often and how long they are tried, and who is told.

use http::StatusCode;
use model::Timestamp;
use serde_json::{Map, Value, json};

use super::{Functions, LambdaError, Reply, document::seconds, is_delete, listed, names, ok, page};
use crate::lambda::{
    call::Call,
    mappings::{Input, mistyped},
};

/// By qualifier, in the head of a function.
pub(super) const KEPT: &str = "EventInvokeConfigs";
const LISTED_MAX: usize = 50;
const NOT_THERE: &str = "The function doesn't exist.";

pub(super) async fn call(
    functions: &dyn Functions,
    (call, now): (&Call, Timestamp),
    text: &str,
    rest: &[&str],
) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, text)?;
    if named.hold_qualifier().is_err() {
        return Err(LambdaError::not_found(NOT_THERE));
    }
    let known = named.entry.head.words.get(KEPT).and_then(Value::as_object);
    let own = known.and_then(|all| all.get(&named.qualifier())).cloned();
    let missing = || {
        LambdaError::not_found(format!(
            "The function {} doesn't have an EventInvokeConfig",
            named.qualified_arn()
        ))
    };
    match (call.method.as_str(), rest) {
        ("GET", ["list"]) => {
            let all: Vec<(String, Value)> =
                known.cloned().unwrap_or_default().into_iter().collect();
            let (found, marker) = page(call, all, |(key, _)| key.clone(), LISTED_MAX)?;
            let items: Vec<Value> = found.into_iter().map(|(_, config)| config).collect();
            Ok(listed("FunctionEventInvokeConfigs", &items, marker))
        }
        ("GET", []) => own.map(ok).ok_or_else(missing),
        (_, []) if is_delete(call) => {
            own.ok_or_else(missing)?;
            named.keep(functions, KEPT, None).await?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("PUT", []) => {
            let config = read(&named, call, None, now)?;
            named.keep(functions, KEPT, Some(config)).await.map(ok)
        }
        ("POST", []) => {
            let config = read(&named, call, Some(own.ok_or_else(missing)?), now)?;
            named.keep(functions, KEPT, Some(config)).await.map(ok)
        }
        _ => Err(LambdaError::unknown_operation()),
    }
}

fn read(
    named: &names::Named,
    call: &Call,
    before: Option<Value>,
    now: Timestamp,
) -> Result<Value, LambdaError> {
    let mut input = Input::new(call.object()?);
    let attempts = input.integer("MaximumRetryAttempts", 0, 2)?;
    let age = input.integer("MaximumEventAgeInSeconds", 60, 21_600)?;
    input.check()?;
    let destinations = input.map("DestinationConfig")?.cloned();
    if attempts.is_none() && age.is_none() && destinations.is_none() {
        return Err(LambdaError::invalid_parameter(
            "You must specify at least one of error handling or destination setting.",
        ));
    }
    let mut config = before
        .unwrap_or_else(|| json!({ "DestinationConfig": { "OnSuccess": {}, "OnFailure": {} } }));
    if let Some(attempts) = attempts {
        config["MaximumRetryAttempts"] = json!(attempts);
    }
    if let Some(age) = age {
        config["MaximumEventAgeInSeconds"] = json!(age);
    }
    if let Some(said) = destinations {
        for side in ["OnSuccess", "OnFailure"] {
            if let Some(destination) = destination(&said, side)? {
                config["DestinationConfig"][side] = destination;
            }
        }
    }
    config["FunctionArn"] = json!(named.qualified_arn());
    config["LastModified"] = seconds(now);
    Ok(config)
}

fn destination(said: &Map<String, Value>, side: &str) -> Result<Option<Value>, LambdaError> {
    let arn = match said.get(side) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(members)) => match members.get("Destination") {
            None | Some(Value::Null) => return Ok(Some(json!({}))),
            Some(Value::String(arn)) if arn.is_empty() => return Ok(Some(json!({}))),
            Some(Value::String(arn)) => arn,
            Some(_) => return Err(mistyped()),
        },
        Some(_) => return Err(mistyped()),
    };
    let service = arn
        .strip_prefix("arn:")
        .and_then(|rest| rest.split(':').nth(1));
    match service {
        Some("sqs" | "sns" | "lambda") => {}
        Some("events") => {
            return Err(LambdaError::invalid_parameter(
                "Event buses are not supported by this server.",
            )
            .with_hint("write a queue, a topic, a function, or for failures a bucket"));
        }
        Some("s3") if side == "OnFailure" => {}
        _ => {
            return Err(LambdaError::invalid_parameter(format!(
                "The provided destination config DestinationConfig({}=Destination(destination={arn})) is invalid.",
                if side == "OnSuccess" {
                    "onSuccess"
                } else {
                    "onFailure"
                }
            )));
        }
    }
    Ok(Some(json!({ "Destination": arn })))
}
