//! A function as it is now: its entry, the gate before it, and those of its versions that are loaded.
//!
//! In: an entry, and what ran before it. Out: what to run under its name; what did not change stays loaded.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use catalog::Entry;
use model::FunctionVersion;
use sandbox::{Function, FunctionCounts, SandboxPolicy};

use super::Gate;

/// Of AWS's runtimes those that are most like the ones of handler files here.
const PYTHON: &str = "python3.14";
const NODE: &str = "nodejs24.x";

/// A function as it is now.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) entry: Entry,
    pub(crate) gate: Arc<Gate>,
    /// Where the code came from, for people.
    pub(crate) source: PathBuf,
    loaded: Mutex<BTreeMap<FunctionVersion, Arc<Function>>>,
}

impl Deployed {
    pub(super) fn new(entry: Entry, gate: Arc<Gate>, source: PathBuf) -> Self {
        Self {
            entry,
            gate,
            source,
            loaded: Mutex::default(),
        }
    }

    /// Keeps what is loaded of versions that did not change.
    pub(super) fn after(
        before: Option<&Self>,
        entry: Entry,
        gate: Arc<Gate>,
        source: PathBuf,
    ) -> Self {
        let deployed = Self::new(entry, gate, source);
        if let Some(before) = before {
            let same = |version: FunctionVersion| {
                let (then, now) = (
                    before.entry.revision(version),
                    deployed.entry.revision(version),
                );
                then.zip(now).is_some_and(|(then, now)| {
                    then.code == now.code && then.settings == now.settings
                })
            };
            let kept: BTreeMap<_, _> = before
                .loaded()
                .iter()
                .filter(|(version, _)| same(**version))
                .map(|(version, function)| (*version, Arc::clone(function)))
                .collect();
            *deployed.loaded() = kept;
        }
        deployed
    }

    pub(super) fn loaded(&self) -> MutexGuard<'_, BTreeMap<FunctionVersion, Arc<Function>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self, version: FunctionVersion) -> Option<FunctionCounts> {
        self.loaded().get(&version).map(|it| it.counts())
    }

    /// How the sandboxes of a version live, where it is loaded.
    pub(crate) fn policy(&self, version: FunctionVersion) -> Option<&'static str> {
        let loaded = self.loaded();
        loaded.get(&version).map(|it| match it.policy() {
            SandboxPolicy::Fresh => "fresh",
            SandboxPolicy::Warm => "warm",
        })
    }

    /// Of a handler file, where the version is loaded: what AWS would call its runtime, and its handler.
    pub(crate) fn written(&self, version: FunctionVersion) -> Option<(String, String)> {
        let of_file = self.entry.head.declared;
        let version = match version {
            FunctionVersion::LATEST => of_file.unwrap_or(version),
            number => number,
        };
        let loaded = self.loaded();
        let (language, entry) = loaded.get(&version)?.written()?;
        let (file, name) = entry.split_once(':')?;
        let module = file.rsplit_once('.').map_or(file, |(module, _)| module);
        let runtime = match language {
            "python" => PYTHON,
            _ => NODE,
        };
        Some((runtime.to_owned(), format!("{module}.{name}")))
    }

    /// What the bare name runs, mostly.
    pub(crate) fn main(&self) -> FunctionVersion {
        let route = self.entry.route(None);
        route.map_or(FunctionVersion::LATEST, |route| route.version)
    }
}
