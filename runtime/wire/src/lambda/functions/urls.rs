//! Function URLs: their configuration, by qualifier, is kept and shown. An address is a name on the port of this server, which
//! may be another one after the next start: it is shown as it is now.

use http::StatusCode;
use model::Timestamp;
use serde_json::{Value, json};

use super::{
    Functions, LambdaError, Reply, created, document::moment, is_delete, listed, names, ok, page,
};
use crate::lambda::{call::Call, mappings::Input};

/// By qualifier, in the head of a function.
pub const KEPT: &str = "Urls";
const LISTED_MAX: usize = 50;
const NONE: &str = "The resource you requested does not exist.";

pub(super) async fn call(
    functions: &dyn Functions,
    (call, at): (&Call, Timestamp),
    text: &str,
    all: bool,
) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, text)?;
    named.hold_qualifier()?;
    let known = named.entry.head.words.get(KEPT).and_then(Value::as_object);
    let now = |config| shown(functions, &named.name.region, config);
    if all {
        let all: Vec<(String, Value)> = known.cloned().unwrap_or_default().into_iter().collect();
        let (found, marker) = page(call, all, |(key, _)| key.clone(), LISTED_MAX)?;
        let items: Vec<Value> = found.into_iter().map(|(_, config)| now(config)).collect();
        return Ok(listed("FunctionUrlConfigs", &items, marker));
    }
    if let Some(qualifier) = &named.name.qualifier
        && (qualifier == "$LATEST" || qualifier.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(LambdaError::validation(format!(
            "1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)"
        )));
    }
    let own = known.and_then(|all| all.get(&named.qualifier())).cloned();
    let missing = || LambdaError::not_found(NONE);
    match call.method.as_str() {
        "GET" => own.map(now).map(ok).ok_or_else(missing),
        "POST" => {
            if own.is_some() {
                return Err(LambdaError::conflict(format!(
                    "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig exists for this Lambda function",
                    named.name.arn()
                )));
            }
            let mut config = read(call, json!({ "InvokeMode": "BUFFERED" }))?;
            if config["AuthType"].is_null() {
                let mut input = Input::new(call.object()?);
                input.violated_null("authType");
                input.check()?;
            }
            let id = functions.id().replace('-', "");
            config["FunctionUrl"] = json!(address(&id, &named.name.region, functions.port()));
            config["FunctionArn"] = json!(named.name.arn());
            config["CreationTime"] = json!(moment(at.as_millis()));
            config["LastModifiedTime"] = json!(moment(at.as_millis()));
            let made = named.keep(functions, KEPT, Some(config)).await?;
            Ok(created(made))
        }
        "PUT" => {
            let mut config = read(call, own.ok_or_else(missing)?)?;
            config["LastModifiedTime"] = json!(moment(at.as_millis()));
            let changed = named.keep(functions, KEPT, Some(config)).await?;
            Ok(ok(now(changed)))
        }
        _ if is_delete(call) => {
            own.ok_or_else(missing)?;
            named.keep(functions, KEPT, None).await?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(LambdaError::unknown_operation()),
    }
}

fn address(id: &str, region: &str, port: u16) -> String {
    format!("http://{id}.lambda-url.{region}.localhost:{port}/")
}

/// The id in `ID.lambda-url.REGION.localhost:4566`, whatever stands behind the region.
#[must_use]
pub fn url_id(host: &str) -> Option<&str> {
    let (id, rest) = host.split_once('.')?;
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_id && rest.starts_with("lambda-url.")).then_some(id)
}

/// With the address as it is now.
fn shown(functions: &dyn Functions, region: &str, mut config: Value) -> Value {
    let url = config["FunctionUrl"].as_str().unwrap_or_default();
    if let Some(id) = url_id(url.trim_start_matches("http://")) {
        config["FunctionUrl"] = json!(address(id, region, functions.port()));
    }
    config
}

fn read(call: &Call, before: Value) -> Result<Value, LambdaError> {
    let input = Input::new(call.object()?);
    let mut config = before;
    for member in ["AuthType", "InvokeMode"] {
        if let Some(said) = input.text(member)? {
            config[member] = json!(said);
        }
    }
    if let Some(cors) = input.map("Cors")? {
        config["Cors"] = json!(cors);
    }
    Ok(config)
}
