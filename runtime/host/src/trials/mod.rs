//! `shardmill test`: a function is given the same records in other batches, other orders across keys, twice, and with a host that
//! fails, and must come to the same result. A difference is made as small as it gets.
//!
//! Nothing is stored and no server runs: outputs and values live in memory for one play. What is decided (schedules, what counts
//! as the same, what is left out next) is pure; only `play` runs a function.

mod compare;
mod play;
mod schedule;
mod shrink;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use model::{FunctionName, TriggerName};
use platform::Platform;
use sandbox::{Engine, EngineSettings, GuestLog, LogSink};

pub use compare::{Difference, Ignored};
pub use play::{Output, Played, TrialRecord, Trials, Value};
pub use schedule::{Draw, Fate, Schedule, Step, Variant};
pub use shrink::Found;

use crate::{config::Project, errors::StartError, functions, loading};

/// Runs of a function that looking for the smallest difference may take.
const SHRINK_PLAYS_MAX: u32 = 300;

/// What is tried, and how long.
#[derive(Debug, Clone)]
pub struct Try {
    pub variants: Vec<Variant>,
    /// Schedules of each variant.
    pub rounds: u32,
    pub seed: u64,
    pub ignored: Ignored,
}

/// What came of it.
#[derive(Debug)]
pub struct Tried {
    /// The result that all others are held against.
    pub reference: Played,
    pub plays: u32,
    pub found: Option<Found>,
}

/// A function that was built, ready to be tried as its trigger would run it.
pub async fn prepare(
    platform: &Platform,
    project: &Project,
    function: &str,
    built: &Path,
    runtimes: Option<&Path>,
) -> Result<Trials, StartError> {
    let other = |error: &dyn std::fmt::Display| StartError::Other(error.to_string());
    let name = FunctionName::parse(function).map_err(|error| other(&error))?;
    let Some(settings) = project.functions.get(&name) else {
        return Err(StartError::Other(format!(
            "try function `{name}`: triggers.yaml has no such function"
        )));
    };
    let settings_of_engine = EngineSettings {
        runtimes_dir: runtimes.map(Path::to_owned),
        ..EngineSettings::default()
    };
    let engine = Engine::new(platform.clone(), settings_of_engine, Arc::new(Unheard));
    let engine = engine.map_err(|error| other(&error))?;
    let loaded = loading::load(
        platform,
        &engine,
        &name,
        built,
        functions::limits(&functions::settings(settings)),
    )
    .await?;
    let trigger = project
        .triggers
        .iter()
        .find(|(_, trigger)| trigger.function == name);
    let (trigger_name, outputs, batch) = match trigger {
        Some((trigger, settings)) => {
            let outputs: BTreeSet<String> = settings.outputs.keys().cloned().collect();
            (trigger.clone(), outputs, settings.batch.records)
        }
        None => {
            let trigger = TriggerName::parse("test").map_err(|error| other(&error))?;
            (trigger, BTreeSet::from(["default".to_owned()]), 100)
        }
    };
    Ok(Trials::new(
        (platform.clone(), loaded),
        (trigger_name, name),
        outputs,
        usize::try_from(batch).unwrap_or(usize::MAX),
    ))
}

#[derive(Debug)]
struct Unheard;

impl LogSink for Unheard {
    fn log(&self, _line: GuestLog) {}
}

/// Tries all that `how` says; the first difference ends it, as small as it gets.
pub async fn attempt(trials: &Trials, records: &[TrialRecord], how: &Try) -> Tried {
    let all: Vec<usize> = (0..records.len()).collect();
    let reference = trials
        .play(records, &Schedule::plain(&all, trials.batch()))
        .await;
    let mut plays = 1;
    let mut draw = Draw(how.seed);
    for variant in &how.variants {
        let rounds = if variant.is_drawn() { how.rounds } else { 1 };
        for _ in 0..rounds {
            let schedule = Schedule::of(*variant, records, trials.batch(), &mut draw);
            let played = trials.play(records, &schedule).await;
            plays += 1;
            if compare::compare(*variant, &reference, &played, &how.ignored).is_none() {
                continue;
            }
            let found = shrink::shrink(trials, records, (*variant, schedule), &how.ignored).await;
            return Tried {
                reference,
                plays,
                // A difference that does not come again is one of chance all the same.
                found: Some(found),
            };
        }
    }
    Tried {
        reference,
        plays,
        found: None,
    }
}
