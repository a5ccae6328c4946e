//! The reader of `triggers`: how code is driven. Sections and what the file declares elsewhere go in; triggers whose names
//! all lead somewhere come out. Failures here are about two places at once: a stream that is not declared, an age that
//! its stream does not keep, a trigger that would feed itself.

use std::collections::{BTreeMap, BTreeSet};

use dispatch::{BreakerPolicy, ErrorClass};
use model::{FunctionName, StreamName, TriggerName};

use super::canary;
use super::defaults::{
    ALLOW_LOOP, BATCH, BATCH_BYTES, BATCH_RECORDS, BATCH_WAIT, DEAGGREGATE, ENABLED, ERROR_CLASS,
    PARK, PARK_MAX, RETRY, RETRY_AGE, RETRY_ATTEMPTS, RETRY_CLASSES, RETRY_ISOLATE, RETRY_THEN,
    STATE, STATE_MAX, STATE_TTL, TRIGGER, TRIGGER_CONCURRENCY, TRIGGER_STREAM,
};
use super::destinations;
use super::diagnostic::At;
use super::event_keys::{ENVELOPE, RANGE_CHECK, REPORT_FAILURES};
use super::filter;
use super::lanes;
use super::names::Name;
use super::project::{
    Attempts, Backoff, Batch, Function, HttpTrigger, Retry, ScheduleTrigger, SecretSource, Start,
    State, Stream, Trigger,
};
use super::reader::{Reader, Section, listed};
use super::retry_keys::{
    BACKOFF, BACKOFF_FACTOR, BACKOFF_FIRST, BACKOFF_JITTER, BACKOFF_MAX, BREAKER, BREAKER_FAILURES,
    BREAKER_PROBE, RETRY_BREAKER,
};
use super::route_keys::ROUTE_TRIGGER;
use super::schedule_keys::SCHEDULE_TRIGGER;
use super::secrets::SecretName;
use super::spelling::did_you_mean;
use super::start;
use super::tree::{Key, Node, Value};
use super::tumbling;
use super::units::Measure;
use super::{routes, schedules};
use crate::destinations::Destination;

/// A trigger has exactly one of these.
const KINDS: &[&str] = &["stream", "schedule", "http"];

pub(super) type Streams = BTreeMap<StreamName, Stream>;
pub(super) type Functions = BTreeMap<FunctionName, Function>;
pub(super) type Secrets = BTreeMap<SecretName, SecretSource>;
/// What the file declares before its triggers.
pub(super) type Known<'a> = (
    &'a Streams,
    &'a Functions,
    &'a BTreeMap<String, Destination>,
);

/// By what drives them.
#[derive(Default)]
pub(super) struct Triggers {
    pub(super) streams: BTreeMap<TriggerName, Trigger>,
    pub(super) schedules: BTreeMap<TriggerName, ScheduleTrigger>,
    pub(super) routes: BTreeMap<TriggerName, HttpTrigger>,
}

pub(super) fn triggers(
    reader: &mut Reader<'_>,
    root: &mut Section,
    known: Known<'_>,
    secrets: &Secrets,
) -> Triggers {
    let named = reader.named::<TriggerName>(root, "triggers");
    let mut places = BTreeMap::new();
    let mut all = Triggers::default();
    let (streams, functions, _) = known;
    for (name, at, node) in named {
        let title = format!("trigger `{name}`");
        let Some((kind, node)) = one_kind(reader, &title, at, node) else {
            continue;
        };
        places.insert(name.clone(), at);
        match kind {
            Driver::Stream => {
                let mut section = reader.section(&TRIGGER, title, at, node);
                let read = trigger(reader, &mut section, known);
                all.streams.extend(read.map(|trigger| (name, trigger)));
            }
            Driver::Schedule => {
                let mut section = reader.section(&SCHEDULE_TRIGGER, title, at, node);
                let read = schedules::schedule(reader, &mut section, known);
                all.schedules.extend(read.map(|trigger| (name, trigger)));
            }
            Driver::Route => {
                let mut section = reader.section(&ROUTE_TRIGGER, title, at, node);
                let read = routes::route(reader, &mut section, (streams, functions, secrets));
                all.routes.extend(read.map(|trigger| (name, trigger)));
            }
        }
    }
    refuse_loop(reader, &all.streams, &places);
    refuse_two_names(reader, &all.streams, &places);
    routes::refuse_double(reader, &all.routes, &places);
    all
}

