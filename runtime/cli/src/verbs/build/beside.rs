//! Files that lie beside a function's code: what its code reads where it lies, as on Lambda, is packed along.
//!
//! Of a folder that is the function's, that is all but tests, hidden files and what tools leave there. Where a source names one
//! file, its folder may hold anything: then it is what the code names.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Paths with `/`, and contents.
pub(super) type Files = Vec<(String, Vec<u8>)>;

/// What no function reads.
const LEFT: &[&str] = &[
    "__pycache__",
    "bin",
    "node_modules",
    "package-lock.json",
    "pnpm-lock.yaml",
    "triggers.yaml",
    "venv",
    "yarn.lock",
];
/// Of what pip leaves of a package, what the package asks for.
const FACTS: &[&str] = &["METADATA", "entry_points.txt", "top_level.txt"];

/// All below a folder, as far as `keeps` keeps a file of such a name.
pub(super) fn collect(
    root: &Path,
    below: &Path,
    keeps: &dyn Fn(&str) -> bool,
    files: &mut Files,
) -> Result<(), Failure> {
    let is_facts = below
        .extension()
        .is_some_and(|extension| extension == "dist-info");
    for name in names(&root.join(below))? {
        if is_left(&name) || is_facts && !FACTS.contains(&name.as_str()) {
            continue;
        }
        let relative = below.join(&name);
        let path = root.join(&relative);
        if path.is_dir() {
            collect(root, &relative, keeps, files)?;
        } else if keeps(&name) && path.is_file() {
            files.push((relative.to_string_lossy().into_owned(), read(&path)?));
        }
    }
    Ok(())
}

/// Files and folders that the texts of some code name.
pub(super) fn named(
    folder: &Path,
    texts: &[&str],
    keeps: &dyn Fn(&str) -> bool,
    files: &mut Files,
) -> Result<(), Failure> {
    for name in names(folder)? {
        if is_left(&name) || !texts.iter().any(|text| names_file(text, &name)) {
            continue;
        }
        let path = folder.join(&name);
        if path.is_dir() {
            collect(folder, Path::new(&name), keeps, files)?;
        } else if keeps(&name) && path.is_file() {
            files.push((name, read(&path)?));
        }
    }
    Ok(())
}

/// In quotes, alone or as a part of a path; members of objects are no files.
fn names_file(text: &str, name: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| "\"'`/".contains(c));
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (text.split_at(at).0, text.split_at(at + name.len()).1);
        let is_member = before
            .strip_suffix(['"', '\''])
            .is_some_and(|before| before.ends_with('[') || before.ends_with(".get("));
        is_end(before.chars().next_back()) && is_end(after.chars().next()) && !is_member
    })
}

fn is_left(name: &str) -> bool {
    name.starts_with('.') || LEFT.contains(&name)
}

pub(super) fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |error| Failure::failed(format!("read {}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        names.extend(name.into_string().ok());
    }
    names.sort();
    Ok(names)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::failed(format!("read {}: {error}", path.display())))
}

/// The folder of the package of npm that a module belongs to: `node_modules/@a/b` of `node_modules/@a/b/lib/c.js`.
pub(super) fn package_of(module: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = module.split('/').collect();
    let at = parts.iter().rposition(|part| *part == "node_modules")?;
    let scoped = parts.get(at + 1)?.starts_with('@');
    let end = at + if scoped { 3 } else { 2 };
    (end < parts.len()).then(|| parts.iter().take(end).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_names_files_in_quotes() {
        for (text, expect) in [
            ("open('data.json')", true),
            ("open(f\"{here}/data.json\")", true),
            ("new URL(`./data.json`, import.meta.url)", true),
            ("join(folder, \"data.json\", x)", true),
            ("read('data.json/x')", true),
            ("# data.json", false),
            ("event['data.json']", false),
            ("event.get(\"data.json\")", false),
            ("'my-data.json'", false),
            ("'data.json5'", false),
            ("", false),
        ] {
            assert_eq!(names_file(text, "data.json"), expect, "{text}");
        }
    }

    #[test]
    fn a_module_knows_its_package() {
        for (module, expect) in [
            ("node_modules/a/index.js", Some("node_modules/a")),
            ("node_modules/@a/b/lib/c.js", Some("node_modules/@a/b")),
            (
                "node_modules/a/node_modules/b/c.js",
                Some("node_modules/a/node_modules/b"),
            ),
            ("lib/a.js", None),
            ("node_modules/a.js", None),
        ] {
            assert_eq!(package_of(module), expect.map(PathBuf::from), "{module}");
        }
    }

    #[test]
    fn what_lies_beside_is_packed_as_far_as_it_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "a.txt",
            "b.txt",
            "t/x.html",
            "t/x.js",
            ".env",
            "triggers.yaml",
            "p.dist-info/METADATA",
            "p.dist-info/RECORD",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = |files: Files| files.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let keeps = |name: &str| !name.ends_with(".js");
        let mut files = Files::new();
        collect(folder.path(), Path::new(""), &keeps, &mut files).unwrap();
        let all = ["a.txt", "b.txt", "p.dist-info/METADATA", "t/x.html"];
        assert_eq!(found(files), all);
        let mut files = Files::new();
        let texts = ["'b.txt' '.env' 'triggers.yaml'", "join('t', x)"];
        named(folder.path(), &texts, &keeps, &mut files).unwrap();
        assert_eq!(found(files), ["b.txt", "t/x.html"]);
    }
}
