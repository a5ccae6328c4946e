//! Batches as lines: what went in, what came out, what failed and what it waits for. Values come in, text goes out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use host::config::Project;
use host::{Compared, Seen, SeenOutput};
use serde_json::{Value, json};

/// What of a batch is shown unasked.
const OUTPUTS_SHOWN: usize = 1;
const LOG_LINES_SHOWN: usize = 20;
const DATA_CHARS_SHOWN: usize = 200;

/// Which stream an output's name stands for.
#[derive(Debug, Default)]
pub(super) struct Names {
    outputs: BTreeMap<(String, String), String>,
    /// Streams that triggers read.
    pub(super) read: Vec<String>,
}

impl Names {
    pub(super) fn of(project: &Project) -> Self {
        let mut names = Self::default();
        for (trigger, settings) in &project.triggers {
            for (output, stream) in &settings.outputs {
                let key = (trigger.to_string(), output.clone());
                names.outputs.insert(key, stream.to_string());
            }
            let stream = settings.stream.to_string();
            if !names.read.contains(&stream) {
                names.read.push(stream);
            }
        }
        names
    }

    fn of_output(&self, seen: &Seen, output: &SeenOutput) -> String {
        let key = (seen.trigger.clone(), output.name.clone());
        self.outputs.get(&key).unwrap_or(&output.name).clone()
    }
}

/// A batch that was done, or waits because it failed.
pub(super) fn batch(seen: &Seen, names: &Names, time: &str, held: bool) -> String {
    let place = format!("{}/{}", seen.stream, seen.shard);
    let (took, records) = (milliseconds(seen.took), seen.records.len());
    let attempt = if seen.attempt > 1 || held {
        format!(", attempt {}", seen.attempt)
    } else {
        String::new()
    };
    let ended = if held {
        format!("failed in {took}")
    } else {
        let since_put = milliseconds(seen.since_put);
        format!(
            "{} out, {took} (put to done {since_put})",
            seen.outputs.len()
        )
    };
    let (function, version, number) = (&seen.function, seen.version, seen.number);
    let mut text = format!(
        "{time} {function}@{version} {place} batch {number}: {records} records{attempt}, {ended}"
    );
    for line in seen.log.lines().take(LOG_LINES_SHOWN) {
        let _ = write!(text, "\n  log    {line}");
    }
    for output in seen.outputs.iter().take(OUTPUTS_SHOWN) {
        let more = seen.outputs.len().saturating_sub(OUTPUTS_SHOWN);
        let more = if more > 0 {
            format!("  and {more} more: press o")
        } else {
            String::new()
        };
        let _ = write!(
            text,
            "\n  out    {}{more}",
            line(&names.of_output(seen, output), output)
        );
    }
    if held {
        let _ = write!(
            text,
            "\n  error  {}\n  why    {place} waits for your next save",
            problem(seen)
        );
    } else {
        for failure in &seen.failures {
            let (action, kind, reason) = (failure.action, &failure.kind, &failure.reason);
            let _ = write!(
                text,
                "\n  {action}  record {}: {kind}: {reason}",
                failure.index + 1
            );
        }
    }
    text
}

/// What went wrong, with the lines behind it (a backtrace).
fn problem(seen: &Seen) -> String {
    let first = seen.problem();
    match &seen.fault {
        Some((_, message)) => {
            let rest: Vec<&str> = message.lines().skip(1).collect();
            rest.iter()
                .fold(first, |text, line| text + "\n         " + line)
        }
        None => first,
    }
}

/// All of a batch: its records, what came out, what was kept.
pub(super) fn whole(seen: &Seen, names: &Names) -> String {
    let (function, version, number) = (&seen.function, seen.version, seen.number);
    let mut text = format!(
        "batch {number} of {}/{} with {function}@{version}",
        seen.stream, seen.shard
    );
    for (index, record) in seen.records.iter().enumerate() {
        let _ = write!(
            text,
            "\n  in  {}  key {}  {}",
            index + 1,
            record.key,
            readable(&record.data)
        );
    }
    for output in &seen.outputs {
        let _ = write!(
            text,
            "\n  out    {}",
            line(&names.of_output(seen, output), output)
        );
    }
    for value in &seen.values {
        let _ = write!(text, "\n  value  {}", line(&value.name, value));
    }
    for failure in &seen.failures {
        let (action, kind, reason) = (failure.action, &failure.kind, &failure.reason);
        let _ = write!(
            text,
            "\n  {action}  record {}: {kind}: {reason}",
            failure.index + 1
        );
    }
    if seen.fault.is_some() {
        let _ = write!(text, "\n  error  {}", problem(seen));
    }
    for line in seen.log.lines() {
        let _ = write!(text, "\n  log    {line}");
    }
    text
}

pub(super) fn compared(compared: &Compared) -> String {
    let after = &compared.after;
    let now = if after.is_good() {
        format!("{} out", after.outputs.len())
    } else {
        format!("fails: {}", after.problem())
    };
    format!(
        "compare  batch {} again with {}@{}, no effects: {} out -> {now}",
        compared.number, after.function, after.version, compared.before
    )
}

/// The same for programs.
pub(super) fn document(seen: &Seen, held: bool) -> Value {
    let output = |output: &SeenOutput| json!({"name": output.name, "key": output.key, "data": output.data.as_deref().map(readable)});
    json!({
        "batch": seen.number,
        "function": seen.function,
        "version": seen.version,
        "trigger": seen.trigger,
        "stream": seen.stream,
        "shard": seen.shard,
        "attempt": seen.attempt,
        "held": held,
        "records": seen.records.iter().map(|record| json!({"key": record.key, "data": readable(&record.data)})).collect::<Vec<_>>(),
        "outputs": seen.outputs.iter().map(output).collect::<Vec<_>>(),
        "values": seen.values.iter().map(output).collect::<Vec<_>>(),
        "failures": seen.failures.iter().map(|failure| json!({"index": failure.index, "action": failure.action, "kind": failure.kind, "reason": failure.reason})).collect::<Vec<_>>(),
        "error": seen.fault.as_ref().map(|(kind, message)| json!({"kind": kind, "message": message})),
        "duration_us": u64::try_from(seen.took.as_micros()).unwrap_or(u64::MAX),
        "log": seen.log,
    })
}

fn line(name: &str, output: &SeenOutput) -> String {
    let data = output
        .data
        .as_deref()
        .map_or_else(|| "deleted".to_owned(), readable);
    let short: String = data.chars().take(DATA_CHARS_SHOWN).collect();
    let cut = if short.len() < data.len() { "…" } else { "" };
    format!("{name}  key {}  {short}{cut}", output.key)
}

fn readable(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("base64:{}", base64_simd::STANDARD.encode_to_string(data)),
    }
}

pub(super) fn milliseconds(span: Duration) -> String {
    let tenths = span.as_micros() / 100;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

pub(super) fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds.div_ceil(100);
    format!("{}.{} s", tenths / 10, tenths % 10)
}
