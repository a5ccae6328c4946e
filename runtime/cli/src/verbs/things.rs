//! The nouns: streams, functions, triggers, state and dead letters. Lists are tables, one thing is its fields; verbs
//! that delete ask, or take `--yes`, and refuse off a terminal without it.

use std::io::{self, BufRead, IsTerminal};

use serde_json::{Value, json};

use super::{items, query, status, stream, tail, transfer};
use crate::arguments::{DeadLetterVerb, FunctionVerb, StateVerb, StreamVerb, TriggerVerb};
use crate::client::{Client, percent_encoded};
use crate::failure::{Exit, Failure};
use crate::limits::PAGE_ITEMS_MAX;
use crate::output::{Column, Format, Output, fields, text};

const STREAMS: &[Column] = &[
    ("NAME", "/name"),
    ("STATUS", "/status"),
    ("SHARDS", "/open_shards"),
    ("RETENTION", "/retention_ms"),
    ("REGION", "/region"),
];
const SHARDS: &[Column] = &[
    ("SHARD", "/id"),
    ("OPEN", "/open"),
    ("STARTING SEQUENCE NUMBER", "/starting_sequence_number"),
    ("FROM HASH KEY", "/starting_hash_key"),
    ("TO HASH KEY", "/ending_hash_key"),
];
const FUNCTIONS: &[Column] = &[
    ("NAME", "/name"),
    ("VERSION", "/version"),
    ("KIND", "/kind"),
    ("MEMORY", "/memory"),
    ("TIMEOUT", "/timeout_ms"),
    ("SANDBOX", "/sandbox"),
    ("SOURCE", "/source"),
];
const TRIGGERS: &[Column] = &[
    ("NAME", "/name"),
    ("KIND", "/kind"),
    ("DRIVEN BY", "/driven_by"),
    ("FUNCTION", "/function"),
    ("ENABLED", "/enabled"),
    ("PAUSED", "/paused"),
];
const VALUES: &[Column] = &[("KEY", "/key"), ("NAME", "/name"), ("VALUE", "/value")];
const DEAD_LETTERS: &[Column] = &[
    ("ID", "/id"),
    ("TRIGGER", "/trigger"),
    ("SHARD", "/shard"),
    ("CONDITION", "/condition"),
    ("RECORDS", "/records"),
    ("ATTEMPTS", "/attempts"),
    ("ERROR", "/error"),
];

pub(crate) async fn stream(
    client: &mut Client,
    output: Output,
    verb: &StreamVerb,
) -> Result<(), Failure> {
    match verb {
        StreamVerb::List => list(client, output, "streams", STREAMS).await,
        StreamVerb::Show { name } => stream::show(client, output, name).await,
        StreamVerb::Shards { name, hot: true } => stream::hot(client, output, name).await,
        StreamVerb::Export { name, file } => transfer::export(client, output, name, file).await,
        StreamVerb::Import { name, file } => transfer::import(client, output, name, file).await,
        StreamVerb::Change(verb) => stream::change(client, output, verb).await,
        StreamVerb::Shards { name, hot: false } => {
            let stream = client
                .get(&format!("streams/{}", percent_encoded(name)))
                .await?;
            output.list(&items(&stream, "shards"), SHARDS)
        }
        StreamVerb::Create {
            name,
            shards,
            retention,
        } => {
            let mut body = json!({"name": name, "shards": shards});
            if let Some(retention) = retention {
                body["retention_ms"] =
                    json!(u64::try_from(retention.as_millis()).unwrap_or(u64::MAX));
            }
            let answer = client.post("streams", &body).await?;
            output.one(&answer, |_| {
                format!("created  stream {name}, {shards} shards")
            })
        }
        StreamVerb::Delete { name, yes, dry_run } => {
            delete_stream(
                client,
                output,
                name,
                Sureness {
                    yes: *yes,
                    dry_run: *dry_run,
                },
            )
            .await
        }
    }
}

