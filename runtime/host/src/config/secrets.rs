//! The reader of `secrets`: where each is kept, never what it is. Values are read when a server starts or deploys.

use std::collections::BTreeMap;
use std::path::Path;

use super::interpolate::is_variable_name;
use super::names::Name;
use super::project::SecretSource;
use super::reader::{Reader, Section};
use super::secret_keys::{SECRET, SECRET_ENV, SECRET_FILE};

/// The name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SecretName(pub(super) String);

impl Name for SecretName {
    const KIND: &'static str = "a secret";

    fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let fits = (1..=128).contains(&text.len()) && text.chars().all(allowed);
        fits.then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Display for SecretName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn secrets(
    reader: &mut Reader<'_>,
    root: &mut Section,
    folder: &Path,
) -> BTreeMap<SecretName, SecretSource> {
    let named = reader.named::<SecretName>(root, "secrets");
    let mut read = BTreeMap::new();
    for (name, at, node) in named {
        let title = format!("secret `{name}`");
        let mut section = reader.section(&SECRET, title, at, node);
        let env = text(reader, &mut section, SECRET_ENV.name);
        let file = text(reader, &mut section, SECRET_FILE.name);
        let source = match (env, file) {
            (Some(variable), None) if is_variable_name(&variable) => SecretSource::Env(variable),
            (Some(variable), None) => {
                let message = format!("`{variable}` cannot be the name of a variable");
                reader.note(at, message, "write the variable's name without `$`");
                continue;
            }
            (None, Some(path)) => SecretSource::File(folder.join(path)),
            (None, None) => {
                let hint = "add `env: VARIABLE` or `file: PATH`";
                reader.absent(&section, SECRET_ENV.name, "does not say where it is", hint);
                continue;
            }
            (Some(_), Some(_)) => {
                let message = format!("{} is in two places", section.title);
                reader.note(at, message, "keep one of `env` and `file`");
                continue;
            }
        };
        read.insert(name, source);
    }
    read
}

/// As written: variables are never put into what is about secrets.
fn text(reader: &mut Reader<'_>, section: &mut Section, key: &str) -> Option<String> {
    let (_, node) = section.take(key)?;
    reader.literal(&section.title, key, node)
}
