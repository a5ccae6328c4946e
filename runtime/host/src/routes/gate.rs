//! The gate of one route: how many requests it lets in at a time, whether it is open, and what it has counted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use dispatch::Switch;
use model::{FunctionName, StreamKey, TriggerName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pattern::Route;
use crate::config::HttpTrigger;

/// A route as requests take it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RouteSettings {
    pub(crate) name: TriggerName,
    pub(crate) trigger: HttpTrigger,
    pub(crate) outputs: BTreeMap<String, StreamKey>,
}

impl RouteSettings {
    pub(crate) fn route(&self) -> &Route {
        &self.trigger.route
    }

    pub(crate) fn function(&self) -> &FunctionName {
        &self.trigger.function
    }
}

#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) settings: RouteSettings,
    places: Arc<Semaphore>,
    switch: Mutex<Switch>,
    counts: Mutex<GateCounts>,
    in_flight: Arc<AtomicU64>,
}

/// Since the server started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GateCounts {
    /// By the status of their answer.
    pub(crate) answered: BTreeMap<u16, u64>,
    /// Answers whose body was cut off behind its head.
    pub(crate) cut_off: u64,
    /// The newest reason for a status from 500 on.
    pub(crate) last_error: Option<String>,
}

/// A place for one request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    in_flight: Arc<AtomicU64>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(settings: RouteSettings, paused: bool) -> Self {
        let places = usize::try_from(settings.trigger.concurrency).unwrap_or(usize::MAX);
        let switch = match (settings.trigger.enabled, paused) {
            (false, _) => Switch::Disabled,
            (true, true) => Switch::Paused,
            (true, false) => Switch::On,
        };
        Self {
            places: Arc::new(Semaphore::new(places)),
            settings,
            switch: Mutex::new(switch),
            counts: Mutex::default(),
            in_flight: Arc::default(),
        }
    }

    /// None where as many requests are in as the route takes.
    pub(crate) fn enter(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            _permit: permit,
            in_flight: Arc::clone(&self.in_flight),
        })
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn switch(&self) -> Switch {
        *self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file disables, no operator switches.
    pub(crate) fn turn(&self, to: Switch) {
        let mut switch = self.switch.lock().unwrap_or_else(PoisonError::into_inner);
        if *switch != Switch::Disabled {
            *switch = to;
        }
    }

    pub(crate) fn answered(&self, status: u16) {
        *self.held().answered.entry(status).or_default() += 1;
    }

    pub(crate) fn failed(&self, reason: String) {
        self.held().last_error = Some(reason);
    }

    pub(crate) fn cut_off(&self) {
        self.held().cut_off += 1;
    }

    pub(crate) fn counts(&self) -> GateCounts {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, GateCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
