//! The only door to standard output and standard error. Data goes to the first, all else to the second; both lose
//! their colour off a terminal and under `NO_COLOR`. A reader that leaves ends the verb quietly.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use indicatif::ProgressBar;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::moment::{shown, shown_span};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Ndjson,
    Yaml,
}

/// A column of a table: its heading, and where its cell stands in an item (a JSON pointer).
pub(crate) type Column = (&'static str, &'static str);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) format: Format,
}

impl Output {
    /// Things of one kind: a table, or one JSON text, or one line each.
    pub(crate) fn list(self, items: &[Value], columns: &[Column]) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.line(&table(items, columns)),
            Format::Json => self.line(&pretty(&Value::Array(items.to_vec()))),
            Format::Ndjson => items
                .iter()
                .try_for_each(|item| self.line(&item.to_string())),
            Format::Yaml => self.line(yaml(&Value::Array(items.to_vec()))?.trim_end()),
        }
    }

    /// One thing; `readable` makes its text for people.
    pub(crate) fn one(
        self,
        value: &Value,
        readable: impl FnOnce(&Value) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.line(&readable(value)),
            Format::Json => self.line(&pretty(value)),
            Format::Ndjson => self.line(&value.to_string()),
            Format::Yaml => self.line(yaml(value)?.trim_end()),
        }
    }

    /// One of many that arrive over time: under `json` too they are lines, since their end may never come.
    pub(crate) fn item(
        self,
        value: &Value,
        readable: impl FnOnce(&Value) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.line(&readable(value)),
            Format::Json | Format::Ndjson => self.line(&value.to_string()),
            Format::Yaml => self.line(&format!("---\n{}", yaml(value)?.trim_end())),
        }
    }

    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        let written = if text.is_empty() {
            Ok(())
        } else {
            writeln!(out, "{text}")
        };
        written
            .and_then(|()| out.flush())
            .map_err(|error| unwritten(&error))
    }

    /// Text that a bare screen begins with again, for `--watch`.
    pub(crate) fn screen(self) -> Result<(), Failure> {
        if self.format == Format::Table && io::stdout().is_terminal() {
            self.line("\u{1b}[2J\u{1b}[H")?;
        }
        Ok(())
    }

    /// What happened, for the person who watches. Nobody reading it is no failure.
    pub(crate) fn note(self, text: &str) {
        let _unread = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// Asks a person, who may just press return; off a terminal nobody is there, which is no.
    pub(crate) fn asks(self, question: &str) -> bool {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return false;
        }
        let _unread = write!(anstream::stderr().lock(), "tools    {question} [Y/n] ");
        let mut answer = String::new();
        io::stdin()
            .read_line(&mut answer)
            .is_ok_and(|read| read > 0)
            && matches!(answer.trim(), "" | "y" | "Y" | "yes")
    }

    /// Moves while something long goes on; hidden off a terminal and under `NO_COLOR`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where the environment is read"
    )]
    pub(crate) fn spinner(self) -> ProgressBar {
        if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            ProgressBar::hidden()
        } else {
            ProgressBar::new_spinner()
        }
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        let text = match self.format {
            Format::Table | Format::Yaml => format!("{} {failure}", "error:".red().bold()),
            Format::Json | Format::Ndjson => {
                json!({"error": failure.message, "hint": failure.hint, "exit": failure.exit.code()})
                    .to_string()
            }
        };
        self.note(&text);
    }
}

/// Whether standard error is a terminal that may be coloured.
pub(crate) fn is_coloured() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// The text of a cell or a field: strings bare, null as `-`, all else as JSON.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => items
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        Some(other) => other.to_string(),
    }
}

