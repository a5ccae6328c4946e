//! Events that nobody waits for: kept in the journal until they are done with, run as soon as their function has room,
//! tried again as AWS does, and told of to destinations (AS-1 to AS-6).
//!
//! An event is run at least once; its row says how often it was tried and, at its end, what is owed to whom.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use catalog::Entry;
use model::{
    FunctionName, Timestamp, TraceParent, Transaction, ViewWrite,
    keys::{self, Namespace},
    seams::CommitError,
};
use platform::StopToken;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use tokio::sync::{Notify, Semaphore};
use tracing::{debug, warn};

use super::{
    answering::Answering,
    lambda::{Chosen, Given, NotNow, choose, run},
};
use crate::{
    assemble::Rooms,
    limits::{EVENT_TASKS_MAX, EVENTS_PAGE},
};

/// First byte of a stored row.
const VERSION: u8 = 1;
const RETRIES_DEFAULT: u32 = 2;
const AGE_DEFAULT: Duration = Duration::from_hours(6);
/// After a failure of the function: the first and the second time.
const PAUSES: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// While there is no room for it.
const THROTTLED_FIRST: Duration = Duration::from_secs(1);
const THROTTLED_MAX: Duration = Duration::from_mins(5);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    function: FunctionName,
    qualifier: Option<String>,
    /// As it was given.
    payload: Box<RawValue>,
    /// Of whoever sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace_parent: Option<String>,
    created_ms: u64,
    due_ms: u64,
    /// Failures of the function.
    #[serde(default)]
    failures: u32,
    /// Times without room, in a row.
    #[serde(default)]
    throttled: u32,
    /// What is told to whom, once it is done with.
    #[serde(default)]
    owed: Vec<Owed>,
}

