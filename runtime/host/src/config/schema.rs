//! The JSON schema of `triggers.yaml`, for editors. The tables of keys go in, a document of draft 7 comes out; nothing is written here.
//!
//! It is as strict as a schema can be about which keys there are and what words they take, and leaves numbers, sizes and times to
//! the reader, which says more: any of them may also be a text with `${NAME}` in it.

use serde_json::{Map, Value, json};

use super::defaults::PLACES;
use super::keys::{Place, Row};

/// What `config schema` prints.
#[must_use]
pub fn schema() -> Value {
    let mut schema = object("");
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("triggers.yaml of Shardmill");
    schema
}

fn place(path: &str) -> Option<&'static Place> {
    PLACES.iter().copied().find(|place| place.path == path)
}

/// The map that stands at a path.
fn object(path: &str) -> Value {
    let rows = place(path).map(|place| place.keys.iter().map(|key| key.row()));
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    let required: Vec<&str> = rows
        .iter()
        .filter(|row| row.default == "required")
        .map(|row| row.name)
        .collect();
    let properties: Map<String, Value> = rows
        .iter()
        .map(|row| (row.name.to_owned(), described(path, row)))
        .collect();
    let mut map =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        map["required"] = json!(required);
    }
    map
}

fn described(path: &str, row: &Row) -> Value {
    let full = match path {
        "" => row.name.to_owned(),
        path => format!("{path}.{}", row.name),
    };
    let mut value = value(&full, row);
    let mut said = row.meaning.to_owned();
    if !row.range.is_empty() {
        said = format!("{said} ({})", row.range);
    }
    if !matches!(row.default.as_str(), "" | "none" | "required") {
        said = format!("{said}; {} where nothing is said", row.default);
    }
    value["description"] = json!(said);
    value
}

fn value(full: &str, row: &Row) -> Value {
    if row.kind == "map by name" {
        return by_name(full);
    }
    let nested = place(full).map(|_| object(full));
    let nothing = json!({ "type": "null" });
    match (row.kind, nested) {
        // Some maps are switched by a word too.
        ("map", Some(map)) if !row.default.is_empty() && row.default != "none" => {
            json!({ "anyOf": [map, nothing, single()] })
        }
        ("map", Some(map)) => json!({ "anyOf": [map, nothing] }),
        (_, Some(map)) => json!({ "anyOf": [map, single()] }),
        ("word", None) => word(&row.range),
        ("any value", None) => json!({}),
        (kind, None) if kind.starts_with("map of") => {
            json!({ "type": "object", "additionalProperties": single() })
        }
        ("map", None) => json!({ "type": ["object", "null"] }),
        (kind, None) if kind.contains("list") => {
            json!({ "anyOf": [{ "type": "array" }, single()] })
        }
        (kind, None) if kind.ends_with("or map") => {
            json!({ "anyOf": [{ "type": "object", "additionalProperties": single() }, single()] })
        }
        (_, None) => single(),
    }
}

/// `streams.NAME` is what a stream is; of triggers there are three kinds, and an environment is any difference.
fn by_name(full: &str) -> Value {
    let names = ["NAME", "SCHEDULE", "ROUTE"];
    let kinds: Vec<Value> = names
        .iter()
        .map(|name| format!("{full}.{name}"))
        .filter(|path| place(path).is_some())
        .map(|path| object(&path))
        .collect();
    let of = match kinds.as_slice() {
        [] => json!({ "type": ["object", "null"] }),
        [kind] => kind.clone(),
        kinds => json!({ "anyOf": kinds }),
    };
    json!({ "type": ["object", "null"], "additionalProperties": of })
}

/// `true` and `false` are words of the file and booleans of YAML.
fn word(range: &str) -> Value {
    let mut words = Vec::new();
    for word in range.split(", ") {
        words.push(json!(word));
        words.extend(word.parse().map(Value::Bool));
    }
    let filled_in = json!({ "type": "string", "pattern": "\\$\\{" });
    json!({ "anyOf": [{ "enum": words }, filled_in] })
}

fn single() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_tables_is_in_the_schema() {
        let text = schema().to_string();
        for row in PLACES.iter().flat_map(|place| place.keys) {
            let row = row.row();
            assert!(text.contains(&format!("\"{}\":", row.name)), "{}", row.name);
        }
        assert_eq!(schema()["required"], json!(["version"]));
    }

    #[test]
    fn each_kind_of_key_has_its_form() {
        let schema = schema();
        let of = |pointer: &str| schema.pointer(pointer).cloned().unwrap_or_default();
        let function = "/properties/functions/additionalProperties/properties";
        let sandbox = of(&format!("{function}/sandbox/anyOf/0"));
        assert_eq!(sandbox, json!({ "enum": ["fresh", "warm"] }));
        let scalar = json!(["string", "number", "boolean"]);
        assert_eq!(of(&format!("{function}/memory/type")), scalar);
        let network = of(&format!("{function}/network/anyOf/0/type"));
        assert_eq!(network, "array");
        let triggers = "/properties/triggers/additionalProperties/anyOf";
        let route = of(&format!("{triggers}/2/required"));
        assert_eq!(route, json!(["http", "function"]));
        let enabled = of(&format!("{triggers}/0/properties/enabled/anyOf/0"));
        assert_eq!(enabled, json!({ "enum": ["true", true, "false", false] }));
        let stream = of(&format!("{triggers}/0/properties/stream/anyOf/0/required"));
        assert_eq!(stream, json!(["name"]));
        let environment = of("/properties/environments/additionalProperties/type");
        assert_eq!(environment, json!(["object", "null"]));
    }
}
