//! The reader of `destinations` and of `on_failure`: where documents of what was given up go. Sections go in, checked
//! targets come out; nothing is asked of the outside world.

use std::collections::BTreeMap;
use std::path::Path;

use model::StreamName;

use super::defaults::{
    DESTINATION, DIRECTORY, ENDPOINT, HTTP, ON_FAILURE, S3, SNS, SQS, TO_STREAM,
};
use super::names::Name;
use super::project::Stream;
use super::reader::{Reader, Section, listed};
use super::spelling::did_you_mean;
use super::tree::{Node, Value};
use super::triggers::declared;
use crate::destinations::{Address, Destination, Target};

/// Exactly one of these says what a destination is.
const KINDS: [&str; 6] = [
    SQS.name,
    SNS.name,
    S3.name,
    HTTP.name,
    TO_STREAM.name,
    DIRECTORY.name,
];

/// The name of a destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct DestinationName(String);

impl Name for DestinationName {
    const KIND: &'static str = "a destination";

    fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let fits = (1..=128).contains(&text.len()) && text.chars().all(allowed);
        fits.then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Display for DestinationName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn destinations(
    reader: &mut Reader<'_>,
    root: &mut Section,
    streams: &BTreeMap<StreamName, Stream>,
    folder: &Path,
) -> BTreeMap<String, Destination> {
    let named = reader.named::<DestinationName>(root, "destinations");
    let read = named.into_iter().filter_map(|(name, at, node)| {
        let title = format!("destination `{name}`");
        let mut section = reader.section(&DESTINATION, title, at, node);
        let destination = destination(reader, &mut section, streams, folder)?;
        Some((name.0, destination))
    });
    read.collect()
}

fn destination(
    reader: &mut Reader<'_>,
    section: &mut Section,
    streams: &BTreeMap<StreamName, Stream>,
    folder: &Path,
) -> Option<Destination> {
    let given: Vec<&str> = KINDS.into_iter().filter(|kind| section.has(kind)).collect();
    let kind = match given.as_slice() {
        [kind] => *kind,
        [] => {
            let hint = "add one of sqs, sns, s3, http, stream or directory";
            reader.absent(section, SQS.name, "does not say where to", hint);
            return None;
        }
        [first, second, ..] => {
            let message = format!("{} has two kinds, `{first}` and `{second}`", section.title);
            let at = section.at_key(second);
            reader.note(
                at,
                message,
                "make two destinations of it: a trigger may name both",
            );
            return None;
        }
    };
    let (key, node) = section.take(kind)?;
    let at = node.at;
    let target = if kind == TO_STREAM.name {
        let (_, name) = declared(reader, &section.title, kind, node, streams)?;
        Target::Stream(name)
    } else {
        let text = reader.scalar(&section.title, kind, node)?;
        let parsed = match kind {
            kind if kind == SQS.name => Target::queue(&text).map_err(|why| why.to_string()),
            kind if kind == SNS.name => Target::topic(&text).map_err(|why| why.to_string()),
            kind if kind == S3.name => Target::bucket(&text).map_err(|why| why.to_string()),
            kind if kind == HTTP.name => Address::parse(&text)
                .map(Target::Http)
                .ok_or_else(|| "is no address of http or https".to_owned()),
            _ => Ok(Target::Directory(folder.join(&text))),
        };
        match parsed {
            Ok(target) => target,
            Err(why) => {
                let message = format!("`{}: {text}` of {} {why}", key.name, section.title);
                let row = DESTINATION.keys.iter().map(|key| key.row());
                let range = row
                    .filter(|row| row.name == kind)
                    .map(|row| row.range)
                    .next();
                reader.note(at, message, format!("write {}", range.unwrap_or_default()));
                return None;
            }
        }
    };
    let endpoint = endpoint(reader, section, &target);
    Some(Destination { target, endpoint })
}

fn endpoint(reader: &mut Reader<'_>, section: &mut Section, target: &Target) -> Option<Address> {
    let (key, node) = section.take(ENDPOINT.name)?;
    let at = node.at;
    match target {
        Target::Queue { .. } | Target::Topic { .. } | Target::Bucket { .. } => {}
        Target::Http(_) | Target::Stream(_) | Target::Directory(_) => {
            let message = format!("{} has an `endpoint`, but is not of AWS", section.title);
            reader.note(key.at, message, "remove it");
            return None;
        }
    }
    let text = reader.scalar(&section.title, ENDPOINT.name, node)?;
    let parsed = Address::parse(&text);
    if parsed.is_none() {
        let message = format!(
            "`endpoint: {text}` of {} is no address of http or https",
            section.title
        );
        reader.note(at, message, "write http://127.0.0.1:4100");
    }
    parsed
}

/// One name or a list of them.
pub(super) fn on_failure(
    reader: &mut Reader<'_>,
    section: &mut Section,
    known: &BTreeMap<String, Destination>,
) -> Vec<String> {
    let Some((_, node)) = section.take(ON_FAILURE.name) else {
        return Vec::new();
    };
    let nodes = match node.value {
        Value::List(nodes) => nodes,
        value @ (Value::Null | Value::Bare(_) | Value::Text(_) | Value::Map(_)) => {
            vec![Node { at: node.at, value }]
        }
    };
    let mut names: Vec<String> = Vec::new();
    for node in nodes {
        let at = node.at;
        let Some(name) = reader.scalar(&section.title, ON_FAILURE.name, node) else {
            continue;
        };
        if !known.contains_key(&name) {
            let listed_names = || known.keys().map(String::as_str);
            let hint = did_you_mean(&name, listed_names()).unwrap_or_else(|| {
                if known.is_empty() {
                    "the file declares none: add `destinations:`".to_owned()
                } else {
                    format!("the file declares {}", listed(listed_names()))
                }
            });
            let message = format!(
                "`on_failure` of {} names `{name}`, which is not a destination of the file",
                section.title
            );
            reader.note(at, message, hint);
        } else if names.contains(&name) {
            let message = format!("`on_failure` of {} names `{name}` twice", section.title);
            reader.note(at, message, "name it once");
        } else {
            names.push(name);
        }
    }
    names
}
