//! What a function may use and how it is called, as CreateFunction and UpdateFunctionConfiguration say it: read, checked
//! in AWS's words, kept. What AWS has and this host does not is refused, not dropped.

use catalog::{Entry, Revision, Settings};
use model::{FunctionVersion, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    Functions, Handed, LambdaError, Package, Reply, document, hold_revision, names, ok, only_of_api,
};
use crate::lambda::{
    call::Call,
    generated::RUNTIMES,
    mappings::{Input, mistyped},
};

const MEMORY_MB_MIN: i64 = 128;
const MEMORY_MB_MAX: i64 = 10_240;
/// A sandbox has a gibibyte of addresses; what was asked for is shown, this is what there is.
const MEMORY_BYTES_MAX: u64 = 1 << 30;
const TIMEOUT_S_MAX: i64 = 900;
const ENV_BYTES_MAX: usize = 4 << 10;
const LOG_BYTES: u64 = 64 << 10;
/// In memory, of one invocation: where nothing is said, and at most.
const SCRATCH_BYTES: u64 = 512 << 20;
const SCRATCH_BYTES_MAX: u64 = 512 << 20;
/// The kind of programs that run outside of the sandbox, with what they ask for.
const PROCESS: &str = "process";

/// Members that are kept as they are and shown again.
const KEPT: &[&str] = &[
    "Role",
    "Runtime",
    "Handler",
    "Description",
    "KMSKeyArn",
    "TracingConfig",
    "DeadLetterConfig",
    "SnapStart",
    "LoggingConfig",
    "Architectures",
    "EphemeralStorage",
    "VpcConfig",
    "Environment",
];

/// Members that would have to do something that nothing here does.
const REFUSED: &[(&str, &str)] = &[
    (
        "Layers",
        "layers are not there: put what they hold into the package",
    ),
    ("FileSystemConfigs", "there is no network file system"),
    ("ImageConfig", "functions are no container images here"),
    (
        "CodeSigningConfigArn",
        "a version is known by the digest of its code",
    ),
    (
        "CapacityProviderConfig",
        "functions have no machines of their own here",
    ),
    (
        "DurableConfig",
        "what a function has to remember goes into the state of its trigger",
    ),
    (
        "TenancyConfig",
        "a fresh sandbox for every invocation is the default of compiled functions",
    ),
];

/// Before anything is said.
pub(super) fn defaults() -> Settings {
    Settings {
        memory_bytes: 128 << 20,
        timeout_ms: 3_000,
        log_bytes: LOG_BYTES,
        scratch_bytes: SCRATCH_BYTES,
        ..Settings::default()
    }
}

/// The settings after a request; what it does not name stays.
pub(super) fn read(input: &mut Input, before: Settings) -> Result<Settings, LambdaError> {
    let mut settings = before;
    if let Some(megabytes) = input.integer("MemorySize", MEMORY_MB_MIN, MEMORY_MB_MAX)? {
        let bytes = u64::try_from(megabytes).unwrap_or_default() << 20;
        settings.memory_bytes = bytes.min(MEMORY_BYTES_MAX);
        settings
            .words
            .insert("MemorySize".to_owned(), json!(megabytes));
    }
    if let Some(seconds) = input.integer("Timeout", 1, TIMEOUT_S_MAX)? {
        settings.timeout_ms = u64::try_from(seconds).unwrap_or_default() * 1000;
    }
    runtime(input)?;
    input.check()?;
    scratch(input, &mut settings)?;
    refused(input)?;
    if let Some(config) = input.map("Environment")? {
        settings.env = environment(config)?;
    }
    for name in KEPT {
        if let Some(said) = input.value(name) {
            settings.words.insert((*name).to_owned(), said.clone());
        }
    }
    Ok(settings)
}

fn runtime(input: &mut Input) -> Result<(), LambdaError> {
    let Some(runtime) = input.text("Runtime")? else {
        return Ok(());
    };
    if RUNTIMES.contains(&runtime.as_str()) {
        return Ok(());
    }
    let rule = format!(
        "Member must satisfy enum value set: [{}] or be a valid ARN",
        RUNTIMES.join(", ")
    );
    Err(LambdaError::invalid_parameter(format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: {rule}"
    )))
}

/// What there is under `/tmp`: as much as was asked for, or as there can be.
fn scratch(input: &Input, settings: &mut Settings) -> Result<(), LambdaError> {
    if let Some(config) = input.map("EphemeralStorage")? {
        let size = config.get("Size").and_then(Value::as_u64);
        let size = size.ok_or_else(mistyped)?;
        settings.scratch_bytes = (size << 20).min(SCRATCH_BYTES_MAX);
    } else if settings.scratch_bytes == 0 {
        settings.scratch_bytes = SCRATCH_BYTES;
    }
    Ok(())
}

