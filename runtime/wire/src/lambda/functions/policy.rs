//! Permissions, which say who may call a function's address where signatures are verified, and tags.

use std::collections::BTreeMap;

use catalog::Entry;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Functions, LambdaError, Reply, created, is_delete, names, ok};
use crate::lambda::{call::Call, mappings::Input};

/// By qualifier, in the head of a function.
pub const KEPT: &str = "Policies";
const NONE: &str = "The resource you requested does not exist.";

pub(super) async fn call(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
    rest: &[&str],
) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, text)?;
    named.hold_qualifier()?;
    let key = named.name.qualifier.clone().unwrap_or_default();
    let kept = named
        .entry
        .head
        .words
        .get(KEPT)
        .and_then(|all| all.get(&key))
        .cloned();
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            let kept = kept.ok_or_else(|| LambdaError::not_found(NONE))?;
            let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": kept["statements"] });
            Ok(ok(
                json!({ "Policy": policy.to_string(), "RevisionId": kept["revision"] }),
            ))
        }
        ("POST", []) => {
            let statement = statement(call, &named)?;
            let mut statements = statements(kept.as_ref());
            if let Some(kept) = &kept {
                super::hold_revision(
                    Input::new(call.object()?).text("RevisionId")?.as_deref(),
                    kept["revision"].as_str().unwrap_or_default(),
                )?;
            }
            let sid = statement["Sid"].as_str().unwrap_or_default();
            if statements.iter().any(|it| it["Sid"] == statement["Sid"]) {
                return Err(LambdaError::conflict(format!(
                    "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
                )));
            }
            statements.push(statement.clone());
            put(functions, &named, key, statements).await?;
            Ok(created(json!({ "Statement": statement.to_string() })))
        }
        (_, [sid]) if is_delete(call) => {
            let kept = kept.ok_or_else(|| {
                LambdaError::not_found("No policy is associated with the given resource.")
            })?;
            let mut statements = statements(Some(&kept));
            let before = statements.len();
            statements.retain(|statement| statement["Sid"] != *sid);
            if statements.len() == before {
                return Err(LambdaError::not_found(format!(
                    "Statement {sid} is not found in resource policy."
                )));
            }
            put(functions, &named, key, statements).await?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(LambdaError::unknown_operation()),
    }
}

fn statements(kept: Option<&Value>) -> Vec<Value> {
    let statements = kept.and_then(|kept| kept["statements"].as_array());
    statements.cloned().unwrap_or_default()
}

async fn put(
    functions: &dyn Functions,
    named: &names::Named,
    key: String,
    statements: Vec<Value>,
) -> Result<(), LambdaError> {
    let revision = functions.id();
    let change = move |entry: &mut Entry| {
        let all = entry.head.words.entry(KEPT.to_owned());
        let all = all.or_insert_with(|| json!({}));
        if let Some(all) = all.as_object_mut() {
            if statements.is_empty() {
                all.remove(&key);
            } else {
                all.insert(
                    key,
                    json!({ "statements": statements, "revision": revision }),
                );
            }
        }
        Ok(())
    };
    let changed = functions.change(named.name.name.clone(), Box::new(change));
    changed.await.map(drop)
}

fn statement(call: &Call, named: &names::Named) -> Result<Value, LambdaError> {
    let mut input = Input::new(call.object()?);
    let mut needed = BTreeMap::new();
    for (member, spelled) in [
        ("Action", "action"),
        ("Principal", "principal"),
        ("StatementId", "statementId"),
    ] {
        match input.text(member)? {
            Some(said) => drop(needed.insert(member, said)),
            None => input.violated_null(spelled),
        }
    }
    if let Some(sid) = needed.get("StatementId") {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if sid.is_empty() || !sid.chars().all(allowed) {
            let rule = "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)";
            let sid = sid.clone();
            input.violated("StatementId", &sid, rule);
        }
    }
    input.check()?;
    let principal = needed.remove("Principal").unwrap_or_default();
    let principal = if principal == "*" {
        json!("*")
    } else if principal.ends_with(".amazonaws.com") {
        json!({ "Service": principal })
    } else if principal.bytes().all(|byte| byte.is_ascii_digit()) {
        json!({ "AWS": format!("arn:aws:iam::{principal}:root") })
    } else {
        json!({ "AWS": principal })
    };
    let mut statement = json!({
        "Sid": needed.remove("StatementId"),
        "Effect": "Allow",
        "Principal": principal,
        "Action": needed.remove("Action"),
        "Resource": named.name.arn(),
    });
    let mut equals = serde_json::Map::new();
    for (member, key) in [
        ("SourceAccount", "AWS:SourceAccount"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
    ] {
        if let Some(said) = input.text(member)? {
            equals.insert(key.to_owned(), json!(said));
        }
    }
    let mut conditions = serde_json::Map::new();
    if !equals.is_empty() {
        conditions.insert("StringEquals".to_owned(), Value::Object(equals));
    }
    if let Some(arn) = input.text("SourceArn")? {
        conditions.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": arn }));
    }
    if let Some(via_url) = input.flag("InvokedViaFunctionUrl")? {
        let told = json!({ "lambda:InvokedViaFunctionUrl": via_url.to_string() });
        conditions.insert("Bool".to_owned(), told);
    }
    if !conditions.is_empty() {
        statement["Condition"] = Value::Object(conditions);
    }
    Ok(statement)
}

/// `/2017-03-31/tags/ARN` of a function: read, add and remove.
pub(super) async fn tags(
    functions: &dyn Functions,
    call: &Call,
    arn: &str,
) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, arn)?;
    let tags = named.entry.head.words.get("Tags").cloned();
    let mut tags: BTreeMap<String, String> = tags
        .and_then(|tags| serde_json::from_value(tags).ok())
        .unwrap_or_default();
    match call.method.as_str() {
        "GET" => return Ok(ok(json!({ "Tags": tags }))),
        "POST" => {
            let mut input = Input::new(call.object()?);
            let all: BTreeMap<_, _> = tags.into_iter().chain(input.tags()?).collect();
            let all = serde_json::Map::from_iter([("Tags".to_owned(), json!(all))]);
            tags = Input::new(all).tags()?;
        }
        "DELETE" => {
            let gone = call.query.get("tagKeys").cloned().unwrap_or_default();
            tags.retain(|key, _| !gone.contains(key));
        }
        _ => return Err(LambdaError::unknown_operation()),
    }
    let change = move |entry: &mut Entry| {
        entry.head.words.insert("Tags".to_owned(), json!(tags));
        Ok(())
    };
    functions.change(named.name.name, Box::new(change)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
