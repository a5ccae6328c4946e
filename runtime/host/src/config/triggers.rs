//! The reader of `triggers`: how code is driven. Sections and what the file declares elsewhere go in; triggers whose names
//! all lead somewhere come out. Failures here are about two places at once: a stream that is not declared, an age that
//! its stream does not keep, a trigger that would feed itself.

mod kinds;
mod references;
mod retries;
mod rings;

use std::collections::BTreeMap;

use model::{FunctionName, StreamName, TriggerName};

use super::{
    canary,
    defaults::{
        ALLOW_LOOP, BATCH, BATCH_BYTES, BATCH_RECORDS, BATCH_WAIT, ENABLED, STATE, STATE_MAX,
        STATE_TTL, TRIGGER, TRIGGER_CONCURRENCY,
    },
    destinations,
    event_keys::{ENVELOPE, RANGE_CHECK, REPORT_FAILURES},
    filter, lanes,
    project::{
        Batch, Function, HttpTrigger, ScheduleTrigger, SecretSource, State, Stream, Trigger,
    },
    reader::{Reader, Section},
    route_keys::ROUTE_TRIGGER,
    routes,
    schedule_keys::SCHEDULE_TRIGGER,
    schedules,
    secrets::SecretName,
    tumbling,
};
use crate::destinations::Destination;
use kinds::{Driver, one_kind};
use references::{function, stream};
use retries::retry;
use rings::{refuse_loop, refuse_two_names};

pub(super) use references::{bare_function, declared, outputs, referred};

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
