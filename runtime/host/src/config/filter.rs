//! The reader of `filter` and `unparsable`: which records a trigger takes. Patterns go in, in YAML or as pasted JSON text,
//! and come out compiled; what cannot be meant is noted at its pattern in EventBridge's words. Variables are not filled
//! in here: a pattern is matched as it is written.

use dispatch::filter::{Filter, Pattern};
use serde_json::Value as Json;

use super::defaults::{FILTER, UNPARSABLE};
use super::reader::{Reader, Section};
use super::tree::{Node, Value};

pub(super) fn filter(reader: &mut Reader<'_>, section: &mut Section) -> Filter {
    let at = section.at_key(UNPARSABLE.name);
    let chosen = section.has(UNPARSABLE.name);
    let unparsable = reader.choice(section, &UNPARSABLE);
    let Some((key, node)) = section.take(FILTER.name) else {
        if chosen {
            let message = format!(
                "`unparsable` of {} says nothing without a filter",
                section.title
            );
            reader.note(at, message, "remove it, or add `filter:` with patterns");
        }
        return Filter::default();
    };
    let Value::List(items) = node.value else {
        let message = format!("`filter` of {} must be a list of patterns", section.title);
        let hint = "write `filter: [ PATTERN ]`, a pattern in braces or as JSON text in quotes";
        reader.note(node.at, message, hint);
        return Filter::default();
    };
    let mut patterns = Vec::with_capacity(items.len());
    for item in items {
        let at = item.at;
        let pattern = json(item);
        if let Err(error) = Pattern::compile(&pattern) {
            let message = format!(
                "a pattern in `filter` of {} is refused: {error}",
                section.title
            );
            let hint = "a pattern is an object whose leaves are lists, such as { data: { carrier: [AA] } }";
            reader.note(at, message, hint);
            return Filter::default();
        }
        patterns.push(pattern);
    }
    match Filter::compile(&patterns, unparsable) {
        Ok(filter) => filter,
        Err(error) => {
            let message = format!("`filter` of {} is refused: {error}", section.title);
            reader.note(
                key.at,
                message,
                "a record is taken when any of the patterns matches",
            );
            Filter::default()
        }
    }
}

/// What is neither a number nor true or false is text, as everywhere in the file.
fn json(node: Node) -> Json {
    match node.value {
        Value::Null => Json::Null,
        Value::Bare(text) => serde_json::from_str(&text).unwrap_or(Json::String(text)),
        Value::Text(text) => Json::String(text),
        Value::List(items) => items.into_iter().map(json).collect(),
        Value::Map(entries) => {
            let members = entries
                .into_iter()
                .map(|(key, node)| (key.name, json(node)));
            Json::Object(members.collect())
        }
    }
}
