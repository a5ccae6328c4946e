//! `key`: partition keys that wait, and what to do with them. The server decides; here it is laid out and asked for.

use serde_json::{Value, json};

use super::things::confirm;
use super::{items, query, tail};
use crate::arguments::KeyVerb;
use crate::client::{Client, percent_encoded};
use crate::failure::Failure;
use crate::moment;
use crate::output::{Column, Format, Output, fields};

const KEYS: &[Column] = &[
    ("TRIGGER", "/trigger"),
    ("KEY", "/key"),
    ("SHARD", "/shard"),
    ("SINCE", "/since_ms"),
    ("RECORDS", "/records"),
    ("GOES ON", "/goes_on"),
    ("ERROR", "/error"),
];

pub(crate) async fn key(
    client: &mut Client,
    output: Output,
    verb: &KeyVerb,
) -> Result<(), Failure> {
    let path = |trigger: &str, key: &str| {
        let (trigger, key) = (percent_encoded(trigger), percent_encoded(key));
        format!("keys/{trigger}/{key}")
    };
    match verb {
        KeyVerb::List { trigger } => {
            let only = query(&[("trigger", trigger.clone())]);
            let answer = client.get(&format!("keys{only}")).await?;
            let mut found = items(&answer, "keys");
            found.iter_mut().for_each(|key| since(key, output));
            output.list(&found, KEYS)
        }
        KeyVerb::Show { trigger, key } => {
            let mut shown = client.get(&path(trigger, key)).await?;
            since(&mut shown, output);
            let waiting = shown.get_mut("waiting");
            if let Some(records) = waiting.and_then(Value::as_array_mut) {
                records.iter_mut().for_each(tail::decode);
            }
            output.one(&shown, fields)
        }
        KeyVerb::Park { trigger, key } => {
            let path = format!("{}/park", path(trigger, key));
            let answer = client.post(&path, &json!({})).await?;
            output.one(&answer, |_| {
                format!("parked  key {key} of trigger {trigger}: its records wait in order")
            })
        }
        KeyVerb::Unpark { trigger, key } => {
            let path = format!("{}/unpark", path(trigger, key));
            let answer = client.post(&path, &json!({})).await?;
            output.one(&answer, |_| {
                format!("unparked  key {key} of trigger {trigger}: what waited runs in order, then what comes")
            })
        }
        KeyVerb::Drop { trigger, key, sure } => {
            let shown = client.get(&path(trigger, key)).await?;
            let loss = format!(
                "key {key} of trigger {trigger} with {} records that wait",
                shown["records"]
            );
            if sure.dry_run {
                return output.one(&shown, |_| format!("would delete {loss}"));
            }
            if !sure.yes {
                confirm(output, &loss)?;
            }
            let answer = client.delete(&path(trigger, key)).await?;
            output.one(&answer, |_| format!("deleted {loss}"))
        }
    }
}

/// For people, the moment since when it waits, which a table would take for a span.
fn since(key: &mut Value, output: Output) {
    if output.format == Format::Table {
        let since = key["since_ms"].as_i64().unwrap_or(0);
        key["since_ms"] = json!(moment::shown(since));
    }
}
