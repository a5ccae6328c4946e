//! Links of the documents. Markdown comes in; a complaint goes out for each link to a file that is not there or to a
//! heading that its page does not have. Addresses of the network are not followed.

use crate::{Complaint, Repository};

const FILE_ADVICE: &str = "correct the path; it is relative to the page";
const HEADING_ADVICE: &str = "correct it: lower case, spaces become `-`, signs fall away";

#[must_use]
pub fn links_lead_somewhere(repository: &Repository) -> Vec<Complaint> {
    let pages = repository.texts().filter(|(path, _)| {
        path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'))
    });
    let mut complaints = Vec::new();
    for (path, text) in pages {
        for (line, target) in links(text) {
            complaints.extend(broken(repository, path, line, target));
        }
    }
    complaints
}

/// A link to source whose text is a name in code claims that the file has a function, type or constant of that name.
#[must_use]
pub fn named_code_is_there(repository: &Repository) -> Vec<Complaint> {
    let pages = repository
        .texts()
        .filter(|(path, _)| path.starts_with("docs/"));
    let mut complaints = Vec::new();
    for (page, text) in pages.filter(|(path, _)| path.ends_with(".md")) {
        for (index, line) in text.lines().enumerate() {
            let claims = line.split("[`").skip(1);
            let claims =
                claims
                    .filter_map(|rest| rest.split_once("`]("))
                    .filter_map(|(name, rest)| {
                        let target = rest.split(')').next()?;
                        Some((
                            name,
                            relative(page, target).filter(|it| it.ends_with(".rs"))?,
                        ))
                    });
            // What has other signs is the name of something else.
            let plain = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
            for (name, file) in claims.filter(|(name, _)| plain(name)) {
                let there = repository.text(&file).is_some_and(|text| has(text, name));
                let fact = || format!("`{file}` has no `{name}`");
                complaints.extend((!there).then(|| {
                    Complaint::at(
                        page,
                        index + 1,
                        fact(),
                        "name what shows it now, or take the claim back",
                    )
                }));
            }
        }
    }
    complaints
}

fn has(text: &str, name: &str) -> bool {
    let kinds = ["fn", "struct", "enum", "trait", "const", "mod", "type"];
    let mut kinds = kinds.iter();
    kinds.any(|kind| text.contains(&format!("{kind} {name}")))
}

fn broken(repository: &Repository, page: &str, line: usize, target: &str) -> Option<Complaint> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let resolved = if file.is_empty() {
        Some(page.to_owned())
    } else {
        relative(page, file)
    };
    let Some(resolved) = resolved.filter(|resolved| repository.has(resolved)) else {
        return Some(Complaint::at(
            page,
            line,
            format!("`{target}` is not there"),
            FILE_ADVICE,
        ));
    };
    let text = repository
        .text(&resolved)
        .filter(|_| resolved.ends_with(".md"))?;
    let known = heading.is_empty() || headings(text).any(|known| known == heading);
    let fact = || format!("`{resolved}` has no heading `#{heading}`");
    (!known).then(|| Complaint::at(page, line, fact(), HEADING_ADVICE))
}

/// Targets of `[text](target)` outside of code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for (start, _) in line.match_indices("](") {
            let in_code = line[..start].matches('`').count() % 2 == 1;
            let target = line[start + 2..].split(')').next().unwrap_or_default();
            let target = target.split_whitespace().next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !in_code && !elsewhere && !target.is_empty() {
                links.push((index + 1, target));
            }
        }
    }
    links
}

/// None for a path that leaves the repository.
fn relative(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(page: &str, text: &str, expect: &[&str]) {
        let files = [
            (page, text),
            ("ARCHITECTURE.md", "# The house\n## What `log` keeps\n"),
            ("docs/guides/a.md", ""),
        ];
        let found = links_lead_somewhere(&Repository::of(&files));
        let facts: Vec<&str> = found
            .iter()
            .map(|complaint| complaint.fact.as_str())
            .collect();
        assert_eq!(facts, expect, "for {text}");
    }

    #[test]
    fn code_that_is_named_is_there() {
        let check = |text: &str, expect: &[&str]| {
            let files = [
                ("docs/consumer.md", text),
                ("runtime/a.rs", "//! A.\n\nfn it_holds() {}\n"),
            ];
            let found = named_code_is_there(&Repository::of(&files));
            let facts: Vec<&str> = found.iter().map(|it| it.fact.as_str()).collect();
            assert_eq!(facts, expect, "for {text}");
        };
        check(
            "a [`it_holds`](../runtime/a.rs) and [page](../README.md)",
            &[],
        );
        check(
            "[`it_held`](../runtime/a.rs), [`it_holds`](../runtime/b.rs)",
            &[
                "`runtime/a.rs` has no `it_held`",
                "`runtime/b.rs` has no `it_holds`",
            ],
        );
    }

    #[test]
    fn files_and_headings() {
        check(
            "README.md",
            "[a](ARCHITECTURE.md) [b](docs/guides/) [c](https://example.org/x)",
            &[],
        );
        check(
            "README.md",
            "[a](docs/guides/b.md)",
            &["`docs/guides/b.md` is not there"],
        );
        check("README.md", "[a](../b.md)", &["`../b.md` is not there"]);
        check(
            "docs/index.md",
            "[a](guides/a.md) [b](../ARCHITECTURE.md#the-house)",
            &[],
        );
        check("README.md", "[a](ARCHITECTURE.md#what-log-keeps)", &[]);
        check(
            "README.md",
            "[a](ARCHITECTURE.md#none)",
            &["`ARCHITECTURE.md` has no heading `#none`"],
        );
        check(
            "README.md",
            "# Top\n[a](#top) [b](#bottom)",
            &["`README.md` has no heading `#bottom`"],
        );
        check("README.md", "`[a](b.md)`\n```\n[a](b.md)\n```", &[]);
    }
}
