//! A function's configuration as AWS writes it.

use catalog::{Entry, Revision};
use model::{FunctionVersion, Timestamp};
use serde_json::{Value, json};

use super::Functions;
use crate::calendar::iso_millis;

/// What the API was told and what AWS shows as it was told, where it was.
const ECHOED: &[&str] = &[
    "VpcConfig",
    "DeadLetterConfig",
    "KMSKeyArn",
    "FileSystemConfigs",
];

/// `2026-11-29T19:30:00.000+0000`
pub(super) fn moment(ms: u64) -> String {
    format!("{}+0000", iso_millis(ms))
}

/// The members of a `FunctionConfiguration`; `arn` is qualified where the caller's was.
pub(super) fn configuration(
    functions: &dyn Functions,
    (name, arn): (&str, &str),
    entry: &Entry,
    version: FunctionVersion,
) -> Value {
    let revision = entry.revision(version).unwrap_or(&entry.head.latest);
    let settings = &revision.settings;
    let word = |name: &str, default: Value| settings.words.get(name).cloned().unwrap_or(default);
    let package = revision.code.package.as_ref();
    let running = functions.running(name, version);
    let (runtime, handler) = running
        .runtime
        .unwrap_or_else(|| ("provided.al2023".to_owned(), "bootstrap".to_owned()));
    let mut document = json!({
        "FunctionName": name,
        "FunctionArn": arn,
        "Runtime": word("Runtime", json!(runtime)),
        "Role": word("Role", json!(usual_role(arn))),
        "Handler": word("Handler", json!(handler)),
        "CodeSize": package.map_or(0, |package| package.bytes),
        "Description": description(entry, version, revision),
        "Timeout": settings.timeout_ms.div_ceil(1000),
        "MemorySize": word("MemorySize", json!(settings.memory_bytes >> 20)),
        "LastModified": moment(revision.modified_ms),
        "CodeSha256": package.map_or_else(String::new, |it| base64_simd::STANDARD.encode_to_string(it.digest.0)),
        "Version": version.name(),
        "TracingConfig": word("TracingConfig", json!({ "Mode": "PassThrough" })),
        "RevisionId": revision.id,
        "Layers": [],
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": word("Architectures", json!(["x86_64"])),
        "EphemeralStorage": word("EphemeralStorage", json!({ "Size": 512 })),
        "SnapStart": snap_start(&word("SnapStart", json!({})), version),
        "LoggingConfig": logging(name, &word("LoggingConfig", json!({}))),
    });
    if version != FunctionVersion::LATEST && entry.head.origin == catalog::Origin::Api {
        // A version's date is when it was made, which is when its revision was.
        document["MasterArn"] = json!(format!("{}:$LATEST", unqualified(arn)));
    }
    if let Some(refused) = running.refused {
        document["State"] = json!("Failed");
        document["StateReasonCode"] = json!("InvalidRuntime");
        document["StateReason"] = json!(refused);
    }
    if !settings.env.is_empty() {
        document["Environment"] = json!({ "Variables": settings.env });
    }
    for echoed in ECHOED {
        let said = settings.words.get(*echoed);
        if let Some(said) = said.filter(|said| !is_taken_back(said)) {
            document[*echoed] = said.clone();
        }
    }
    document
}

/// An empty text is how AWS is told that there is to be none.
fn is_taken_back(said: &Value) -> bool {
    let texts = |said: &Value| said.as_str() == Some("");
    texts(said) || said.get("TargetArn").is_some_and(texts)
}

fn description(entry: &Entry, version: FunctionVersion, revision: &Revision) -> Value {
    let published = entry.versions.get(&version);
    let own = published
        .map(|it| it.description.as_str())
        .filter(|it| !it.is_empty());
    let said = revision.settings.words.get("Description").cloned();
    own.map_or_else(|| said.unwrap_or_else(|| json!("")), |own| json!(own))
}

fn snap_start(said: &Value, version: FunctionVersion) -> Value {
    let apply = said
        .get("ApplyOn")
        .and_then(Value::as_str)
        .unwrap_or("None");
    let on = apply == "PublishedVersions" && version != FunctionVersion::LATEST;
    json!({ "ApplyOn": apply, "OptimizationStatus": if on { "On" } else { "Off" } })
}

fn logging(name: &str, said: &Value) -> Value {
    let mut logging = json!({ "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") });
    if let (Some(all), Some(said)) = (logging.as_object_mut(), said.as_object()) {
        all.extend(said.clone());
    }
    logging
}

/// Nobody has to have one.
fn usual_role(function_arn: &str) -> String {
    let part = |index: usize| function_arn.split(':').nth(index).unwrap_or_default();
    format!("arn:{}:iam::{}:role/shardmill", part(1), part(4))
}

fn unqualified(arn: &str) -> String {
    arn.splitn(8, ':').take(7).collect::<Vec<_>>().join(":")
}

pub(super) fn seconds(at: Timestamp) -> Value {
    let ms = at.as_millis();
    serde_json::from_str(&format!("{}.{:03}", ms / 1000, ms % 1000)).unwrap_or(Value::Null)
}
