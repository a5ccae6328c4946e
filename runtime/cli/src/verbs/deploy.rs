//! `plan` and `deploy`: the project's functions are built, what a running server lacks of their code is sent to it, and
//! then the file. Nothing stops meanwhile; the answer says what changed, or would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use host::digest_of;
use serde_json::json;

use super::{build, items};
use crate::bundles;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Output};
use crate::project;

/// Where nothing else is said.
const PROJECT_FILE: &str = "triggers.yaml";

const CHANGES: &[Column] = &[("WHAT", "/what"), ("NAME", "/name"), ("CHANGE", "/change")];

/// What is said beside the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deploying<'a> {
    /// A bundle, or a function.
    pub(crate) what: Option<&'a Path>,
    pub(crate) file: &'a Path,
    pub(crate) env: &'a str,
    /// 0 to 1, as the next.
    pub(crate) canary: Option<f64>,
    pub(crate) roll_back: Option<f64>,
    pub(crate) shadow: bool,
    pub(crate) retries: bool,
    pub(crate) dry_run: bool,
}

/// Exit 7 when a plan has something to do.
pub(crate) async fn deploy(
    client: &mut Client,
    output: Output,
    deploying: Deploying<'_>,
) -> Result<(), Failure> {
    let Chosen {
        file,
        only,
        built,
        runtimes,
    } = chosen(output, &deploying)?;
    let dry_run = deploying.dry_run;
    let mut functions = BTreeMap::new();
    let mut code = BTreeMap::new();
    for function in built {
        let path = function.path;
        let bytes = std::fs::read(&path)
            .map_err(|error| Failure::failed(format!("read {}: {error}", path.display())))?;
        let digest = digest_of(&bytes).to_string();
        functions.insert(function.name, json!({ "digest": digest, "source": path }));
        code.insert(digest, bytes);
    }
    let lacking = lacking(client, "code", code.keys()).await?;
    if !dry_run {
        send_runtimes(client, output, code.values(), runtimes).await?;
        for (digest, bytes) in code {
            if lacking.contains(&digest) {
                client.upload("code", bytes).await?;
            }
        }
    }
    let text = project::text_of(&file)?;
    let asked = json!({
        "variables": variables(&text),
        "text": text,
        "environment": deploying.env,
        "functions": functions,
        "only": only,
        "canary": deploying.canary,
        "roll_back": deploying.roll_back,
        "shadow": deploying.shadow,
        "retries": deploying.retries,
        "dry_run": dry_run,
    });
    let answer = client.post("deploy", &asked).await?;
    for note in items(&answer, "notes") {
        output.note(note.as_str().unwrap_or_default());
    }
    let changes = items(&answer, "changes");
    if changes.is_empty() {
        return output.one(&answer, |_| "nothing differs from the file".to_owned());
    }
    output.list(&changes, CHANGES)?;
    if dry_run {
        return Err(Failure::new(
            Exit::CheckFailed,
            format!("plan: {} would change", counted(changes.len())),
        )
        .hint("`shardmill deploy` changes it"));
    }
    Ok(())
}

/// Of what has these digests, what the server does not have.
async fn lacking(
    client: &mut Client,
    what: &str,
    digests: impl Iterator<Item = &String>,
) -> Result<BTreeSet<String>, Failure> {
    let digests: Vec<&String> = digests.collect();
    let lacking = client
        .post(&format!("{what}/missing"), &json!(digests))
        .await?;
    Ok(serde_json::from_value(lacking).unwrap_or_default())
}

/// Sends the language runtimes that the server lacks, once for all code that needs them.
async fn send_runtimes(
    client: &mut Client,
    output: Output,
    code: impl Iterator<Item = &Vec<u8>>,
    folder: Option<PathBuf>,
) -> Result<(), Failure> {
    let mut needed = BTreeMap::new();
    for bytes in code {
        if let Some((digest, language)) = bundles::runtime_of(bytes)? {
            needed.insert(digest.to_string(), language);
        }
    }
    if needed.is_empty() {
        return Ok(());
    }
    let lacking = lacking(client, "runtimes", needed.keys()).await?;
    needed.retain(|digest, _| lacking.contains(digest));
    if needed.is_empty() {
        return Ok(());
    }
    let folder = folder.map_or_else(bundles::cached_runtimes, Ok)?;
    for (digest, language) in needed {
        let path = folder.join(format!("{digest}.wasm"));
        let bytes = std::fs::read(&path)
            .map_err(|error| Failure::failed(format!("read {}: {error}", path.display())))?;
        let megabytes = bytes.len().div_ceil(1_000_000);
        output.note(&format!(
            "send     the runtime of {language}, {megabytes} MB, once"
        ));
        client.upload("runtimes", bytes).await?;
    }
    Ok(())
}

/// What is sent.
struct Chosen {
    file: PathBuf,
    only: Option<String>,
    built: Vec<build::BuiltFunction>,
    /// Where the language runtimes that they need are, unless in the cache of the user.
    runtimes: Option<PathBuf>,
}

/// A bundle as it is, one function of the file, or all of them, built.
fn chosen(output: Output, deploying: &Deploying<'_>) -> Result<Chosen, Failure> {
    let Deploying { file, env, .. } = *deploying;
    // What looks like a place is one, so that a bundle that is not there is not taken for a function.
    let is_place = |what: &Path| what.exists() || what.components().count() > 1;
    let place = deploying.what.filter(|what| is_place(what));
    if let Some(place) = place {
        if file != Path::new(PROJECT_FILE) {
            return Err(
                Failure::usage("deploy a bundle: it has its own triggers.yaml")
                    .hint("leave `--file` out"),
            );
        }
        let opened = bundles::open(place)?;
        return Ok(Chosen {
            runtimes: Some(opened.runtimes()),
            file: opened.file,
            only: None,
            built: opened.functions,
        });
    }
    let only = deploying.what.map(|what| what.display().to_string());
    let project = project::read_as(file, env)?;
    let sources = project::sources(&project, only.as_deref())?;
    let built = build::build(output, &project::builds(file), &sources)?;
    Ok(Chosen {
        file: file.to_owned(),
        only,
        built,
        runtimes: None,
    })
}

fn counted(things: usize) -> String {
    if things == 1 {
        "1 thing".to_owned()
    } else {
        format!("{things} things")
    }
}

/// Of this environment, those that the file mentions.
fn variables(text: &str) -> BTreeMap<String, String> {
    let mentioned: BTreeSet<&str> = text
        .split("${")
        .skip(1)
        .map(|rest| rest.split(['}', ':']).next().unwrap_or_default())
        .collect();
    let mut known = project::environment();
    known.retain(|name, _| mentioned.contains(name.as_str()));
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_file_mentions_is_sent() {
        assert!(variables("a: ${NO_SUCH_VARIABLE_HERE:-1}").is_empty());
        let path = variables("a: ${PATH}, b: ${HOME:-x}");
        assert!(path.contains_key("PATH"));
    }
}
