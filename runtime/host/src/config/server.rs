//! The reader of `app`, `server` and `streams`: the settings that stand for themselves. Sections go in, resolved values
//! come out; nothing here looks at functions or triggers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use model::{Region, StreamName};

use super::archive::archive;
use super::defaults::APP;
use super::functions::network;
use super::keys::Plain;
use super::names::{AppName, Name};
use super::project::{Autoscale, Capacity, DeadLetters, Logs, Server, Stream};
use super::reader::{Reader, Section};
use super::server_keys::{
    API_NETWORK, DEAD_LETTERS, DEAD_LETTERS_KEEP, DEAD_LETTERS_MAX, DURABILITY, LIMITS, LOGS,
    LOGS_KEEP, LOGS_MAX, REGION, SERVER, WHEN_FULL,
};
use super::stream_keys::{
    AUTOSCALE, AUTOSCALE_MAX, AUTOSCALE_MIN, AUTOSCALE_TARGET, CAPACITY, RETENTION, SHARDS, STREAM,
    STREAM_DURABILITY,
};
use super::units::Measure;

/// None only after a diagnostic.
pub(super) fn app(reader: &mut Reader<'_>, root: &mut Section) -> Option<AppName> {
    name_or_default(reader, root, &APP)
}

pub(super) fn server(reader: &mut Reader<'_>, root: &mut Section, folder: &Path) -> Option<Server> {
    let mut section = reader.subsection(root, &SERVER, "server");
    let region: Option<Region> = name_or_default(reader, &mut section, &REGION);
    let durability = reader.choice(&mut section, &DURABILITY);
    let limits = reader.choice(&mut section, &LIMITS);
    let archive = archive(reader, &mut section, folder);
    let mut kept = reader.subsection(&mut section, &DEAD_LETTERS, "dead_letters");
    let dead_letters = DeadLetters {
        keep: reader.measured(&mut kept, &DEAD_LETTERS_KEEP),
        max: reader.measured(&mut kept, &DEAD_LETTERS_MAX),
        when_full: reader.choice(&mut kept, &WHEN_FULL),
    };
    let mut kept = reader.subsection(&mut section, &LOGS, "logs");
    let logs = Logs {
        keep: reader.measured(&mut kept, &LOGS_KEEP),
        max: reader.measured(&mut kept, &LOGS_MAX),
    };
    let api_network = network(reader, &mut section, API_NETWORK.name);
    Some(Server {
        region: region?,
        durability,
        limits,
        archive,
        dead_letters,
        logs,
        api_network,
    })
}

pub(super) fn streams(reader: &mut Reader<'_>, root: &mut Section) -> BTreeMap<StreamName, Stream> {
    let named = reader.named::<StreamName>(root, "streams");
    named
        .into_iter()
        .map(|(name, at, node)| {
            let mut section = reader.section(&STREAM, format!("stream `{name}`"), at, node);
            let shards = reader.measured(&mut section, &SHARDS);
            let at = section.at_key(RETENTION.name);
            let retention = reader.measured(&mut section, &RETENTION);
            if retention.subsec_millis() > 0 || !retention.as_secs().is_multiple_of(HOUR_SECONDS) {
                let (title, found) = (&section.title, retention.print());
                let message =
                    format!("`retention` of {title} must be whole hours, found `{found}`");
                reader.note(at, message, "Kinesis tells clients hours: write 24h or 7d");
            }
            let durability = section
                .has(STREAM_DURABILITY.name)
                .then(|| reader.choice(&mut section, &STREAM_DURABILITY));
            let capacity = section
                .has(CAPACITY.name)
                .then(|| reader.choice(&mut section, &CAPACITY));
            let autoscale = autoscale(reader, &mut section, shards, capacity);
            let stream = Stream {
                shards,
                retention,
                durability,
                capacity,
                autoscale,
            };
            (name, stream)
        })
        .collect()
}

fn autoscale(
    reader: &mut Reader<'_>,
    section: &mut Section,
    shards: u32,
    capacity: Option<Capacity>,
) -> Option<Autoscale> {
    const NAME: &str = "autoscale";
    if !section.has(NAME) {
        return None;
    }
    let (at, title) = (section.at_key(NAME), section.title.clone());
    if capacity == Some(Capacity::OnDemand) {
        let message = format!("`{NAME}` of {title} stands beside `capacity: on-demand`");
        reader.note(
            at,
            message,
            "remove one of them: streams on demand scale by themselves",
        );
    }
    let mut bounds = reader.subsection(section, &AUTOSCALE, NAME);
    let autoscale = Autoscale {
        min: reader.measured(&mut bounds, &AUTOSCALE_MIN),
        max: reader.measured(&mut bounds, &AUTOSCALE_MAX),
        target: reader.measured(&mut bounds, &AUTOSCALE_TARGET).0,
    };
    if !(autoscale.min..=autoscale.max).contains(&shards) {
        let Autoscale { min, max, .. } = autoscale;
        let message = format!(
            "{title} has {shards} shards, which is not within {min} to {max} of its `{NAME}`"
        );
        reader.note(at, message, "let `min` <= `shards` <= `max`");
    }
    Some(autoscale)
}

const HOUR_SECONDS: u64 = Duration::from_secs(3600).as_secs();

fn name_or_default<N: Name>(
    reader: &mut Reader<'_>,
    section: &mut Section,
    key: &Plain,
) -> Option<N> {
    match section.take(key.name) {
        Some((_, node)) => reader.name(&section.title, key.name, node),
        None => N::parse(key.default),
    }
}
