//! Functions as artifacts of OCI: an image layout in a folder, as registries' tools copy it to and from a registry. Each
//! function is a manifest under its name, with its code as the one layer. What is read is compared with its digests.

use std::path::{Path, PathBuf};

use host::digest_of;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::failure::Failure;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// As the WebAssembly community has agreed for components and modules.
const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
const WASM: &str = "application/wasm";
/// Code that is data for a language runtime.
const OURS: &str = "application/vnd.shardmill.function.v1";
/// Older tools write this.
const OLD_WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
const NAME: &str = "org.opencontainers.image.ref.name";
const MAGIC: &[u8] = b"\0asm";
/// Of index and manifests, which are small.
const DOCUMENT_BYTES_MAX: u64 = 4 << 20;

/// What a document says of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    layers: Vec<Descriptor>,
}

/// A function that was found in a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Of its manifest: `sha256:...`.
    pub(crate) manifest: String,
    /// Where its code is.
    pub(crate) code: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// A folder with a layout in it.
#[derive(Debug)]
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn is_one(folder: &Path) -> bool {
        folder.join("oci-layout").is_file()
    }

    pub(crate) fn open(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Begins one, or goes on with one that is there.
    pub(crate) fn make(folder: &Path) -> Result<Self, Failure> {
        let layout = Self(folder.to_owned());
        make_folder(&folder.join("blobs/sha256"))?;
        write(
            &folder.join("oci-layout"),
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        )?;
        Ok(layout)
    }

    fn blob(&self, digest: &str) -> PathBuf {
        let hexadecimal = digest.trim_start_matches("sha256:");
        self.0.join("blobs/sha256").join(hexadecimal)
    }

    fn put(&self, kind: &str, bytes: &[u8]) -> Result<Descriptor, Failure> {
        let digest = format!("sha256:{}", digest_of(bytes));
        let path = self.blob(&digest);
        if !path.is_file() {
            write(&path, bytes)?;
        }
        Ok(Descriptor {
            media_type: kind.to_owned(),
            digest,
            size: bytes.len() as u64,
            annotations: None,
        })
    }

    /// Writes all functions, and an index that names these and no others.
    pub(crate) fn write(&self, functions: &[(String, Vec<u8>)]) -> Result<Vec<Found>, Failure> {
        let mut manifests = Vec::new();
        let mut written = Vec::new();
        for (name, bytes) in functions {
            let (kind, os) = match bytes.starts_with(MAGIC) {
                true => (WASM, "wasip2"),
                false => (OURS, "shardmill"),
            };
            let layer = self.put(kind, bytes)?;
            let config =
                json!({ "architecture": "wasm", "os": os, "layerDigests": [layer.digest] });
            let config = self.put(WASM_CONFIG, config.to_string().as_bytes())?;
            let code = self.blob(&layer.digest);
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": WASM_CONFIG,
                "config": config,
                "layers": [layer],
            });
            let mut manifest = self.put(MANIFEST, manifest.to_string().as_bytes())?;
            written.push(Found {
                manifest: manifest.digest.clone(),
                code,
                bytes: bytes.clone(),
            });
            manifest.annotations = Some(json!({ NAME: name }));
            manifests.push(manifest);
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        write(&self.0.join("index.json"), index.to_string().as_bytes())?;
        Ok(written)
    }

    /// By its digest, of its manifest or of its code, or by its name.
    pub(crate) fn find(&self, reference: &str) -> Result<Found, String> {
        let index = self.document(&self.0.join("index.json"))?;
        let index: Index = parsed(&index)?;
        let is_named = |it: &&Descriptor| {
            let name = it.annotations.as_ref().map(|all| &all[NAME]);
            it.digest == reference || name.and_then(Value::as_str) == Some(reference)
        };
        if let Some(manifest) = index.manifests.iter().find(is_named) {
            return self.of(manifest);
        }
        for manifest in &index.manifests {
            if let Ok(found) = self.of(manifest)
                && format!("sha256:{}", digest_of(&found.bytes)) == reference
            {
                return Ok(found);
            }
        }
        let names = index
            .manifests
            .iter()
            .filter_map(|it| it.annotations.as_ref()?[NAME].as_str());
        let names: Vec<&str> = names.collect();
        Err(format!(
            "the layout in {} has no {reference}: it has {}",
            self.0.display(),
            if names.is_empty() {
                "nothing with a name".to_owned()
            } else {
                names.join(", ")
            }
        ))
    }

    fn of(&self, manifest: &Descriptor) -> Result<Found, String> {
        let document = self.checked(manifest)?;
        let document: Manifest = parsed(&document)?;
        let is_code = |it: &&Descriptor| [WASM, OURS, OLD_WASM].contains(&it.media_type.as_str());
        let mut layers = document.layers.iter().filter(is_code);
        let (Some(layer), None) = (layers.next(), layers.next()) else {
            return Err(format!(
                "{} is no function: it must have one layer of {WASM}",
                manifest.digest
            ));
        };
        Ok(Found {
            manifest: manifest.digest.clone(),
            code: self.blob(&layer.digest),
            bytes: self.checked(layer)?,
        })
    }

    /// Only bytes that are what the descriptor says.
    fn checked(&self, of: &Descriptor) -> Result<Vec<u8>, String> {
        let hexadecimal = of.digest.strip_prefix("sha256:").unwrap_or_default();
        let is_digest =
            hexadecimal.len() == 64 && hexadecimal.bytes().all(|it| it.is_ascii_hexdigit());
        if !is_digest {
            return Err(format!("`{}` is no digest of SHA-256", of.digest));
        }
        let path = self.blob(&of.digest);
        let bytes =
            std::fs::read(&path).map_err(|error| format!("read {}: {error}", path.display()))?;
        if bytes.len() as u64 != of.size || digest_of(&bytes).to_string() != hexadecimal {
            return Err(format!(
                "{} is damaged: its bytes have another digest",
                path.display()
            ));
        }
        Ok(bytes)
    }

    fn document(&self, path: &Path) -> Result<Vec<u8>, String> {
        let unread = |error: std::io::Error| format!("read {}: {error}", path.display());
        if std::fs::metadata(path).map_err(unread)?.len() > DOCUMENT_BYTES_MAX {
            return Err(format!("{} is too large to be an index", path.display()));
        }
        std::fs::read(path).map_err(unread)
    }
}

