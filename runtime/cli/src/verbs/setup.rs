//! `completions`, `man`, `config schema`, `config path`: what shells, editors and people who look for files want of the command
//! line. No server is asked, and nothing is written but to standard output.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use serde_json::{Value, json};

use crate::arguments::{Arguments, Project};
use crate::failure::Failure;
use crate::output::{Column, Format, Output};
use crate::{cache, servers};

const PATHS: &[Column] = &[("WHAT", "/what"), ("PATH", "/path"), ("THERE", "/there")];

/// For `source <(shardmill completions bash)` and its kin.
pub(crate) fn completions(output: Output, shell: Shell) -> Result<(), Failure> {
    let mut written = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "shardmill", &mut written);
    output.line(String::from_utf8_lossy(&written).trim_end())
}

/// The page of the program, or of the verb that these words are, for `man -l -`.
pub(crate) fn man(output: Output, words: &[String]) -> Result<(), Failure> {
    let mut command = Arguments::command();
    command.build();
    for word in words {
        let found = command.find_subcommand(word).cloned();
        command = found.ok_or_else(|| {
            Failure::usage(format!(
                "show the page of `{}`: there is no such verb",
                words.join(" ")
            ))
            .hint("`shardmill --help` lists the verbs")
        })?;
    }
    output.line(page(command)?.trim_end())
}

fn page(command: Command) -> Result<String, Failure> {
    let mut written = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut written);
    rendered.map_err(|error| Failure::failed(format!("write the page: {error}")))?;
    Ok(String::from_utf8_lossy(&written).into_owned())
}

/// The JSON schema of `triggers.yaml`; as YAML where that is asked for.
pub(crate) fn schema(output: Output) -> Result<(), Failure> {
    let schema = host::config::schema();
    match output.format {
        Format::Table => output.line(&format!("{schema:#}")),
        Format::Json | Format::Ndjson | Format::Yaml => output.one(&schema, Value::to_string),
    }
}

/// Where what this command line reads and writes is.
pub(crate) fn paths(output: Output, project: &Project) -> Result<(), Failure> {
    let folder = project.file.parent().unwrap_or(Path::new(""));
    let store = folder.join(".shardmill").join(&project.env);
    let known = [
        ("file", Some(project.file.clone())),
        ("data", Some(store.join("data"))),
        ("server", Some(store.join("server.json"))),
        ("servers", servers::file()),
        ("cache", cache::folder()),
    ];
    let found: Vec<Value> = known
        .into_iter()
        .filter_map(|(what, path)| Some((what, absolute(&path?))))
        .map(|(what, path)| {
            let there = if path.exists() { "yes" } else { "no" };
            json!({ "what": what, "path": path, "there": there })
        })
        .collect();
    output.list(&found, PATHS)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_every_verb() {
        let mut command = Arguments::command();
        command.build();
        for verb in command.get_subcommands() {
            let text = page(verb.clone()).unwrap();
            assert!(text.contains(".SH NAME"), "{}", verb.get_name());
        }
    }

    #[test]
    fn shells_are_told_of_every_verb() {
        let mut written = Vec::new();
        clap_complete::generate(
            Shell::Bash,
            &mut Arguments::command(),
            "shardmill",
            &mut written,
        );
        let text = String::from_utf8(written).unwrap();
        for verb in ["up", "deploy", "function", "completions"] {
            assert!(text.contains(verb), "{verb}");
        }
    }
}
