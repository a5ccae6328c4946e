//! `environments`: the difference that one of them lays over the file. The tree of the file goes in, the tree that is read
//! comes out; every node keeps the place it came from, so that a diagnostic and `config show` point at the right line.
//!
//! Maps merge, lists and single values replace, `null` removes, another kind replaces whole. A name that the file does not
//! have is a mistake. `dev` needs no entry: it is the file as it is.

use super::diagnostic::{At, Diagnostic, Source};
use super::spelling::did_you_mean;
use super::tree::{Key, Node, Value};

const ENVIRONMENTS: &str = "environments";
pub(super) const DEV: &str = "dev";

/// Sections whose entries have names, which an environment may only change.
const NAMED: &[&str] = &[
    "streams",
    "functions",
    "triggers",
    "destinations",
    "secrets",
];
/// Of an entry of a section, keys of which one says what kind it is.
const KINDS: &[(&str, &[&str])] = &[
    ("streams", &["attach"]),
    ("triggers", &["stream", "schedule", "http"]),
    ("secrets", &["env", "file"]),
    (
        "destinations",
        &["sqs", "sns", "s3", "http", "stream", "directory"],
    ),
];
/// Keys with a short form, and the key that it stands for.
const SHORT: &[(&str, &str)] = &[("stream", "name"), ("outputs", "default")];

/// The file as one environment has it.
pub(super) fn overlaid(
    source: Source<'_>,
    mut root: Node,
    environment: &str,
) -> Result<Node, Diagnostic> {
    let Value::Map(entries) = &mut root.value else {
        return known(source, At::START, &[], environment).map(|()| root);
    };
    let place = entries.iter().position(|(key, _)| key.name == ENVIRONMENTS);
    let Some(place) = place else {
        return known(source, At::START, &[], environment).map(|()| root);
    };
    let (key, all) = entries.remove(place);
    let Value::Map(all) = all.value else {
        let message = "`environments` must be a map of names";
        let hint = "write NAME: below it, and below that what is different there";
        return Err(source.diagnostic(key.at, message, hint));
    };
    let names: Vec<&str> = all.iter().map(|(key, _)| key.name.as_str()).collect();
    known(source, key.at, &names, environment)?;
    let own = all.into_iter().find(|(key, _)| key.name == environment);
    match own {
        Some((_, difference)) => laid(source, root, difference, &[]),
        None => Ok(root),
    }
}

fn known(source: Source<'_>, at: At, names: &[&str], environment: &str) -> Result<(), Diagnostic> {
    if environment == DEV || names.contains(&environment) {
        return Ok(());
    }
    let hint = did_you_mean(environment, names.iter().copied()).unwrap_or_else(|| {
        let all: Vec<&str> = names.iter().copied().chain([DEV]).collect();
        format!("there are {}", all.join(", "))
    });
    let message = format!("the file has no environment `{environment}`");
    Err(source.diagnostic(at, message, hint))
}

fn laid(source: Source<'_>, base: Node, over: Node, path: &[&str]) -> Result<Node, Diagnostic> {
    let (base, over) = in_full(base, over, path);
    let (Value::Map(mut entries), Value::Map(changes)) = (base.value, over.value.clone()) else {
        return Ok(over);
    };
    for (key, change) in changes {
        if path.is_empty() && key.name == ENVIRONMENTS {
            let message = "an environment holds no environments";
            return Err(source.diagnostic(key.at, message, "put it beside the others"));
        }
        let place = entries.iter().position(|(known, _)| known.name == key.name);
        if place.is_none()
            && let [section] = path
            && NAMED.contains(section)
        {
            let names = entries.iter().map(|(known, _)| known.name.as_str());
            let hint = did_you_mean(&key.name, names).unwrap_or_else(|| {
                format!("an environment changes {section} that the file declares")
            });
            let message = format!("`{}` is none of the {section} of the file", key.name);
            return Err(source.diagnostic(key.at, message, hint));
        }
        if change.value == Value::Null {
            entries.retain(|(known, _)| known.name != key.name);
            continue;
        }
        if let [section, _] = path {
            make_room(section, &key.name, &mut entries);
        }
        let deeper = [path, &[key.name.as_str()]].concat();
        let place = entries.iter().position(|(known, _)| known.name == key.name);
        match place {
            Some(place) => {
                let (known, before) = entries.remove(place);
                let both = laid(source, before, change, &deeper)?;
                entries.insert(place, (known, both));
            }
            None => entries.push((key, change)),
        }
    }
    Ok(Node {
        at: base.at,
        value: Value::Map(entries),
    })
}

