//! Traces of the machine that a file was written on. Text files come in; a complaint goes out for each absolute path of
//! somebody's folder and for each package that would come from somewhere else than its public registry.

use crate::{Complaint, Repository};

/// In two parts, so that this file is clean itself.
const FOLDERS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
];

/// The registries that anybody can reach.
const REGISTRIES: &[&str] = &[
    "registry+https://github.com/rust-lang/crates.io-index",
    "https://registry.npmjs.org/",
    "https://pypi.org/",
    "https://files.pythonhosted.org/",
];

/// What stands before the address of a registry in locks and settings of cargo, npm and pip.
const SOURCES: &[&str] = &[
    "source = \"",
    "\"resolved\": \"",
    "--index-url ",
    "--extra-index-url ",
    "index-url = ",
    "registry = \"",
    "registry=",
];

#[must_use]
pub fn no_folder_of_one_machine(repository: &Repository) -> Vec<Complaint> {
    let advice = "make it relative to the file or the workspace";
    lines(repository)
        .filter_map(|(path, number, line)| {
            let folder = FOLDERS.iter().find(|folder| stands_alone(line, folder))?;
            Some(Complaint::at(
                path,
                number,
                format!("`{folder}` is of one machine"),
                advice,
            ))
        })
        .collect()
}

#[must_use]
pub fn packages_come_from_public_registries(repository: &Repository) -> Vec<Complaint> {
    let advice = "write the address of the public registry; mirrors belong in personal settings";
    lines(repository)
        .filter(|(path, _, _)| settings(path))
        .filter_map(|(path, number, line)| {
            let (_, from) = SOURCES.iter().find_map(|before| line.split_once(before))?;
            let public = REGISTRIES.iter().any(|registry| from.starts_with(registry));
            let fact = "a package from elsewhere";
            (!public).then(|| Complaint::at(path, number, fact, advice))
        })
        .collect()
}

/// Locks, and files that tell a package client where to look.
fn settings(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains(".cargo/")
        || name.ends_with(".lock")
        || name.ends_with("-lock.json")
        || name.starts_with("requirements")
        || matches!(name, "pip.conf" | ".npmrc")
}

fn lines(repository: &Repository) -> impl Iterator<Item = (&str, usize, &str)> {
    repository.texts().flat_map(|(path, text)| {
        text.lines()
            .enumerate()
            .map(move |(index, line)| (path, index + 1, line))
    })
}

/// An absolute path begins after a space or a sign, not in the middle of another path.
fn stands_alone(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        before.is_none_or(|c| {
            !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_' | '/' | '}' | '*' | '~')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&Repository) -> Vec<Complaint>, path: &str, text: &str, expect: usize) {
        assert_eq!(
            rule(&Repository::of(&[(path, text)])).len(),
            expect,
            "for {path}: {text}"
        );
    }

    #[test]
    fn folders() {
        for folder in FOLDERS {
            check(
                no_folder_of_one_machine,
                "a.md",
                &format!("see {folder}project"),
                1,
            );
            check(
                no_folder_of_one_machine,
                "a.rs",
                &format!("open(\"{folder}x\")"),
                1,
            );
            check(
                no_folder_of_one_machine,
                "a.md",
                &format!("https://example.org{folder}x"),
                0,
            );
            check(no_folder_of_one_machine, "a.md", &format!("..{folder}x"), 0);
        }
    }

    #[test]
    fn registries() {
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        check(
            packages_come_from_public_registries,
            "Cargo.lock",
            public,
            0,
        );
        let mirror = "source = \"registry+https://mirror.example/index\"";
        check(
            packages_come_from_public_registries,
            "Cargo.lock",
            mirror,
            1,
        );
        let git = "source = \"git+https://example.org/x\"";
        check(packages_come_from_public_registries, "Cargo.lock", git, 1);
        let pip = "--index-url https://mirror.example/simple";
        check(
            packages_come_from_public_registries,
            "sdk/requirements.txt",
            pip,
            1,
        );
        check(packages_come_from_public_registries, "docs/a.md", pip, 0);
    }
}