/// What drives a trigger.
#[derive(Debug, Clone, Copy)]
enum Driver {
    Stream,
    Schedule,
    Route,
}

/// What a trigger was called before is no name of the file any more, and was nobody else's either.
fn refuse_two_names(
    reader: &mut Reader<'_>,
    triggers: &BTreeMap<TriggerName, Trigger>,
    places: &BTreeMap<TriggerName, At>,
) {
    let mut claimed = BTreeMap::new();
    for (name, trigger) in triggers {
        let (Some(was), Some(at)) = (&trigger.was, places.get(name)) else {
            continue;
        };
        if triggers.contains_key(was) {
            let message =
                format!("trigger `{name}` was `{was}`, and the file still has a trigger `{was}`");
            reader.note(*at, message, "rename that one, or take `was` away");
        } else if let Some(other) = claimed.insert(was, name) {
            let message = format!("trigger `{name}` was `{was}`, and so was trigger `{other}`");
            reader.note(
                *at,
                message,
                "one of them takes over what is stored: take `was` away from the other",
            );
        }
    }
}

/// A record that comes back to its stream through several triggers would go around for ever, as with one trigger alone.
fn refuse_loop(
    reader: &mut Reader<'_>,
    triggers: &BTreeMap<TriggerName, Trigger>,
    places: &BTreeMap<TriggerName, At>,
) {
    for (name, first) in triggers {
        let Some((way, at)) = way_back(triggers, first).zip(places.get(name)) else {
            continue;
        };
        let way = way.iter().map(|stream| format!("`{stream}`"));
        let way = way.collect::<Vec<_>>().join(" -> ");
        let message = format!("trigger `{name}` reads what comes of its own outputs: {way}");
        let hint = "let one of them write another stream, or add `allow_loop: true` to one of them";
        reader.note(*at, message, hint);
        return;
    }
}

/// The streams from what a trigger reads back to it, through two triggers or more, none of which allows loops.
fn way_back<'a>(
    triggers: &'a BTreeMap<TriggerName, Trigger>,
    first: &'a Trigger,
) -> Option<Vec<&'a StreamName>> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![&first.stream]];
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        let readers = triggers
            .values()
            .filter(|it| it.stream == *last && !it.allow_loop);
        for output in readers.flat_map(|it| it.outputs.values()) {
            let further = [way.as_slice(), &[output]].concat();
            if *output == first.stream && further.len() > 2 {
                return Some(further);
            }
            if *output != first.stream && seen.insert(output) {
                ways.push(further);
            }
        }
    }
    None
}

/// None when the kinds alone make the trigger unreadable.
fn one_kind(reader: &mut Reader<'_>, title: &str, at: At, node: Node) -> Option<(Driver, Node)> {
    let Value::Map(entries) = &node.value else {
        return Some((Driver::Stream, node));
    };
    let mut kinds = entries
        .iter()
        .filter(|(key, _)| KINDS.contains(&key.name.as_str()));
    let Some((first, _)) = kinds.next() else {
        let hint = "add `stream:` with the name of a stream, `schedule:` with an expression, or `http:` with a route";
        reader.note(at, format!("{title} does not say what drives it"), hint);
        return None;
    };
    let Some((second, _)) = kinds.find(|(key, _)| key.name != first.name) else {
        let driver = match first.name.as_str() {
            "schedule" => Driver::Schedule,
            "http" => Driver::Route,
            _ => Driver::Stream,
        };
        return Some((driver, node));
    };
    let message = format!(
        "{title} has two kinds, `{}` and `{}`",
        first.name, second.name
    );
    reader.note(
        second.at,
        message,
        "make two triggers of it: both may run the same function",
    );
    None
}

