//! What the configuration of a function says of its events.
//!
//! In: the entry of a function and the qualifier of an event. Out: how often and how long it is tried, and who is told.

use std::time::Duration;

use catalog::Entry;
use serde_json::Value;

const RETRIES_DEFAULT: u32 = 2;
pub(super) const AGE_DEFAULT: Duration = Duration::from_hours(6);

/// What the function's configuration says of its events.
pub(super) struct Rules {
    pub(super) retries: u32,
    pub(super) age: Duration,
    pub(super) on_success: Option<String>,
    pub(super) on_failure: Option<String>,
    /// Of the function itself.
    pub(super) dead_letters: Option<String>,
}

impl Rules {
    pub(super) fn of(entry: &Entry, qualifier: Option<&str>) -> Self {
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
