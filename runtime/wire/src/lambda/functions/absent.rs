//! What the API has and this server does not: layers, code signing, runtimes that AWS looks after. Tools ask for all of it before they
//! do anything, so questions are answered in AWS's shape, and what would have to do something is refused with the reason.

use http::StatusCode;
use serde_json::json;

use super::{Functions, LambdaError, Reply, names, ok};
use crate::lambda::{call::Call, mappings::Input};

/// By qualifier, in the head of a function.
pub(super) const RUNTIME: &str = "RuntimeManagement";
const RECURSION: &str = "Recursion";
const SIGNING: &str = "The code signing configuration cannot be found. Check that the provided configuration is not deleted.";
const NONE: &str = "The resource you requested does not exist.";

pub(super) async fn call(
    functions: &dyn Functions,
    call: &Call,
    path: &[&str],
) -> Result<Reply, LambdaError> {
    match (call.method.as_str(), path) {
        ("GET", ["2018-10-31", "layers"]) if call.parameter("find").is_none() => {
            Ok(ok(json!({ "Layers": [] })))
        }
        ("GET", ["2018-10-31", "layers", _, "versions"]) => Ok(ok(json!({ "LayerVersions": [] }))),
        ("POST", ["2018-10-31", "layers", _, "versions"]) => Err(not_here(
            "Layers are not supported by this server.",
            "pack what the layer holds into the function's own zip",
        )),
        (_, ["2018-10-31", "layers", ..]) => Err(LambdaError::not_found(NONE)),
        ("GET", ["2020-04-22", "code-signing-configs"]) => {
            Ok(ok(json!({ "CodeSigningConfigs": [] })))
        }
        ("POST", ["2020-04-22", "code-signing-configs"]) => Err(not_here(
            "Code signing is not supported by this server.",
            "a version is known by the digest of its code",
        )),
        (_, ["2020-04-22", "code-signing-configs", ..]) => Err(LambdaError::not_found(SIGNING)),
        ("GET", ["2025-11-30", "capacity-providers"]) => Ok(ok(json!({ "CapacityProviders": [] }))),
        (_, [_, "functions", name, what]) => of_function(functions, call, name, what).await,
        _ => Err(LambdaError::unknown_operation()),
    }
}

async fn of_function(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
    what: &str,
) -> Result<Reply, LambdaError> {
    let known = [
        "code-signing-config",
        "runtime-management-config",
        "recursion-config",
    ];
    if !known.contains(&what) {
        return Err(LambdaError::unknown_operation());
    }
    let named = if call.method == http::Method::GET || what == "runtime-management-config" {
        names::function(functions, call, text)?
    } else {
        names::unqualified(functions, call, text)?
    };
    let kept = |kind: &str| {
        let all = named.entry.head.words.get(kind);
        all.and_then(|all| all.get(named.qualifier())).cloned()
    };
    match (call.method.as_str(), what) {
        ("GET", "code-signing-config") => Ok(ok(json!({ "FunctionName": named.name.name }))),
        ("DELETE", "code-signing-config") => Ok(Reply::empty(StatusCode::NO_CONTENT)),
        ("PUT", "code-signing-config") => Err(LambdaError::new(
            StatusCode::NOT_FOUND,
            "CodeSigningConfigNotFoundException",
            SIGNING,
        )),
        ("GET", "runtime-management-config") => {
            let plain = json!({ "FunctionArn": named.arn(), "UpdateRuntimeOn": "Auto" });
            Ok(ok(kept(RUNTIME).unwrap_or(plain)))
        }
        ("PUT", "runtime-management-config") => {
            let said = word(call, "UpdateRuntimeOn")?;
            if said == "Manual" {
                return Err(not_here(
                    "Runtime versions cannot be chosen on this server.",
                    "a function runs in the runtime that it was deployed with",
                ));
            }
            let config = json!({ "FunctionArn": named.arn(), "UpdateRuntimeOn": said });
            Ok(ok(named.keep(functions, RUNTIME, Some(config)).await?))
        }
        ("GET", "recursion-config") => {
            let plain = json!({ "RecursiveLoop": "Terminate" });
            Ok(ok(kept(RECURSION).unwrap_or(plain)))
        }
        ("PUT", "recursion-config") => {
            let said = word(call, "RecursiveLoop")?;
            let config = json!({ "RecursiveLoop": said });
            Ok(ok(named.keep(functions, RECURSION, Some(config)).await?))
        }
        _ => Err(LambdaError::unknown_operation()),
    }
}

fn word(call: &Call, member: &str) -> Result<String, LambdaError> {
    let input = Input::new(call.object()?);
    Ok(input.text(member)?.unwrap_or_default())
}

fn not_here(message: &str, hint: &str) -> LambdaError {
    LambdaError::invalid_parameter(message).with_hint(hint)
}
