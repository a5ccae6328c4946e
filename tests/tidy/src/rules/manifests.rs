//! What all manifests share: lints and versions from the workspace, one lock, one toolchain. Manifests come
//! in; a complaint goes out for each crate that decides such a thing alone.

use crate::manifest::{dependencies, entries};
use crate::{Complaint, Repository};

/// Workspaces of their own: another target, other profiles.
const ELSEWHERE: &[&str] = &["functions/", "tests/guests/", "tests/end_to_end/clients/"];

/// Crates whose second version would double builds or split types; `deny.toml` names the same.
const COME_ONCE: &[&str] = &[
    "arrow",
    "hyper",
    "object_store",
    "rustls",
    "serde_json",
    "tokio",
];

#[must_use]
pub fn heavy_crates_come_once(repository: &Repository) -> Vec<Complaint> {
    let path = "Cargo.lock";
    let locked = entries(repository.text(path).unwrap_or_default());
    COME_ONCE
        .iter()
        .filter_map(|name| {
            let quoted = format!("\"{name}\"");
            let mut found = locked
                .iter()
                .filter(|entry| entry.key == "name" && entry.value == quoted);
            let second = found.nth(1)?;
            let fact = format!("`{name}` comes in two versions");
            let advice = "`cargo tree -d` shows who wants which; bring them together";
            Some(Complaint::at(path, second.line, fact, advice))
        })
        .collect()
}

#[must_use]
pub fn lints_are_shared(repository: &Repository) -> Vec<Complaint> {
    members(repository)
        .filter(|(_, text)| {
            !entries(text).iter().any(|entry| {
                entry.section == "lints" && entry.key == "workspace" && entry.value == "true"
            })
        })
        .map(|(path, _)| {
            let advice = "add `[lints]` with `workspace = true`";
            Complaint::whole(
                path,
                "the crate does not take the workspace's lints",
                advice,
            )
        })
        .collect()
}

#[must_use]
pub fn versions_are_shared(repository: &Repository) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, text) in members(repository) {
        for (name, entry) in dependencies(text) {
            let short = entry.key.ends_with(".workspace") && entry.value == "true";
            let long = entry.value.replace(' ', "").contains("workspace=true");
            if !short && !long {
                let fact = format!("`{name}` is declared here");
                let advice = "declare it in the root manifest and write `.workspace = true` here";
                complaints.push(Complaint::at(path, entry.line, fact, advice));
            }
        }
    }
    complaints
}

#[must_use]
pub fn the_lock_is_committed(repository: &Repository) -> Vec<Complaint> {
    let ignored = repository.text(".gitignore").is_some_and(|text| {
        text.lines()
            .any(|line| matches!(line.trim(), "Cargo.lock" | "/Cargo.lock" | "*.lock"))
    });
    let advice = "commit Cargo.lock: the toolchain cannot build newer versions of some crates";
    let mut complaints = Vec::new();
    if !repository.has("Cargo.lock") {
        complaints.push(Complaint::whole(
            "Cargo.lock",
            "the lock is not there",
            advice,
        ));
    }
    if ignored {
        complaints.push(Complaint::whole(
            ".gitignore",
            "the lock is ignored",
            advice,
        ));
    }
    complaints
}

#[must_use]
pub fn the_toolchain_is_pinned(repository: &Repository) -> Vec<Complaint> {
    let path = "rust-toolchain.toml";
    let channel = repository.text(path).and_then(|text| {
        entries(text)
            .into_iter()
            .find(|entry| entry.key == "channel")
            .map(|entry| entry.value)
    });
    let version = channel.unwrap_or_default().trim_matches('"');
    let exact = version.split('.').count() == 3
        && version.split('.').all(|part| part.parse::<u32>().is_ok());
    if exact {
        return Vec::new();
    }
    let fact = format!("the channel is `{version}`");
    vec![Complaint::whole(
        path,
        fact,
        "name one version, such as `1.95.0`",
    )]
}

fn members(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    repository.texts().filter(|(path, _)| {
        path.ends_with("/Cargo.toml") && !ELSEWHERE.iter().any(|folder| path.starts_with(folder))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&Repository) -> Vec<Complaint>, files: &[(&str, &str)], expect: &[&str]) {
        let found = rule(&Repository::of(files));
        let facts: Vec<&str> = found
            .iter()
            .map(|complaint| complaint.fact.as_str())
            .collect();
        assert_eq!(facts, expect, "for {files:?}");
    }

    #[test]
    fn lints_and_versions_come_from_the_workspace() {
        let path = "runtime/log/Cargo.toml";
        check(
            lints_are_shared,
            &[(path, "[lints]\nworkspace = true")],
            &[],
        );
        let fact = "the crate does not take the workspace's lints";
        check(
            lints_are_shared,
            &[(path, "[dependencies]\nworkspace = true")],
            &[fact],
        );
        check(lints_are_shared, &[("functions/x/Cargo.toml", "")], &[]);
        let shared =
            "[dependencies]\na.workspace = true\nb = { workspace = true, features = [\"x\"] }";
        check(versions_are_shared, &[(path, shared)], &[]);
        check(
            versions_are_shared,
            &[(path, "[dependencies]\na = \"1\"")],
            &["`a` is declared here"],
        );
        check(
            versions_are_shared,
            &[(path, "[dependencies]\na = { path = \"../a\" }")],
            &["`a` is declared here"],
        );
    }

    #[test]
    fn heavy_crates() {
        let once = "[[package]]\nname = \"tokio\"\nversion = \"1.0.0\"\n";
        let path = "Cargo.lock";
        check(heavy_crates_come_once, &[(path, once)], &[]);
        let twice = format!("{once}{once}");
        let fact = "`tokio` comes in two versions";
        check(heavy_crates_come_once, &[(path, &twice)], &[fact]);
    }

    #[test]
    fn builds_are_repeatable() {
        check(the_lock_is_committed, &[("Cargo.lock", "")], &[]);
        check(the_lock_is_committed, &[], &["the lock is not there"]);
        check(
            the_lock_is_committed,
            &[("Cargo.lock", ""), (".gitignore", "Cargo.lock\n")],
            &["the lock is ignored"],
        );
        let path = "rust-toolchain.toml";
        check(
            the_toolchain_is_pinned,
            &[(path, "[toolchain]\nchannel = \"1.95.0\"")],
            &[],
        );
        check(
            the_toolchain_is_pinned,
            &[(path, "[toolchain]\nchannel = \"stable\"")],
            &["the channel is `stable`"],
        );
        check(the_toolchain_is_pinned, &[], &["the channel is ``"]);
    }
}
