//! Reading one map of the file key by key, with everything that is wrong with it noted on the way. A node goes in; each
//! call gives the value of one key, or its default after noting a diagnostic, so that one pass finds all mistakes. It
//! knows the kinds of keys in `defaults` but no key by name. A value given after a diagnostic is never used: the file is
//! refused as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{At, Diagnostic, Source};
use super::interpolate::interpolate;
use super::keys::{Choice, Measured, Place};
use super::names::{NAME_ACCEPTED, Name};
use super::spelling::{did_you_mean, nearest};
use super::tree::{Key, Node, Value};
use super::units::Measure;

/// One pass over one file.
pub(super) struct Reader<'a> {
    pub(super) source: Source<'a>,
    /// What `${NAME}` stands for.
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// A map of the file, of which each key is taken out once.
pub(super) struct Section {
    /// As diagnostics name it: ``trigger `late-flights` ``.
    pub(super) title: String,
    /// Where the map as a whole is pointed at: at its key.
    pub(super) at: At,
    entries: BTreeMap<String, (Key, Node)>,
    /// The keys that its unknown keys were probably meant to be.
    misspelled: BTreeSet<String>,
}

impl Section {
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<(Key, Node)> {
        self.entries.remove(name)
    }

    /// The key of a value that is not there, or was taken already, is the map's own.
    pub(super) fn at_key(&self, name: &str) -> At {
        self.entries.get(name).map_or(self.at, |(key, _)| key.at)
    }
}

