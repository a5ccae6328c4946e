//! CreateFunction and UpdateFunctionCode: a package comes in as base64 of a zip, a revision that runs comes out.

use catalog::{Entry, Origin};
use model::{FunctionVersion, Timestamp};
use serde_json::Value;

use super::{
    Functions, Handed, LambdaError, Package, Reply, created, document, names, ok, only_of_api,
    settings,
};
use crate::lambda::{
    call::Call,
    function_name::FunctionName,
    mappings::{Input, mistyped},
};

/// Characters of the name alone, where a function is made.
const NAME_CHARACTERS_MAX: usize = 64;
/// What a request may have where its code is in it.
pub(crate) const PACKAGE_BYTES_MAX: usize = 50 << 20;

pub(super) async fn create(
    functions: &dyn Functions,
    call: &Call,
    now: Timestamp,
) -> Result<Reply, LambdaError> {
    let mut input = Input::new(call.object()?);
    let name = name(&mut input, call)?;
    if input.value("Role").is_none() {
        input.violated_null("role");
    }
    let settings = settings::read(&mut input, settings::defaults())?;
    let tags = input.tags()?;
    let code = input.map("Code")?.cloned();
    let code = code.ok_or_else(|| {
        LambdaError::validation(
            "1 validation error detected: Value null at 'code' failed to satisfy constraint: Member must not be null",
        )
    })?;
    let needs = |member: &str| input.value(member).is_some();
    if !needs("Runtime") || !needs("Handler") {
        return Err(LambdaError::invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    let (account, region) = functions.world();
    if name.account != account || name.region != region {
        return Err(elsewhere(&name, (&account, &region)));
    }
    if functions.find(&name.name).is_some() {
        return Err(already(&name.name));
    }
    let publish = input.flag("Publish")?.unwrap_or(false);
    let package = package(&code)?;
    let mut revision = functions
        .accept(Handed {
            package: Package::Zip(package),
            settings,
        })
        .await?;
    revision.modified_ms = now.as_millis();
    let hint = settings::hint(&revision);
    let make = move |next: u64| {
        let mut entry = Entry::new(Origin::Api, revision).from_number(next);
        if !tags.is_empty() {
            let words = &mut entry.head.words;
            words.insert("Tags".to_owned(), serde_json::json!(tags));
        }
        if publish {
            entry.publish(None);
        }
        entry
    };
    let entry = functions.create(name.name.clone(), Box::new(make)).await?;
    let version = entry.newest().unwrap_or(FunctionVersion::LATEST);
    let arn = name.arn();
    let document = document::configuration(functions, (&name.name, &arn), &entry, version);
    Ok(created(document).with_hints(hint))
}

pub(super) fn already(name: &str) -> LambdaError {
    LambdaError::conflict(format!("Function already exist: {name}"))
}

fn elsewhere(name: &FunctionName, (account, region): (&str, &str)) -> LambdaError {
    LambdaError::invalid_parameter(format!(
        "Functions of account {} in region {} are not kept here.",
        name.account, name.region
    ))
    .with_hint(format!(
        "this server's functions are of account {account} in region {region}: `server.region` of triggers.yaml"
    ))
}

fn name(input: &mut Input, call: &Call) -> Result<FunctionName, LambdaError> {
    let Some(text) = input.text("FunctionName")? else {
        return Err(LambdaError::validation(
            "1 validation error detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null",
        ));
    };
    let Some(name) = FunctionName::parse(&text, &call.caller) else {
        return Err(names::malformed(&text));
    };
    if name.name.contains('.') {
        return Err(names::malformed(&text));
    }
    if name.qualifier.is_some() {
        return Err(LambdaError::invalid_parameter(names::FUNCTIONS_ONLY));
    }
    if name.name.len() > NAME_CHARACTERS_MAX {
        return Err(LambdaError::validation(format!(
            "1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to {NAME_CHARACTERS_MAX}"
        )));
    }
    Ok(name)
}

/// The zip of a request.
fn package(code: &serde_json::Map<String, Value>) -> Result<bytes::Bytes, LambdaError> {
    let given = |name: &str| code.get(name).filter(|value| !value.is_null());
    if given("ImageUri").is_some() {
        return Err(
            LambdaError::invalid_parameter("ImageUri is not supported by this server.")
                .with_hint("functions are WebAssembly or handler files, in a zip"),
        );
    }
    if given("S3Bucket").is_some() || given("S3Key").is_some() {
        return Err(LambdaError::invalid_parameter(
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist",
        )
        .with_hint("there are no buckets here: hand the package over as ZipFile"));
    }
    let Some(zip) = given("ZipFile") else {
        return Err(LambdaError::invalid_parameter(
            "Please provide a source for function code.",
        ));
    };
    let zip = zip.as_str().ok_or_else(mistyped)?;
    let zip = base64_simd::STANDARD
        .decode_to_vec(zip)
        .map_err(|_| mistyped())?;
    if zip.is_empty() {
        return Err(LambdaError::invalid_parameter(
            "Uploaded file must be a non-empty zip",
        ));
    }
    if zip.len() > PACKAGE_BYTES_MAX {
        return Err(LambdaError::request_too_large(
            crate::limits::LAMBDA_BODY_BYTES_MAX,
            "CreateFunction",
        ));
    }
    Ok(zip.into())
}

pub(super) async fn update(
    functions: &dyn Functions,
    call: &Call,
    now: Timestamp,
    text: &str,
) -> Result<Reply, LambdaError> {
    let object = call.object()?;
    let input = Input::new(object.clone());
    let named = names::unqualified(functions, call, text)?;
    only_of_api(&named.entry, &named.name.name)?;
    let asked = input.text("RevisionId")?;
    super::hold_revision(asked.as_deref(), &named.entry.head.latest.id)?;
    let mut settings = named.entry.head.latest.settings.clone();
    if let Some(architectures) = input.value("Architectures") {
        let said = architectures.clone();
        settings.words.insert("Architectures".to_owned(), said);
    }
    let package = package(&object)?;
    let revision = functions
        .accept(Handed {
            package: Package::Zip(package),
            settings,
        })
        .await?;
    let name = &named.name.name;
    let mut version = FunctionVersion::LATEST;
    let entry = if input.flag("DryRun")?.unwrap_or(false) {
        let mut entry = named.entry.clone();
        entry.head.latest = revision;
        entry
    } else {
        let changed = settings::changed(functions, name, (revision, now), asked).await?;
        if input.flag("Publish")?.unwrap_or(false) {
            let publish = |entry: &mut Entry| {
                entry.publish(None);
                Ok(())
            };
            let published = functions.change(name.clone(), Box::new(publish)).await?;
            version = published.newest().unwrap_or(version);
            published
        } else {
            changed
        }
    };
    let arn = named.arn();
    let arn = match version {
        FunctionVersion::LATEST => arn,
        number => format!("{arn}:{number}"),
    };
    let document = document::configuration(functions, (name, &arn), &entry, version);
    Ok(ok(document))
}
