//! Names in a trigger that have to lead somewhere: its stream, its function, its outputs.
//!
//! In: sections, and what the file declares. Out: names that are declared; for others a note that says what was meant,
//! perhaps.

use std::collections::BTreeMap;

use model::{FunctionName, StreamName};

use super::{Functions, Streams};
use crate::config::{
    defaults::{DEAGGREGATE, TRIGGER_STREAM},
    diagnostic::At,
    names::Name,
    project::Start,
    reader::{Reader, Section, listed},
    spelling::did_you_mean,
    start,
    tree::{Node, Value},
};

/// What `stream` says, in its short form or in full.
pub(super) struct Read {
    pub(super) name: StreamName,
    pub(super) start: Start,
    pub(super) deaggregate: bool,
}

pub(super) fn stream(
    reader: &mut Reader<'_>,
    section: &mut Section,
    streams: &Streams,
) -> Option<Read> {
    let (key, node) = section.take("stream")?;
    let short = !matches!(node.value, Value::Map(_));
    if short {
        let (_, name) = declared(reader, &section.title, "stream", node, streams)?;
        return Some(Read {
            name,
            start: Start::Oldest,
            deaggregate: DEAGGREGATE.default,
        });
    }
    let title = format!("`stream` of {}", section.title);
    let mut full = reader.section(&TRIGGER_STREAM, title, key.at, node);
    let start = match full.take("start") {
        Some((_, node)) => start::start(reader, &full.title, node),
        None => Start::Oldest,
    };
    let deaggregate = reader.choice(&mut full, &DEAGGREGATE);
    let Some((_, node)) = full.take("name") else {
        reader.absent(&full, "name", "has no name", "add `name: STREAM`");
        return None;
    };
    let (_, name) = declared(reader, &full.title, "name", node, streams)?;
    Some(Read {
        name,
        start,
        deaggregate,
    })
}

pub(super) fn function(
    reader: &mut Reader<'_>,
    section: &mut Section,
    functions: &Functions,
) -> Option<(FunctionName, Option<String>)> {
    let Some((_, node)) = section.take("function") else {
        let hint = "add `function:` with the name of a function";
        reader.absent(section, "function", "does not say what it runs", hint);
        return None;
    };
    let title = section.title.clone();
    referred(reader, &title, "function", node, functions)
}

/// A function of the file by its name, with a version or an alias behind an `@`.
pub(in super::super) fn referred(
    reader: &mut Reader<'_>,
    title: &str,
    key: &str,
    node: Node,
    functions: &Functions,
) -> Option<(FunctionName, Option<String>)> {
    let at = node.at;
    let text = reader.scalar(title, key, node)?;
    let (name, qualifier) = match text.split_once('@') {
        Some((name, qualifier)) => (name.to_owned(), Some(qualifier.to_owned())),
        None => (text, None),
    };
    if let Some(qualifier) = qualifier.as_deref().filter(|text| !is_qualifier(text)) {
        let message = format!("`{qualifier}` of {title} cannot be a version or an alias");
        reader.note(
            at,
            message,
            "write NAME@12 for a version, NAME@live for an alias",
        );
        return None;
    }
    let node = Node {
        at,
        value: Value::Bare(name),
    };
    let (_, name) = declared(reader, title, key, node, functions)?;
    Some((name, qualifier))
}

/// Of a trigger that runs what is deployed under the bare name.
pub(in super::super) fn bare_function(
    reader: &mut Reader<'_>,
    section: &mut Section,
    functions: &Functions,
) -> Option<FunctionName> {
    let at = section.at_key("function");
    let (name, qualifier) = function(reader, section, functions)?;
    let Some(qualifier) = qualifier else {
        return Some(name);
    };
    let what = format!("`function: {name}@{qualifier}` in {}", section.title);
    let hint = "name the function alone: what is deployed under it runs";
    reader.not_supported_but(at, &what, hint);
    None
}

/// A number, or a name as AWS has it for aliases.
fn is_qualifier(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=128).contains(&text.len()) && text.chars().all(allowed)
}

/// The short form names the output `default`.
pub(in super::super) fn outputs(
    reader: &mut Reader<'_>,
    section: &mut Section,
    streams: &Streams,
) -> BTreeMap<String, (At, StreamName)> {
    let Some((_, node)) = section.take("outputs") else {
        return BTreeMap::new();
    };
    if !matches!(node.value, Value::Map(_)) {
        let one = declared(reader, &section.title, "outputs", node, streams);
        return one
            .map(|place| ("default".to_owned(), place))
            .into_iter()
            .collect();
    }
    let title = format!("`outputs` of {}", section.title);
    let entries = reader.entries(&title, node);
    let places = entries.into_iter().filter_map(|(key, node)| {
        let place = declared(reader, &title, &key.name, node, streams)?;
        Some((key.name, place))
    });
    places.collect()
}

/// A name that the file declares elsewhere.
pub(in super::super) fn declared<N: Name, T>(
    reader: &mut Reader<'_>,
    title: &str,
    key: &str,
    node: Node,
    known: &BTreeMap<N, T>,
) -> Option<(At, N)> {
    let at = node.at;
    let name: N = reader.name(title, key, node)?;
    if known.contains_key(&name) {
        return Some((at, name));
    }
    let names: Vec<String> = known.keys().map(ToString::to_string).collect();
    let names = || names.iter().map(String::as_str);
    let hint = did_you_mean(&name.to_string(), names()).unwrap_or_else(|| {
        if known.is_empty() {
            "the file declares none".to_owned()
        } else {
            format!("the file declares {}", listed(names()))
        }
    });
    reader.note(
        at,
        format!(
            "`{key}` of {title} names `{name}`, which is not {} of the file",
            N::KIND
        ),
        hint,
    );
    None
}
