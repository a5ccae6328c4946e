//! What several triggers may not be together: a ring that feeds itself, or two heirs of one name.
//!
//! In: all triggers of the file and where they stand. Out: notes at the places that have to change.

use std::collections::{BTreeMap, BTreeSet};

use model::{StreamName, TriggerName};

use crate::config::{diagnostic::At, project::Trigger, reader::Reader};

/// What a trigger was called before is no name of the file any more, and was nobody else's either.
pub(super) fn refuse_two_names(
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
pub(super) fn refuse_loop(
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
