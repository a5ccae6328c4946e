//! `function versions|promote|rollback|delete`: what an operator says about the versions of a function. Each is written
//! before it holds, and nothing that runs is stopped by it.

use catalog::{Alias, Entry, Published, Route, Share, Unchanged};
use model::FunctionVersion;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::lambda::forget_qualifier;

use super::{ApiError, Call, Reply, functions::find};
use crate::{assemble::Rooms, functions::ChangeError};

pub(crate) fn list(rooms: &Rooms, name: &str) -> Reply {
    let (name, deployed) = find(rooms, name)?;
    let entry = &deployed.entry;
    let versions: Vec<Value> = entry
        .versions
        .iter()
        .map(|(number, published)| document(entry, *number, published))
        .collect();
    Ok(json!({ "name": name, "versions": versions, "aliases": aliases(entry) }))
}

fn document(entry: &Entry, number: FunctionVersion, published: &Published) -> Value {
    let revision = &published.revision;
    let route = entry.route(None).ok();
    let share = |route: &Route| match route.other {
        Some(other) if other.version == number => Some(other.weight),
        Some(other) if route.version == number => Some(1.0 - other.weight),
        None if route.version == number => Some(1.0),
        Some(_) | None => None,
    };
    let aliases = entry.head.aliases.iter();
    let called: Vec<&String> = aliases
        .filter(|(_, alias)| alias.route.versions().any(|it| it == number))
        .map(|(alias, _)| alias)
        .collect();
    json!({
        "version": number,
        "runs": route.as_ref().and_then(share),
        "declared": entry.head.declared == Some(number),
        "aliases": called,
        "kind": revision.code.kind,
        "digest": revision.code.digest.to_string(),
        "made_ms": revision.modified_ms,
        "memory_bytes": revision.settings.memory_bytes,
        "timeout_ms": revision.settings.timeout_ms,
        "description": published.description,
    })
}

/// By name, what each runs.
pub(super) fn aliases(entry: &Entry) -> Value {
    let aliases = entry.head.aliases.iter();
    let shown = aliases.map(|(name, alias)| {
        let route = json!({
            "version": named(alias.route.version),
            "shares": alias.route.other.map(|share| json!({ "version": share.version, "weight": share.weight })),
        });
        (name.clone(), route)
    });
    Value::Object(shown.collect())
}