fn trigger(
    reader: &mut Reader<'_>,
    section: &mut Section,
    (streams, functions, destinations): Known<'_>,
) -> Option<Trigger> {
    let line = section.at.line;
    let read = stream(reader, section, streams);
    let function = function(reader, section, functions);
    let outputs = outputs(reader, section, streams);
    let filter = filter::filter(reader, section);
    let batch = batch(reader, section);
    let lanes = lanes::lanes(reader, section);
    let state = state(reader, section);
    let enabled = reader.choice(section, &ENABLED);
    let retention = read.as_ref().and_then(|read| streams.get(&read.name));
    let retry = retry(reader, section, retention);
    let on_failure = destinations::on_failure(reader, section, destinations);
    let item_failures = reader.choice(section, &REPORT_FAILURES);
    let envelope = reader.choice(section, &ENVELOPE);
    let range_check = reader.choice(section, &RANGE_CHECK);
    let tumbling = tumbling::tumbling(reader, section, lanes, &retry);
    let canary = canary::canary(reader, section, tumbling.is_some());
    let shadow = canary::shadow(reader, section, functions, &function);
    let was = section.take("was");
    let was = was.and_then(|(_, node)| reader.name(&section.title, "was", node));
    let allow_loop = reader.choice(section, &ALLOW_LOOP);

    let concurrency = section
        .has(TRIGGER_CONCURRENCY.name)
        .then(|| reader.measured(section, &TRIGGER_CONCURRENCY));

    let (function, qualifier) = function?;
    let read = read?;
    if let Some((at, output)) = outputs.values().find(|(_, output)| *output == read.name)
        && !allow_loop
    {
        let message = format!("{} writes `{output}`, the stream it reads", section.title);
        reader.note(
            *at,
            message,
            "name another stream, or add `allow_loop: true`",
        );
    }
    Some(Trigger {
        stream: read.name,
        start: read.start,
        deaggregate: read.deaggregate,
        function,
        qualifier,
        canary,
        shadow,
        concurrency,
        outputs: outputs
            .into_iter()
            .map(|(name, (_, stream))| (name, stream))
            .collect(),
        filter,
        batch,
        lanes,
        tumbling,
        state,
        enabled,
        retry,
        on_failure,
        item_failures,
        envelope,
        range_check,
        was,
        allow_loop,
        line,
    })
}

/// What `stream` says, in its short form or in full.
struct Read {
    name: StreamName,
    start: Start,
    deaggregate: bool,
}