pub(crate) async fn function(
    client: &mut Client,
    output: Output,
    verb: &FunctionVerb,
) -> Result<(), Failure> {
    match verb {
        FunctionVerb::List => list(client, output, "functions", FUNCTIONS).await,
        FunctionVerb::Show { name } => show(client, output, "functions", name).await,
        FunctionVerb::Versions { .. }
        | FunctionVerb::Promote { .. }
        | FunctionVerb::Rollback { .. }
        | FunctionVerb::Delete { .. } => super::versions::versions(client, output, verb).await,
    }
}

pub(crate) async fn trigger(
    client: &mut Client,
    output: Output,
    verb: &TriggerVerb,
) -> Result<(), Failure> {
    let (name, action, done) = match verb {
        TriggerVerb::List => {
            let mut triggers = items(&client.get("triggers").await?, "triggers");
            if output.format == Format::Table {
                triggers.iter_mut().for_each(tell_driver);
            }
            return output.list(&triggers, TRIGGERS);
        }
        TriggerVerb::Run { name } => {
            let path = format!("triggers/{}/run", percent_encoded(name));
            let answer = client.post(&path, &json!({})).await?;
            if answer["ok"] != json!(true) {
                let error = text(&answer, "/error/message");
                return Err(
                    Failure::failed(format!("run trigger {name}: {error}")).hint(format!(
                        "`shardmill logs {name}` shows what the function said"
                    )),
                );
            }
            return output.one(&answer, |answer| {
                format!(
                    "ran     trigger {name}: {} records put out, answer {}",
                    answer["outputs"], answer["answer"]
                )
            });
        }
        TriggerVerb::Show { name } => {
            let answer = client
                .get(&format!("triggers/{}", percent_encoded(name)))
                .await?;
            return output.one(&answer, status::of_trigger);
        }
        TriggerVerb::Pause { name } => (name, "pause", "paused"),
        TriggerVerb::Resume { name } => (name, "resume", "resumed"),
        TriggerVerb::Seek {
            name,
            from,
            state,
            dry_run,
        } => {
            let path = format!("triggers/{}/seek", percent_encoded(name));
            let asked = json!({ "from": from, "state": state, "dry_run": dry_run });
            let answer = client.post(&path, &asked).await?;
            return output.one(&answer, |answer| {
                let would = if *dry_run { "would be " } else { "" };
                format!(
                    "trigger {name} at {from}: {} records {would}repeated, {} {would}skipped",
                    answer["repeats"], answer["skips"]
                )
            });
        }
    };
    let path = format!("triggers/{}/{action}", percent_encoded(name));
    let answer = client.post(&path, &json!({})).await?;
    output.one(&answer, |_| format!("{done}  trigger {name}"))
}

pub(crate) async fn state(
    client: &mut Client,
    output: Output,
    verb: &StateVerb,
) -> Result<(), Failure> {
    let (StateVerb::List { trigger } | StateVerb::Get { trigger, .. }) = verb;
    let path = format!("state/{}", percent_encoded(trigger));
    if let StateVerb::Get { key, .. } = verb {
        let answer = client
            .get(&format!("{path}/{}", percent_encoded(key)))
            .await?;
        return output.list(&items(&answer, "values"), VALUES);
    }
    let values = all_pages(client, &path, "values", &[]).await?;
    output.list(&values, VALUES)
}