impl Event {
    fn trace_parent(&self) -> Option<TraceParent> {
        self.trace_parent.as_deref().and_then(TraceParent::parse)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owed {
    destination: String,
    document: String,
    /// Attributes of a message, by name.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Events {
    rooms: Arc<Rooms>,
    /// By the time at which it is due, and its id.
    due: Mutex<BTreeMap<(u64, String), ()>>,
    more: Notify,
}

const SUCCESS: &str = "Success";
const EXHAUSTED: &str = "RetriesExhausted";
const TOO_OLD: &str = "EventAgeExceeded";
const ZERO: &str = "ZeroReservedConcurrency";

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

    async fn write(&self, id: &str, event: Option<&Event>) -> Result<(), CommitError> {
        let row = event.map(|event| {
            let mut row = vec![VERSION];
            // Texts and numbers always have a JSON form.
            row.extend(serde_json::to_vec(event).unwrap_or_default());
            Bytes::from(row)
        });
        let write = ViewWrite {
            key: keys::named(Namespace::Event, id),
            value: row,
        };
        let transaction = Transaction {
            writes: vec![write],
            ..Transaction::default()
        };
        let journal = &self.rooms.journal;
        let at = journal.commit(transaction).await?;
        journal.durable(at).await
    }

    fn read(&self, id: &str) -> Option<Event> {
        let row = self.rooms.journal.get(&keys::named(Namespace::Event, id));
        decode(&row.ok()??)
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

    fn later(&self, pause: Duration) -> u64 {
        self.now().plus(pause).as_millis()
    }

    async fn tried(&self, id: &str, event: Event) -> Next {
        let Some(deployed) = self.rooms.functions.get(&event.function) else {
            debug!(id, function = %event.function, "an event of a function that is gone");
            return Next::Done;
        };
        let rules = Rules::of(&deployed.entry, event.qualifier.as_deref());
        let age = self.now().since(Timestamp::from_millis(event.created_ms));
        if deployed.gate.max() == Some(0) {
            return self.ended(id, event, (ZERO, None, "$LATEST"), &rules);
        }
        if age > rules.age {
            return self.ended(id, event, (TOO_OLD, None, "$LATEST"), &rules);
        }
        let qualifier = event.qualifier.as_deref();
        match choose(&self.rooms, event.function.as_str(), qualifier) {
            Ok(chosen) => self.ran(id, event, chosen, &rules).await,
            Err(NotNow::NoFunction) => Next::Done,
            Err(NotNow::Throttled) => self.without_room(event),
        }
    }

    /// Again after a pause that grows; no attempt is used.
    fn without_room(&self, mut event: Event) -> Next {
        let factor = 2_u32.saturating_pow(event.throttled.min(16));
        let pause = THROTTLED_FIRST.saturating_mul(factor).min(THROTTLED_MAX);
        event.throttled = event.throttled.saturating_add(1);
        event.due_ms = self.later(pause);
        Next::At(event)
    }

    async fn ran(&self, id: &str, mut event: Event, chosen: Chosen, rules: &Rules) -> Next {
        event.throttled = 0;
        let payload = event.payload.get().as_bytes().to_vec();
        let given = Given {
            event: payload,
            trace_parent: event.trace_parent(),
            failures: event.failures,
            ..Given::default()
        };
        let ran = run(&self.rooms, &chosen, id, given).await;
        let answering = ran.map(|ran| ran.answering);
        let version = chosen.version.name();
        drop(chosen);
        match answering {
            Ok(answering @ Answering::Answered { .. }) => {
                let facts = (SUCCESS, Some(&answering), version.as_str());
                self.ended(id, event, facts, rules)
            }
            Ok(answering @ Answering::Failed { .. }) => {
                event.failures += 1;
                if event.failures > rules.retries {
                    let facts = (EXHAUSTED, Some(&answering), version.as_str());
                    return self.ended(id, event, facts, rules);
                }
                let index = usize::try_from(event.failures - 1).unwrap_or(usize::MAX);
                let pause = PAUSES.get(index).copied().unwrap_or(PAUSES[1]);
                event.due_ms = self.later(pause);
                Next::At(event)
            }
            Ok(Answering::NotRun(why)) | Err(why) => {
                debug!(id, why, "an event was not run");
                self.without_room(event)
            }
        }
    }

    /// What is owed when an event is done with; nothing where nobody wants to know.
    fn ended(
        &self,
        id: &str,
        mut event: Event,
        (condition, answering, version): (&'static str, Option<&Answering>, &str),
        rules: &Rules,
    ) -> Next {
        let (destination, dead_letters) = if condition == SUCCESS {
            (&rules.on_success, &None)
        } else {
            (&rules.on_failure, &rules.dead_letters)
        };
        if let Some(destination) = destination {
            let document = self.document(id, &event, (condition, answering), version);
            event.owed.push(Owed {
                destination: destination.clone(),
                document: document.to_string(),
                attributes: BTreeMap::new(),
            });
        }
        if let Some(queue) = dead_letters {
            let said = match answering {
                Some(Answering::Failed { document, .. }) => {
                    document["errorMessage"].as_str().unwrap_or_default()
                }
                Some(Answering::Answered { .. } | Answering::NotRun(_)) | None => condition,
            };
            let said: String = said.chars().take(1024).collect();
            event.owed.push(Owed {
                destination: queue.clone(),
                document: event.payload.get().to_owned(),
                attributes: BTreeMap::from([
                    ("RequestID".to_owned(), id.to_owned()),
                    ("ErrorCode".to_owned(), "200".to_owned()),
                    ("ErrorMessage".to_owned(), said),
                ]),
            });
        }
        if event.owed.is_empty() {
            return Next::Done;
        }
        event.due_ms = self.now().as_millis();
        event.throttled = 0;
        Next::At(event)
    }

    fn document(
        &self,
        id: &str,
        event: &Event,
        (condition, answering): (&'static str, Option<&Answering>),
        version: &str,
    ) -> Value {
        let world = &self.rooms.world;
        let qualifier = event.qualifier.as_deref().unwrap_or("$LATEST");
        let tries = event.failures + u32::from(condition == SUCCESS);
        let mut document = json!({
            "version": "1.0",
            "timestamp": self.now().to_string(),
            "requestContext": {
                "requestId": id,
                "functionArn": format!("arn:aws:lambda:{}:{}:function:{}:{qualifier}", world.region, world.account, event.function),
                "condition": condition,
                "approximateInvokeCount": tries,
            },
            "requestPayload": serde_json::from_str::<Value>(event.payload.get()).unwrap_or_default(),
        });
        match answering {
            Some(Answering::Answered { document: said, .. }) => {
                document["responseContext"] =
                    json!({ "statusCode": 200, "executedVersion": version });
                document["responsePayload"] = serde_json::from_slice(said)
                    .unwrap_or_else(|_| String::from_utf8_lossy(said).into());
            }
            Some(Answering::Failed { document: said, .. }) => {
                document["responseContext"] = json!({ "statusCode": 200, "executedVersion": version, "functionError": "Unhandled" });
                document["responsePayload"] = said.clone();
            }
            Some(Answering::NotRun(_)) | None => {}
        }
        document
    }

    /// Tells one destination after the other; what was taken is not told again.
    async fn told(&self, mut event: Event) -> Next {
        while let Some(owed) = event.owed.first().cloned() {
            match self.tell(&event, &owed).await {
                Ok(()) => drop(event.owed.remove(0)),
                Err(why) => {
                    let age = self.now().since(Timestamp::from_millis(event.created_ms));
                    if age > AGE_DEFAULT.saturating_mul(4) {
                        warn!(
                            destination = owed.destination,
                            why, "what became of an event was told to nobody"
                        );
                        drop(event.owed.remove(0));
                        continue;
                    }
                    debug!(
                        destination = owed.destination,
                        why, "a destination did not take an event"
                    );
                    return self.without_room(event);
                }
            }
        }
        Next::Done
    }

    async fn tell(&self, event: &Event, owed: &Owed) -> Result<(), String> {
        let mut parts = owed.destination.split(':').skip(2);
        if parts.next() == Some("lambda") {
            let rest: Vec<&str> = owed.destination.split(':').collect();
            let name = rest.get(6).copied().unwrap_or_default();
            let name = FunctionName::parse(name).map_err(|error| error.to_string())?;
            let qualifier = rest.get(7).map(|it| (*it).to_owned());
            let document = owed.document.clone().into();
            let put = self.put(&name, qualifier, document, event.trace_parent());
            return put.await.map(drop).map_err(|error| error.to_string());
        }
        let name = format!("{}-{}", event.function, event.created_ms);
        let deliveries = &self.rooms.deliveries;
        let message = (owed.document.as_bytes(), &owed.attributes);
        deliveries.tell(&owed.destination, &name, message).await
    }
}

/// What the function's configuration says of its events.
struct Rules {
    retries: u32,
    age: Duration,
    on_success: Option<String>,
    on_failure: Option<String>,
    /// Of the function itself.
    dead_letters: Option<String>,
}

impl Rules {
    fn of(entry: &Entry, qualifier: Option<&str>) -> Self {
        let none = Value::Null;
        let dead_letters = entry.head.latest.settings.words.get("DeadLetterConfig");
        let dead_letters = dead_letters.and_then(|it| it["TargetArn"].as_str());
        let config = entry
            .head
            .words
            .get("EventInvokeConfigs")
            .and_then(|all| all.get(qualifier.unwrap_or("$LATEST")))
            .unwrap_or(&none);
        let destination = |side: &str| {
            let said = config["DestinationConfig"][side]["Destination"].as_str();
            said.map(str::to_owned)
        };
        let retries = config["MaximumRetryAttempts"].as_u64();
        let age = config["MaximumEventAgeInSeconds"].as_u64();
        Self {
            retries: retries.map_or(RETRIES_DEFAULT, |it| u32::try_from(it).unwrap_or(0)),
            age: age.map_or(AGE_DEFAULT, Duration::from_secs),
            on_success: destination("OnSuccess"),
            on_failure: destination("OnFailure"),
            dead_letters: dead_letters.map(str::to_owned),
        }
    }
}

fn decode(row: &[u8]) -> Option<Event> {
    match row.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).ok(),
        Some(_) | None => None,
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
