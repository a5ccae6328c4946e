//! `function versions|promote|rollback|delete`: which version of a function runs, and which ran before.

use serde_json::{Value, json};

use super::{items, things::confirm};
use crate::arguments::FunctionVerb;
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
            dry_run,
        } => {
            let asked = json!({ "version": version, "alias": alias, "weight": weight, "retries": retries, "dry_run": dry_run });
            let answer = client.post(&path(name, "/promote"), &asked).await?;
            output.one(&answer, promoted)
        }
        FunctionVerb::Rollback { name, retries } => {
            let asked = json!({ "retries": retries });
            let answer = client.post(&path(name, "/rollback"), &asked).await?;
            output.one(&answer, |answer| {
                format!(
                    "function {name} runs version {} again, no longer {}",
                    text(answer, "/version"),
                    text(answer, "/from")
                )
            })
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
            ", and version {other} for {}% of the batches",
            weight * 100.0
        );
    }
    said
}
