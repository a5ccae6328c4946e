//! The reader of `canary` and `shadow`: how another version of a trigger's function is tried on its records. A map and a
//! name come in, and what the trigger runs beside them; what this trigger can have goes out.

use dispatch::{Canary, CanaryBy, RollBack, Shadow};
use model::FunctionName;

use super::canary_keys::{
    CANARY, CANARY_BY, CANARY_MAP, CANARY_ROLL_BACK, ROLL_BACK, ROLL_BACK_FAILURES,
    ROLL_BACK_RECORDS, SHADOW,
};
use super::reader::{Reader, Section};
use super::tree::Value;
use super::triggers::{Functions, referred};

/// What a trigger runs: a function, and what stands behind the `@`.
type Runs = Option<(FunctionName, Option<String>)>;

pub(super) fn canary(reader: &mut Reader<'_>, section: &mut Section, windows: bool) -> Canary {
    let trigger = section.title.clone();
    let mut section = reader.subsection(section, &CANARY, CANARY_MAP.name);
    let at = section.at_key(CANARY_BY.name);
    let said = section.has(CANARY_BY.name);
    let by = reader.choice(&mut section, &CANARY_BY);
    if said && windows && by == CanaryBy::Key {
        let message = format!("{trigger} has tumbling windows and a canary by key");
        reader.note(
            at,
            message,
            "write `by: batch`: windows are handled in the order of their shard",
        );
    }
    Canary {
        by: if windows { CanaryBy::Batch } else { by },
        roll_back: roll_back(reader, &mut section),
    }
}

fn roll_back(reader: &mut Reader<'_>, section: &mut Section) -> Option<RollBack> {
    let title = format!("`roll_back` of {}", section.title);
    let (failures, records) = match section.take(CANARY_ROLL_BACK.name) {
        Some((_, node)) if node.value == Value::Text("off".to_owned()) => return None,
        Some((key, node)) => {
            let mut limits = reader.section(&ROLL_BACK, title, key.at, node);
            (
                reader.measured(&mut limits, &ROLL_BACK_FAILURES),
                reader.measured(&mut limits, &ROLL_BACK_RECORDS),
            )
        }
        None => (ROLL_BACK_FAILURES.default, ROLL_BACK_RECORDS.default),
    };
    Some(RollBack {
        failures: f64::from(failures.0) / 100.0,
        records: records.into(),
    })
}

pub(super) fn shadow(
    reader: &mut Reader<'_>,
    section: &mut Section,
    functions: &Functions,
    runs: &Runs,
) -> Option<Shadow> {
    let (_, node) = section.take(SHADOW.name)?;
    let at = node.at;
    let title = section.title.clone();
    let (function, qualifier) = referred(reader, &title, SHADOW.name, node, functions)?;
    if *runs == Some((function.clone(), qualifier.clone())) {
        reader.note(
            at,
            format!("`shadow` of {title} is what it runs"),
            "name another function, or NAME@VERSION of another version",
        );
    }
    Some(Shadow {
        function,
        qualifier,
    })
}
