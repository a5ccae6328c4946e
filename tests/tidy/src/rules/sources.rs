//! How a source file looks. Rust files come in; complaints go out about heads, lengths, unfinished work, tests that wait
//! or do not run, names that say nothing, and `unsafe` outside its two rooms. Generated files keep their own rules.

use crate::rust::split;
use crate::{Complaint, Repository};

const LINES_MAX: usize = 600;

/// Names that say where something lies and not what it is.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "misc", "util", "utils"];

/// The only places where `unsafe` has a reason: trusted precompiled functions and io_uring.
const UNSAFE_PLACES: &[&str] = &["runtime/sandbox/", "runtime/platform/src/disk"];

/// The one door to the operating system's clock, the commands that wait for processes they started, and crashes at drawn
/// moments.
const WAITING_PLACES: &[&str] = &["runtime/platform/", "tests/crash/", "xtask/"];

#[must_use]
pub fn files_begin_with_their_purpose(repository: &Repository) -> Vec<Complaint> {
    let headless = written(repository).filter(|(_, text)| !text.starts_with("//!"));
    let advice = "begin it with `//!`: what comes in, what goes out, what it never does";
    headless
        .map(|(path, _)| Complaint::whole(path, "the file has no head", advice))
        .collect()
}

#[must_use]
pub fn files_are_short(repository: &Repository) -> Vec<Complaint> {
    let advice = "split it where a reader would pause; long tests go to a sibling `tests.rs`";
    written(repository)
        .filter(|(_, text)| text.lines().count() > LINES_MAX)
        .map(|(path, text)| {
            let fact = format!("{} lines, {LINES_MAX} are the most", text.lines().count());
            Complaint::whole(path, fact, advice)
        })
        .collect()
}

#[must_use]
pub fn nothing_is_unfinished(repository: &Repository) -> Vec<Complaint> {
    let advice = "finish it, or leave it out";
    let mut complaints = in_code(repository, &["todo!", "unimplemented!"], advice, |_| true);
    for (path, text) in written(repository) {
        for (line, comment) in numbered(&split(text).comments) {
            if comment.contains("TODO") && !comment.contains("TODO(") || comment.contains("FIXME") {
                let advice = "name who will: `TODO(name): ...`";
                complaints.push(Complaint::at(
                    path,
                    line,
                    "unfinished, and nobody's",
                    advice,
                ));
            }
        }
    }
    complaints
}

#[must_use]
pub fn tests_run_and_do_not_wait(repository: &Repository) -> Vec<Complaint> {
    let advice = "run it or remove it";
    let mut complaints = in_code(repository, &["#[ignore"], advice, |_| true);
    let advice = "wait for the event itself, with a deadline";
    let elsewhere = |path: &str| !WAITING_PLACES.iter().any(|place| path.starts_with(place));
    complaints.extend(in_code(repository, &["thread::sleep"], advice, elsewhere));
    complaints
}

#[must_use]
pub fn names_say_something(repository: &Repository) -> Vec<Complaint> {
    let advice = "name the module after what it knows";
    written(repository)
        .filter_map(|(path, _)| {
            let stem = path
                .strip_suffix("/mod.rs")
                .or_else(|| path.strip_suffix(".rs"))?;
            let name = stem.rsplit('/').next()?;
            let fact = format!("`{name}` says nothing");
            EMPTY_NAMES
                .contains(&name)
                .then(|| Complaint::whole(path, fact, advice))
        })
        .collect()
}

#[must_use]
pub fn unsafe_stays_in_its_rooms(repository: &Repository) -> Vec<Complaint> {
    let advice = "only `sandbox` and `platform::disk` may, each with a SAFETY line";
    let elsewhere = |path: &str| !UNSAFE_PLACES.iter().any(|place| path.starts_with(place));
    in_code(repository, &["unsafe"], advice, elsewhere)
}

fn written(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    repository.texts().filter(|(path, _)| {
        path.ends_with(".rs")
            && !path
                .split('/')
                .any(|part| part == "generated" || part == "generated.rs")
    })
}

