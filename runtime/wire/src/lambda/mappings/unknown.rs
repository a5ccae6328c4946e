//! Members of a request that the API does not have. AWS ignores them; so does this server, but it says so.

use serde_json::{Map, Value};

use super::input::OF_OTHER_SOURCES;

/// What the two calls that write mappings may say, beside what other kinds of sources have.
const MEMBERS: &[&str] = &[
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "KMSKeyArn",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Tags",
    "TumblingWindowInSeconds",
    // Clients that take the name from the path send it along.
    "UUID",
];
/// Of structures that a mapping of a stream may have, by the way to them; `*` is each element of a list.
const INSIDE: &[(&[&str], &[&str])] = &[
    (&["DestinationConfig"], &["OnSuccess", "OnFailure"]),
    (&["DestinationConfig", "OnSuccess"], &["Destination"]),
    (&["DestinationConfig", "OnFailure"], &["Destination"]),
    (&["FilterCriteria"], &["Filters"]),
    (&["FilterCriteria", "Filters", "*"], &["Pattern"]),
    (&["MetricsConfig"], &["Metrics"]),
];
/// Named in one hint.
const NAMED_MAX: usize = 10;

/// A sentence that names them, where there are any.
pub(super) fn hint(object: &Map<String, Value>) -> Option<String> {
    let known: Vec<&str> = MEMBERS.iter().chain(OF_OTHER_SOURCES).copied().collect();
    let mut unknown = strangers(object, &known, "");
    for (way, known) in INSIDE {
        let way_to = way.join(".").replace(".*", "[]");
        for inside in structures(object, way) {
            unknown.extend(strangers(inside, known, &format!("{way_to}.")));
        }
    }
    unknown.dedup();
    unknown.truncate(NAMED_MAX);
    let names = unknown.join(", ");
    (!unknown.is_empty()).then(|| format!("ignored, as by AWS, which has no such member: {names}"))
}

fn strangers(object: &Map<String, Value>, known: &[&str], before: &str) -> Vec<String> {
    let names = object.keys().filter(|name| !known.contains(&name.as_str()));
    names.map(|name| format!("{before}{name}")).collect()
}

fn structures<'a>(object: &'a Map<String, Value>, way: &[&str]) -> Vec<&'a Map<String, Value>> {
    let Some((first, rest)) = way.split_first() else {
        return vec![object];
    };
    match (object.get(*first), rest) {
        (Some(Value::Object(inside)), rest) => structures(inside, rest),
        (Some(Value::Array(elements)), ["*", rest @ ..]) => {
            let elements = elements.iter().filter_map(Value::as_object);
            elements.flat_map(|it| structures(it, rest)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_api_has_is_known_and_the_rest_is_named_with_its_way() {
        let check = |object: Value, expect: Option<&str>| {
            let found = hint(object.as_object().unwrap());
            let names = found.as_deref().map(|it| it.rsplit_once(": ").unwrap().1);
            assert_eq!(names, expect, "{object}");
        };
        check(
            json!({ "BatchSize": 1, "DestinationConfig": { "OnFailure": {} } }),
            None,
        );
        check(
            json!({ "FilterCriteria": { "Filters": [{ "Pattern": "{}" }] } }),
            None,
        );
        check(
            json!({ "Unknown": 1, "batchSize": 2 }),
            Some("Unknown, batchSize"),
        );
        check(
            json!({
                "DestinationConfig": { "Foo": 1, "OnFailure": { "Arn": "x" } },
                "FilterCriteria": { "Filters": [{ "pattern": "{}" }, { "pattern": "{}" }] },
            }),
            Some(
                "DestinationConfig.Foo, DestinationConfig.OnFailure.Arn, FilterCriteria.Filters[].pattern",
            ),
        );
        check(
            json!({ "DestinationConfig": 3, "FilterCriteria": [] }),
            None,
        );
    }
}
