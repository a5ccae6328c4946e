//! What functions and versions there are, PublishVersion, DeleteFunction.

use catalog::{Entry, Origin, Unchanged};
use http::StatusCode;
use model::FunctionVersion;
use serde_json::{Value, json};

use super::{
    Functions, LambdaError, Reply, created, document::configuration as configured, hold_revision,
    listed, names, ok, only_of_api, page,
};
use crate::lambda::{call::Call, function_name::FunctionName, mappings::Input};

/// Functions and versions in one answer, whatever the request asks for.
const LISTED_MAX: usize = 50;

fn arn_of(functions: &dyn Functions, name: &str) -> String {
    let (account, region) = functions.world();
    FunctionName {
        region,
        account,
        name: name.to_owned(),
        qualifier: None,
    }
    .arn()
}

pub(super) fn list_functions(functions: &dyn Functions, call: &Call) -> Result<Reply, LambdaError> {
    let all_versions = match call.parameter("FunctionVersion") {
        None => false,
        Some("ALL") => true,
        Some(other) => {
            return Err(LambdaError::validation(format!(
                "1 validation error detected: Value '{other}' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]"
            )));
        }
    };
    let (account, region) = functions.world();
    let here = call.caller.account == account && call.caller.region == region;
    let all = if here { functions.all() } else { Vec::new() };
    let all = all.iter().flat_map(|(name, entry)| {
        let published = entry.versions.keys().copied().filter(|_| all_versions);
        let versions = std::iter::once(FunctionVersion::LATEST).chain(published);
        versions.map(move |version| (name, entry, version))
    });
    let key = |(name, _, version): &(&String, &Entry, FunctionVersion)| {
        format!("{name} {}", place(*version))
    };
    let (found, marker) = page(call, all.collect(), key, LISTED_MAX)?;
    let items: Vec<Value> = found
        .into_iter()
        .map(|(name, entry, version)| {
            let arn = arn_of(functions, name);
            if all_versions {
                qualified(functions, (name, &arn), entry, version)
            } else {
                configured(functions, (name, &arn), entry, version)
            }
        })
        .collect();
    Ok(listed("Functions", &items, marker))
}

/// Sorts versions: `$LATEST` stands before all numbers.
fn place(version: FunctionVersion) -> String {
    match version {
        FunctionVersion::LATEST => version.name(),
        FunctionVersion(number) => format!("{number:020}"),
    }
}

fn qualified(
    functions: &dyn Functions,
    (name, arn): (&str, &str),
    entry: &Entry,
    version: FunctionVersion,
) -> Value {
    let arn = format!("{arn}:{}", version.name());
    configured(functions, (name, &arn), entry, version)
}

/// `$LATEST` and every version, qualified.
pub(super) fn list(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, text)?;
    let published = named.entry.versions.keys().copied();
    let all = std::iter::once(FunctionVersion::LATEST).chain(published);
    let (found, marker) = page(call, all.collect(), |it| place(*it), LISTED_MAX)?;
    let names = (named.name.name.as_str(), named.arn());
    let items: Vec<Value> = found
        .into_iter()
        .map(|version| qualified(functions, (names.0, &names.1), &named.entry, version))
        .collect();
    Ok(listed("Versions", &items, marker))
}

pub(super) fn configuration(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Reply, LambdaError> {
    let (named, version) = names::version(functions, call, text)?;
    let names = (named.name.name.as_str(), named.name.arn());
    let document = configured(functions, (names.0, &names.1), &named.entry, version);
    Ok(ok(document))
}

pub(super) fn get(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Reply, LambdaError> {
    let (named, version) = names::version(functions, call, text)?;
    let entry = &named.entry;
    let code = entry.revision(version).map(|revision| &revision.code);
    let package = code.map(|code| {
        let package = code.package.as_ref();
        package.map_or(code.digest, |package| package.digest)
    });
    let mut document = json!({
        "Configuration": configured(functions, (&named.name.name, &named.name.arn()), entry, version),
        "Code": {
            "RepositoryType": "S3",
            "Location": package.map(|package| functions.location(package)),
        },
    });
    if let Some(tags) = entry.head.words.get("Tags") {
        document["Tags"] = tags.clone();
    }
    if let Some(reserved) = entry.head.words.get("ReservedConcurrentExecutions") {
        document["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
    }
    Ok(ok(document))
}

pub(super) async fn publish(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Reply, LambdaError> {
    let input = Input::new(call.object()?);
    let named = names::unqualified(functions, call, text)?;
    let (sha, revision) = (input.text("CodeSha256")?, input.text("RevisionId")?);
    let description = input.text("Description")?;
    let id = functions.id();
    let change = move |entry: &mut Entry| {
        hold_revision(revision.as_deref(), &entry.head.latest.id)?;
        let package = entry.head.latest.code.package.as_ref();
        let own = package.map(|it| base64_simd::STANDARD.encode_to_string(it.digest.0));
        if sha.is_some() && sha != own {
            return Err(LambdaError::invalid_parameter(format!(
                "CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the CodeSHA256 in $LATEST.",
                sha.unwrap_or_default(),
                own.unwrap_or_default()
            )));
        }
        // Code of the file is published when it is deployed.
        if entry.head.origin == Origin::Api {
            let before = entry.newest();
            let version = entry.publish(description);
            if before != Some(version)
                && let Some(published) = entry.versions.get_mut(&version)
            {
                published.revision.id = id;
            }
        }
        Ok(())
    };
    let entry = functions
        .change(named.name.name.clone(), Box::new(change))
        .await?;
    let version = match entry.head.origin {
        Origin::Api => entry.newest(),
        Origin::File => entry.head.declared,
    };
    let version = version.unwrap_or(FunctionVersion::LATEST);
    let arn = format!("{}:{version}", named.arn());
    Ok(created(configured(
        functions,
        (&named.name.name, &arn),
        &entry,
        version,
    )))
}

pub(super) async fn delete(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Reply, LambdaError> {
    let named = names::function(functions, call, text)?;
    let name = named.name.name.clone();
    let Some(qualifier) = named.name.qualifier.clone() else {
        only_of_api(&named.entry, &name)?;
        functions.remove(name).await?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    };
    if qualifier == "$LATEST" {
        return Err(LambdaError::invalid_parameter(
            "$LATEST version cannot be deleted without deleting the function.",
        ));
    }
    let Ok(number) = qualifier.parse::<u64>() else {
        return Err(LambdaError::invalid_parameter(
            "Deletion of aliases is not currently supported.",
        ));
    };
    let arn = named.name.arn();
    let change = move |entry: &mut Entry| match entry.remove_version(FunctionVersion(number)) {
        Ok(()) => {
            names::forget_qualifier(entry, &number.to_string());
            Ok(())
        }
        // A version that is not there is gone already.
        Err(Unchanged::NoVersion(_)) => Ok(()),
        Err(
            error @ (Unchanged::InUse { .. }
            | Unchanged::NoQualifier(_)
            | Unchanged::NothingBefore
            | Unchanged::Weight(_)
            | Unchanged::Same(_)),
        ) => Err(LambdaError::conflict(format!(
            "Version {number} can not be deleted because it is in use: {error}: {arn}"
        ))),
    };
    functions.change(name, Box::new(change)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
