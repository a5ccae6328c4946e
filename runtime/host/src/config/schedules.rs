//! The reader of triggers with a schedule: an expression, a zone and what to do when a run was missed or failed come in; a
//! schedule that has slots goes out. What never fires, whatever the year, is refused here.

use std::collections::BTreeMap;

use catalog::schedule::{self, BadExpression, Expression, Schedule, UnknownZone};
use jiff::tz::TimeZone;
use model::StreamName;
use serde_json::Value as Json;

use super::destinations::on_failure;
use super::diagnostic::At;
use super::project::{Backoff, ScheduleRetry, ScheduleTrigger};
use super::reader::{Reader, Section};
use super::schedule_keys::{
    ENABLED, FLEXIBLE, INPUT, MISSED, RETRY, RETRY_AGE, RETRY_ATTEMPTS, RETRY_FACTOR, RETRY_FIRST,
    RETRY_JITTER, RETRY_MAX, SCHEDULE, SCHEDULE_BACKOFF,
};
use super::spelling::did_you_mean;
use super::tree::{Node, Value};
use super::triggers::{Known, bare_function, outputs};
use super::units::Measure;

pub(super) fn schedule(
    reader: &mut Reader<'_>,
    section: &mut Section,
    (streams, functions, destinations): Known<'_>,
) -> Option<ScheduleTrigger> {
    let line = section.at.line;
    let timing = timing(reader, section);
    let function = bare_function(reader, section, functions);
    let outputs = outputs(reader, section, streams);
    let input = section
        .take(INPUT.name)
        .map(|(_, node)| json(reader, &section.title, node));
    let retry = retry(reader, section);
    let on_failure = on_failure(reader, section, destinations);
    let enabled = reader.choice(section, &ENABLED);
    let (schedule, zone, flexible, missed, at) = timing?;
    Some(ScheduleTrigger {
        schedule,
        zone,
        flexible,
        missed,
        function: function?,
        outputs: streams_of(outputs),
        input: input.map(|input| input.to_string()),
        retry,
        on_failure,
        enabled,
        line,
        expression_at: (at.line, at.column),
    })
}

pub(super) fn streams_of(
    outputs: BTreeMap<String, (At, StreamName)>,
) -> BTreeMap<String, StreamName> {
    let plain = |(name, (_, stream))| (name, stream);
    outputs.into_iter().map(plain).collect()
}

type Timing = (Schedule, String, std::time::Duration, schedule::Missed, At);

fn timing(reader: &mut Reader<'_>, section: &mut Section) -> Option<Timing> {
    let (key, node) = section.take("schedule")?;
    let title = format!("`schedule` of {}", section.title);
    let node = match node.value {
        Value::Map(_) => node,
        // The short form is the expression alone.
        Value::Null | Value::Bare(_) | Value::Text(_) | Value::List(_) => Node {
            at: node.at,
            value: Value::Map(vec![(
                super::tree::Key {
                    at: node.at,
                    name: "expression".to_owned(),
                },
                node,
            )]),
        },
    };
    let mut full = reader.section(&SCHEDULE, title, key.at, node);
    let flexible = reader.measured(&mut full, &FLEXIBLE);
    let missed = reader.choice(&mut full, &MISSED);
    let (zone, zone_name) = zone(reader, &mut full);
    let Some((_, node)) = full.take("expression") else {
        let hint = "add `expression: \"cron(0 2 * * ? *)\"`, `rate(5 minutes)` or `at(2026-12-24T18:00:00)`";
        reader.absent(&full, "expression", "has no expression", hint);
        return None;
    };
    let at = node.at;
    let text = reader.scalar(&full.title, "expression", node)?;
    let expression = match Expression::parse(&text) {
        Ok(expression) => expression,
        Err(BadExpression { fact, hint }) => {
            reader.note(
                at,
                format!("the schedule of {}: {fact}", section.title),
                hint,
            );
            return None;
        }
    };
    let schedule = Schedule { expression, zone };
    if !schedule.ever_fires() {
        let message = format!("`{text}` never fires: no day from 1970 to 2199 is meant by it");
        reader.note(
            at,
            message,
            "look at day, month and year together: no February has 31 days",
        );
    }
    Some((schedule, zone_name, flexible, missed, at))
}

fn zone(reader: &mut Reader<'_>, full: &mut Section) -> (TimeZone, String) {
    let utc = (TimeZone::UTC, "UTC".to_owned());
    let Some((_, node)) = full.take("zone") else {
        return utc;
    };
    let at = node.at;
    let Some(name) = reader.scalar(&full.title, "zone", node) else {
        return utc;
    };
    match schedule::zone(&name) {
        Ok(zone) => {
            let name = zone.iana_name().map_or(name, str::to_owned);
            (zone, name)
        }
        Err(error) => {
            let UnknownZone { known, .. } = &error;
            let hint = did_you_mean(&name, known.iter().map(String::as_str)).unwrap_or_else(|| {
                "write a name such as UTC, America/Chicago or Europe/Berlin".to_owned()
            });
            reader.note(at, format!("{}: {error}", full.title), hint);
            utc
        }
    }
}

/// What the function is handed over: any value, in which variables stand for text.
fn json(reader: &mut Reader<'_>, title: &str, node: Node) -> Json {
    let at = node.at;
    match node.value {
        Value::Null => Json::Null,
        Value::Bare(text) => serde_json::from_str(&text).unwrap_or(Json::String(text)),
        Value::Text(text) => {
            let node = Node {
                at,
                value: Value::Text(text),
            };
            reader
                .scalar(title, INPUT.name, node)
                .map_or(Json::Null, Json::String)
        }
        Value::List(items) => items
            .into_iter()
            .map(|item| json(reader, title, item))
            .collect(),
        Value::Map(entries) => {
            let members = entries
                .into_iter()
                .map(|(key, node)| (key.name, json(reader, title, node)));
            Json::Object(members.collect())
        }
    }
}

fn retry(reader: &mut Reader<'_>, section: &mut Section) -> ScheduleRetry {
    let mut section = reader.subsection(section, &RETRY, "retry");
    let attempts = reader.measured(&mut section, &RETRY_ATTEMPTS);
    let age = reader.measured(&mut section, &RETRY_AGE);
    let mut section = reader.subsection(&mut section, &SCHEDULE_BACKOFF, "backoff");
    let at = section.at_key(RETRY_MAX.name);
    let backoff = Backoff {
        first: reader.measured(&mut section, &RETRY_FIRST),
        factor: reader.measured(&mut section, &RETRY_FACTOR),
        max: reader.measured(&mut section, &RETRY_MAX),
        jitter: reader.measured(&mut section, &RETRY_JITTER),
    };
    if backoff.first > backoff.max {
        let (first, max) = (backoff.first.print(), backoff.max.print());
        let message = format!(
            "`max` of {} is {max}, below the first pause of {first}",
            section.title
        );
        reader.note(at, message, "raise `max`, or lower `first`");
    }
    ScheduleRetry {
        attempts,
        age,
        backoff,
    }
}
