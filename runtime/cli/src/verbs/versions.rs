//! `function versions|promote|rollback|delete`: which version of a function runs, and which ran before.

use serde_json::{Value, json};

use super::{
    items,
    things::{agree, confirm},
};
use crate::arguments::{FunctionVerb, Sure};
use crate::client::{Client, percent_encoded};
use crate::failure::Failure;
use crate::output::{Column, Format, Output, text};

const VERSIONS: &[Column] = &[
    ("VERSION", "/version"),
    ("RUNS", "/runs"),
    ("ALIASES", "/aliases"),
    ("KIND", "/kind"),
    ("DIGEST", "/digest"),
    ("MADE", "/made_ms"),
];

pub(crate) async fn versions(
    client: &mut Client,
    output: Output,
    verb: &FunctionVerb,
) -> Result<(), Failure> {
    match verb {
        FunctionVerb::List | FunctionVerb::Show { .. } => Ok(()),
        FunctionVerb::Versions { name } => {
            let answer = client.get(&path(name, "/versions")).await?;
            let mut versions = items(&answer, "versions");
            if output.format == Format::Table {
                versions.iter_mut().for_each(shorten);
            }
            output.list(&versions, VERSIONS)
        }
        FunctionVerb::Promote {
            name,
            version,
            alias,
            weight,
            retries,
            sure,
        } => {
            let asked =
                json!({ "version": version, "alias": alias, "weight": weight, "retries": retries });
            let change = (name.as_str(), "/promote", asked);
            changed(client, output, change, *sure, promoted).await
        }
        FunctionVerb::Rollback {
            name,
            retries,
            sure,
        } => {
            let asked = json!({ "retries": retries });
            let change = (name.as_str(), "/rollback", asked);
            changed(client, output, change, *sure, rolled_back).await
        }
        FunctionVerb::Delete { name, sure } => {
            if sure.dry_run {
                let answer = client.get(&path(name, "")).await?;
                return output.one(&answer, |_| format!("would delete function {name}"));
            }
            if !sure.yes {
                confirm(output, &format!("function {name}"))?;
            }
            let answer = client.delete(&path(name, "")).await?;
            output.one(&answer, |_| format!("deleted function {name}"))
        }
    }
}

/// What would change is asked of the server first, so that a person is asked about what is so.
async fn changed(
    client: &mut Client,
    output: Output,
    (name, verb, mut asked): (&str, &str, Value),
    sure: Sure,
    readable: fn(&Value) -> String,
) -> Result<(), Failure> {
    let path = path(name, verb);
    if sure.dry_run || !sure.yes {
        asked["dry_run"] = json!(true);
        let would = client.post(&path, &asked).await?;
        if sure.dry_run {
            return output.one(&would, readable);
        }
        agree(output, &readable(&would))?;
        asked["dry_run"] = json!(false);
    }
    let answer = client.post(&path, &asked).await?;
    output.one(&answer, readable)
}

fn path(name: &str, rest: &str) -> String {
    format!("functions/{}{rest}", percent_encoded(name))
}

/// What a person reads.
fn shorten(version: &mut Value) {
    let runs = version["runs"].as_f64();
    version["runs"] = json!(runs.map_or(String::new(), |share| format!("{}%", share * 100.0)));
    let aliases = version["aliases"].as_array().cloned().unwrap_or_default();
    let aliases: Vec<&str> = aliases.iter().filter_map(Value::as_str).collect();
    version["aliases"] = json!(aliases.join(", "));
    let digest = text(version, "/digest");
    version["digest"] = json!(digest.get(..12).unwrap_or_default());
}

fn promoted(answer: &Value) -> String {
    let would = if answer["dry_run"] == true {
        "would run"
    } else {
        "runs"
    };
    let name = text(answer, "/name");
    let what = match answer["alias"].as_str() {
        Some(alias) => format!("{name}@{alias}"),
        None => name,
    };
    let mut said = format!(
        "function {what} {would} version {}",
        text(answer, "/version")
    );
    if let Some(weight) = answer["shares"]["weight"].as_f64() {
        let other = text(answer, "/shares/version");
        said += &format!(
            ", and version {other} for {}% of what comes",
            weight * 100.0
        );
    }
    said
}

fn rolled_back(answer: &Value) -> String {
    let (name, version) = (text(answer, "/name"), text(answer, "/version"));
    let from = text(answer, "/from");
    let runs = if answer["dry_run"] == true {
        "would run"
    } else {
        "runs"
    };
    if answer["was_share"] == true {
        format!(
            "function {name} {runs} version {version} alone: version {from} has no share any more"
        )
    } else {
        format!("function {name} {runs} version {version} again, no longer {from}")
    }
}
