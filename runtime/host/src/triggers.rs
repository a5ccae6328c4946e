//! The triggers of the server: those of the file, and those that the Lambda API made meanwhile.
//!
//! Readers take what there is at one moment and keep it as long as they look; a change makes another whole.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use dispatch::TriggerSettings;
use model::TriggerName;

type Named = BTreeMap<TriggerName, TriggerSettings>;

#[derive(Debug)]
pub(crate) struct Triggers(RwLock<Arc<Named>>);

impl Triggers {
    pub(crate) fn new(named: Named) -> Self {
        Self(RwLock::new(Arc::new(named)))
    }

    pub(crate) fn now(&self) -> Arc<Named> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn put(&self, settings: TriggerSettings) {
        self.change(|named| drop(named.insert(settings.name.clone(), settings)));
    }

    pub(crate) fn remove(&self, name: &TriggerName) {
        self.change(|named| drop(named.remove(name)));
    }

    fn change(&self, change: impl FnOnce(&mut Named)) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut held));
    }
}