/// The items under `name` of all pages of a list.
async fn all_pages(
    client: &mut Client,
    path: &str,
    name: &str,
    parameters: &[(&'static str, Option<String>)],
) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = [
            ("after", after),
            ("limit", Some(PAGE_ITEMS_MAX.to_string())),
        ];
        let parameters = [parameters, &page].concat();
        let answer = client.get(&format!("{path}{}", query(&parameters))).await?;
        found.extend(items(&answer, name));
        let next = answer.get("after").and_then(Value::as_str);
        after = next.map(str::to_owned);
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// In a table, whatever drives the trigger in one column.
fn tell_driver(trigger: &mut Value) {
    let driver = match text(trigger, "/kind").as_str() {
        "schedule" => format!(
            "{} {}",
            text(trigger, "/expression"),
            text(trigger, "/zone")
        ),
        "http" => text(trigger, "/route"),
        _ => text(trigger, "/stream"),
    };
    trigger["driven_by"] = json!(driver);
}

/// In a table, beside the name of a trigger that the file does not have any more.
fn mark_detached(item: &mut Value) {
    if item.get("detached") == Some(&Value::Bool(true)) {
        let name = text(item, "/trigger");
        item["trigger"] = json!(format!("{name} (detached)"));
    }
}

pub(crate) async fn dead_letter(
    client: &mut Client,
    output: Output,
    verb: &DeadLetterVerb,
) -> Result<(), Failure> {
    match verb {
        DeadLetterVerb::List { trigger } => {
            let only = [("trigger", trigger.clone())];
            let mut letters = all_pages(client, "dead-letters", "dead_letters", &only).await?;
            if output.format == Format::Table {
                letters.iter_mut().for_each(mark_detached);
            }
            output.list(&letters, DEAD_LETTERS)
        }
        DeadLetterVerb::Drop { id, yes, dry_run } => {
            let path = of_entry(id);
            let entry = client.get(&path).await?;
            let records = entry["records"].as_array().map_or(0, Vec::len);
            let loss = format!("dead letter {id} with {records} records");
            if *dry_run {
                return output.one(&entry, |_| format!("would delete {loss}"));
            }
            if !yes {
                confirm(output, &loss)?;
            }
            let answer = client.delete(&path).await?;
            output.one(&answer, |_| format!("deleted {loss}"))
        }
        DeadLetterVerb::Show { id } => {
            let mut entry = client.get(&of_entry(id)).await?;
            if let Some(records) = entry.get_mut("records").and_then(Value::as_array_mut) {
                records.iter_mut().for_each(tail::decode);
            }
            output.one(&entry, fields)
        }
    }
}

/// An id is TRIGGER/ENTRY, and each is a part of the path.
fn of_entry(id: &str) -> String {
    let parts: Vec<String> = id.split('/').map(percent_encoded).collect();
    format!("dead-letters/{}", parts.join("/"))
}

async fn list(
    client: &mut Client,
    output: Output,
    kind: &str,
    columns: &[Column],
) -> Result<(), Failure> {
    let answer = client.get(kind).await?;
    output.list(&items(&answer, kind), columns)
}

async fn show(client: &mut Client, output: Output, kind: &str, name: &str) -> Result<(), Failure> {
    let answer = client
        .get(&format!("{kind}/{}", percent_encoded(name)))
        .await?;
    output.one(&answer, fields)
}

/// How sure the caller is that something may be deleted.
#[derive(Debug, Clone, Copy)]
struct Sureness {
    yes: bool,
    dry_run: bool,
}

async fn delete_stream(
    client: &mut Client,
    output: Output,
    name: &str,
    sureness: Sureness,
) -> Result<(), Failure> {
    let path = format!("streams/{}", percent_encoded(name));
    let stream = client.get(&path).await?;
    let loss = format!(
        "stream {name}, {} shards with all their records",
        items(&stream, "shards").len()
    );
    if sureness.dry_run {
        return output.one(&stream, |_| format!("would delete  {loss}"));
    }
    output.note(&format!("server {}, environment dev", client.address()));
    if !sureness.yes {
        confirm(output, &loss)?;
    }
    let answer = client.delete(&path).await?;
    output.one(&answer, |_| format!("deleted  {loss}"))
}

/// Asks a person; off a terminal nobody can answer.
pub(super) fn confirm(output: Output, loss: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(
            Failure::usage(format!("delete {loss}: nobody is here to be asked"))
                .hint("add `--yes` when you are sure, or `--dry-run` to see what would go"),
        );
    }
    output.note(&format!("delete {loss}? it cannot be brought back [y/N]"));
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::failed(format!("read the answer: {error}")))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        format!("delete {loss}: not done, as you said"),
    ))
}
