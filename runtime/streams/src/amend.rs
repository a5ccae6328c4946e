//! Amendments: what a client sets about a stream, decided by the caller and made durable here.

use std::{sync::Arc, time::Duration};

use model::{StreamKey, Timestamp, ViewWrite};

use crate::{
    engine::Streams,
    facts::{StreamMode, StreamStatus},
    reshard::{self, ReshardError},
    revise::{self, Draft, Unrevised},
    traits::Traits,
};

/// A stream while a change of it is decided.
#[derive(Debug)]
pub struct Amendment<'a>(&'a mut Draft);

impl Amendment<'_> {
    #[must_use]
    pub fn status(&self) -> StreamStatus {
        self.0.status
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now
    }

    /// How long changes of a state are visible.
    #[must_use]
    pub fn transition(&self) -> Duration {
        self.0.transition
    }

    #[must_use]
    pub fn mode(&self) -> StreamMode {
        self.0.entry.mode
    }

    /// A stream that is on demand from now on keeps its shards; one that no longer is loses what depends on that mode.
    pub fn set_mode(&mut self, mode: StreamMode) {
        revise::set_mode(self.0, mode);
    }

    /// Opens shards until there are so many: when the time of `begin_update` is over.
    pub fn grow_to(&mut self, shards: u32) -> Result<(), ReshardError> {
        reshard::grow_to(self.0, shards)
    }

    #[must_use]
    pub fn retention(&self) -> Duration {
        self.0.entry.retention()
    }

    pub fn set_retention(&mut self, retention: Duration) {
        let now = self.0.now;
        self.0.entry.set_retention(retention, now);
    }

    #[must_use]
    pub fn traits(&self) -> &Traits {
        &self.0.entry.traits
    }

    pub fn traits_mut(&mut self) -> &mut Traits {
        Arc::make_mut(&mut self.0.entry.traits)
    }

    pub(crate) fn also_write(&mut self, write: ViewWrite) {
        self.0.writes.push(write);
    }

    /// Shows the stream as UPDATING for a while.
    pub fn begin_update(&mut self) {
        self.0.begin_update();
    }
}

impl Streams {
    /// Lets `decide` change a stream. What it refuses changes nothing; what it answers is durable.
    pub async fn amend<T, E>(
        &self,
        key: StreamKey,
        decide: impl FnOnce(&mut Amendment<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Unrevised<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.revise(key, |draft| decide(&mut Amendment(draft)))
            .await
    }
}