impl Reader<'_> {
    pub(super) fn note(&mut self, at: At, message: impl Into<String>, hint: impl Into<String>) {
        let diagnostic = self.source.diagnostic(at, message, hint);
        self.diagnostics.push(diagnostic);
    }

    /// Opens a map whose keys are ours. Keys that are not known here are noted at once.
    pub(super) fn section(
        &mut self,
        place: &Place,
        title: impl Into<String>,
        at: At,
        node: Node,
    ) -> Section {
        let title = title.into();
        let mut entries = BTreeMap::new();
        let mut misspelled = BTreeSet::new();
        for (key, value) in self.entries(&title, node) {
            if place.names().contains(&key.name.as_str()) {
                entries.insert(key.name.clone(), (key, value));
            } else if place.later.contains(&key.name.as_str()) {
                self.not_supported(key.at, &format!("`{}` in {title}", key.name));
            } else {
                let known = || place.names().into_iter().chain(place.later.iter().copied());
                misspelled.extend(nearest(&key.name, known()).map(str::to_owned));
                let hint = did_you_mean(&key.name, known()).unwrap_or_else(|| {
                    format!("known here: {}", listed(place.names().into_iter()))
                });
                self.note(
                    key.at,
                    format!("unknown key `{}` in {title}", key.name),
                    hint,
                );
            }
        }
        Section {
            title,
            at,
            entries,
            misspelled,
        }
    }

    /// For a key that must be there and is not. One that is only misspelled has been noted already.
    pub(super) fn absent(&mut self, section: &Section, key: &str, fact: &str, hint: &str) {
        if !section.misspelled.contains(key) {
            self.note(section.at, format!("{} {fact}", section.title), hint);
        }
    }

    /// A map within a map that may be left out, which means all defaults.
    pub(super) fn subsection(
        &mut self,
        section: &mut Section,
        place: &Place,
        name: &'static str,
    ) -> Section {
        match section.take(name) {
            Some((key, node)) => self.section(
                place,
                format!("`{name}` of {}", section.title),
                key.at,
                node,
            ),
            None => Section {
                title: String::new(),
                at: section.at,
                entries: BTreeMap::new(),
                misspelled: BTreeSet::new(),
            },
        }
    }

    /// The entries of any map, each key once.
    pub(super) fn entries(&mut self, title: &str, node: Node) -> Vec<(Key, Node)> {
        let found = described(&node.value);
        let Value::Map(entries) = node.value else {
            let message = format!("{title} must be a map, found {found}");
            self.note(
                node.at,
                message,
                "write its keys below it, or in { braces }",
            );
            return Vec::new();
        };
        let mut seen = BTreeSet::new();
        let mut once = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if seen.insert(key.name.clone()) {
                once.push((key, value));
            } else {
                let message = format!("key `{}` stands twice in {title}", key.name);
                self.note(key.at, message, "keep one of them");
            }
        }
        once
    }

    /// A map by names of our kind.
    pub(super) fn named<N: Name>(
        &mut self,
        section: &mut Section,
        name: &str,
    ) -> Vec<(N, At, Node)> {
        let Some((_, node)) = section.take(name) else {
            return Vec::new();
        };
        let mut named = Vec::new();
        for (key, value) in self.entries(&format!("`{name}`"), node) {
            match N::parse(&key.name) {
                Some(parsed) => named.push((parsed, key.at, value)),
                None => {
                    let message = format!("`{}` cannot be the name of {}", key.name, N::KIND);
                    self.note(key.at, message, format!("accepted: {NAME_ACCEPTED}"));
                }
            }
        }
        named
    }

    pub(super) fn measured<M: Measure>(&mut self, section: &mut Section, key: &Measured<M>) -> M {
        match section.take(key.name) {
            Some((_, node)) => self
                .measure(&section.title, key, node)
                .unwrap_or(key.default),
            None => key.default,
        }
    }

    pub(super) fn measure<M: Measure>(
        &mut self,
        title: &str,
        key: &Measured<M>,
        node: Node,
    ) -> Option<M> {
        let at = node.at;
        let text = self.scalar(title, key.name, node)?;
        let name = key.name;
        let Some(value) = M::parse(&text) else {
            let message = format!("`{name}` of {title} must be a {}, found `{text}`", M::KIND);
            self.note(at, message, format!("write {}", M::ACCEPTED));
            return None;
        };
        if value < key.min || value > key.max {
            let (min, max) = (key.min.print(), key.max.print());
            let message = format!("`{name}` of {title} must be {min} to {max}, found `{text}`");
            let default = key.default.print();
            self.note(at, message, format!("without the key it is {default}"));
            return None;
        }
        Some(value)
    }

    pub(super) fn choice<T: Copy>(&mut self, section: &mut Section, key: &Choice<T>) -> T {
        match section.take(key.name) {
            Some((_, node)) => self.word(&section.title, key.name, key, node),
            None => key.default,
        }
    }

    /// The value of a key that may be named otherwise than its words.
    pub(super) fn word<T: Copy>(
        &mut self,
        title: &str,
        name: &str,
        key: &Choice<T>,
        node: Node,
    ) -> T {
        let at = node.at;
        let Some(text) = self.scalar(title, name, node) else {
            return key.default;
        };
        let known = key.words.iter().find(|(word, _)| *word == text);
        if known.is_none() {
            let what = format!("`{name}: {text}` in {title}");
            let words = || key.words.iter().map(|(word, _)| *word);
            if key.later.contains(&text.as_str()) {
                self.not_supported_but(at, &what, &format!("accepted: {}", listed(words())));
            } else {
                let expected = format!("`{name}` of {title} cannot be `{text}`");
                let hint = did_you_mean(&text, words())
                    .unwrap_or_else(|| format!("accepted: {}", listed(words())));
                self.note(at, expected, hint);
            }
        }
        known.map_or(key.default, |(_, value)| *value)
    }

    pub(super) fn name<N: Name>(&mut self, title: &str, key: &str, node: Node) -> Option<N> {
        let at = node.at;
        let text = self.scalar(title, key, node)?;
        let name = N::parse(&text);
        if name.is_none() {
            let message = format!("`{text}` cannot be the name of {}", N::KIND);
            self.note(at, message, format!("accepted: {NAME_ACCEPTED}"));
        }
        name
    }

    /// The text of a single value as it is written.
    pub(super) fn literal(&mut self, title: &str, key: &str, node: Node) -> Option<String> {
        match node.value {
            Value::Bare(text) | Value::Text(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => {
                let found = described(&node.value);
                let message = format!("`{key}` of {title} must be a single value, found {found}");
                let hint = format!("write it as `{key}: VALUE`");
                self.note(node.at, message, hint);
                None
            }
        }
    }

    /// The texts of a list, or of a single value.
    pub(super) fn texts(&mut self, section: &mut Section, key: &str) -> Vec<(At, String)> {
        let Some((_, node)) = section.take(key) else {
            return Vec::new();
        };
        let title = section.title.clone();
        let items = match node.value {
            Value::List(items) => items,
            Value::Null | Value::Bare(_) | Value::Text(_) | Value::Map(_) => vec![node],
        };
        items
            .into_iter()
            .filter_map(|item| {
                let at = item.at;
                Some((at, self.scalar(&title, key, item)?))
            })
            .collect()
    }

    /// The text of a single value, with its variables filled in.
    pub(super) fn scalar(&mut self, title: &str, key: &str, node: Node) -> Option<String> {
        let found = described(&node.value);
        match node.value {
            Value::Bare(text) => Some(text),
            Value::Text(text) => match interpolate(&text, self.variables) {
                Ok(text) => Some(text),
                Err(error) => {
                    let hint = error.hint();
                    self.note(node.at, format!("`{key}` of {title}: {error}"), hint);
                    None
                }
            },
            Value::Null | Value::List(_) | Value::Map(_) => {
                let message = format!("`{key}` of {title} must be a single value, found {found}");
                let hint = format!("write it as `{key}: VALUE`");
                self.note(node.at, message, hint);
                None
            }
        }
    }

    /// For what the format knows and this version does not read.
    pub(super) fn not_supported(&mut self, at: At, what: &str) {
        self.not_supported_but(at, what, "remove it: this version would not act on it");
    }

    pub(super) fn not_supported_but(&mut self, at: At, what: &str, hint: &str) {
        self.note(at, format!("{what} is not supported yet"), hint);
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bare(_) | Value::Text(_) => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

pub(super) fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