fn stream(reader: &mut Reader<'_>, section: &mut Section, streams: &Streams) -> Option<Read> {
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

fn function(
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
pub(super) fn referred(
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
pub(super) fn bare_function(
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
pub(super) fn outputs(
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
pub(super) fn declared<N: Name, T>(
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

fn batch(reader: &mut Reader<'_>, section: &mut Section) -> Batch {
    let mut section = reader.subsection(section, &BATCH, "batch");
    Batch {
        records: reader.measured(&mut section, &BATCH_RECORDS),
        bytes: reader.measured(&mut section, &BATCH_BYTES),
        wait: reader.measured(&mut section, &BATCH_WAIT),
    }
}

fn state(reader: &mut Reader<'_>, section: &mut Section) -> Option<State> {
    let (key, node) = section.take("state")?;
    let title = format!("`state` of {}", section.title);
    let mut section = reader.section(&STATE, title, key.at, node);
    Some(State {
        ttl: reader.measured(&mut section, &STATE_TTL),
        max: reader.measured(&mut section, &STATE_MAX),
    })
}

fn retry(reader: &mut Reader<'_>, section: &mut Section, stream: Option<&Stream>) -> Retry {
    let mut section = reader.subsection(section, &RETRY, "retry");
    let attempts = attempts(reader, &mut section);
    let at = section.at_key(RETRY_AGE.name);
    let age = reader.measured(&mut section, &RETRY_AGE);
    if let (Some(age), Some(stream)) = (age, stream)
        && age >= stream.retention
    {
        let (age, kept) = (age.print(), stream.retention.print());
        let message = format!(
            "`age` of {} is {age}, but the stream keeps records for {kept}",
            section.title
        );
        reader.note(
            at,
            message,
            "lower `age`, or raise the stream's `retention`",
        );
    }
    let backoff = backoff(reader, &mut section);
    let isolate = reader.choice(&mut section, &RETRY_ISOLATE);
    let classes = classes(reader, &mut section);
    let breaker = breaker(reader, &mut section);
    let mut park = reader.subsection(&mut section, &PARK, "park");
    let park_max = reader.measured(&mut park, &PARK_MAX);
    Retry {
        attempts,
        age,
        backoff,
        isolate,
        classes,
        breaker,
        then: reader.choice(&mut section, &RETRY_THEN),
        park_max,
    }
}

fn attempts(reader: &mut Reader<'_>, section: &mut Section) -> Attempts {
    let Some((_, node)) = section.take(RETRY_ATTEMPTS.name) else {
        return Attempts::Limited(RETRY_ATTEMPTS.default);
    };
    if node.value == Value::Text("forever".to_owned()) {
        return Attempts::Forever;
    }
    let limit = reader.measure(&section.title, &RETRY_ATTEMPTS, node);
    Attempts::Limited(limit.unwrap_or(RETRY_ATTEMPTS.default))
}

/// What an error means, by its kind.
fn classes(reader: &mut Reader<'_>, section: &mut Section) -> BTreeMap<String, ErrorClass> {
    let Some((_, node)) = section.take(RETRY_CLASSES.name) else {
        return BTreeMap::new();
    };
    let title = format!("`classes` of {}", section.title);
    let entries = reader.entries(&title, node);
    let class = |(key, node): (Key, Node)| {
        let class = reader.word(&title, &key.name, &ERROR_CLASS, node);
        (key.name, class)
    };
    entries.into_iter().map(class).collect()
}

fn breaker(reader: &mut Reader<'_>, section: &mut Section) -> Option<BreakerPolicy> {
    let taken = section.take(RETRY_BREAKER.name);
    let (at, node) = match taken {
        Some((_, node)) if node.value == Value::Text("off".to_owned()) => return None,
        Some((key, node)) => (key.at, node),
        None => (
            section.at,
            Node {
                at: section.at,
                value: Value::Map(Vec::new()),
            },
        ),
    };
    let title = format!("`breaker` of {}", section.title);
    let mut section = reader.section(&BREAKER, title, at, node);
    Some(BreakerPolicy {
        failures: reader.measured(&mut section, &BREAKER_FAILURES),
        probe: reader.measured(&mut section, &BREAKER_PROBE),
    })
}

fn backoff(reader: &mut Reader<'_>, section: &mut Section) -> Backoff {
    let mut section = reader.subsection(section, &BACKOFF, "backoff");
    let at = section.at_key(BACKOFF_MAX.name);
    let backoff = Backoff {
        first: reader.measured(&mut section, &BACKOFF_FIRST),
        factor: reader.measured(&mut section, &BACKOFF_FACTOR),
        max: reader.measured(&mut section, &BACKOFF_MAX),
        jitter: reader.measured(&mut section, &BACKOFF_JITTER),
    };
    if backoff.first > backoff.max {
        let (first, max) = (backoff.first.print(), backoff.max.print());
        let message = format!(
            "`max` of {} is {max}, below the first pause of {first}",
            section.title
        );
        reader.note(at, message, "raise `max`, or lower `first`");
    }
    backoff
}
