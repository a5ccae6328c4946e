//! A file of faults for `up --testing --faults`: what shall go wrong in a test, and when. Its text, the project it is about
//! and a seed come in; a list of faults with every choice drawn goes out, or everything that is wrong with the file.
//!
//! A number or a duration may be a range, `1s..5s`: one value of it is drawn. The same seed draws the same values.

use std::path::Path;

use model::{ShardId, StreamName, TriggerName};
use platform::Rng;

use super::diagnostic::{At, Refused, Source};
use super::fault_keys::{
    AFTER, AT, BEFORE, BY, CRASH, FOR, FREEZE, KINDS, MERGE, NTH, OF_SHARD, REPLACED, ROOT, SHARD,
    SHARDS, SHARE, SLOW, SPLIT, STREAM, THROTTLE, TRIGGER,
};
use super::keys::Measured;
use super::project::Project;
use super::reader::{Reader, Section, listed};
use super::spelling::did_you_mean;
use super::tree::{self, Node, Value};
use super::units::Drawable;
use crate::faults::{Fault, Faults, Point, Worker};

/// Between the ends of a range.
const TO: &str = "..";

/// Reads the text of the file at `path`, which diagnostics repeat as it is given.
pub fn read_faults(
    path: &Path,
    text: &str,
    project: &Project,
    seed: u64,
) -> Result<Faults, Refused> {
    let shown = path.display().to_string();
    let source = Source { path: &shown, text };
    let root = tree::parse(source).map_err(Refused::one)?;
    let mut reading = Reading {
        reader: Reader {
            source,
            variables: &std::collections::BTreeMap::new(),
            diagnostics: Vec::new(),
        },
        project,
        rng: Rng::seeded(seed),
    };
    let list = reading.file(root);
    let diagnostics = reading.reader.diagnostics;
    if diagnostics.is_empty() {
        Ok(Faults { seed, list })
    } else {
        Err(Refused::new(diagnostics))
    }
}

struct Reading<'a> {
    reader: Reader<'a>,
    project: &'a Project,
    rng: Rng,
}

