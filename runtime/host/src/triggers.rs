//! The triggers of the server: those of the file, and those that the Lambda API made meanwhile.
//!
//! Readers take what there is at one moment and keep it as long as they look; a change makes another whole.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use dispatch::TriggerSettings;
use model::TriggerName;

use crate::config::Project;

type Named = BTreeMap<TriggerName, TriggerSettings>;

/// Where the file declares its triggers.
type Lines = BTreeMap<TriggerName, usize>;

#[derive(Debug)]
pub(crate) struct Triggers {
    named: RwLock<Arc<Named>>,
    lines: RwLock<Lines>,
}

impl Triggers {
    pub(crate) fn new(named: Named) -> Self {
        Self {
            named: RwLock::new(Arc::new(named)),
            lines: RwLock::default(),
        }
    }

    /// Of the triggers of the file, and of no other.
    pub(crate) fn line(&self, name: &TriggerName) -> Option<usize> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.get(name).copied()
    }

    /// The file is another one now.
    pub(crate) fn note_lines(&self, project: &Project) {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        let triggers = project.triggers.iter();
        *lines = triggers.map(|(name, it)| (name.clone(), it.line)).collect();
    }

    pub(crate) fn now(&self) -> Arc<Named> {
        Arc::clone(&self.named.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn put(&self, settings: TriggerSettings) {
        self.change(|named| drop(named.insert(settings.name.clone(), settings)));
    }

    pub(crate) fn remove(&self, name: &TriggerName) {
        self.change(|named| drop(named.remove(name)));
    }

    fn change(&self, change: impl FnOnce(&mut Named)) {
        let mut held = self.named.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut held));
    }
}
