//! The constraints that AWS's service model puts on members of a function, of its address and of its permissions, as tables.
//!
//! In: a request. Out: what of it breaks a rule, in AWS's words, noted on the request, which says it all at once. A member
//! that has another type than the model's is refused at once.

use serde_json::Value;

use crate::{
    kinesis::patterns,
    lambda::{
        error::LambdaError,
        mappings::{Input, mistyped},
    },
};

/// What a member must be; one that is not given is nobody's concern here.
#[derive(Debug)]
pub(super) enum Rule {
    OneOf(&'static [&'static str]),
    /// Characters, least and most.
    Length(usize, usize),
    /// As AWS prints it.
    Pattern(&'static str),
    Range(i64, i64),
    /// Items of a list, least and most.
    Count(usize, usize),
    /// Of each item of a list.
    Each(&'static Self),
    /// Of the keys of a map. What the map holds is not repeated: it may be secret.
    Keys(&'static Self),
}

use Rule::{Count, Each, Keys, Length, OneOf, Pattern, Range};

/// A member, or one of its members behind a dot.
pub(super) type Constraint = (&'static str, &'static [Rule]);

const ARN_OR_NOTHING: Rule = Pattern(r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()");
const ARCHITECTURES: &[Rule] = &[Count(1, 1), Each(&OneOf(&["x86_64", "arm64"]))];

pub(super) static OF_CODE: &[Constraint] = &[("Architectures", ARCHITECTURES)];

pub(super) static OF_FUNCTION: &[Constraint] = &[
    (
        "Role",
        &[Pattern(
            r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
        )],
    ),
    ("Handler", &[Length(0, 128), Pattern(r"[^\s]+")]),
    ("Description", &[Length(0, 256)]),
    ("KMSKeyArn", &[ARN_OR_NOTHING]),
    ("DeadLetterConfig.TargetArn", &[ARN_OR_NOTHING]),
    (
        "Environment.Variables",
        &[Keys(&Pattern("[a-zA-Z]([a-zA-Z0-9_])+"))],
    ),
    ("TracingConfig.Mode", &[OneOf(&["Active", "PassThrough"])]),
    ("Architectures", ARCHITECTURES),
    ("EphemeralStorage.Size", &[Range(512, 10_240)]),
    (
        "SnapStart.ApplyOn",
        &[OneOf(&["PublishedVersions", "None"])],
    ),
    ("LoggingConfig.LogFormat", &[OneOf(&["JSON", "Text"])]),
    (
        "LoggingConfig.ApplicationLogLevel",
        &[OneOf(&["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"])],
    ),
    (
        "LoggingConfig.SystemLogLevel",
        &[OneOf(&["DEBUG", "INFO", "WARN"])],
    ),
    (
        "LoggingConfig.LogGroup",
        &[Length(1, 512), Pattern(r"[\.\-_/#A-Za-z0-9]+")],
    ),
    ("VpcConfig.SubnetIds", &[Count(0, 16)]),
    ("VpcConfig.SecurityGroupIds", &[Count(0, 5)]),
];

pub(super) static OF_URL: &[Constraint] = &[
    ("AuthType", &[OneOf(&["NONE", "AWS_IAM"])]),
    ("InvokeMode", &[OneOf(&["BUFFERED", "RESPONSE_STREAM"])]),
    (
        "Cors.AllowHeaders",
        &[Count(0, 100), Each(&Length(0, 1024))],
    ),
    (
        "Cors.AllowMethods",
        &[
            Count(0, 6),
            Each(&OneOf(&[
                "GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*",
            ])),
        ],
    ),
    ("Cors.AllowOrigins", &[Count(0, 100), Each(&Length(1, 253))]),
    (
        "Cors.ExposeHeaders",
        &[Count(0, 100), Each(&Length(0, 1024))],
    ),
    ("Cors.MaxAge", &[Range(0, 86_400)]),
];

pub(super) static OF_PERMISSION: &[Constraint] = &[
    ("Action", &[Pattern("(lambda:[*]|lambda:[a-zA-Z]+|[*])")]),
    ("Principal", &[Pattern(r"[^\s]+")]),
    (
        "StatementId",
        &[Length(1, 100), Pattern("([a-zA-Z0-9-_]+)")],
    ),
    ("SourceAccount", &[Pattern(r"\d{12}")]),
    (
        "EventSourceToken",
        &[Length(0, 256), Pattern(r"[a-zA-Z0-9._\-]+")],
    ),
    (
        "PrincipalOrgID",
        &[Length(12, 34), Pattern("o-[a-z0-9]{10,32}")],
    ),
    ("FunctionUrlAuthType", &[OneOf(&["NONE", "AWS_IAM"])]),
];

/// Notes what breaks a rule.
pub(super) fn hold(input: &mut Input, constraints: &[Constraint]) -> Result<(), LambdaError> {
    for (path, rules) in constraints {
        let Some(value) = found(input, path)?.cloned() else {
            continue;
        };
        for rule in *rules {
            if let Some(broken) = rule.broken(&value)? {
                match rule {
                    Keys(_) => input.violated_unsaid(&spelled(path), &broken),
                    OneOf(_) | Length(..) | Pattern(_) | Range(..) | Count(..) | Each(_) => {
                        input.violated(&spelled(path), &printed(&value), &broken);
                    }
                }
            }
        }
    }
    Ok(())
}

fn found<'a>(input: &'a Input, path: &str) -> Result<Option<&'a Value>, LambdaError> {
    let Some((outer, inner)) = path.split_once('.') else {
        return Ok(input.value(path));
    };
    let inner = input.map(outer)?.and_then(|outer| outer.get(inner));
    Ok(inner.filter(|value| !value.is_null()))
}

/// `DeadLetterConfig.TargetArn` is `deadLetterConfig.targetArn` in AWS's texts.
fn spelled(path: &str) -> String {
    let small = |name: &str| {
        let (first, rest) = name.split_at(name.len().min(1));
        format!("{}{rest}", first.to_ascii_lowercase())
    };
    path.split('.').map(small).collect::<Vec<_>>().join(".")
}

fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(printed).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

impl Rule {
    /// What AWS says of a value that breaks it.
    fn broken(&self, value: &Value) -> Result<Option<String>, LambdaError> {
        let text = || value.as_str().ok_or_else(mistyped);
        let said = match self {
            OneOf(words) => (!words.contains(&text()?))
                .then(|| format!("Member must satisfy enum value set: [{}]", words.join(", "))),
            Pattern(pattern) => (!patterns::matches(pattern, text()?))
                .then(|| format!("Member must satisfy regular expression pattern: {pattern}")),
            Length(least, most) => length(text()?.chars().count(), (*least, *most)),
            Range(least, most) => {
                let number = value.as_i64().ok_or_else(mistyped)?;
                let bound = |word: &str, bound: &i64| {
                    Some(format!(
                        "Member must have value {word} than or equal to {bound}"
                    ))
                };
                match number {
                    number if number < *least => bound("greater", least),
                    number if number > *most => bound("less", most),
                    _ => None,
                }
            }
            Count(least, most) => {
                let items = value.as_array().ok_or_else(mistyped)?;
                length(items.len(), (*least, *most))
            }
            Each(rule) => {
                let items = value.as_array().ok_or_else(mistyped)?;
                first_broken(rule, items.iter())?
                    .map(|broken| format!("Member must satisfy constraint: [{broken}]"))
            }
            Keys(rule) => {
                let map = value.as_object().ok_or_else(mistyped)?;
                let keys: Vec<Value> = map.keys().cloned().map(Value::String).collect();
                first_broken(rule, keys.iter())?
                    .map(|broken| format!("Map keys must satisfy constraint: [{broken}]"))
            }
        };
        Ok(said)
    }
}

fn first_broken<'a>(
    rule: &Rule,
    values: impl Iterator<Item = &'a Value>,
) -> Result<Option<String>, LambdaError> {
    for value in values {
        if let Some(broken) = rule.broken(value)? {
            return Ok(Some(format!("{broken}, Member must not be null")));
        }
    }
    Ok(None)
}

