//! Aliases: a name for one version, or for two that share what comes.

use catalog::{Alias, Entry, Route, Share};
use http::StatusCode;
use model::FunctionVersion;
use serde_json::{Map, Value, json};

use super::{
    Functions, LambdaError, Reply, created, hold_revision, is_delete, listed,
    names::{self, Named, forget_qualifier},
    ok, page,
};
use crate::lambda::{
    call::Call,
    mappings::{Input, mistyped},
};

const LISTED_MAX: usize = 50;

pub(super) async fn call(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
    rest: &[&str],
) -> Result<Reply, LambdaError> {
    match (call.method.as_str(), rest) {
        ("POST", []) => create(functions, call, text).await,
        ("GET", []) => list(functions, call, text),
        ("GET", [alias]) => get(functions, call, text, alias),
        ("PUT", [alias]) => update(functions, call, text, alias).await,
        (_, [alias]) if is_delete(call) => {
            let named = names::unqualified(functions, call, text)?;
            let gone = (*alias).to_owned();
            let change = move |entry: &mut Entry| {
                if entry.head.aliases.remove(&gone).is_some() {
                    forget_qualifier(entry, &gone);
                }
                Ok(())
            };
            functions.change(named.name.name, Box::new(change)).await?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(LambdaError::unknown_operation()),
    }
}

fn document(named: &Named, name: &str, alias: &Alias) -> Value {
    let mut document = json!({
        "AliasArn": format!("{}:{name}", named.arn()),
        "Name": name,
        "FunctionVersion": alias.route.version.name(),
        "Description": alias.description,
        "RevisionId": alias.id,
    });
    if let Some(share) = alias.route.other {
        document["RoutingConfig"] =
            json!({ "AdditionalVersionWeights": { share.version.to_string(): share.weight } });
    }
    document
}

fn list(functions: &dyn Functions, call: &Call, text: &str) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, text)?;
    let only = call.parameter("FunctionVersion");
    let aliases = named.entry.head.aliases.clone();
    let wanted = aliases
        .into_iter()
        .filter(|(_, alias)| only.is_none_or(|it| alias.route.version.name() == it));
    let (found, marker) = page(call, wanted.collect(), |(name, _)| name.clone(), LISTED_MAX)?;
    let items: Vec<Value> = found
        .iter()
        .map(|(name, alias)| document(&named, name, alias))
        .collect();
    Ok(listed("Aliases", &items, marker))
}

fn get(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
    name: &str,
) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, text)?;
    let alias = named.entry.head.aliases.get(name);
    let alias = alias.ok_or_else(|| {
        LambdaError::not_found(format!("Cannot find alias arn: {}:{name}", named.arn()))
    })?;
    Ok(ok(document(&named, name, alias)))
}

async fn create(functions: &dyn Functions, call: &Call, text: &str) -> Result<Reply, LambdaError> {
    let input = Input::new(call.object()?);
    let name = input.text("Name")?;
    let version = input.text("FunctionVersion")?;
    let (name, version) = (name.unwrap_or_default(), version.unwrap_or_default());
    let named = names::unqualified(functions, call, text)?;
    let main = existing(&named, &version)?;
    let route = Route {
        version: main,
        other: share(&named, &input, main)?,
    };
    if named.entry.head.aliases.contains_key(&name) {
        return Err(LambdaError::conflict(format!(
            "Alias already exists: {}:{name}",
            named.arn()
        )));
    }
    let alias = Alias {
        route,
        description: input.text("Description")?.unwrap_or_default(),
        id: functions.id(),
    };
    put(functions, &named, name, alias).await.map(created)
}

async fn put(
    functions: &dyn Functions,
    named: &Named,
    name: String,
    alias: Alias,
) -> Result<Value, LambdaError> {
    let shown = document(named, &name, &alias);
    let change = move |entry: &mut Entry| {
        let set = entry.set_alias(&name, alias);
        set.map_err(|error| LambdaError::invalid_parameter(error.to_string()))
    };
    functions
        .change(named.name.name.clone(), Box::new(change))
        .await?;
    Ok(shown)
}

fn existing(named: &Named, version: &str) -> Result<FunctionVersion, LambdaError> {
    let gone = || LambdaError::not_found(format!("Function not found: {}:{version}", named.arn()));
    if version == "$LATEST" {
        return Ok(FunctionVersion::LATEST);
    }
    let Ok(number) = version.parse::<u64>() else {
        return Err(LambdaError::validation(format!(
            "1 validation error detected: Value '{version}' at 'functionVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\$LATEST|[0-9]+)"
        )));
    };
    let number = FunctionVersion(number);
    named.entry.versions.get(&number).ok_or_else(gone)?;
    Ok(number)
}

/// The second version of a routing configuration; none where it is empty.
fn share(
    named: &Named,
    input: &Input,
    main: FunctionVersion,
) -> Result<Option<Share>, LambdaError> {
    let Some(config) = input.map("RoutingConfig")? else {
        return Ok(None);
    };
    let none = Map::new();
    let weights = match config.get("AdditionalVersionWeights") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(weights)) => weights,
        Some(_) => return Err(mistyped()),
    };
    if weights.len() > 1 {
        return Err(LambdaError::invalid_parameter(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    let Some((key, value)) = weights.iter().next() else {
        return Ok(None);
    };
    let weight = value.as_f64().ok_or_else(mistyped)?;
    let violated = |rule: &str| {
        LambdaError::validation(format!(
            "1 validation error detected: Value '{{{key}={weight}}}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: {rule}"
        ))
    };
    if !(0.0..=1.0).contains(&weight) {
        return Err(violated(
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]",
        ));
    }
    if *key == main.name() {
        return Err(LambdaError::invalid_parameter(format!(
            "Invalid function version {key}. Function version {key} is already included in routing configuration."
        )));
    }
    if main == FunctionVersion::LATEST {
        return Err(latest_shares_nothing());
    }
    if !key.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(violated(
            "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]",
        ));
    }
    let version = existing(named, key)?;
    Ok(Some(Share { version, weight }))
}

fn latest_shares_nothing() -> LambdaError {
    LambdaError::invalid_parameter(
        "$LATEST is not supported for an alias pointing to more than 1 version",
    )
}

async fn update(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
    name: &str,
) -> Result<Reply, LambdaError> {
    let input = Input::new(call.object()?);
    let named = names::unqualified(functions, call, text)?;
    let before = named.entry.head.aliases.get(name).ok_or_else(|| {
        LambdaError::not_found(format!("Alias not found: {}:{name}", named.arn()))
    })?;
    hold_revision(input.text("RevisionId")?.as_deref(), &before.id)?;
    let version = match input.text("FunctionVersion")? {
        Some(version) => existing(&named, &version)?,
        None => before.route.version,
    };
    let other = before.route.other.filter(|it| it.version != version);
    let other = if input.value("RoutingConfig").is_some() {
        share(&named, &input, version)?
    } else if other.is_some() && version == FunctionVersion::LATEST {
        return Err(latest_shares_nothing());
    } else {
        other
    };
    let alias = Alias {
        route: Route { version, other },
        description: match input.text("Description")? {
            Some(said) => said,
            None => before.description.clone(),
        },
        id: functions.id(),
    };
    put(functions, &named, name.to_owned(), alias).await.map(ok)
}
