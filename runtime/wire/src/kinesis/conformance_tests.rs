//! Every action and every constraint of the service model, each with what shows that it is held.
//!
//! The constraints come from the generated tables: each is violated once, and must be told in AWS's words. The page
//! `docs/conformance.md` is made of the same tables, of the tests that claim an action and of the programs of clients that
//! call it; `cargo xtask conformance` writes it, and a page that is not current fails here.

#![expect(
    clippy::disallowed_methods,
    reason = "the command that writes the page says so in the environment"
)]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{
    claims_tests::CLAIMED,
    generated::ACTIONS,
    schema::{ActionRow, Bounds, Member, Need, Shape},
    validate::{all_constraints, printed_name, validate},
};

/// A constraint, and a value that violates it and nothing before it.
#[derive(Debug, Clone)]
struct Violation {
    path: String,
    constraint: String,
    value: Value,
}

fn violation(path: &str, constraint: impl Into<String>, value: Value) -> Violation {
    Violation {
        path: path.to_owned(),
        constraint: constraint.into(),
        value,
    }
}

fn of_structure(members: &[Member], prefix: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for member in members {
        let path = format!("{prefix}{}", printed_name(member.name));
        if member.need != Need::Optional {
            found.push(violation(&path, "Member must not be null", json!({})));
        }
        for inner in of_shape(member.shape, &path) {
            let mut object = Map::new();
            object.insert(member.name.to_owned(), inner.value);
            found.push(Violation {
                value: Value::Object(object),
                ..inner
            });
        }
    }
    found
}

fn of_shape(shape: &Shape, path: &str) -> Vec<Violation> {
    match shape {
        Shape::Boolean | Shape::Timestamp => Vec::new(),
        Shape::Integer { value } => bounds(*value, "value", path, |number| json!(number)),
        Shape::Blob { length } => bounds(*length, "length", path, |length| {
            json!(base64_simd::STANDARD.encode_to_string(vec![0; size(length)]))
        }),
        Shape::Text {
            length,
            pattern,
            one_of,
        } => {
            let mut found = bounds(*length, "length", path, |length| {
                json!("a".repeat(size(length)))
            });
            if pattern.is_some() || !one_of.is_empty() {
                let all = all_constraints(shape);
                let constraint = all.into_iter().filter(|text| !text.contains("length"));
                found.extend(constraint.map(|text| violation(path, text, json!("! :*"))));
            }
            found
        }
        Shape::List { length, member } => {
            let mut found = bounds(*length, "length", path, |length| {
                json!(vec![json!({}); size(length)])
            });
            if let Shape::Structure { members, .. } = member {
                let inner = of_structure(members, &format!("{path}.1.member."));
                found.extend(inner.into_iter().map(|inner| Violation {
                    value: json!([inner.value]),
                    ..inner
                }));
            } else if let Some(inner) = of_shape(member, path).pop() {
                let text = of_parts("Member", member);
                found.push(violation(path, text, json!([inner.value])));
            }
            found
        }
        Shape::Map { length, key, value } => {
            let entries = |length| {
                let entry = |index: usize| (index.to_string(), json!("v"));
                Value::Object((0..size(length)).map(entry).collect())
            };
            let mut found = bounds(*length, "length", path, entries);
            if !of_shape(key, path).is_empty() {
                found.push(violation(path, of_parts("Map keys", key), json!({"": "v"})));
            }
            if let Some(inner) = of_shape(value, path).pop() {
                let text = of_parts("Map value", value);
                found.push(violation(path, text, json!({ "k": inner.value })));
            }
            found
        }
        Shape::Structure { members, .. } => of_structure(members, &format!("{path}.")),
    }
}

fn of_parts(what: &str, part: &Shape) -> String {
    let all = all_constraints(part).join(", ");
    format!("{what} must satisfy constraint: [{all}]")
}

fn bounds(bounds: Bounds, what: &str, path: &str, value: impl Fn(i64) -> Value) -> Vec<Violation> {
    // A length below 0 cannot be violated.
    let min = bounds.min.filter(|min| what == "value" || *min > 0);
    let below = min.map(|min| {
        let text = format!("Member must have {what} greater than or equal to {min}");
        violation(path, text, value(min - 1))
    });
    let above = bounds
        .max
        .filter(|max| *max < i64::from(i32::MAX))
        .map(|max| {
            let text = format!("Member must have {what} less than or equal to {max}");
            violation(path, text, value(max + 1))
        });
    below.into_iter().chain(above).collect()
}

fn size(length: i64) -> usize {
    usize::try_from(length).unwrap()
}

fn members(row: &ActionRow) -> &'static [Member] {
    let Shape::Structure { members, .. } = row.input else {
        panic!("inputs are structures");
    };
    members
}

