//! The reader of `retry`: how often and how long a batch is tried again, and what stops a trigger that fails.
//!
//! In: the section of a trigger, and the retention of its stream. Out: its policy; an age that the stream does not keep
//! is noted.

use std::collections::BTreeMap;

use dispatch::{BreakerPolicy, ErrorClass};

use crate::config::{
    defaults::{
        ERROR_CLASS, PARK, PARK_MAX, RETRY, RETRY_AGE, RETRY_ATTEMPTS, RETRY_CLASSES,
        RETRY_ISOLATE, RETRY_THEN,
    },
    project::{Attempts, Backoff, Retry, Stream},
    reader::{Reader, Section},
    retry_keys::{
        BACKOFF, BACKOFF_FACTOR, BACKOFF_FIRST, BACKOFF_JITTER, BACKOFF_MAX, BREAKER,
        BREAKER_FAILURES, BREAKER_PROBE, RETRY_BREAKER,
    },
    tree::{Key, Node, Value},
    units::Measure,
};

pub(super) fn retry(
    reader: &mut Reader<'_>,
    section: &mut Section,
    stream: Option<&Stream>,
) -> Retry {
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
