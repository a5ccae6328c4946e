//! Permissions, which say who may call a function's address where signatures are verified, and tags.

use std::collections::BTreeMap;

use catalog::Entry;
use http::StatusCode;
use model::FunctionVersion;
use serde_json::{Value, json};

use super::{Functions, LambdaError, Reply, created, hold_revision, is_delete, names, ok};
use crate::lambda::{call::Call, mappings::Input};

/// By qualifier, in the head of a function.
pub const KEPT: &str = "Policies";
const NONE: &str = "The resource you requested does not exist.";
/// What has tags.
const RESOURCE: &str = r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})";

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
        ("POST", []) => add(functions, call, (&named, key), kept).await,
        (_, [sid]) if is_delete(call) => remove(functions, call, (&named, key, sid), kept).await,
        _ => Err(LambdaError::unknown_operation()),
    }
}

async fn add(
    functions: &dyn Functions,
    call: &Call,
    (named, key): (&names::Named, String),
    kept: Option<Value>,
) -> Result<Reply, LambdaError> {
    if key == "$LATEST" {
        return Err(LambdaError::invalid_parameter(
            "We currently do not support adding policies for $LATEST.",
        ));
    }
    let statement = statement(call, named)?;
    let asked = Input::new(call.object()?).text("RevisionId")?;
    hold_revision(asked.as_deref(), &revision(named, kept.as_ref()))?;
    let mut statements = statements(kept.as_ref());
    let sid = statement["Sid"].as_str().unwrap_or_default();
    if statements.iter().any(|it| it["Sid"] == statement["Sid"]) {
        return Err(LambdaError::conflict(format!(
            "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
        )));
    }
    statements.push(statement.clone());
    put(functions, named, key, statements).await?;
    Ok(created(json!({ "Statement": statement.to_string() })))
}

async fn remove(
    functions: &dyn Functions,
    call: &Call,
    (named, key, sid): (&names::Named, String, &str),
    kept: Option<Value>,
) -> Result<Reply, LambdaError> {
    let kept = kept.ok_or_else(|| {
        LambdaError::not_found("No policy is associated with the given resource.")
    })?;
    hold_revision(call.parameter("RevisionId"), &revision(named, Some(&kept)))?;
    let mut statements = statements(Some(&kept));
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != *sid);
    if statements.len() == before {
        return Err(LambdaError::not_found(format!(
            "Statement {sid} is not found in resource policy."
        )));
    }
    put(functions, named, key, statements).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Of the policy; as long as there is none, of what it is to be about.
fn revision(named: &names::Named, kept: Option<&Value>) -> String {
    if let Some(kept) = kept {
        return kept["revision"].as_str().unwrap_or_default().to_owned();
    }
    let entry = &named.entry;
    let qualifier = named.name.qualifier.as_deref().unwrap_or_default();
    if let Some(alias) = entry.head.aliases.get(qualifier) {
        return alias.id.clone();
    }
    let version = qualifier
        .parse()
        .map_or(FunctionVersion::LATEST, FunctionVersion);
    let revision = entry.revision(version);
    revision.map_or_else(String::new, |revision| revision.id.clone())
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
    input.check()?;
    let principal = principal(&needed.remove("Principal").unwrap_or_default())?;
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

/// Everybody, a service of AWS, an account, or a user or role by its ARN.
fn principal(said: &str) -> Result<Value, LambdaError> {
    let is_service = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"];
    if said == "*" {
        Ok(json!("*"))
    } else if is_service.iter().any(|ending| said.ends_with(ending)) {
        Ok(json!({ "Service": said }))
    } else if said.len() == 12 && said.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(json!({ "AWS": format!("arn:aws:iam::{said}:root") }))
    } else if said.starts_with("arn:") {
        Ok(json!({ "AWS": said }))
    } else {
        Err(LambdaError::invalid_parameter(
            "The provided principal was invalid. Please check the principal and try again.",
        ))
    }
}

/// `/2017-03-31/tags/ARN` of a function: read, add and remove.
pub(super) async fn tags(
    functions: &dyn Functions,
    call: &Call,
    arn: &str,
) -> Result<Reply, LambdaError> {
    if !arn.starts_with("arn:") {
        return Err(LambdaError::validation(format!(
            "1 validation error detected: Value '{arn}' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: {RESOURCE}"
        )));
    }
    let named = names::function(functions, call, arn)?;
    if named.name.qualifier.is_some() {
        return Err(LambdaError::invalid_parameter(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
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