pub(crate) fn table(items: &[Value], columns: &[(&str, &str)]) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(columns.iter().map(|(heading, _)| *heading));
    for item in items {
        table.add_row(columns.iter().map(|(_, pointer)| cell(item, pointer)));
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// As `text`, with times and spans, whose names end with `ms`, as people write them.
fn cell(item: &Value, pointer: &str) -> String {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let number = item.pointer(pointer).and_then(Value::as_u64);
    match (name.strip_suffix("ms"), number) {
        (
            Some("at_" | "made_" | "arrived_" | "created_" | "written_" | "expires_"),
            Some(number),
        ) => shown(i64::try_from(number).unwrap_or(i64::MAX)),
        (Some(""), Some(number)) => shown_span(number),
        (Some(rest), Some(number)) if rest.ends_with('_') => shown_span(number),
        _ => text(item, pointer),
    }
}

/// The fields of one thing below each other. Things of one kind follow as a table, or one after the other when they
/// hold texts of several lines.
pub(crate) fn fields(value: &Value) -> String {
    let Some(object) = value.as_object() else {
        return pretty(value);
    };
    let label = |name: &str| name.strip_suffix("_ms").unwrap_or(name).replace('_', " ");
    let width = object.keys().map(|name| label(name).chars().count()).max();
    let width = width.unwrap_or(0);
    let mut lines = Vec::new();
    let mut below = Vec::new();
    for (name, field) in object {
        match field.as_array() {
            Some(items) if items.iter().any(Value::is_object) => {
                below.push(format!("{}:\n{}", label(name), indented(&things(items))));
            }
            Some(_) | None => {
                let field =
                    cell(value, &format!("/{name}")).replace('\n', &format!("\n{:width$}  ", ""));
                lines.push(format!("{:width$}  {field}", label(name)));
            }
        }
    }
    lines.extend(below);
    lines.join("\n")
}

fn things(items: &[Value]) -> String {
    let long = |value: &Value| value.as_str().is_some_and(|text| text.contains('\n'));
    let nested = |value: &Value| value.is_object() || value.is_array();
    let of_items = || items.iter().filter_map(Value::as_object);
    let plain = of_items().all(|item| !item.values().any(|value| long(value) || nested(value)));
    let Some(first) = of_items().next().filter(|_| plain) else {
        return items.iter().map(fields).collect::<Vec<_>>().join("\n\n");
    };
    let columns: Vec<(String, String)> = first
        .keys()
        .map(|name| {
            let heading = name.strip_suffix("_ms").unwrap_or(name);
            (heading.replace('_', " ").to_uppercase(), format!("/{name}"))
        })
        .collect();
    let columns: Vec<(&str, &str)> = columns
        .iter()
        .map(|(heading, pointer)| (heading.as_str(), pointer.as_str()))
        .collect();
    table(items, &columns)
}

fn indented(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| format!("  {line}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

fn yaml(value: &Value) -> Result<String, Failure> {
    serde_saphyr::to_string(value)
        .map_err(|error| Failure::failed(format!("write the answer as yaml: {error}")))
}

fn unwritten(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::new(Exit::ReaderLeft, "")
    } else {
        Failure::failed(format!("write to standard output: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_nothing_as_a_dash_and_lists_with_commas() {
        let items = [
            json!({"name": "a", "outputs": ["x", "y"]}),
            json!({"name": "bcd", "lag": 3}),
        ];
        let shown = table(
            &items,
            &[("NAME", "/name"), ("LAG", "/lag"), ("OUT", "/outputs")],
        );
        insta::assert_snapshot!(shown, @r"
         NAME  LAG  OUT
         a     -    x, y
         bcd   3    -
        ");
    }

    #[test]
    fn times_are_moments_and_the_rest_is_spans() {
        let items = [json!({"made_ms": 1_795_965_727_000_u64, "wait_ms": 90_000})];
        let shown = table(&items, &[("MADE", "/made_ms"), ("WAIT", "/wait_ms")]);
        insta::assert_snapshot!(shown, @r"
         MADE                      WAIT
         2026-11-29T15:22:07.000Z  1m 30s
        ");
    }

    #[test]
    fn fields_stand_below_each_other() {
        let value = json!({"name": "a", "memory": "128 MiB", "at_ms": 0, "retention_ms": 604_800_000,
            "said": "one\ntwo", "shards": [{"id": 0, "open": true}, {"id": 1, "open": false}]});
        insta::assert_snapshot!(fields(&value), @r"
        at         1970-01-01T00:00:00.000Z
        memory     128 MiB
        name       a
        retention  7d
        said       one
                   two
        shards:
           ID  OPEN
           0   true
           1   false
        ");
    }

    #[test]
    fn things_with_long_texts_follow_each_other() {
        let value = json!({"id": "a", "attempts": [{"n": 1, "log": "x\ny"}, {"n": 2, "log": "z"}]});
        insta::assert_snapshot!(fields(&value), @r"
        id        a
        attempts:
          log  x
               y
          n    1

          log  z
          n    2
        ");
    }
}
