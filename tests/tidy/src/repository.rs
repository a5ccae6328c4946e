//! The repository as a map of paths to texts. A folder comes in, read once; what builds and tools leave behind is not
//! read. An unreadable file is a panic: rules that skip files in silence would hold nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Folders that no rule is about, besides those of `.gitignore`.
const SKIPPED_FOLDERS: &[&str] = &[
    ".git",
    ".shardmill",
    ".venv",
    "__pycache__",
    "node_modules",
    "target",
];

/// What is read as text, by the end of its name.
const TEXT_ENDINGS: &[&str] = &[
    ".css",
    ".html",
    ".js",
    ".json",
    ".lock",
    ".md",
    ".mjs",
    ".py",
    ".rs",
    ".sh",
    ".toml",
    ".ts",
    ".txt",
    ".wit",
    ".yaml",
    ".yml",
    ".gitignore",
    "LICENSE",
];

/// Paths are relative to the root, with `/` between their parts.
#[derive(Debug, Default)]
pub struct Repository {
    texts: BTreeMap<String, String>,
    paths: BTreeSet<String>,
}

impl Repository {
    /// The repository that this crate is part of.
    #[must_use]
    pub fn ours() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut repository = Self::default();
        repository.read_folder(&root, "");
        repository
    }

    /// A repository that exists only in a test of a rule.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut repository = Self::default();
        for (path, text) in files {
            repository.add(path);
            repository
                .texts
                .insert((*path).to_owned(), (*text).to_owned());
        }
        repository
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Path and text of every text file.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Whether a file or a folder is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains(path.trim_end_matches('/'))
    }

    fn add(&mut self, path: &str) {
        let mut parts = String::new();
        for part in path.split('/') {
            if !parts.is_empty() {
                parts.push('/');
            }
            parts.push_str(part);
            self.paths.insert(parts.clone());
        }
    }

    fn read_folder(&mut self, folder: &Path, within: &str) {
        let entries = fs::read_dir(folder).expect("the folder can be listed");
        for entry in entries {
            let entry = entry.expect("the entry can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if within.is_empty() {
                name.clone()
            } else {
                format!("{within}/{name}")
            };
            let kind = entry.file_type().expect("the entry has a type");
            if kind.is_dir() {
                if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                    self.paths.insert(path.clone());
                    self.read_folder(&entry.path(), &path);
                }
                continue;
            }
            self.paths.insert(path.clone());
            if TEXT_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                let bytes = fs::read(entry.path()).expect("the file can be read");
                self.texts
                    .insert(path, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
}
