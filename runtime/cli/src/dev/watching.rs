//! What was saved: the files of each function and the project's file are looked at again and again, and once a change has come to
//! rest it is told. Looking works on every file system, and costs little for the files of a few functions. Folders that tools
//! fill are not looked at; what a compiler read besides (libraries of the same repository) is.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::Sender;

use super::Event;
use crate::limits::{LOOK_PAUSE, WATCHED_FILES_MAX};
use crate::verbs::build::Source;
use crate::waiting;

/// Names of what nobody writes by hand.
const TOOLS: &[&str] = &[
    "target",
    "node_modules",
    "__pycache__",
    "venv",
    "dist",
    "Cargo.lock",
];

/// Something was saved and has come to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) functions: BTreeSet<String>,
    /// The project's own file.
    pub(super) file: bool,
    /// When the newest of the files was written, in milliseconds since 1970.
    pub(super) at_ms: i64,
}

/// Size and time of a file: another pair means another content.
type Mark = (u64, i64, i64);
type Marks = BTreeMap<PathBuf, Mark>;
/// What was seen of one function, in which of its sets of places.
type Look = BTreeMap<String, (u64, Marks)>;

#[derive(Debug, Default)]
pub(super) struct Watch {
    file: PathBuf,
    /// Where each is, and how often that was said.
    functions: BTreeMap<String, (u64, Vec<PathBuf>)>,
}

impl Watch {
    pub(super) fn of(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            functions: BTreeMap::new(),
        }
    }

    pub(super) fn set(&mut self, function: &str, places: Vec<PathBuf>) {
        let known = self.functions.get(function);
        if known.is_some_and(|(_, known)| *known == places) {
            return;
        }
        // Files that are looked at from now on were not written now.
        let count = known.map_or(0, |(count, _)| *count + 1);
        self.functions.insert(function.to_owned(), (count, places));
    }

    /// Functions that the project no longer has are not looked at.
    pub(super) fn keep_only(&mut self, sources: &[Source]) {
        let is_there = |name: &String| sources.iter().any(|source| source.name == *name);
        self.functions.retain(|name, _| is_there(name));
    }

    fn look(&self) -> Look {
        let mut seen: Look = self
            .functions
            .iter()
            .map(|(name, (count, places))| {
                let mut marks = Marks::new();
                for place in places {
                    look(place, &mut marks);
                }
                (name.clone(), (*count, marks))
            })
            .collect();
        let mut own = Marks::new();
        look(&self.file, &mut own);
        // No function has an empty name.
        seen.insert(String::new(), (0, own));
        seen
    }
}

/// Where a function's code is, and what went into the file that was built of it.
pub(super) fn places(source: &Source, built: &Path) -> Vec<PathBuf> {
    let path = &source.path;
    let folder = path.parent().filter(|parent| *parent != Path::new(""));
    let is_code = path.is_file() && path.extension().is_none_or(|ending| ending != "wasm");
    let own = if is_code {
        folder.unwrap_or_else(|| Path::new(".")).to_owned()
    } else {
        path.clone()
    };
    let mut places = vec![own];
    if let Ok(text) = std::fs::read_to_string(built.with_extension("d")) {
        let read = text.lines().filter_map(|line| line.split_once(": "));
        places.extend(read.flat_map(|(_, files)| files.split(' ').map(PathBuf::from)));
    }
    places
}

fn look(place: &Path, marks: &mut Marks) {
    // What is not there, or no more, has no mark.
    let Ok(facts) = std::fs::metadata(place) else {
        return;
    };
    if marks.len() >= WATCHED_FILES_MAX {
        return;
    }
    if !facts.is_dir() {
        marks.insert(
            place.to_owned(),
            (facts.size(), facts.mtime(), facts.mtime_nsec()),
        );
        return;
    }
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !TOOLS.contains(&name.as_ref()) {
            look(&entry.path(), marks);
        }
    }
}

/// What differs between two looks; nothing where they are the same. A function that is new was just built.
fn difference(before: &Look, now: &Look) -> Option<Saved> {
    let differs = |(name, (count, marks)): &(&String, &(u64, Marks))| {
        let known = before.get(*name);
        known.is_some_and(|(known, others)| known == count && others != marks)
    };
    let changed = now.iter().filter(differs);
    let changed: BTreeSet<String> = changed.map(|(name, _)| name.clone()).collect();
    let newest = changed
        .iter()
        .filter_map(|name| now.get(name))
        .flat_map(|(_, marks)| marks.values());
    let at_ms = newest
        .map(|(_, s, ns)| s * 1_000 + ns / 1_000_000)
        .max()
        .unwrap_or(0);
    let file = changed.contains("");
    let functions: BTreeSet<String> = changed
        .into_iter()
        .filter(|name| !name.is_empty())
        .collect();
    (file || !functions.is_empty()).then_some(Saved {
        functions,
        file,
        at_ms,
    })
}

/// Looks for as long as somebody listens.
pub(super) fn follow(watch: Arc<Mutex<Watch>>, send: Sender<Event>) {
    let look = move || watch.lock().unwrap_or_else(PoisonError::into_inner).look();
    waiting::drive(async move {
        let mut known = look();
        loop {
            waiting::pause(LOOK_PAUSE).await;
            let mut now = look();
            if difference(&known, &now).is_some() {
                // Editors write in several steps.
                loop {
                    waiting::pause(LOOK_PAUSE).await;
                    let later = look();
                    let rests = later == now;
                    now = later;
                    if rests {
                        break;
                    }
                }
                if let Some(saved) = difference(&known, &now)
                    && send.send(Event::Saved(saved)).await.is_err()
                {
                    return;
                }
            }
            known = now;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_people_write_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("triggers.yaml");
        let code = folder.path().join("f/src/lib.rs");
        for path in [
            &file,
            &code,
            &folder.path().join("f/target/x"),
            &folder.path().join("f/.git/y"),
        ] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "1").unwrap();
        }
        let mut watch = Watch::of(&file);
        watch.set("f", vec![folder.path().join("f")]);
        let before = watch.look();
        assert_eq!(before["f"].1.keys().collect::<Vec<_>>(), [&code]);
        std::fs::write(folder.path().join("f/target/x"), "22").unwrap();
        assert_eq!(difference(&before, &watch.look()), None);
        std::fs::write(&code, "22").unwrap();
        let saved = difference(&before, &watch.look()).unwrap();
        assert_eq!((saved.functions.len(), saved.file), (1, false));
        std::fs::write(&file, "22").unwrap();
        assert!(difference(&before, &watch.look()).unwrap().file);
        watch.set("g", vec![code]);
        assert!(
            !difference(&before, &watch.look())
                .unwrap()
                .functions
                .contains("g")
        );
    }
}