impl Reading<'_> {
    fn file(&mut self, root: Node) -> Vec<Fault> {
        let mut root = self.reader.section(&ROOT, "the file", At::START, root);
        super::version(&mut self.reader, &mut root);
        let Some((key, node)) = root.take("faults") else {
            let hint = "add `faults:` with a list below it";
            self.reader.absent(&root, "faults", "names no faults", hint);
            return Vec::new();
        };
        let Value::List(nodes) = node.value else {
            let hint = "write `- split: { stream: flights, shard: 0, at: 2s }` and such below it";
            self.reader.note(key.at, "`faults` must be a list", hint);
            return Vec::new();
        };
        let faults = nodes.into_iter().filter_map(|node| self.fault(node));
        faults.collect()
    }

    fn fault(&mut self, node: Node) -> Option<Fault> {
        let at = node.at;
        let mut entries = self.reader.entries("a fault", node).into_iter();
        let (kind, node) = match (entries.next(), entries.next()) {
            (Some(one), None) => one,
            (None, _) => {
                self.reader.note(at, "a fault says what it is", known());
                return None;
            }
            (Some(_), Some((second, _))) => {
                let message = format!("`{}` stands in the fault before it", second.name);
                self.reader
                    .note(second.at, message, "begin each fault with `- `");
                return None;
            }
        };
        let Some(place) = KINDS.into_iter().find(|place| place.path == kind.name) else {
            let kinds = KINDS.into_iter().map(|place| place.path);
            let hint = did_you_mean(&kind.name, kinds).unwrap_or_else(known);
            let message = format!("`{}` is no kind of fault", kind.name);
            self.reader.note(kind.at, message, hint);
            return None;
        };
        let title = format!("fault `{}`", kind.name);
        let mut section = self.reader.section(place, title, kind.at, node);
        match kind.name.as_str() {
            name if name == THROTTLE.path => self.throttle(&mut section),
            name if name == SPLIT.path => self.split(&mut section),
            name if name == MERGE.path => self.merge(&mut section),
            name if name == CRASH.path => self.crash(&mut section),
            name if name == FREEZE.path => self.freeze(&mut section),
            name if name == SLOW.path => self.slow(&mut section),
            _ => None,
        }
    }

    fn throttle(&mut self, section: &mut Section) -> Option<Fault> {
        let stream = self.stream(section);
        let shard = self.shard(section, SHARD.name, true);
        let (at, lasts) = (self.drawn(section, &AT), self.drawn(section, &FOR));
        Some(Fault::Throttle {
            stream: stream?,
            shard: shard?,
            at,
            lasts,
        })
    }

    fn split(&mut self, section: &mut Section) -> Option<Fault> {
        let stream = self.stream(section);
        let shard = self.shard(section, SHARD.name, true);
        let at = self.drawn(section, &AT);
        Some(Fault::Split {
            stream: stream?,
            shard: shard?,
            at,
        })
    }

    fn merge(&mut self, section: &mut Section) -> Option<Fault> {
        let stream = self.stream(section);
        let shards = self.two_shards(section);
        let at = self.drawn(section, &AT);
        Some(Fault::Merge {
            stream: stream?,
            shards: shards?,
            at,
        })
    }

    fn crash(&mut self, section: &mut Section) -> Option<Fault> {
        let worker = self.worker(section);
        let point = self.point(section);
        let nth = self.drawn(section, &NTH);
        Some(Fault::Crash {
            worker: worker?,
            point,
            nth,
        })
    }

    fn freeze(&mut self, section: &mut Section) -> Option<Fault> {
        let worker = self.worker(section);
        let point = self.point(section);
        let (nth, lasts) = (self.drawn(section, &NTH), self.drawn(section, &FOR));
        let replaced = self.reader.choice(section, &REPLACED);
        Some(Fault::Freeze {
            worker: worker?,
            point,
            nth,
            lasts,
            replaced,
        })
    }

    fn slow(&mut self, section: &mut Section) -> Option<Fault> {
        let worker = self.worker(section);
        let share = self.reader.measured(section, &SHARE);
        let by = self.drawn(section, &BY);
        Some(Fault::Slow {
            worker: worker?,
            percent: share.0,
            by,
        })
    }

    fn stream(&mut self, section: &mut Section) -> Option<StreamName> {
        let known: Vec<&StreamName> = self.project.streams.keys().collect();
        let name = self.named(section, STREAM.name, &known, StreamName::as_str)?;
        StreamName::parse(&name).ok()
    }

    fn worker(&mut self, section: &mut Section) -> Option<Worker> {
        let known: Vec<&TriggerName> = self.project.triggers.keys().collect();
        let name = self.named(section, TRIGGER.name, &known, TriggerName::as_str);
        let shard = if section.has(OF_SHARD.name) {
            Some(self.shard(section, OF_SHARD.name, false)?)
        } else {
            None
        };
        let trigger = TriggerName::parse(&name?).ok()?;
        Some(Worker { trigger, shard })
    }

    /// A name that the project must know.
    fn named<N>(
        &mut self,
        section: &mut Section,
        key: &'static str,
        known: &[&N],
        text: impl Fn(&N) -> &str,
    ) -> Option<String> {
        let names = || known.iter().map(|name| text(name));
        let Some((_, node)) = section.take(key) else {
            let hint = format!("add `{key}: NAME`, one of {}", listed(names()));
            let fact = format!("names no {key}");
            self.reader.absent(section, key, &fact, &hint);
            return None;
        };
        let at = node.at;
        let name = self.reader.scalar(&section.title, key, node)?;
        if names().any(|known| known == name) {
            return Some(name);
        }
        let hint = did_you_mean(&name, names())
            .unwrap_or_else(|| format!("triggers.yaml has {}", listed(names())));
        let message = format!(
            "{} names {key} `{name}`, which triggers.yaml does not have",
            section.title
        );
        self.reader.note(at, message, hint);
        None
    }

    fn shard(
        &mut self,
        section: &mut Section,
        key: &'static str,
        required: bool,
    ) -> Option<ShardId> {
        let Some((_, node)) = section.take(key) else {
            if required {
                let hint = "add `shard: 0`, its number";
                self.reader.absent(section, key, "names no shard", hint);
            }
            return None;
        };
        self.shard_in(&section.title, key, node)
    }

    fn shard_in(&mut self, title: &str, key: &str, node: Node) -> Option<ShardId> {
        let at = node.at;
        let text = self.reader.scalar(title, key, node)?;
        let shard = ShardId::parse(&text);
        if shard.is_none() {
            let message = format!("`{text}` of {title} is no shard");
            self.reader
                .note(at, message, "write its number, or its whole id");
        }
        shard
    }

    fn two_shards(&mut self, section: &mut Section) -> Option<[ShardId; 2]> {
        let Some((key, node)) = section.take(SHARDS.name) else {
            let hint = "add `shards: [0, 1]`";
            self.reader
                .absent(section, SHARDS.name, "names no shards", hint);
            return None;
        };
        let Value::List(nodes) = node.value else {
            self.reader.note(
                key.at,
                "`shards` must be a list of two",
                "write `shards: [0, 1]`",
            );
            return None;
        };
        let read = nodes
            .into_iter()
            .map(|node| self.shard_in(&section.title, SHARDS.name, node));
        let shards: Vec<ShardId> = read.collect::<Option<_>>()?;
        let two = <[ShardId; 2]>::try_from(shards).ok();
        if two.is_none() {
            self.reader.note(
                key.at,
                "`shards` must be a list of two",
                "write `shards: [0, 1]`",
            );
        }
        two
    }

    /// One of the two words for it, or before a checkpoint.
    fn point(&mut self, section: &mut Section) -> Point {
        if section.has(BEFORE.name) && section.has(AFTER.name) {
            let at = section.at_key(AFTER.name);
            let message = format!("{} has both `before` and `after`", section.title);
            self.reader.note(at, message, "keep one of them");
        }
        let before = self.reader.choice(section, &BEFORE);
        if section.has(AFTER.name) {
            self.reader.choice(section, &AFTER)
        } else {
            before
        }
    }

    /// A value, or one that is drawn from a range.
    fn drawn<M: Drawable>(&mut self, section: &mut Section, key: &Measured<M>) -> M {
        let Some((_, node)) = section.take(key.name) else {
            return key.default;
        };
        let at = node.at;
        let ends = match &node.value {
            Value::Text(text) | Value::Bare(text) => text.split_once(TO),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        let Some((from, to)) =
            ends.map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()))
        else {
            let value = self.reader.measure(&section.title, key, node);
            return value.unwrap_or(key.default);
        };
        let mut end = |text: String| {
            let value = Value::Text(text);
            self.reader.measure(&section.title, key, Node { at, value })
        };
        let (Some(from), Some(to)) = (end(from), end(to)) else {
            return key.default;
        };
        if from > to {
            let (name, from, to) = (key.name, from.print(), to.print());
            let message = format!(
                "`{name}` of {} begins behind its end, {from}{TO}{to}",
                section.title
            );
            self.reader
                .note(at, message, format!("write {to}{TO}{from}"));
            return key.default;
        }
        M::between(from, to, &self.rng)
    }
}

fn known() -> String {
    let kinds = KINDS.into_iter().map(|place| place.path);
    format!("known here: {}", listed(kinds))
}
