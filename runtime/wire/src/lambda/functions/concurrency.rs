//! Reserved concurrency, and what an account may run at the same time.

use catalog::Entry;
use http::StatusCode;
use serde_json::json;

use super::{Functions, LambdaError, Reply, is_delete, names, ok};
use crate::lambda::{call::Call, mappings::Input};

/// Of the account, and what must be left to functions without a reservation.
pub(super) const CONCURRENT_MAX: u64 = 1_000;
const UNRESERVED_MIN: u64 = 100;
/// Unzipped code of one function, and code of all together.
const UNZIPPED_BYTES_MAX: u64 = 262_144_000;
const ALL_BYTES_MAX: u64 = 80_530_636_800;
const ZIPPED_BYTES_MAX: u64 = 52_428_800;

const RESERVED: &str = "ReservedConcurrentExecutions";

pub(super) async fn call(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
    rest: &[&str],
) -> Result<Reply, LambdaError> {
    match (call.method.as_str(), rest) {
        ("GET", ["concurrency"]) => {
            let named = names::unqualified(functions, call, text)?;
            let reserved = named.entry.head.words.get(RESERVED);
            Ok(ok(
                reserved.map_or_else(|| json!({}), |it| json!({ RESERVED: it }))
            ))
        }
        ("PUT", ["concurrency"]) => put(functions, call, text).await,
        (_, ["concurrency"]) if is_delete(call) => {
            let named = names::unqualified(functions, call, text)?;
            let change = |entry: &mut Entry| {
                entry.head.words.remove(RESERVED);
                Ok(())
            };
            functions.change(named.name.name, Box::new(change)).await?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("GET", ["provisioned-concurrency"]) => {
            let named = names::function(functions, call, text)?;
            if named.name.qualifier.is_none() {
                return Ok(ok(json!({ "ProvisionedConcurrencyConfigs": [] })));
            }
            Err(LambdaError::new(
                StatusCode::NOT_FOUND,
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",
            ))
        }
        ("PUT", ["provisioned-concurrency"]) => Err(LambdaError::invalid_parameter(
            "Provisioned concurrency is not supported by this server.",
        )
        .with_hint("a sandbox starts in microseconds here: there is nothing to provision")),
        _ => Err(LambdaError::unknown_operation()),
    }
}

async fn put(functions: &dyn Functions, call: &Call, text: &str) -> Result<Reply, LambdaError> {
    let mut input = Input::new(call.object()?);
    let asked = input.integer(RESERVED, 0, i64::MAX)?;
    if asked.is_none() {
        input.violated_null("reservedConcurrentExecutions");
    }
    input.check()?;
    let named = names::unqualified(functions, call, text)?;
    super::only_of_api(&named.entry, &named.name.name)?;
    let asked = asked
        .and_then(|asked| u64::try_from(asked).ok())
        .unwrap_or(0);
    let others: u64 = functions
        .all()
        .iter()
        .filter(|(name, _)| *name != named.name.name)
        .filter_map(|(_, entry)| entry.head.words.get(RESERVED)?.as_u64())
        .sum();
    if asked > 0 && others.saturating_add(asked) > CONCURRENT_MAX - UNRESERVED_MIN {
        return Err(LambdaError::invalid_parameter(format!(
            "Specified {RESERVED} for function decreases account's UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MIN}]."
        )));
    }
    let change = move |entry: &mut Entry| {
        entry.head.words.insert(RESERVED.to_owned(), json!(asked));
        Ok(())
    };
    functions.change(named.name.name, Box::new(change)).await?;
    Ok(ok(json!({ RESERVED: asked })))
}

pub(super) fn account(functions: &dyn Functions) -> Reply {
    let all = functions.all();
    let reserved: u64 = all
        .iter()
        .filter_map(|(_, entry)| entry.head.words.get(RESERVED)?.as_u64())
        .sum();
    let bytes: u64 = all
        .iter()
        .filter_map(|(_, entry)| Some(entry.head.latest.code.package.as_ref()?.bytes))
        .sum();
    ok(json!({
        "AccountLimit": {
            "TotalCodeSize": ALL_BYTES_MAX,
            "CodeSizeUnzipped": UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": ZIPPED_BYTES_MAX,
            "ConcurrentExecutions": CONCURRENT_MAX,
            "UnreservedConcurrentExecutions": CONCURRENT_MAX.saturating_sub(reserved),
        },
        "AccountUsage": { "TotalCodeSize": bytes, "FunctionCount": all.len() },
    }))
}