/// A number, or what AWS calls what has none.
pub(super) fn named(version: FunctionVersion) -> Value {
    if version == FunctionVersion::LATEST {
        json!("$LATEST")
    } else {
        json!(version)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Promoted {
    version: u64,
    /// Instead of what the bare name runs.
    alias: Option<String>,
    /// How much of what comes it takes, 0 to 1; all when it is not said.
    weight: Option<f64>,
    /// Also what other versions failed at.
    #[serde(default)]
    retries: bool,
    #[serde(default)]
    dry_run: bool,
}

/// `function promote NAME VERSION`: from now on it runs, or takes its share beside what ran.
pub(crate) async fn promote(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let asked: Promoted = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read what to promote: {error}")))?;
    let (name, deployed) = find(rooms, name)?;
    let id = rooms.functions.id();
    let promoted = |entry: &mut Entry| promoted(entry, &asked, id);
    let route = if asked.dry_run {
        promoted(&mut deployed.entry.clone()).map_err(ChangeError::Refused)
    } else {
        rooms.functions.change(&name, promoted).await
    };
    let route = route.map_err(|error| refused(&format!("promote {name}"), &error))?;
    Ok(json!({
        "name": name,
        "alias": asked.alias,
        "version": named(route.version),
        "shares": route.other.map(|share| json!({ "version": share.version, "weight": share.weight })),
        "dry_run": asked.dry_run,
    }))
}

fn promoted(entry: &mut Entry, asked: &Promoted, id: String) -> Result<Route, Unchanged> {
    let version = FunctionVersion(asked.version);
    let known = match &asked.alias {
        Some(alias) => entry.head.aliases.get(alias).map(|alias| alias.route),
        None => Some(entry.route(None)?),
    };
    let route = match (asked.weight, known) {
        (Some(weight), Some(known)) if known.version != version => Route {
            version: known.version,
            other: Some(Share { version, weight }),
        },
        (Some(_) | None, _) => Route::to(version),
    };
    match &asked.alias {
        Some(alias) => {
            let known = entry.head.aliases.get(alias);
            let description = known.map_or_else(String::new, |it| it.description.clone());
            let made = Alias {
                route,
                description,
                id,
            };
            entry.set_alias(alias, made)?;
        }
        None => entry.promote(route, asked.retries)?,
    }
    Ok(route)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RollBack {
    #[serde(default)]
    retries: bool,
    #[serde(default)]
    dry_run: bool,
}

/// `function rollback NAME`: a second version loses its share; without one, what ran before runs again.
pub(crate) async fn roll_back(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let asked: RollBack = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read how to roll back: {error}")))?;
    let (name, deployed) = find(rooms, name)?;
    let rolled = |entry: &mut Entry| {
        let shared = entry.route(None).ok().and_then(|route| route.other);
        let rolled = entry.roll_back(asked.retries)?;
        let was_share = shared.is_some_and(|share| share.version == rolled.from);
        Ok((rolled, was_share))
    };
    let rolled = if asked.dry_run {
        rolled(&mut deployed.entry.clone()).map_err(ChangeError::Refused)
    } else {
        rooms.functions.change(&name, rolled).await
    };
    let (rolled, was_share) =
        rolled.map_err(|error| refused(&format!("roll {name} back"), &error))?;
    Ok(json!({
        "name": name,
        "from": named(rolled.from),
        "version": named(rolled.version),
        "was_share": was_share,
        "dry_run": asked.dry_run,
    }))
}

/// `function delete NAME@VERSION|ALIAS`, or a whole function of the API.
pub(crate) async fn delete(rooms: &Rooms, text: &str) -> Reply {
    let (name, deployed) = find(rooms, text)?;
    let failed = |error: ChangeError<Unchanged>| refused(&format!("delete {text}"), &error);
    let Some((_, qualifier)) = text.split_once('@') else {
        if deployed.entry.head.origin == catalog::Origin::File {
            return Err(ApiError::conflict(format!(
                "delete function {name}: triggers.yaml declares it"
            ))
            .with_hint("take it out of the file and deploy; `NAME@VERSION` deletes one version"));
        }
        rooms.functions.remove(&name).await.map_err(failed)?;
        return Ok(json!({ "name": name }));
    };
    let removed = rooms.functions.change(&name, |entry| {
        if entry.head.aliases.remove(qualifier).is_none() {
            let number = qualifier.parse().map(FunctionVersion);
            let number = number.map_err(|_| Unchanged::NoQualifier(qualifier.to_owned()))?;
            entry.remove_version(number)?;
        }
        forget_qualifier(entry, qualifier);
        Ok(())
    });
    removed.await.map_err(failed)?;
    Ok(json!({ "name": name, "deleted": qualifier }))
}

fn refused(what: &str, error: &ChangeError<Unchanged>) -> ApiError {
    let said = format!("{what}: {error}");
    match error {
        ChangeError::Catalog(error) => ApiError::failed(error),
        ChangeError::NoFunction => ApiError::bad(&said),
        ChangeError::Refused(Unchanged::InUse { .. } | Unchanged::NothingBefore) => {
            ApiError::conflict(said)
        }
        ChangeError::Refused(
            Unchanged::NoVersion(_)
            | Unchanged::NoQualifier(_)
            | Unchanged::Weight(_)
            | Unchanged::Same(_),
        ) => {
            ApiError::bad(&said).with_hint("`shardmill function versions NAME` shows what is there")
        }
    }
}
