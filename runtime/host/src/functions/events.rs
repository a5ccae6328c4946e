//! Events that nobody waits for: kept in the journal until they are done with, run as soon as their function has room,
//! tried again as AWS does, and told of to destinations (AS-1 to AS-6).
//!
//! An event is run at least once; its row says how often it was tried and, at its end, what is owed to whom.

mod ending;
mod row;
mod rules;
mod trying;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use model::{
    FunctionName, Timestamp, TraceParent,
    keys::{self, Namespace},
    seams::CommitError,
};
use platform::StopToken;
use serde_json::value::RawValue;
use tokio::sync::{Notify, Semaphore};
use tracing::warn;

use crate::{
    assemble::Rooms,
    limits::{EVENT_TASKS_MAX, EVENTS_PAGE},
};
use row::{Event, decode};

#[derive(Debug)]
pub(crate) struct Events {
    rooms: Arc<Rooms>,
    /// By the time at which it is due, and its id.
    due: Mutex<BTreeMap<(u64, String), ()>>,
    more: Notify,
}

/// How it goes on with an event.
enum Next {
    Done,
    At(Event),
}

impl Events {
    pub(crate) fn new(rooms: Arc<Rooms>) -> Arc<Self> {
        Arc::new(Self {
            rooms,
            due: Mutex::default(),
            more: Notify::new(),
        })
    }

    fn due(&self) -> MutexGuard<'_, BTreeMap<(u64, String), ()>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.rooms.platform.clock.wall()
    }

    /// Kept when this returns; the id of the request.
    pub(crate) async fn put(
        &self,
        function: &FunctionName,
        qualifier: Option<String>,
        payload: Bytes,
        trace_parent: Option<TraceParent>,
    ) -> Result<String, CommitError> {
        let id = self.rooms.functions.id();
        let text = String::from_utf8_lossy(&payload).into_owned();
        let payload = RawValue::from_string(text).unwrap_or_default();
        let now = self.now().as_millis();
        let event = Event {
            function: function.clone(),
            qualifier,
            payload,
            trace_parent: trace_parent.map(|parent| parent.to_string()),
            created_ms: now,
            due_ms: now,
            failures: 0,
            throttled: 0,
            owed: Vec::new(),
        };
        self.write(&id, Some(&event)).await?;
        self.wake(id.clone(), now);
        Ok(id)
    }

    fn wake(&self, id: String, due_ms: u64) {
        self.due().insert((due_ms, id), ());
        self.more.notify_one();
    }

    /// What an earlier run has left.
    fn resume(&self) -> Result<(), CommitError> {
        let prefix = keys::namespace(Namespace::Event);
        let mut after: Option<Bytes> = None;
        loop {
            let page = self
                .rooms
                .journal
                .scan(&prefix, after.as_deref(), EVENTS_PAGE)?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            for (key, row) in &page {
                let id = String::from_utf8_lossy(key.get(1..).unwrap_or_default()).into_owned();
                match decode(row) {
                    Some(event) => drop(self.due().insert((event.due_ms, id), ())),
                    None => warn!(id, "a stored event cannot be read"),
                }
            }
        }
    }

    /// Until `stop`; what is not done with then is gone on with at the next start.
    pub(crate) async fn run(self: Arc<Self>, stop: StopToken) {
        if let Err(error) = self.resume() {
            warn!(%error, "events of an earlier run could not be listed");
        }
        let room = Arc::new(Semaphore::new(EVENT_TASKS_MAX));
        loop {
            let first = self.due().keys().next().cloned();
            let now = self.now().as_millis();
            match first {
                Some((due, id)) if due <= now => {
                    let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                        return;
                    };
                    self.due().remove(&(due, id.clone()));
                    let (events, stop) = (Arc::clone(&self), stop.clone());
                    let working = async move {
                        tokio::select! {
                            biased;
                            () = stop.stopped() => {}
                            () = events.one(id) => {}
                        }
                        drop(place);
                    };
                    drop(self.rooms.platform.tasks.spawn("event", working));
                }
                first => {
                    let until = first.map(|(due, _)| Timestamp::from_millis(due));
                    let clock = &self.rooms.platform.clock;
                    tokio::select! {
                        biased;
                        () = stop.stopped() => return,
                        () = self.more.notified() => {}
                        () = clock.sleep_until_wall(until.unwrap_or_default()), if until.is_some() => {}
                    }
                }
            }
        }
    }

    async fn one(&self, id: String) {
        let Some(event) = self.read(&id) else {
            return;
        };
        let next = if event.owed.is_empty() {
            self.tried(&id, event).await
        } else {
            self.told(event).await
        };
        let written = match &next {
            Next::Done => self.write(&id, None).await,
            Next::At(event) => self.write(&id, Some(event)).await,
        };
        if let Err(error) = written {
            warn!(id, %error, "an event could not be written; it is run again at the next start");
            return;
        }
        if let Next::At(event) = next {
            self.wake(id, event.due_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_trace_is_read() {
        let row = b"\x01{\"function\":\"f\",\"qualifier\":null,\"payload\":{},\"created_ms\":1,\"due_ms\":1}";
        let event = decode(row).unwrap();
        assert_eq!((event.trace_parent(), event.failures), (None, 0));
        let again = serde_json::to_string(&event).unwrap();
        assert!(!again.contains("trace_parent"), "{again}");
    }
}
