//! The table of keys as the guide prints it. The table in `defaults` goes in, Markdown comes out; nothing is written to
//! disk here. A difference between the guide and this text fails a test, so the guide cannot promise another default.

use std::fmt::Write as _;

use super::defaults::PLACES;
use super::fault_keys::KINDS;
use super::keys::Place;

/// Every key that `triggers.yaml` may hold, with type, default, range and meaning.
#[must_use]
pub fn keys_as_markdown() -> String {
    let mut text = table(PLACES);
    text.push_str("\nKnown to the format, refused by this version:\n\n");
    for place in PLACES.iter().filter(|place| !place.later.is_empty()) {
        let keys: Vec<String> = place
            .later
            .iter()
            .map(|name| format!("`{}`", in_full(place, name)))
            .collect();
        let _ = writeln!(text, "- {}", keys.join(", "));
    }
    text
}

/// The same for a file of faults.
#[must_use]
pub fn fault_keys_as_markdown() -> String {
    table(&KINDS)
}

fn table(places: &[&Place]) -> String {
    let mut text =
        String::from("| key | type | default | range | meaning |\n|---|---|---|---|---|\n");
    for place in places {
        for row in place.keys.iter().map(|key| key.row()) {
            let key = in_full(place, row.name);
            let (kind, meaning) = (row.kind, row.meaning);
            let (default, range) = (code(&row.default), cell(&row.range));
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| `{key}` | {kind} | {default} | {range} | {meaning} |"
            );
        }
    }
    text
}

fn in_full(place: &Place, name: &str) -> String {
    if place.path.is_empty() {
        name.to_owned()
    } else {
        format!("{}.{name}", place.path)
    }
}

fn code(text: &str) -> String {
    if matches!(text, "" | "none" | "required") {
        cell(text)
    } else {
        format!("`{text}`")
    }
}

fn cell(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_show_the_tables_of_the_code() {
        let guides = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/");
        for (name, expect) in [
            ("triggers-file.md", keys_as_markdown()),
            ("faults.md", fault_keys_as_markdown()),
        ] {
            let guide = std::fs::read_to_string(format!("{guides}{name}"));
            let guide = guide.expect("the guide is in the repository");
            let (_, after) = guide
                .split_once("<!-- keys -->\n")
                .expect("the guide has a place for it");
            let (shown, _) = after
                .split_once("<!-- end of keys -->")
                .expect("and an end of it");
            assert!(
                shown == expect,
                "put this between the two comments of docs/guides/{name}:\n\n{expect}"
            );
        }
    }

    #[test]
    fn no_key_stands_twice_in_one_place() {
        for place in PLACES {
            let mut names: Vec<&str> = place.names();
            names.extend(place.later);
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "in {}", place.path);
        }
    }
}