/// One complaint a line of code that holds one of the words.
fn in_code(
    repository: &Repository,
    words: &[&str],
    advice: &'static str,
    applies: impl Fn(&str) -> bool,
) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, text) in written(repository).filter(|(path, _)| applies(path)) {
        for (line, code) in numbered(&split(text).code) {
            if let Some(word) = words.iter().find(|word| has_word(code, word)) {
                complaints.push(Complaint::at(path, line, format!("`{word}`"), advice));
            }
        }
    }
    complaints
}

/// `unsafe` is not part of `unsafe_code`.
fn has_word(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back().is_some_and(part);
        let after = code[start + word.len()..].chars().next().is_some_and(part);
        let ends_in_letter = word.ends_with(part);
        !(before || (ends_in_letter && after))
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&Repository) -> Vec<Complaint>, path: &str, text: &str, expect: &[&str]) {
        let found = rule(&Repository::of(&[(path, text)]));
        let shown: Vec<String> = found
            .iter()
            .map(|complaint| match complaint.line {
                Some(line) => format!("{line}: {}", complaint.fact),
                None => complaint.fact.clone(),
            })
            .collect();
        assert_eq!(shown, expect, "for {path}: {text}");
    }

    #[test]
    fn heads_and_lengths() {
        check(
            files_begin_with_their_purpose,
            "a.rs",
            "//! Reads.\nfn f() {}",
            &[],
        );
        check(
            files_begin_with_their_purpose,
            "a.rs",
            "use b;\n//! Late.",
            &["the file has no head"],
        );
        check(
            files_begin_with_their_purpose,
            "x/generated/a.rs",
            "use b;",
            &[],
        );
        check(files_are_short, "a.rs", &"x\n".repeat(600), &[]);
        check(
            files_are_short,
            "a.rs",
            &"x\n".repeat(601),
            &["601 lines, 600 are the most"],
        );
    }

    #[test]
    fn unfinished_work() {
        check(
            nothing_is_unfinished,
            "a.rs",
            "fn f() {\n    todo!()\n}",
            &["2: `todo!`"],
        );
        check(
            nothing_is_unfinished,
            "a.rs",
            "f(\"todo!\"); // todo! is banned",
            &[],
        );
        check(
            nothing_is_unfinished,
            "a.rs",
            "// TODO: later",
            &["1: unfinished, and nobody's"],
        );
        check(nothing_is_unfinished, "a.rs", "// TODO(ada): later", &[]);
    }

    #[test]
    fn tests() {
        check(
            tests_run_and_do_not_wait,
            "a.rs",
            "#[test]\n#[ignore]\nfn f() {}",
            &["2: `#[ignore`"],
        );
        check(
            tests_run_and_do_not_wait,
            "a.rs",
            "std::thread::sleep(one)",
            &["1: `thread::sleep`"],
        );
        check(
            tests_run_and_do_not_wait,
            "runtime/platform/src/real.rs",
            "std::thread::sleep(one)",
            &[],
        );
    }

    #[test]
    fn names() {
        check(
            names_say_something,
            "a/utils.rs",
            "",
            &["`utils` says nothing"],
        );
        check(
            names_say_something,
            "a/common/mod.rs",
            "",
            &["`common` says nothing"],
        );
        check(names_say_something, "a/units.rs", "", &[]);
    }

    #[test]
    fn rooms_of_unsafe() {
        check(
            unsafe_stays_in_its_rooms,
            "runtime/log/src/a.rs",
            "unsafe { f() }",
            &["1: `unsafe`"],
        );
        check(
            unsafe_stays_in_its_rooms,
            "runtime/log/src/a.rs",
            "#![deny(unsafe_code)] // unsafe",
            &[],
        );
        check(
            unsafe_stays_in_its_rooms,
            "runtime/sandbox/src/a.rs",
            "unsafe { f() }",
            &[],
        );
        check(
            unsafe_stays_in_its_rooms,
            "runtime/platform/src/disk/ring.rs",
            "unsafe { f() }",
            &[],
        );
    }
}
