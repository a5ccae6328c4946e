//! What functions, schedules and routes count, beside what CloudWatch counts of Lambda.

use std::fmt::Write as _;

use sandbox::{DURATION_BOUNDS, FunctionCounts};

use crate::assemble::Rooms;

/// CloudWatch's name, ours, of what, and what it counts, as the page of the documentation shows them.
#[cfg(test)]
pub(super) const TABLE: &[(&str, &str, &str, &str)] = &[
    (INVOCATIONS.0, INVOCATIONS.1, "function", INVOCATIONS.2),
    (ERRORS.0, ERRORS.1, "function", ERRORS.2),
    (DURATION.0, DURATION.1, "function", DURATION.2),
    (STARTS.0, STARTS.1, "function", STARTS.2),
    (INIT.0, INIT.1, "function", INIT.2),
    (MEMORY.0, MEMORY.1, "function", MEMORY.2),
    (OUTPUT.0, OUTPUT.1, "function", OUTPUT.2),
    (RUNS.0, RUNS.1, "schedule", RUNS.2),
    (REQUESTS.0, REQUESTS.1, "route", REQUESTS.2),
    (IN_FLIGHT.0, IN_FLIGHT.1, "route", IN_FLIGHT.2),
];

/// CloudWatch's name, ours, and what it counts.
type Name = (&'static str, &'static str, &'static str);

const INVOCATIONS: Name = (
    "Invocations",
    "shardmill_function_invocations_total",
    "invocations that ended",
);
const ERRORS: Name = (
    "Errors",
    "shardmill_function_errors_total",
    "of them, those that failed as a whole, by `kind`: traps, timeouts, the function's own",
);
const DURATION: Name = (
    "Duration",
    "shardmill_function_duration_seconds",
    "a histogram of how long they took",
);
const STARTS: Name = (
    "-",
    "shardmill_function_starts_total",
    "of them, those in a sandbox that was made for them (`start=\"fresh\"`) or had run before (`warm`)",
);
const INIT: Name = (
    "InitDuration",
    "shardmill_function_init_seconds_total",
    "time that the making of sandboxes took",
);
const MEMORY: Name = (
    "-",
    "shardmill_function_memory_bytes_max",
    "the most that one sandbox held",
);
const OUTPUT: Name = (
    "-",
    "shardmill_function_output_bytes_total",
    "bytes of records and of state that they put out",
);
const RUNS: Name = (
    "InvocationAttemptCount",
    "shardmill_schedule_slots_total",
    "slots by how they were settled: `run`, `given_up`, `passed`",
);
const REQUESTS: Name = (
    "Count",
    "shardmill_route_requests_total",
    "requests by the `status` of their answer",
);
const IN_FLIGHT: Name = (
    "-",
    "shardmill_route_requests_in_flight",
    "requests that are being answered",
);

pub(super) fn write(text: &mut String, rooms: &Rooms) {
    let functions = rooms.functions.measured().into_iter();
    let counted: Vec<(String, FunctionCounts)> = functions
        .map(|(name, version, counts)| {
            let labels = format!("function=\"{name}\",version=\"{}\"", version.name());
            (labels, counts)
        })
        .collect();
    if !counted.is_empty() {
        of_functions(text, &counted);
    }
    let schedules = rooms.schedules.all();
    if !schedules.is_empty() {
        head(text, RUNS, "counter");
    }
    for (settings, status) in schedules {
        let Some(row) = status.row else {
            continue;
        };
        for (settled, count) in [
            ("run", row.run),
            ("given_up", row.given_up),
            ("passed", row.passed),
        ] {
            let labels = format!("trigger=\"{}\",settled=\"{settled}\"", settings.name);
            line(text, RUNS.1, &labels, count);
        }
    }
    of_routes(text, rooms);
}

fn of_routes(text: &mut String, rooms: &Rooms) {
    let gates = rooms.routes.all();
    if gates.is_empty() {
        return;
    }
    head(text, REQUESTS, "counter");
    for gate in &gates {
        for (status, count) in gate.counts().answered {
            let labels = format!("trigger=\"{}\",status=\"{status}\"", gate.settings.name);
            line(text, REQUESTS.1, &labels, count);
        }
    }
    head(text, IN_FLIGHT, "gauge");
    for gate in &gates {
        let labels = format!("trigger=\"{}\"", gate.settings.name);
        line(text, IN_FLIGHT.1, &labels, gate.in_flight());
    }
}

fn of_functions(text: &mut String, counted: &[(String, FunctionCounts)]) {
    head(text, INVOCATIONS, "counter");
    for (labels, counts) in counted {
        line(text, INVOCATIONS.1, labels, counts.invocations);
    }
    head(text, ERRORS, "counter");
    for (labels, counts) in counted {
        for (kind, count) in &counts.faults {
            let labels = format!("{labels},kind=\"{}\"", escaped(kind));
            line(text, ERRORS.1, &labels, *count);
        }
    }
    head(text, DURATION, "histogram");
    for (labels, counts) in counted {
        histogram(text, labels, counts);
    }
    head(text, STARTS, "counter");
    for (labels, counts) in counted {
        for (start, count) in [("fresh", counts.fresh), ("warm", counts.warm)] {
            line(
                text,
                STARTS.1,
                &format!("{labels},start=\"{start}\""),
                count,
            );
        }
    }
    head(text, INIT, "counter");
    for (labels, counts) in counted {
        line(text, INIT.1, labels, counts.init.as_secs_f64());
    }
    head(text, MEMORY, "gauge");
    for (labels, counts) in counted {
        line(text, MEMORY.1, labels, counts.memory_bytes_max);
    }
    head(text, OUTPUT, "counter");
    for (labels, counts) in counted {
        line(text, OUTPUT.1, labels, counts.output_bytes);
    }
}

/// Buckets count all that took at most their bound.
fn histogram(text: &mut String, labels: &str, counts: &FunctionCounts) {
    let mut below = 0;
    let bounds = DURATION_BOUNDS
        .iter()
        .map(|bound| bound.as_secs_f64().to_string());
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts.buckets) {
        below += count;
        let labels = format!("{labels},le=\"{bound}\"");
        line(text, &format!("{}_bucket", DURATION.1), &labels, below);
    }
    line(
        text,
        &format!("{}_sum", DURATION.1),
        labels,
        counts.duration.as_secs_f64(),
    );
    line(
        text,
        &format!("{}_count", DURATION.1),
        labels,
        counts.invocations,
    );
}

