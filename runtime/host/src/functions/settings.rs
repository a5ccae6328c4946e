//! What a version may use: as the file says it, as versions keep it, as the sandbox takes it. Pure.

use std::time::Duration;

use catalog::Settings;
use model::ByteSize;
use sandbox::{FunctionLimits, Network, SandboxPolicy, Secrets};

use crate::config;

/// Output and state of one invocation stay below what one transaction can carry.
const OUTPUT_BYTES_MAX: ByteSize = ByteSize::mib(16);

/// As it was said to the Lambda API, which may be more than there is, else as the file says it.
pub(crate) fn memory_mb(settings: &Settings) -> u64 {
    let said = settings.words.get("MemorySize");
    let said = said.and_then(serde_json::Value::as_u64);
    said.unwrap_or(settings.memory_bytes >> 20)
}

/// What a version may use, as the sandbox takes it.
pub(crate) fn limits(settings: &Settings) -> FunctionLimits {
    FunctionLimits {
        memory: ByteSize(settings.memory_bytes),
        memory_told: ByteSize(memory_mb(settings) << 20),
        timeout: Duration::from_millis(settings.timeout_ms),
        output_bytes: OUTPUT_BYTES_MAX,
        log_bytes: ByteSize(settings.log_bytes),
        env: settings.env.clone(),
        secrets: Secrets::default(),
        network: Network::new(&settings.network),
        scratch: ByteSize(settings.scratch_bytes),
        sandbox: match settings.sandbox.as_deref() {
            Some("fresh") => Some(SandboxPolicy::Fresh),
            Some("warm") => Some(SandboxPolicy::Warm),
            Some(_) | None => None,
        },
        // The gate in front of it knows better.
        concurrency: u32::MAX,
    }
}

/// A function of the file, as its versions keep it.
pub(crate) fn settings(function: &config::Function) -> Settings {
    Settings {
        memory_bytes: function.memory.bytes(),
        timeout_ms: u64::try_from(function.timeout.as_millis()).unwrap_or(u64::MAX),
        log_bytes: function.log.bytes(),
        env: function.env.clone(),
        sandbox: function.sandbox.map(|policy| {
            let word = match policy {
                config::SandboxPolicy::Fresh => "fresh",
                config::SandboxPolicy::Warm => "warm",
            };
            word.to_owned()
        }),
        secrets: function.secrets.clone(),
        network: function.network.clone(),
        scratch_bytes: function.scratch.bytes(),
        ..Settings::default()
    }
}
