//! A project around one handler file as AWS Lambda has it: the file is read, never changed.

use std::path::Path;

use super::{Plan, allowed};
use crate::failure::{Exit, Failure};

const SAMPLE: &str =
    "{\"id\":\"a\",\"value\":1}\n{\"id\":\"b\",\"value\":2}\n{\"id\":\"a\",\"value\":3}\n";

pub(super) fn plan(text: &str, code: &str, from: &Path) -> Result<Plan, Failure> {
    let file = from
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (handler, line) = handler(text, &file).ok_or_else(|| {
        let message = format!("make a project around {}: it has no function that looks like a handler", from.display());
        Failure::new(Exit::CheckFailed, message)
            .hint("a handler is `def handler(event, context)` in Python, `export const handler` or `exports.handler` in JavaScript; others are named in triggers.yaml, as in `source: app.py:NAME`")
    })?;
    let name = allowed(
        from.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .as_ref(),
    );
    let triggers = format!(
        "version: 1
streams:
  events: {{ shards: 1 }}
functions:
  {name}: {{ source: \"{code}{file}:{handler}\" }}
triggers:
  {name}: {{ stream: events, function: {name} }}
"
    );
    Ok(Plan {
        files: vec![
            ("triggers.yaml".to_owned(), triggers),
            ("samples/events.ndjson".to_owned(), SAMPLE.to_owned()),
        ],
        found: vec![format!(
            "{code}{file}: {line}   stream events -> {file}:{handler}"
        )],
        left_out: Vec::new(),
    })
}

/// The name of the handler, and the line that says so.
fn handler(text: &str, file: &str) -> Option<(String, String)> {
    let is_python = file.ends_with(".py");
    let lines = || text.lines().map(str::trim_end);
    let named = |line: &str| -> Option<String> {
        let rest = if is_python {
            let rest = line
                .strip_prefix("async def ")
                .or_else(|| line.strip_prefix("def "))?;
            rest.split_once('(')
                .filter(|(_, given)| given.contains(','))?
                .0
        } else {
            exported(line)?
        };
        let name = rest.trim();
        let fits = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        (!name.is_empty() && name.chars().all(fits)).then(|| name.to_owned())
    };
    let all: Vec<(String, &str)> = lines()
        .filter_map(|line| Some((named(line)?, line)))
        .collect();
    let usual = ["handler", "lambda_handler", "lambdaHandler", "main"];
    let by_name = usual
        .iter()
        .find_map(|name| all.iter().find(|(found, _)| found == name));
    let alike = all
        .iter()
        .find(|(found, _)| found.to_ascii_lowercase().ends_with("handler"));
    let (name, line) = by_name.or(alike)?;
    let line = line.trim_end_matches(['{', ':', ' ']);
    Some((name.clone(), line.to_owned()))
}

/// The name that a line of JavaScript or TypeScript exports.
fn exported(line: &str) -> Option<&str> {
    for before in ["module.exports.", "exports."] {
        if let Some(rest) = line.strip_prefix(before) {
            return rest.split_once('=').map(|(name, _)| name);
        }
    }
    let rest = line.strip_prefix("export ")?;
    let rest = ["async function ", "function ", "const ", "let ", "var "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))?;
    rest.split(['(', '=', ':', ' ']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_of_others_are_found() {
        let cases = [
            (
                "app.py",
                "import json\n\ndef helper(a):\n  pass\ndef handler(event, context):\n",
                Some("handler"),
            ),
            (
                "x.py",
                "def lambda_handler(event, _ctx):",
                Some("lambda_handler"),
            ),
            ("x.py", "def my_handler(e, c):", Some("my_handler")),
            ("x.py", "def add(a, b):", None),
            (
                "index.mjs",
                "export const handler = async (event) => {",
                Some("handler"),
            ),
            (
                "index.js",
                "exports.handler = async function(event) {",
                Some("handler"),
            ),
            (
                "index.js",
                "module.exports.lambdaHandler = (e) => 1",
                Some("lambdaHandler"),
            ),
            (
                "index.ts",
                "export async function handler(event: Event): Promise<void> {",
                Some("handler"),
            ),
            (
                "index.ts",
                "export const handler: Handler = async (e) => {",
                Some("handler"),
            ),
            ("index.js", "const handler = 1;", None),
        ];
        for (file, text, expect) in cases {
            let found = handler(text, file).map(|(name, _)| name);
            assert_eq!(found.as_deref(), expect, "{file}: {text}");
        }
    }
}
