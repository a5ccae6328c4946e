//! What a function is told and nobody else: values among its variables, which never appear in a log, in a message or in
//! the text of this type.

use std::{borrow::Cow, collections::BTreeMap, fmt};

/// Shorter values would be found in every text.
const HIDDEN_CHARACTERS_MIN: usize = 4;
const INSTEAD: &str = "***";

/// By name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FromIterator<(String, String)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

impl Secrets {
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Each under its name, and under its name as variables are usually written: `pager_key` and `PAGER_KEY`.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().flat_map(|(name, value)| {
            let usual: String = name
                .chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() {
                        c.to_ascii_uppercase()
                    } else {
                        '_'
                    }
                })
                .collect();
            [(usual, value.clone()), (name.clone(), value.clone())]
        })
    }

    /// A text without them.
    pub(crate) fn hidden<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut hidden = Cow::Borrowed(text);
        let values = self.0.values();
        for value in values.filter(|value| value.chars().count() >= HIDDEN_CHARACTERS_MIN) {
            if hidden.contains(value.as_str()) {
                hidden = Cow::Owned(hidden.replace(value.as_str(), INSTEAD));
            }
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let named = [("pager_key", "s3cr3t"), ("pin", "123")];
        let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
        named.into_iter().collect()
    }

    #[test]
    fn no_text_shows_a_secret() {
        assert_eq!(
            secrets().hidden("key=s3cr3t, again s3cr3t"),
            "key=***, again ***"
        );
        assert_eq!(secrets().hidden("123"), "123");
        let shown = format!("{:?}", secrets());
        assert_eq!(shown, r#"{"pager_key", "pin"}"#);
    }

    #[test]
    fn variables_have_both_names() {
        let variables: BTreeMap<String, String> = secrets().variables().collect();
        assert_eq!(variables["PAGER_KEY"], variables["pager_key"]);
    }
}
