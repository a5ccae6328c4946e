//! Everything that was said in a run, in order: log lines of the server, answers to clients, what the story did.
//!
//! Two runs of one seed have the same trace; the first line in which they differ says where to look.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    events,
    fault::{Fault, Faults},
};
use platform::Clock;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Cheap to clone; clones write the same trace.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    clock: Arc<OnceLock<Clock>>,
    said: Arc<Mutex<Said>>,
}

#[derive(Debug, Default)]
struct Said {
    lines: Vec<String>,
    faults: Faults,
    events: Vec<events::Event>,
    deaf: bool,
}

impl Trace {
    /// From now on lines carry the simulated time.
    pub(crate) fn follow(&self, clock: &Clock) {
        // A trace belongs to one run, which has one clock.
        drop(self.clock.set(clock.clone()));
    }

    pub(crate) fn note(&self, line: &str) {
        let at = self
            .clock
            .get()
            .map_or(0, |clock| clock.monotonic().0.as_micros());
        self.said().lines.push(format!("{at:>12} us  {line}"));
    }

    /// Counts it, too.
    pub(crate) fn fault(&self, fault: Fault) {
        self.note(&format!("fault: {fault}"));
        *self.said().faults.entry(fault).or_default() += 1;
    }

    #[must_use]
    pub fn faults(&self) -> Faults {
        self.said().faults.clone()
    }

    pub(crate) fn events(&self) -> Vec<events::Event> {
        self.said().events.clone()
    }

    /// While servers run that are no part of the story.
    pub(crate) fn covers_its_ears(&self, deaf: bool) {
        self.said().deaf = deaf;
    }

    fn hear(&self, line: &Line) {
        if self.said().deaf {
            return;
        }
        self.note(&line.text);
        let known = events::Event::of(&line.fields);
        self.said().events.extend(known);
        if let Some(fault) = Fault::on_purpose(&line.fields) {
            *self.said().faults.entry(fault).or_default() += 1;
        }
    }

    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.said().lines.clone()
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears the log lines of our own crates; what libraries say is their matter.
#[derive(Debug)]
pub(crate) struct Ear(pub(crate) Trace);

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG && metadata.target().starts_with("shardmill")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line {
            text: format!("{} {}", metadata.level(), metadata.target()),
            fields: BTreeMap::new(),
        };
        event.record(&mut line);
        self.0.hear(&line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line {
    text: String,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a text does not fail.
        let _ = write!(self.text, " {}={value:?}", field.name());
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