/// What was asked for and is not to be had, of a revision that runs in a sandbox.
pub(super) fn hint(revision: &Revision) -> Option<String> {
    if revision.code.kind == PROCESS {
        return None;
    }
    let words = &revision.settings.words;
    let size = |said: Option<&Value>| said.and_then(Value::as_u64).map(|it| it << 20);
    let memory = size(words.get("MemorySize"));
    let scratch = size(words.get("EphemeralStorage").and_then(|it| it.get("Size")));
    let most = [
        (
            "MemorySize",
            memory,
            revision.settings.memory_bytes,
            "memory",
        ),
        (
            "EphemeralStorage",
            scratch,
            revision.settings.scratch_bytes,
            "files under /tmp",
        ),
    ];
    let hints: Vec<String> = most
        .into_iter()
        .filter(|(_, asked, is, _)| asked.is_some_and(|asked| asked > *is))
        .map(|(member, _, is, what)| {
            format!(
                "{member} is kept and shown; a function has {} MB of {what} here and no more",
                is >> 20
            )
        })
        .collect();
    (!hints.is_empty()).then(|| hints.join("; "))
}

fn refused(input: &Input) -> Result<(), LambdaError> {
    for (name, hint) in REFUSED {
        let said = input.value(name);
        let is_empty = said.is_none_or(|said| match said {
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        });
        if !is_empty {
            return Err(LambdaError::invalid_parameter(format!(
                "{name} is not supported by this server."
            ))
            .with_hint(*hint));
        }
    }
    let subnets = input
        .map("VpcConfig")?
        .and_then(|config| config.get("SubnetIds"));
    if subnets
        .and_then(Value::as_array)
        .is_some_and(|it| !it.is_empty())
    {
        return Err(
            LambdaError::invalid_parameter("VpcConfig is not supported by this server.").with_hint(
                "there are no networks of clouds here: a function reaches what its grants name",
            ),
        );
    }
    match input.text("PackageType")?.as_deref() {
        None | Some("Zip") => Ok(()),
        Some(other) => Err(LambdaError::invalid_parameter(format!(
            "PackageType {other} is not supported by this server."
        ))
        .with_hint("functions are WebAssembly or handler files, in a zip")),
    }
}

fn environment(
    config: &Map<String, Value>,
) -> Result<std::collections::BTreeMap<String, String>, LambdaError> {
    let mut env = std::collections::BTreeMap::new();
    let variables = match config.get("Variables") {
        None | Some(Value::Null) => return Ok(env),
        Some(Value::Object(variables)) => variables,
        Some(_) => return Err(mistyped()),
    };
    for (name, value) in variables {
        env.insert(
            name.clone(),
            value.as_str().ok_or_else(mistyped)?.to_owned(),
        );
    }
    let why = "Lambda was unable to configure your environment variables because the environment variables you have provided";
    let text = json!(env).to_string();
    if text.len() > ENV_BYTES_MAX {
        return Err(LambdaError::invalid_parameter(format!(
            "{why} exceeded the 4KB limit. String measured: {text}"
        )));
    }
    let reserved: Vec<&str> = env
        .keys()
        .map(String::as_str)
        .filter(|name| RESERVED.contains(name))
        .collect();
    if !reserved.is_empty() {
        return Err(LambdaError::invalid_parameter(format!(
            "{why} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    Ok(env)
}

const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// UpdateFunctionConfiguration. Another handler is other code, so the package is looked at again.
pub(super) async fn update(
    functions: &dyn Functions,
    call: &Call,
    now: Timestamp,
    text: &str,
) -> Result<Reply, LambdaError> {
    let mut input = Input::new(call.object()?);
    let named = names::unqualified(functions, call, text)?;
    let entry = named.entry.clone();
    let settings = read(&mut input, entry.head.latest.settings.clone())?;
    only_of_api(&entry, &named.name.name)?;
    let asked = input.text("RevisionId")?;
    hold_revision(asked.as_deref(), &entry.head.latest.id)?;
    let latest = &entry.head.latest;
    let package = latest.code.package.as_ref();
    let package = package.map_or(latest.code.digest, |package| package.digest);
    let revision = functions
        .accept(Handed {
            package: Package::Kept(package),
            settings,
        })
        .await?;
    let changed = changed(functions, &named.name.name, (revision, now), asked).await?;
    let document = document::configuration(
        functions,
        (&named.name.name, &named.arn()),
        &changed,
        FunctionVersion::LATEST,
    );
    Ok(ok(document).with_hints(hint(&changed.head.latest)))
}

/// Puts another revision in the place of `$LATEST`.
pub(super) async fn changed(
    functions: &dyn Functions,
    name: &str,
    (revision, now): (Revision, Timestamp),
    asked: Option<String>,
) -> Result<Entry, LambdaError> {
    let change = move |entry: &mut Entry| {
        hold_revision(asked.as_deref(), &entry.head.latest.id)?;
        entry.head.latest = Revision {
            modified_ms: now.as_millis(),
            ..revision
        };
        Ok(())
    };
    functions.change(name.to_owned(), Box::new(change)).await
}
