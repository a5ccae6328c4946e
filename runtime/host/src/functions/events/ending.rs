//! The end of an event: what is owed to whom, and telling them.
//!
//! In: an event that is done with, and what came of it. Out: documents as AWS writes them, each told until it is taken or
//! the event is too old.

use std::collections::BTreeMap;

use model::{FunctionName, Timestamp};
use serde_json::{Value, json};
use tracing::{debug, warn};

use super::{
    Events, Next,
    row::{Event, Owed},
    rules::{AGE_DEFAULT, Rules},
};
use crate::functions::answering::Answering;

pub(super) const SUCCESS: &str = "Success";

impl Events {
    /// What is owed when an event is done with; nothing where nobody wants to know.
    pub(super) fn ended(
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
    pub(super) async fn told(&self, mut event: Event) -> Next {
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
