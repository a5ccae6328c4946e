//! The nouns: streams, functions, triggers, state and dead letters. Lists are tables, one thing is its fields; verbs
//! that delete ask, or take `--yes`, and refuse off a terminal without it.

use std::io::{self, BufRead, IsTerminal};

use serde_json::{Value, json};

use super::orders::{self, of_entry};
use super::{items, query, shadow, status, stream, tail, transfer};
use crate::arguments::{
    Chosen, DeadLetterVerb, FunctionVerb, StateVerb, StreamVerb, Sure, TriggerVerb,
};
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
const SIZES: &[Column] = &[
    ("NAME", "/name"),
    ("BYTES", "/stored_bytes"),
    ("RECORDS", "/stored_records"),
    ("RETENTION", "/retention_ms"),
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
        StreamVerb::List { by_size: false } => list(client, output, "streams", STREAMS).await,
        StreamVerb::List { by_size: true } => {
            let answer = client.get("streams?by=size").await?;
            output.list(&items(&answer, "streams"), SIZES)
        }
        StreamVerb::Show { name } => stream::show(client, output, name).await,
        StreamVerb::Shards { name, hot: true } => stream::hot(client, output, name).await,
        StreamVerb::Export { name, file, binary } => {
            let form = if *binary {
                transfer::Form::Binary
            } else {
                transfer::Form::Lines
            };
            transfer::export(client, output, name, (file, form)).await
        }
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
    match verb {
        TriggerVerb::List => {
            let mut triggers = items(&client.get("triggers").await?, "triggers");
            if output.format == Format::Table {
                triggers.iter_mut().for_each(tell_driver);
            }
            output.list(&triggers, TRIGGERS)
        }
        TriggerVerb::Shadow { name } => shadow::shadow(client, output, name).await,
        TriggerVerb::Run { name } => run_now(client, output, name).await,
        TriggerVerb::Show { name } => {
            let path = format!("triggers/{}", percent_encoded(name));
            let answer = client.get(&path).await?;
            output.one(&answer, status::of_trigger)
        }
        TriggerVerb::Pause { .. } | TriggerVerb::Resume { .. } => {
            orders::switch(client, output, verb).await
        }
        TriggerVerb::Rename { name, to } => {
            let path = format!("triggers/{}", percent_encoded(name));
            client.get(&path).await?;
            let message = format!("rename trigger {name} to {to}: triggers.yaml names it");
            Err(Failure::usage(message).hint(format!(
                "call it `{to}` there, with `was: {name}` below, and start the server again: it takes over checkpoints, state, bookmarks and dead letters"
            )))
        }
        TriggerVerb::Seek(seek) => orders::seek(client, output, seek).await,
        TriggerVerb::Delete { name, sure } => orders::forget(client, output, name, *sure).await,
    }
}

/// One run of a schedule, beside its slots.
async fn run_now(client: &mut Client, output: Output, name: &str) -> Result<(), Failure> {
    let path = format!("triggers/{}/run", percent_encoded(name));
    let answer = client.post(&path, &json!({})).await?;
    if answer["ok"] != json!(true) {
        let error = text(&answer, "/error/message");
        let hint = format!("`shardmill logs {name}` shows what the function said");
        return Err(Failure::failed(format!("run trigger {name}: {error}")).hint(hint));
    }
    output.one(&answer, |answer| {
        format!(
            "ran     trigger {name}: {} records put out, answer {}",
            answer["outputs"], answer["answer"]
        )
    })
}

pub(crate) async fn state(
    client: &mut Client,
    output: Output,
    verb: &StateVerb,
) -> Result<(), Failure> {
    let (StateVerb::List { trigger }
    | StateVerb::Get { trigger, .. }
    | StateVerb::Export { trigger }
    | StateVerb::Clear { trigger, .. }) = verb;
    if let StateVerb::Clear { .. } = verb {
        return orders::clear(client, output, verb).await;
    }
    let path = format!("state/{}", percent_encoded(trigger));
    if let StateVerb::Get { key, .. } = verb {
        let answer = client
            .get(&format!("{path}/{}", percent_encoded(key)))
            .await?;
        return output.list(&items(&answer, "values"), VALUES);
    }
    let values = all_pages(client, &path, "values", &[]).await?;
    match (verb, output.format) {
        // For a program, whatever a table would be for a person.
        (StateVerb::Export { .. }, Format::Table) => values
            .iter()
            .try_for_each(|value| output.line(&value.to_string())),
        (StateVerb::List { .. } | StateVerb::Get { .. } | StateVerb::Clear { .. }, _)
        | (StateVerb::Export { .. }, Format::Json | Format::Ndjson | Format::Yaml) => {
            output.list(&values, VALUES)
        }
    }
}

/// The items under `name` of all pages of a list.
pub(super) async fn all_pages(
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
        DeadLetterVerb::Drop { chosen, sure } => drop_letters(client, output, chosen, *sure).await,
        DeadLetterVerb::Export { chosen } => {
            for letter in orders::chosen(client, chosen).await? {
                let mut entry = client.get(&of_entry(&text(&letter, "/id"))?).await?;
                if let Some(records) = entry.get_mut("records").and_then(Value::as_array_mut) {
                    records.iter_mut().for_each(tail::decode);
                }
                output.line(&entry.to_string())?;
            }
            Ok(())
        }
        DeadLetterVerb::Redrive {
            chosen,
            side,
            allow_stale,
            sure,
        } => {
            let how = orders::Redrive {
                side: *side,
                allow_stale: *allow_stale,
                sure: *sure,
            };
            orders::redrive(client, output, chosen, how).await
        }
        DeadLetterVerb::Show { id } => {
            let mut entry = client.get(&of_entry(id)?).await?;
            if let Some(records) = entry.get_mut("records").and_then(Value::as_array_mut) {
                records.iter_mut().for_each(tail::decode);
            }
            output.one(&entry, fields)
        }
    }
}

async fn drop_letters(
    client: &mut Client,
    output: Output,
    which: &Chosen,
    sure: Sure,
) -> Result<(), Failure> {
    let letters = orders::chosen(client, which).await?;
    let records: u64 = letters
        .iter()
        .filter_map(|letter| letter["records"].as_u64())
        .sum();
    let loss = match letters.as_slice() {
        [one] => format!("dead letter {} with {records} records", text(one, "/id")),
        _ => format!("{} dead letters with {records} records", letters.len()),
    };
    if sure.dry_run {
        let would = json!({ "would_delete": letters });
        return output.one(&would, |_| format!("would delete {loss}"));
    }
    if !sure.yes {
        confirm(output, &loss)?;
    }
    for letter in &letters {
        client.delete(&of_entry(&text(letter, "/id"))?).await?;
    }
    let ids: Vec<String> = letters.iter().map(|letter| text(letter, "/id")).collect();
    output.one(&json!({ "dropped": ids }), |_| format!("deleted {loss}"))
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
    let what = format!("delete {loss}");
    asked(output, &what, &format!("{what}? it cannot be brought back"))
}

/// Asks whether what would change, in a sentence, is meant.
pub(super) fn agree(output: Output, would: &str) -> Result<(), Failure> {
    asked(output, would, &format!("{would}: shall it be so?"))
}

fn asked(output: Output, what: &str, question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(
            Failure::usage(format!("{what}: nobody is here to be asked"))
                .hint("add `--yes` when you are sure, or `--dry-run` to see what would come of it"),
        );
    }
    output.note(&format!("{question} [y/N]"));
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
        format!("{what}: not done, as you said"),
    ))
}
