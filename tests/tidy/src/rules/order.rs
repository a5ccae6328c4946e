//! Who may use whom. The manifests of `runtime` come in; a complaint goes out for each dependency that points left or
//! sideways, and for a library that only one crate may name. A wrong arrow is cheap now and a knot in a year.

use crate::manifest::dependencies;
use crate::{Complaint, Repository};

/// Each crate may use whatever stands in a later line, and nothing of its own line.
const ORDER: &[&[&str]] = &[
    &["cli"],
    &["host"],
    &["wire"],
    &["sandbox"],
    &["catalog", "dispatch", "streams"],
    &["leases"],
    &["log"],
    &["platform"],
    &["model"],
];

/// Libraries behind one door.
const DOORS: &[(&str, &str)] = &[
    ("sled", "log"),
    ("wasmtime", "sandbox"),
    ("wasmtime-wasi", "sandbox"),
];

const ONE_WAY: &str = "move the shared type to `model`, or put the two together in `host`";
const ONE_DOOR: &str = "ask the crate that has the door for what you need";

#[must_use]
pub fn one_way(repository: &Repository) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (place, name, path, text) in rooms(repository) {
        for (used, entry) in dependencies(text) {
            if rank(used).is_some_and(|of_used| of_used <= place) {
                let fact = format!("`{name}` uses `{used}`, which does not stand to its right");
                complaints.push(Complaint::at(&path, entry.line, fact, ONE_WAY));
            }
        }
    }
    complaints
}

/// A folder of `runtime` that has no place in the order would be checked against nothing.
#[must_use]
pub fn every_room_has_a_place(repository: &Repository) -> Vec<Complaint> {
    let manifests = repository.texts().filter_map(|(path, _)| {
        let name = path.strip_prefix("runtime/")?.strip_suffix("/Cargo.toml")?;
        rank(name).is_none().then_some((path, name))
    });
    manifests
        .map(|(path, name)| {
            let fact = format!("`{name}` has no place in the order of the crates");
            Complaint::whole(
                path,
                fact,
                "add it to ORDER in tests/tidy/src/rules/order.rs",
            )
        })
        .collect()
}

#[must_use]
pub fn one_door(repository: &Repository) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let manifests = repository
        .texts()
        .filter(|(path, _)| path.ends_with("Cargo.toml"));
    for (path, text) in manifests {
        for (used, entry) in dependencies(text) {
            let door = DOORS.iter().find(|(library, _)| *library == used);
            if let Some((library, owner)) = door
                && path != format!("runtime/{owner}/Cargo.toml")
            {
                let fact = format!("only `{owner}` uses `{library}`");
                complaints.push(Complaint::at(path, entry.line, fact, ONE_DOOR));
            }
        }
    }
    complaints
}

fn rooms(repository: &Repository) -> impl Iterator<Item = (usize, &'static str, String, &str)> {
    let placed = ORDER
        .iter()
        .enumerate()
        .flat_map(|(place, names)| names.iter().map(move |name| (place, *name)));
    placed.filter_map(|(place, name)| {
        let path = format!("runtime/{name}/Cargo.toml");
        let text = repository.text(&path)?;
        Some((place, name, path, text))
    })
}

fn rank(name: &str) -> Option<usize> {
    ORDER.iter().position(|names| names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&Repository) -> Vec<Complaint>, path: &str, manifest: &str, expect: &[&str]) {
        let found = rule(&Repository::of(&[(path, manifest)]));
        let facts: Vec<&str> = found
            .iter()
            .map(|complaint| complaint.fact.as_str())
            .collect();
        assert_eq!(facts, expect);
    }

    #[test]
    fn arrows_point_right() {
        let dispatch = "runtime/dispatch/Cargo.toml";
        check(
            one_way,
            dispatch,
            "[dependencies]\nlog.workspace = true\nmodel.workspace = true\nserde.workspace = true",
            &[],
        );
        let left = "`dispatch` uses `wire`, which does not stand to its right";
        check(
            one_way,
            dispatch,
            "[dependencies]\nwire.workspace = true",
            &[left],
        );
        let sideways = "`dispatch` uses `streams`, which does not stand to its right";
        check(
            one_way,
            dispatch,
            "[dev-dependencies]\nstreams = { workspace = true }",
            &[sideways],
        );
    }

    #[test]
    fn libraries_have_one_door() {
        check(
            one_door,
            "runtime/log/Cargo.toml",
            "[dependencies]\nsled.workspace = true",
            &[],
        );
        let fact = "only `log` uses `sled`";
        check(
            one_door,
            "runtime/host/Cargo.toml",
            "[dependencies]\nsled.workspace = true",
            &[fact],
        );
        check(
            one_door,
            "xtask/Cargo.toml",
            "[dependencies]\nwasmtime = \"48\"",
            &["only `sandbox` uses `wasmtime`"],
        );
    }

    #[test]
    fn new_rooms_are_noticed() {
        let fact = "`video` has no place in the order of the crates";
        check(
            every_room_has_a_place,
            "runtime/video/Cargo.toml",
            "",
            &[fact],
        );
        check(every_room_has_a_place, "runtime/log/Cargo.toml", "", &[]);
    }
}
