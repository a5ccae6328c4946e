//! The variables that functions written for Lambda find there: programs of this machine, and code for a language runtime.

use std::{collections::BTreeMap, time::Duration};

use model::{ByteSize, Invocation};

/// What is the same for all invocations of a function.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    /// `app.handler`.
    pub(crate) handler: &'a str,
    /// Where its files are.
    pub(crate) folder: &'a str,
    pub(crate) memory: ByteSize,
    pub(crate) timeout: Duration,
}

/// Those of one sandbox or process, whose first invocation this is.
pub(crate) fn variables(invocation: &Invocation, told: &Told<'_>) -> BTreeMap<String, String> {
    let function = invocation.function.as_str();
    let version = invocation.version.name();
    let region = invocation.stream.region.as_str();
    let memory = told.memory.bytes() >> 20;
    let seconds = told.timeout.as_secs().max(1);
    let all = [
        ("_HANDLER", told.handler.to_owned()),
        ("LAMBDA_TASK_ROOT", told.folder.to_owned()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", version.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string()),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", seconds.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{function}"),
        ),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            format!("[{version}]{}", invocation.request_id),
        ),
        ("TZ", ":UTC".to_owned()),
    ];
    all.map(|(name, value)| (name.to_owned(), value)).into()
}