fn length(length: usize, (least, most): (usize, usize)) -> Option<String> {
    let bound = |word: &str, bound: usize| {
        Some(format!(
            "Member must have length {word} than or equal to {bound}"
        ))
    };
    match length {
        length if length < least => bound("greater", least),
        length if length > most => bound("less", most),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(constraints: &[Constraint], request: &Value, expect: &str) {
        let mut input = Input::new(request.as_object().unwrap().clone());
        hold(&mut input, constraints).unwrap();
        let said = input.check().err().map(|error| error.message);
        let said = said.unwrap_or_default();
        assert_eq!(said.is_empty(), expect.is_empty(), "{request}: {said}");
        assert!(said.contains(expect), "{request}: {said}");
    }

    #[test]
    fn what_the_model_allows_passes() {
        let function = json!({
            "Role": "arn:aws:iam::000000000000:role/service-role/r", "Handler": "src/app.handler", "Description": "",
            "KMSKeyArn": "", "DeadLetterConfig": { "TargetArn": "arn:aws:sqs:us-east-1:000000000000:q" },
            "Environment": { "Variables": { "AB": "1", "x_1": "" } }, "TracingConfig": { "Mode": "Active" },
            "Architectures": ["arm64"], "EphemeralStorage": { "Size": 512 }, "SnapStart": { "ApplyOn": "None" },
            "LoggingConfig": { "LogFormat": "JSON", "LogGroup": "/aws/lambda/f" }, "VpcConfig": {},
        });
        check(OF_FUNCTION, &function, "");
        let url = json!({ "AuthType": "NONE", "Cors": { "AllowMethods": ["GET", "*"], "MaxAge": 0, "AllowOrigins": ["*"] } });
        check(OF_URL, &url, "");
        for action in ["lambda:*", "*", "lambda:InvokeFunction"] {
            let permission = json!({ "Action": action, "Principal": "*", "StatementId": "s-1_A" });
            check(OF_PERMISSION, &permission, "");
        }
    }

    #[test]
    fn what_it_does_not_allow_is_told_in_its_words() {
        for (request, expect) in [
            (
                json!({ "Handler": "a b" }),
                r"Value 'a b' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\s]+",
            ),
            (
                json!({ "Handler": "a".repeat(129) }),
                "at 'handler' failed to satisfy constraint: Member must have length less than or equal to 128",
            ),
            (
                json!({ "Role": "r" }),
                "Value 'r' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:",
            ),
            (json!({ "KMSKeyArn": "k" }), "Value 'k' at 'kMSKeyArn'"),
            (
                json!({ "DeadLetterConfig": { "TargetArn": "q" } }),
                "Value 'q' at 'deadLetterConfig.targetArn'",
            ),
            (
                json!({ "Environment": { "Variables": { "1A": "secret" } } }),
                "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
            ),
            (
                json!({ "TracingConfig": { "Mode": "On" } }),
                "Value 'On' at 'tracingConfig.mode' failed to satisfy constraint: Member must satisfy enum value set: [Active, PassThrough]",
            ),
            (
                json!({ "Architectures": [] }),
                "Value '[]' at 'architectures' failed to satisfy constraint: Member must have length greater than or equal to 1",
            ),
            (
                json!({ "Architectures": ["x86_64", "arm64"] }),
                "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1",
            ),
            (
                json!({ "Architectures": ["mips"] }),
                "Value '[mips]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
            ),
            (
                json!({ "EphemeralStorage": { "Size": 511 } }),
                "Value '511' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value greater than or equal to 512",
            ),
            (
                json!({ "SnapStart": { "ApplyOn": "All" } }),
                "at 'snapStart.applyOn'",
            ),
            (
                json!({ "LoggingConfig": { "LogFormat": "XML" } }),
                "at 'loggingConfig.logFormat'",
            ),
            (
                json!({ "Handler": "a b", "Role": "r" }),
                "2 validation errors detected: ",
            ),
        ] {
            check(OF_FUNCTION, &request, expect);
        }
    }

    #[test]
    fn addresses_and_permissions_are_held_to_theirs() {
        check(
            OF_URL,
            &json!({ "Cors": { "AllowMethods": ["FOO"] } }),
            "Value '[FOO]' at 'cors.allowMethods'",
        );
        check(
            OF_URL,
            &json!({ "Cors": { "MaxAge": 86_401 } }),
            "Value '86401' at 'cors.maxAge'",
        );
        check(
            OF_PERMISSION,
            &json!({ "Action": "foo" }),
            "Value 'foo' at 'action'",
        );
        check(
            OF_PERMISSION,
            &json!({ "FunctionUrlAuthType": "X" }),
            "Value 'X' at 'functionUrlAuthType'",
        );
    }

    #[test]
    fn every_pattern_of_the_tables_is_understood() {
        fn walk(rule: &Rule) {
            match rule {
                Pattern(pattern) => assert!(patterns::is_known(pattern), "{pattern}"),
                Each(rule) | Keys(rule) => walk(rule),
                OneOf(_) | Length(..) | Range(..) | Count(..) => {}
            }
        }
        let all = [OF_CODE, OF_FUNCTION, OF_URL, OF_PERMISSION];
        let rules = all.into_iter().flatten().flat_map(|(_, rules)| *rules);
        rules.for_each(walk);
    }

    #[test]
    fn other_types_are_refused() {
        let request = json!({ "Architectures": "x86_64" });
        let mut input = Input::new(request.as_object().unwrap().clone());
        assert!(hold(&mut input, OF_FUNCTION).is_err());
    }
}
