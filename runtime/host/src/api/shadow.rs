//! `trigger shadow`: what the shadow of a trigger's function would have done otherwise.

use dispatch::Shadow;
use serde_json::{Value, json};

use super::{ApiError, Reply, triggers::known};
use crate::{assemble::Rooms, functions::Difference};

pub(super) fn show(rooms: &Rooms, name: &str) -> Reply {
    let settings = known(rooms, name)?;
    let shadow = settings
        .shadow
        .as_ref()
        .zip(rooms.shadows.get(&settings.name));
    let Some((shadow, seen)) = shadow else {
        return Err(
            ApiError::conflict(format!("trigger {name} has no shadow")).with_hint(format!(
                "say `shadow: FUNCTION@VERSION` under `triggers.{name}` in triggers.yaml and deploy"
            )),
        );
    };
    let counts = seen.counts();
    let differences: Vec<Value> = seen.kept().iter().map(difference).collect();
    Ok(json!({
        "trigger": settings.name,
        "shadow": whole(shadow),
        "batches": counts.batches,
        "records": counts.records,
        "different": counts.different,
        "passed_over": counts.passed_over,
        "not_run": counts.not_run,
        "why_not_run": seen.why_not_run(),
        "differences": differences,
    }))
}

fn whole(shadow: &Shadow) -> String {
    let qualifier = shadow.qualifier.as_ref();
    let behind = qualifier.map(|qualifier| format!("@{qualifier}"));
    format!("{}{}", shadow.function, behind.unwrap_or_default())
}

fn difference(difference: &Difference) -> Value {
    let (main, shadow) = difference.versions;
    let (position, key) = match &difference.record {
        Some((position, key)) => (Some(*position), Some(key)),
        None => (difference.first, None),
    };
    json!({
        "at": difference.at.to_string(),
        "shard": difference.shard.to_string(),
        "position": position.map(|position| position.to_string()),
        "key": key,
        "whole_batch": difference.record.is_none(),
        "version": main,
        "shadow_version": shadow,
        "main": difference.main,
        "shadow": difference.shadow,
    })
}

/// A sentence for each trigger whose shadow came to something else.
pub(super) fn notes(rooms: &Rooms) -> Vec<String> {
    let triggers = rooms.triggers.now();
    let note = |(name, settings): (&model::TriggerName, &dispatch::TriggerSettings)| {
        let shadow = settings.shadow.as_ref()?;
        let counts = rooms.shadows.get(name)?.counts();
        (counts.different > 0).then(|| {
            format!(
                "the shadow {} of trigger {name} came to something else with {} of {} records: `shardmill trigger shadow {name}` shows them",
                whole(shadow),
                counts.different,
                counts.records
            )
        })
    };
    triggers.iter().filter_map(note).collect()
}
