//! The page about performance: the table between its two marks is replaced by that of this run, the rest is left alone.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::{machine, report::Report};

const BEGIN: &str = "<!-- figures -->";
const END: &str = "<!-- end of figures -->";

pub(crate) fn write(path: &Path, report: &Report) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let machine = machine::description();
    let figures = format!(
        "Version {}, on {} cores of {}, Linux {}.\n\n{}",
        env!("CARGO_PKG_VERSION"),
        machine["cores"],
        machine["processor"]
            .as_str()
            .unwrap_or("an unnamed processor"),
        machine["kernel"]
            .as_str()
            .unwrap_or("of an unknown version"),
        report.table().trim_end()
    );
    let Some(text) = replaced(&text, &figures) else {
        bail!(
            "{}: the marks {BEGIN} and {END} are not there",
            path.display()
        );
    };
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn replaced(text: &str, figures: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{figures}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let expected = format!("a\n{BEGIN}\nnew\n{END}\nb\n");
        assert_eq!(replaced(&text, "new"), Some(expected));
        assert_eq!(replaced("no marks", "new"), None);
    }
}