fn parsed<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("its documents cannot be read: {error}"))
}

pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path)
        .map_err(|error| Failure::failed(format!("make {}: {error}", path.display())))
}

/// As a whole, so that who reads it meanwhile sees the old or the new file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&aside, bytes)
        .and_then(|()| std::fs::rename(&aside, path))
        .map_err(|error| Failure::failed(format!("write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Vec<(String, Vec<u8>)> {
        vec![
            ("late".to_owned(), b"\0asm\x0d\0\x01\0".to_vec()),
            ("app".to_owned(), b"SMF1....".to_vec()),
        ]
    }

    #[test]
    fn what_was_written_is_found_by_name_and_by_either_digest() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::make(folder.path()).unwrap();
        let written = layout.write(&functions()).unwrap();
        assert!(Layout::is_one(folder.path()));
        for (function, (name, bytes)) in written.iter().zip(functions()) {
            let code = format!("sha256:{}", digest_of(&bytes));
            for reference in [&name, &function.manifest, &code] {
                let found = Layout::open(folder.path()).find(reference).unwrap();
                assert_eq!((&found, &found.bytes), (function, &bytes), "{reference}");
            }
        }
        let missing = layout.find("none").unwrap_err();
        assert!(
            missing.ends_with("has no none: it has late, app"),
            "{missing}"
        );
    }

    #[test]
    fn what_was_changed_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::make(folder.path()).unwrap();
        let written = layout.write(&functions()).unwrap();
        std::fs::write(&written[0].code, b"\0asm\x0d\0\x01\x01").unwrap();
        let damaged = layout.find("late").unwrap_err();
        assert!(
            damaged.ends_with("is damaged: its bytes have another digest"),
            "{damaged}"
        );
        assert!(layout.find("app").is_ok());
    }

    #[test]
    fn a_digest_that_is_a_path_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::make(folder.path()).unwrap();
        let index = json!({ "manifests": [{ "mediaType": MANIFEST, "digest": "sha256:../../index.json", "size": 1, "annotations": { NAME: "x" } }] });
        std::fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
        let refused = layout.find("x").unwrap_err();
        assert!(refused.contains("is no digest"), "{refused}");
    }
}