/// A key of another kind takes the place of those that said what it was.
fn make_room(section: &str, key: &str, entries: &mut Vec<(Key, Node)>) {
    let kinds = KINDS.iter().find(|(known, _)| *known == section);
    let Some((_, kinds)) = kinds.filter(|(_, kinds)| kinds.contains(&key)) else {
        return;
    };
    if section == "streams" {
        entries.retain(|(known, _)| known.name == key);
    }
    entries.retain(|(known, _)| known.name == key || !kinds.contains(&known.name.as_str()));
}

/// Both in their long form where one of them is.
fn in_full(base: Node, over: Node, path: &[&str]) -> (Node, Node) {
    let ["triggers", _, key] = path else {
        return (base, over);
    };
    let Some((_, long)) = SHORT.iter().find(|(short, _)| short == key) else {
        return (base, over);
    };
    let is_map = |node: &Node| matches!(node.value, Value::Map(_));
    let full = |node: Node| {
        if is_map(&node) || node.value == Value::Null {
            return node;
        }
        let at = node.at;
        let key = Key {
            at,
            name: (*long).to_owned(),
        };
        Node {
            at,
            value: Value::Map(vec![(key, node)]),
        }
    };
    if is_map(&base) != is_map(&over) {
        (full(base), full(over))
    } else {
        (base, over)
    }
}

/// The file as it is read, a line each, with the line of the file behind it.
pub(super) fn shown(root: &Node) -> String {
    let mut text = String::new();
    if let Value::Map(entries) = &root.value {
        write_map(&mut text, entries, 0);
    }
    text
}

fn write_map(text: &mut String, entries: &[(Key, Node)], depth: usize) {
    for (key, node) in entries {
        let head = format!("{}{}:", "  ".repeat(depth), key.name);
        match &node.value {
            Value::Map(inner) if !inner.is_empty() => {
                text.push_str(&with_line(&head, key.at));
                write_map(text, inner, depth + 1);
            }
            Value::Null | Value::Bare(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                text.push_str(&with_line(&format!("{head} {}", inline(node)), node.at));
            }
        }
    }
}

fn with_line(text: &str, at: At) -> String {
    format!("{text:<50} # line {}\n", at.line)
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bare(text) => text.clone(),
        Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, node)| format!("{}: {}", key.name, inline(node)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree;

    const FILE: &str = "\
version: 1
streams:
  flights: { shards: 4, retention: 7d }
functions:
  late: { source: late.wasm, env: { A: '1', B: '2' }, network: [a] }
triggers:
  late: { stream: flights, function: late, outputs: flights }
environments:
  production:
    streams:
      flights: { shards: 16 }
    functions:
      late: { env: { B: '3', A: null }, network: [b, c] }
    triggers:
      late: { stream: { start: latest }, function: late@live }
  broken:
    streams: { fligths: { shards: 1 } }
  away:
    streams: { flights: { attach: 'arn:x' } }
";

    fn read(environment: &str) -> Result<String, String> {
        let source = Source {
            path: "triggers.yaml",
            text: FILE,
        };
        let root = tree::parse(source).unwrap();
        overlaid(source, root, environment)
            .map(|root| shown(&root))
            .map_err(|diagnostic| diagnostic.to_string())
    }

    #[test]
    fn an_environment_is_laid_over_the_file() {
        let production = read("production").unwrap();
        let squeezed: Vec<String> = production
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        for line in [
            "shards: 16 # line 11",
            "retention: \"7d\" # line 3",
            "B: \"3\" # line 13",
            "network: [\"b\", \"c\"] # line 13",
            "name: \"flights\" # line 7",
            "start: \"latest\" # line 15",
            "function: \"late@live\" # line 15",
            "outputs: \"flights\" # line 7",
        ] {
            assert!(
                squeezed.iter().any(|it| it == line),
                "{line} in {production}"
            );
        }
        assert!(!production.contains("A:"), "{production}");
        assert!(!read("dev").unwrap().contains("environments"));
        let away = read("away").unwrap();
        assert!(
            away.contains("attach: \"arn:x\"") && !away.contains("shards"),
            "{away}"
        );
    }

    #[test]
    fn names_that_are_not_there_are_mistakes() {
        let broken = read("broken").unwrap_err();
        assert!(
            broken.contains("triggers.yaml:17:16: `fligths` is none of the streams of the file"),
            "{broken}"
        );
        assert!(broken.contains("did you mean `flights`?"), "{broken}");
        let prodution = read("prodution").unwrap_err();
        assert!(
            prodution.contains("the file has no environment `prodution`"),
            "{prodution}"
        );
        assert!(
            prodution.contains("did you mean `production`?"),
            "{prodution}"
        );
    }
}
