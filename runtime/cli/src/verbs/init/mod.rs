//! `init`: a project from a template, or around code that is there. Nothing that exists is changed: a file that would be
//! written and is there already ends the verb before anything is.

mod around;
mod sam;
mod tags;
mod template;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;

use crate::arguments::Init;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::sdk;

/// What a project may begin with: a function in a language on a stream, or what drives it otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    Rust,
    Javascript,
    Typescript,
    Python,
    Go,
    C,
    /// A web hook in JavaScript
    Http,
    /// A job in Python, once a minute
    Schedule,
}

const IGNORED: &str = include_str!("../../../templates/ignore.txt");
/// Leads editors to the schema that stands beside the builds.
const SCHEMA_LINE: &str = "# yaml-language-server: $schema=.shardmill/schema.json\n";

/// What will be written, and what is told of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Below the folder of the project.
    files: Vec<(String, String)>,
    /// Lines before `created`.
    found: Vec<String>,
    /// What of the found could not be taken over, and why.
    left_out: Vec<String>,
}

pub(crate) fn init(output: Output, arguments: &Init) -> Result<(), Failure> {
    let (folder, mut plan) = match (&arguments.template, &arguments.from) {
        (Some(template), _) => {
            let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from("."));
            let plan = template::plan(*template, &name_of(&folder)?);
            (folder, plan)
        }
        (None, Some(from)) => from_code(arguments.dir.as_deref(), from)?,
        (None, None) => {
            return Err(Failure::usage("make a project: nothing says of what")
                .hint("`--template rust` (or javascript, typescript, python, go, c, http, schedule), or `--from` an existing app.py, index.mjs or template.yaml"));
        }
    };
    let ignores = folder.join(".gitignore");
    if !ignores.is_file() {
        plan.files
            .push((".gitignore".to_owned(), IGNORED.to_owned()));
    }
    refuse_existing(&folder, &plan)?;
    check(&folder, &plan)?;
    for (path, text) in &mut plan.files {
        if path == "triggers.yaml" {
            text.insert_str(0, SCHEMA_LINE);
        }
        write(&folder.join(path), text)?;
    }
    sdk::place_schema(&folder.join(".shardmill"))?;
    if arguments.template.is_some() {
        sdk::place(&folder.join(".shardmill/sdk"))?;
    }
    tell(output, &folder, &plan)
}

fn tell(output: Output, folder: &Path, plan: &Plan) -> Result<(), Failure> {
    for line in &plan.found {
        output.note(&format!("found    {line}"));
    }
    for line in &plan.left_out {
        output.note(&format!("left out {line}"));
    }
    let names: Vec<&str> = plan.files.iter().map(|(path, _)| path.as_str()).collect();
    let made = json!({"folder": folder, "created": names, "left_out": plan.left_out});
    let next = if folder == Path::new(".") {
        "shardmill dev".to_owned()
    } else {
        format!("cd {} && shardmill dev", folder.display())
    };
    output.one(&made, |_| {
        format!("created  {}     next: {next}", names.join("  "))
    })
}

/// What is written must be a file that `check` takes.
fn check(folder: &Path, plan: &Plan) -> Result<(), Failure> {
    let triggers = plan.files.iter().find(|(path, _)| path == "triggers.yaml");
    let text = triggers.map_or("", |(_, text)| text.as_str());
    let file = folder.join("triggers.yaml");
    match host::config::read(&file, text, &crate::project::environment()) {
        Ok(_) => Ok(()),
        Err(refused) => Err(Failure::new(
            Exit::CheckFailed,
            format!("make triggers.yaml: {refused}"),
        )),
    }
}

fn refuse_existing(folder: &Path, plan: &Plan) -> Result<(), Failure> {
    let there = plan
        .files
        .iter()
        .find(|(path, _)| folder.join(path).exists());
    let Some((path, _)) = there else {
        return Ok(());
    };
    let place = folder.join(path);
    let message = format!(
        "make a project in {}: {} is there already; nothing was changed",
        folder.display(),
        place.display()
    );
    Err(Failure::new(Exit::Conflict, message)
        .hint("name another folder, as in `shardmill init DIR --template rust`"))
}

fn from_code(dir: Option<&Path>, from: &Path) -> Result<(PathBuf, Plan), Failure> {
    let missing = |error: std::io::Error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound {
            Exit::NotFound
        } else {
            Exit::Failed
        };
        Failure::new(exit, format!("read {}: {error}", from.display()))
            .hint("name a handler file (app.py, index.mjs) or a SAM template")
    };
    let text = std::fs::read_to_string(from).map_err(missing)?;
    let beside = from.parent().filter(|parent| *parent != Path::new(""));
    let beside = beside.unwrap_or_else(|| Path::new("."));
    let folder = dir.unwrap_or(beside).to_owned();
    let code = path_from(&folder, beside)?;
    let ending = from
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    let plan = match ending {
        "yaml" | "yml" | "json" | "template" => sam::plan(&text, &code, beside)?,
        _ => around::plan(&text, &code, from)?,
    };
    Ok((folder, plan))
}

/// How the folder of the code is named in the project's: empty where they are one.
fn path_from(folder: &Path, code: &Path) -> Result<String, Failure> {
    let absolute = |path: &Path| {
        let resolved = path.canonicalize().or_else(|_| std::path::absolute(path));
        resolved.map_err(|error| Failure::failed(format!("find {}: {error}", path.display())))
    };
    let (folder, code) = (absolute(folder)?, absolute(code)?);
    let common = folder
        .components()
        .zip(code.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = folder.components().skip(common).map(|_| "..".to_owned());
    let down = code
        .components()
        .skip(common)
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    Ok(parts
        .into_iter()
        .fold(String::new(), |path, part| path + &part + "/"))
}

/// A name that functions and triggers may have, from that of a folder.
fn name_of(folder: &Path) -> Result<String, Failure> {
    let full = std::path::absolute(folder)
        .map_err(|error| Failure::failed(format!("find {}: {error}", folder.display())))?;
    let name = full
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(allowed(&name))
}

/// What names may not hold becomes `-`.
fn allowed(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name: String = name
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() {
        "hello".to_owned()
    } else {
        name
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| Failure::failed(format!("write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests;