#[test]
fn every_bound_of_every_member_is_held() {
    let mut checked = 0;
    for row in &ACTIONS {
        for Violation {
            path,
            constraint,
            value,
        } in of_structure(members(row), "")
        {
            let object = value.as_object().unwrap();
            let told = validate(members(row), object, false).unwrap_err();
            let expected = format!("at '{path}' failed to satisfy constraint: {constraint}");
            assert!(
                told.contains(&expected),
                "{}: {expected}\n{told:.2000}",
                row.name
            );
            checked += 1;
        }
    }
    assert!(checked > 400, "{checked}");
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files of a folder and those below it, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The names of the tests of a Rust file.
fn tests_of(text: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some((_, name)) = line.split_once("fn ")
            && marked
        {
            let name = name.split(['(', '<']).next().unwrap_or_default();
            tests.push(name.to_owned());
            marked = false;
        }
    }
    tests
}

/// `PutRecords` as `put_records` or `put-records`.
fn spelled(action: &str, between: char) -> String {
    let mut name = String::new();
    for letter in action.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push(between);
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// How each program of a client writes a call of an action.
fn called(action: &str) -> [(&'static str, String); 7] {
    let snake = spelled(action, '_');
    let lower_camel = printed_name(action);
    let python = format!(".{snake}(");
    [
        ("python/boto3_client.py", python.clone()),
        ("python/boto3_actions.py", python),
        ("python/aws_cli.py", format!("\"{}\"", spelled(action, '-'))),
        ("javascript/client.cjs", format!("new {action}Command(")),
        ("go/main.go", format!(".{action}(")),
        (
            "java/src/main/java/DriveKinesis.java",
            format!("kinesis.{lower_camel}("),
        ),
        ("rust/src/main.rs", format!(".{snake}()")),
    ]
}

/// What shows an action: tests that claim it, and programs of clients that call it and check what comes of it.
fn shown_by(action: &str) -> BTreeSet<String> {
    let claimed = CLAIMED.iter().filter(|(name, _)| *name == action);
    let claimed = claimed.flat_map(|(_, tests)| *tests);
    let mut found: BTreeSet<String> = claimed.map(|test| format!("`{test}`")).collect();
    let programs = repository().join("tests/end_to_end/clients");
    for (program, call) in called(action) {
        let text = std::fs::read_to_string(programs.join(program)).unwrap();
        if text.contains(&call) {
            found.insert(program.to_owned());
        }
    }
    found
}

fn is_served(action: &str) -> bool {
    !action.contains("Queue") && !action.contains("Channel")
}

/// What is less than what AWS does is said.
fn state(action: &str) -> &'static str {
    match action {
        _ if !is_served(action) => "not implemented, and says so",
        _ => "served",
    }
}

fn page() -> String {
    let mut page = String::from(
        "# Conformance\n\n\
         Written by `cargo xtask conformance` from the tables of the service model and from the tests; change those, \
         not this page. A test of `runtime/wire` fails when it is not current.\n\n\
         ## Actions\n\n\
         Tests in backticks are conversations with the door in `runtime/wire` that say that they show the action; those \
         that only use it are not listed. Files are programs of real clients in `tests/end_to_end/clients` that call \
         it. Besides, `no_input_is_answered_with_a_failure_of_ours` sends every action inputs \
         that nobody means, in JSON and in CBOR.\n\n\
         | action | | shown by |\n|---|---|---|\n",
    );
    for row in &ACTIONS {
        let state = state(row.name);
        let shown: Vec<String> = shown_by(row.name).into_iter().collect();
        let shown = shown.join(", ");
        let _ = writeln!(page, "| {} | {state} | {shown} |", row.name);
    }
    page.push_str(
        "\n## Constraints\n\n\
         Each is violated by `every_bound_of_every_member_is_held`, and told in AWS's words.\n",
    );
    for row in &ACTIONS {
        let violations = of_structure(members(row), "");
        if violations.is_empty() {
            continue;
        }
        let _ = write!(page, "\n### {}\n\n", row.name);
        let mut lines = BTreeSet::new();
        for Violation {
            path, constraint, ..
        } in violations
        {
            let line = format!("- `{path}`: `{constraint}`\n");
            if lines.insert(line.clone()) {
                page.push_str(&line);
            }
        }
    }
    page
}

#[test]
fn the_page_of_conformance_is_current() {
    let path = repository().join("docs/conformance.md");
    let page = page();
    if std::env::var_os("SHARDMILL_WRITE_CONFORMANCE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "run `cargo xtask conformance`");
}

#[test]
fn claims_name_actions_and_tests_that_are_there() {
    let mut tests = BTreeSet::new();
    for path in files(&repository().join("runtime/wire/src/kinesis")) {
        let text = std::fs::read_to_string(&path).unwrap();
        tests.extend(tests_of(&text));
    }
    for (action, claimed) in CLAIMED {
        assert!(ACTIONS.iter().any(|row| row.name == *action), "{action}");
        for test in *claimed {
            assert!(tests.contains(*test), "{action}: {test}");
        }
    }
}

#[test]
fn every_served_action_is_shown_by_something() {
    for row in &ACTIONS {
        assert!(
            !is_served(row.name) || !shown_by(row.name).is_empty(),
            "{}",
            row.name
        );
    }
}