fn head(text: &mut String, (_, name, help): Name, kind: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}");
    let _ = writeln!(text, "# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name}{{{labels}}} {value}");
}

/// Kinds of failures are the guest's own words.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;

    #[test]
    fn a_function_as_prometheus_reads_it() {
        let mut buckets = [0; DURATION_BOUNDS.len() + 1];
        (buckets[2], buckets[12]) = (2, 1);
        let counts = FunctionCounts {
            invocations: 3,
            fresh: 1,
            warm: 2,
            duration: Duration::from_millis(61_500),
            faults: BTreeMap::from([("Bad\"Date".to_owned(), 1)]),
            buckets,
            ..FunctionCounts::default()
        };
        let mut text = String::new();
        of_functions(
            &mut text,
            &[("function=\"late\",version=\"2\"".to_owned(), counts)],
        );
        for line in [
            "shardmill_function_invocations_total{function=\"late\",version=\"2\"} 3",
            "shardmill_function_errors_total{function=\"late\",version=\"2\",kind=\"Bad\\\"Date\"} 1",
            "shardmill_function_duration_seconds_bucket{function=\"late\",version=\"2\",le=\"0.0003\"} 0",
            "shardmill_function_duration_seconds_bucket{function=\"late\",version=\"2\",le=\"0.001\"} 2",
            "shardmill_function_duration_seconds_bucket{function=\"late\",version=\"2\",le=\"60\"} 2",
            "shardmill_function_duration_seconds_bucket{function=\"late\",version=\"2\",le=\"+Inf\"} 3",
            "shardmill_function_duration_seconds_sum{function=\"late\",version=\"2\"} 61.5",
            "shardmill_function_starts_total{function=\"late\",version=\"2\",start=\"warm\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
