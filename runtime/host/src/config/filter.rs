//! The reader of `filter` and `unparsable`: which records a trigger takes. Patterns go in, in YAML or as pasted JSON text,
//! and come out compiled; what cannot be meant is noted at its pattern in EventBridge's words. Variables are not filled
//! in here: a pattern is matched as it is written.

use dispatch::filter::{Filter, METADATA, Pattern};
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
        if let Err((message, hint)) = fits(&pattern, &section.title) {
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

/// It can be meant, and looks at nothing that no record has: such a pattern would drop everything.
fn fits(pattern: &Json, title: &str) -> Result<(), (String, String)> {
    let compiled = Pattern::compile(pattern).map_err(|error| {
        let message = format!("a pattern in `filter` of {title} is refused: {error}");
        let hint =
            "a pattern is an object whose leaves are lists, such as { data: { carrier: [AA] } }";
        (message, hint.to_owned())
    })?;
    let beside = compiled.beside_data();
    let Some(unknown) = beside.iter().find(|name| !METADATA.contains(name)) else {
        return Ok(());
    };
    let message =
        format!("a pattern in `filter` of {title} looks at `{unknown}`, which no record has");
    let metadata = METADATA.join(", ");
    let hint = format!(
        "a member of the body stands below `data`: {{ data: {{ {unknown}: [...] }} }}; beside it records have {metadata}"
    );
    Err((message, hint))
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    #[test]
    fn filters_that_look_where_no_record_has_anything() {
        let text = "version: 1
streams: { flights: {} }
functions: { late: { source: late.wasm } }
triggers:
  late:
    stream: flights
    function: late
    filter: [ { PLACE: [AA] } ]
";
        let read = |place: &str| {
            let text = text.replace("PLACE", place);
            super::super::read(Path::new("triggers.yaml"), &text, &BTreeMap::new())
        };
        insta::assert_snapshot!(read("carrier").unwrap_err(), @r"
        triggers.yaml:8:15: a pattern in `filter` of trigger `late` looks at `carrier`, which no record has
            8 |     filter: [ { carrier: [AA] } ]
              |               ^
        hint: a member of the body stands below `data`: { data: { carrier: [...] } }; beside it records have kinesisSchemaVersion, partitionKey, sequenceNumber, approximateArrivalTimestamp
        ");
        let remarks = read("partitionKey")
            .unwrap()
            .remarks(Path::new("triggers.yaml"));
        let warned = "triggers.yaml:5: trigger late: the filter looks at partitionKey: AWS takes data alone for Kinesis";
        assert_eq!(remarks, [warned]);
        assert_eq!(
            read("data").unwrap().remarks(Path::new("triggers.yaml")),
            [""; 0]
        );
    }
}
