//! As much of a `Cargo.toml` as the rules ask about: sections and the keys in them. Text comes in, entries go out. It is
//! no TOML parser: values that span lines are not understood, and our manifests have none among dependencies.

/// One `key = value` of one section.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) line: usize,
    pub(crate) section: &'a str,
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
}

pub(crate) fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut section = "";
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = header;
        } else if !line.starts_with('#')
            && let Some((key, value)) = line.split_once('=')
        {
            entries.push(Entry {
                line: index + 1,
                section,
                key: key.trim(),
                value: value.trim(),
            });
        }
    }
    entries
}

/// Dependencies of any kind, by the name they are used under.
pub(crate) fn dependencies(text: &str) -> Vec<(&str, Entry<'_>)> {
    entries(text)
        .into_iter()
        .filter(|entry| {
            entry.section.ends_with("dependencies") && !entry.section.starts_with("workspace")
        })
        .map(|entry| (entry.key.split('.').next().unwrap_or(entry.key), entry))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_every_kind_are_found() {
        let text = "[package]\nname = \"x\"\n\n[dependencies]\nmodel.workspace = true\n# old = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nrustix = { workspace = true }\n[dev-dependencies]\ninsta = \"1\"\n";
        let names: Vec<&str> = dependencies(text)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["model", "rustix", "insta"]);
    }
}
