//! The reader of `functions`: what code may do. Sections go in; sources with paths relative to the file, limits and the
//! environment come out. It never looks whether a path exists: building does, and says so better.

use std::collections::BTreeMap;
use std::path::Path;

use model::FunctionName;

use super::diagnostic::At;
use super::function_keys::{
    CONCURRENCY, ENV, FUNCTION, LOG, MEMORY, NETWORK, SANDBOX, SCRATCH, SOURCE, TIMEOUT,
};
use super::interpolate::is_variable_name;
use super::names::Name as _;
use super::project::{Function, FunctionSource, SecretSource};
use super::reader::{Reader, Section};
use super::secret_keys::SECRETS;
use super::secrets::SecretName;
use super::spelling::did_you_mean;

pub(super) fn functions(
    reader: &mut Reader<'_>,
    root: &mut Section,
    (folder, known): (&Path, &BTreeMap<SecretName, SecretSource>),
) -> BTreeMap<FunctionName, Function> {
    let named = reader.named::<FunctionName>(root, "functions");
    named
        .into_iter()
        .map(|(name, at, node)| {
            let mut section = reader.section(&FUNCTION, format!("function `{name}`"), at, node);
            let function = Function {
                source: source(reader, &mut section, folder),
                env: env(reader, &mut section),
                memory: reader.measured(&mut section, &MEMORY),
                timeout: reader.measured(&mut section, &TIMEOUT),
                log: reader.measured(&mut section, &LOG),
                sandbox: reader.choice(&mut section, &SANDBOX),
                concurrency: reader.measured(&mut section, &CONCURRENCY),
                secrets: secrets(reader, &mut section, known),
                network: network(reader, &mut section, NETWORK.name),
                scratch: reader.measured(&mut section, &SCRATCH),
                line: at.line,
            };
            (name, function)
        })
        .collect()
}

/// After a diagnostic the folder of the file stands in, so that a trigger of this function is still read.
fn source(reader: &mut Reader<'_>, section: &mut Section, folder: &Path) -> FunctionSource {
    let nowhere = FunctionSource::Folder(folder.to_owned());
    let Some((_, node)) = section.take(SOURCE.name) else {
        let hint = "add `source:` with a folder or a .wasm file";
        reader.absent(section, SOURCE.name, "has no source", hint);
        return nowhere;
    };
    let at = node.at;
    let Some(text) = reader.scalar(&section.title, SOURCE.name, node) else {
        return nowhere;
    };
    let file = text.split_once(':').map_or(text.as_str(), |(file, _)| file);
    let extension = Path::new(file)
        .extension()
        .and_then(|extension| extension.to_str());
    if let Some(reference) = text.strip_prefix("oci://") {
        return layout(reader, section, at, (folder, reference)).unwrap_or(nowhere);
    }
    let elsewhere = text.contains("://");
    if text.is_empty() {
        let message = format!("`source` of {} is empty", section.title);
        reader.note(at, message, "name a folder that is built, or a .wasm file");
    } else if elsewhere {
        let what = format!("`source: {text}` in {}", section.title);
        reader.not_supported_but(
            at,
            &what,
            "accepted: a folder that is built, a handler file, or a .wasm file",
        );
    }
    match extension {
        Some("wasm" | "bundle") => FunctionSource::Component(folder.join(text)),
        Some("py" | "mjs" | "js" | "cjs" | "ts" | "mts") => FunctionSource::Code {
            file: folder.join(file),
            handler: text.split_once(':').map(|(_, name)| name.to_owned()),
        },
        // A folder, and in it a handler as Lambda names it: `src:handlers.main.handler`.
        Some(_) | None => match text.split_once(':').filter(|(_, name)| name.contains('.')) {
            Some((place, name)) => FunctionSource::Code {
                file: folder.join(place),
                handler: Some(name.to_owned()),
            },
            None => FunctionSource::Folder(folder.join(text)),
        },
    }
}

/// `oci://FOLDER@sha256:...` or `oci://FOLDER:NAME`: a layout of OCI, and what of it.
fn layout(
    reader: &mut Reader<'_>,
    section: &Section,
    at: At,
    (folder, text): (&Path, &str),
) -> Option<FunctionSource> {
    let by_digest = text.split_once("@sha256:").filter(|(_, digest)| {
        digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    let by_digest = by_digest.map(|(place, digest)| (place, format!("sha256:{digest}")));
    let by_name = || {
        let (place, name) = text.rsplit_once(':')?;
        (!text.contains('@')).then(|| (place, name.to_owned()))
    };
    let found = by_digest.or_else(by_name);
    let found = found.filter(|(place, name)| !place.is_empty() && !name.is_empty());
    let Some((place, reference)) = found else {
        let message = format!(
            "`source: oci://{text}` of {} names no artifact",
            section.title
        );
        let hint = "write oci://FOLDER@sha256:DIGEST, or oci://FOLDER:NAME; the folder holds a layout of OCI";
        reader.note(at, message, hint);
        return None;
    };
    Some(FunctionSource::Code {
        file: folder.join(place),
        handler: Some(reference),
    })
}

/// Names that `secrets` of the file declares.
fn secrets(
    reader: &mut Reader<'_>,
    section: &mut Section,
    known: &BTreeMap<SecretName, SecretSource>,
) -> Vec<String> {
    let mut granted = Vec::new();
    for (at, text) in reader.texts(section, SECRETS.name) {
        let declared = SecretName::parse(&text).is_some_and(|name| known.contains_key(&name));
        if declared {
            granted.push(text);
            continue;
        }
        let names = known.keys().map(|name| name.0.as_str());
        let hint = did_you_mean(&text, names)
            .unwrap_or_else(|| "declare it under `secrets:` of the file".to_owned());
        let message = format!(
            "`secrets` of {} names `{text}`, which is no secret of the file",
            section.title
        );
        reader.note(at, message, hint);
    }
    granted
}

/// Patterns of servers.
pub(super) fn network(reader: &mut Reader<'_>, section: &mut Section, key: &str) -> Vec<String> {
    let mut granted = Vec::new();
    for (at, text) in reader.texts(section, key) {
        if sandbox::Network::is_pattern(&text) {
            granted.push(text);
            continue;
        }
        let message = format!(
            "`{key}` of {} names `{text}`, which is no `HOST:PORT`",
            section.title
        );
        let hint = "such as \"api.example.com:443\", \"*.example.com:443\" or \"10.0.0.0/8:*\"";
        reader.note(at, message, hint);
    }
    granted
}

fn env(reader: &mut Reader<'_>, section: &mut Section) -> BTreeMap<String, String> {
    let Some((_, node)) = section.take(ENV.name) else {
        return BTreeMap::new();
    };
    let title = format!("`env` of {}", section.title);
    let mut env = BTreeMap::new();
    for (key, value) in reader.entries(&title, node) {
        if !is_variable_name(&key.name) {
            let message = format!("`{}` cannot be the name of a variable", key.name);
            reader.note(
                key.at,
                message,
                "letters, digits and `_`, and no digit first",
            );
        }
        if let Some(text) = reader.scalar(&title, &key.name, value) {
            env.insert(key.name, text);
        }
    }
    env
}
