//! The project's file on its way to the rooms that use it: read from disk, its variables taken from the environment,
//! its diagnostics shown as they are. Nothing is written and no server is asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host::Faults;
use host::config::{FunctionSource, Project, Refused};
use platform::Platform;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::output::{Format, Output, text};
use crate::verbs::build::Source;

/// `check`: exit 7 when the file would be refused, or a component that is there already could not serve.
pub(crate) async fn check(output: Output, file: &Path, env: &str) -> Result<(), Failure> {
    let project = match parsed(file, env)? {
        Ok(project) => project,
        Err(refused) => {
            // For editors: what is wrong is the data that was asked for.
            if output.format != Format::Table {
                let found = json!({"file": file, "diagnostics": refused.diagnostics});
                output.one(&found, |_| String::new())?;
            }
            return Err(failure(&refused));
        }
    };
    host::inspect(&Platform::real(), file, &project)
        .await
        .map_err(|error| Failure {
            exit: Exit::CheckFailed,
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        })?;
    let found = json!({
        "file": file,
        "streams": project.streams.len(),
        "functions": project.functions.len(),
        "triggers": project.triggers.len() + project.schedules.len() + project.routes.len(),
        "warnings": project.remarks(file),
        "promises": project.promises().map(|promise| promise.to_string()).collect::<Vec<_>>(),
    });
    warn(output, file, &project);
    output.one(&found, |found| checked(&project, found))
}

/// Says what of the file is good and may not be meant.
pub(crate) fn warn(output: Output, file: &Path, project: &Project) {
    for remark in project.remarks(file) {
        output.note(&format!("warning: {remark}"));
    }
}

/// The counts, then what each trigger promises.
fn checked(project: &Project, found: &serde_json::Value) -> String {
    let mut lines = vec![format!(
        "good     {}: {} streams, {} functions, {} triggers",
        text(found, "/file"),
        found["streams"],
        found["functions"],
        found["triggers"]
    )];
    lines.extend(project.promises().map(|promise| promise.to_string()));
    lines.join("\n")
}

pub(crate) fn read(file: &Path) -> Result<Project, Failure> {
    read_as(file, "dev")
}

/// The file as an environment has it.
pub(crate) fn read_as(file: &Path, env: &str) -> Result<Project, Failure> {
    parsed(file, env)?.map_err(|refused| failure(&refused))
}

/// `config show`: the file as it is read, with the line each value came from.
pub(crate) fn show(output: Output, file: &Path, env: &str) -> Result<(), Failure> {
    let shown = host::config::show(file, &text_of(file)?, env);
    let shown = shown.map_err(|refused| failure(&refused))?;
    let found = json!({ "file": file, "environment": env, "text": shown });
    output.one(&found, |_| shown.trim_end().to_owned())
}

/// What is to go wrong in a test of the project, with its choices drawn from `seed`.
pub(crate) fn faults(file: &Path, project: &Project, seed: u64) -> Result<Faults, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("read {}: {error}", file.display());
        Failure::new(Exit::NotFound, message).hint("docs/guides/faults.md shows such a file")
    })?;
    host::config::read_faults(file, &text, project, seed).map_err(|refused| failure(&refused))
}

fn failure(refused: &Refused) -> Failure {
    Failure::new(Exit::CheckFailed, refused.to_string())
}

fn parsed(file: &Path, env: &str) -> Result<Result<Project, Refused>, Failure> {
    let text = text_of(file)?;
    Ok(host::config::read_as(file, &text, &environment(), env))
}

pub(crate) fn text_of(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let exit = if missing {
            Exit::NotFound
        } else {
            Exit::Failed
        };
        let hint = if error.kind() == std::io::ErrorKind::InvalidData {
            "save the file as UTF-8"
        } else {
            "go to the folder of your project, or name its file with `--file`"
        };
        Failure::new(exit, format!("read {}: {error}", file.display())).hint(hint)
    })
}

/// What `${NAME}` can stand for. Variables that are not text cannot be written in the file.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Where what is built from the functions of a file is left.
pub(crate) fn builds(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let place = folder.join(".shardmill/build");
    std::path::absolute(&place).unwrap_or(place)
}

/// Where the functions come from; only `named` when a name is given.
pub(crate) fn sources(project: &Project, named: Option<&str>) -> Result<Vec<Source>, Failure> {
    let sources: Vec<Source> = project
        .functions
        .iter()
        .filter(|(name, _)| named.is_none_or(|named| named == name.as_str()))
        .map(|(name, function)| {
            let (path, handler) = match &function.source {
                FunctionSource::Folder(path) | FunctionSource::Component(path) => (path, None),
                FunctionSource::Code { file, handler } => (file, handler.clone()),
            };
            Source {
                name: name.as_str().to_owned(),
                path: path.clone(),
                handler,
            }
        })
        .collect();
    match named {
        Some(named) if sources.is_empty() => Err(Failure::new(
            Exit::NotFound,
            format!("build function `{named}`: the file has no such function"),
        )
        .hint("`shardmill check` shows whether the file is what you think")),
        Some(_) | None => Ok(sources),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
version: 1
streams: { flights: { shards: 1 }, late: { shards: 1 } }
functions: { keep-late: { source: functions/late }, taken: { source: taken.wasm } }
triggers:
  late: { stream: flights, function: keep-late, outputs: late }
  other: { stream: flights, function: taken }
";

    #[test]
    fn functions_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("triggers.yaml");
        std::fs::write(&file, FILE).unwrap();
        let project = read(&file).unwrap();
        let all = sources(&project, None).unwrap();
        let names: Vec<&str> = all.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["keep-late", "taken"]);
        assert_eq!(sources(&project, Some("taken")).unwrap(), all[1..]);
        assert_eq!(
            sources(&project, Some("none")).unwrap_err().exit,
            Exit::NotFound
        );
    }

    #[test]
    fn check_says_what_each_trigger_promises() {
        let file = Path::new("triggers.yaml");
        let project = host::config::read(file, FILE, &BTreeMap::new()).unwrap();
        let found = json!({"file": "triggers.yaml", "streams": 2, "functions": 2, "triggers": 2});
        insta::assert_snapshot!(checked(&project, &found), @r"
        good     triggers.yaml: 2 streams, 2 functions, 2 triggers
        late: flights -> late: exactly once
        other: flights: exactly once
        ");
    }

    #[test]
    fn a_file_that_is_refused_is_exit_7_and_one_that_is_missing_exit_3() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("triggers.yaml");
        assert_eq!(read(&file).unwrap_err().exit, Exit::NotFound);
        std::fs::write(&file, "version: 1\nfunctoins: {}\n").unwrap();
        let failure = read(&file).unwrap_err();
        assert_eq!(failure.exit, Exit::CheckFailed);
        assert!(failure.message.contains("functoins"), "{failure}");
    }
}
