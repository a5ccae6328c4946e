//! Functions whose code is data: the files of a Python or JavaScript function in one document, with the digest of the
//! language runtime that runs them.
//!
//! `shardmill build` writes such documents and `Engine::load` reads them. The bytes: the magic `SMF1`, the length of the
//! header as 32 bits (little-endian), the header in JSON, then the contents of the files one after the other. The same
//! files and runtime give the same bytes, and so the same digest.
#![deny(clippy::indexing_slicing)]

use model::Digest;
use serde::{Deserialize, Serialize};

use crate::limits::{BUNDLE_FILES_MAX, FUNCTION_BYTES_MAX};

const MAGIC: &[u8; 4] = b"SMF1";

/// The code of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Of the runtime's component.
    pub runtime: Digest,
    /// `python` or `javascript`: for messages.
    pub language: String,
    /// The file with the handler and the handler's name: `app.py:handler`.
    pub entry: String,
    /// Paths with `/` and their contents, in the order of paths.
    pub files: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    runtime: String,
    language: String,
    entry: String,
    files: Vec<File>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    bytes: usize,
}

/// What is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("its header cannot be read: {0}")]
    Header(String),
    #[error("it is cut off: {0} is not whole")]
    Short(String),
    #[error("it has {0} files, at most {BUNDLE_FILES_MAX} are accepted")]
    TooManyFiles(usize),
    #[error("its files have {0} bytes together, at most {FUNCTION_BYTES_MAX} are accepted")]
    TooLarge(usize),
}

impl Bundle {
    /// Whether these are the bytes of a bundle.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The entry as Lambda names handlers: `app.handler`.
    pub(crate) fn handler(&self) -> String {
        let (file, name) = self.entry.rsplit_once(':').unwrap_or((&self.entry, ""));
        let module = file.rsplit_once('.').map_or(file, |(module, _)| module);
        format!("{module}.{name}")
    }

    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let all: usize = self.files.iter().map(|(_, contents)| contents.len()).sum();
        check(self.files.len(), all)?;
        let files = self.files.iter().map(|(path, contents)| File {
            path: path.clone(),
            bytes: contents.len(),
        });
        let header = Header {
            runtime: self.runtime.to_string(),
            language: self.language.clone(),
            entry: self.entry.clone(),
            files: files.collect(),
        };
        let unreadable = |error: String| BundleError::Header(error);
        let header = serde_json::to_vec(&header).map_err(|error| unreadable(error.to_string()))?;
        let length = u32::try_from(header.len()).map_err(|error| unreadable(error.to_string()))?;
        let mut bytes = Vec::with_capacity(8 + header.len() + all);
        bytes.extend(MAGIC);
        bytes.extend(length.to_le_bytes());
        bytes.extend(header);
        for (_, contents) in &self.files {
            bytes.extend(contents);
        }
        Ok(bytes)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let short = |what: &str| BundleError::Short(what.to_owned());
        let rest = bytes.get(4..).unwrap_or_default();
        let (length, rest) = rest.split_first_chunk().ok_or_else(|| short("its head"))?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (header, mut rest) = rest
            .split_at_checked(length)
            .ok_or_else(|| short("its header"))?;
        let header: Header = serde_json::from_slice(header)
            .map_err(|error| BundleError::Header(error.to_string()))?;
        check(header.files.len(), rest.len())?;
        let mut files = Vec::with_capacity(header.files.len());
        for file in header.files {
            let (contents, after) = rest
                .split_at_checked(file.bytes)
                .ok_or_else(|| short(&file.path))?;
            files.push((file.path, contents.to_vec()));
            rest = after;
        }
        let runtime = header
            .runtime
            .parse()
            .map_err(|_| BundleError::Header("`runtime` is no digest".to_owned()))?;
        Ok(Self {
            runtime,
            language: header.language,
            entry: header.entry,
            files,
        })
    }
}

fn check(files: usize, bytes: usize) -> Result<(), BundleError> {
    if files > BUNDLE_FILES_MAX {
        return Err(BundleError::TooManyFiles(files));
    }
    if bytes > FUNCTION_BYTES_MAX {
        return Err(BundleError::TooLarge(bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bundle(files: Vec<(String, Vec<u8>)>) -> Bundle {
        Bundle {
            runtime: Digest([7; 32]),
            language: "python".to_owned(),
            entry: "app.py:handler".to_owned(),
            files,
        }
    }

    proptest! {
        #[test]
        fn a_bundle_comes_back_as_it_was(
            files in proptest::collection::vec((".{1,9}", proptest::collection::vec(any::<u8>(), 0..64)), 0..5),
        ) {
            let bundle = bundle(files);
            let bytes = bundle.encode().unwrap();
            prop_assert!(Bundle::is_one(&bytes));
            prop_assert_eq!(Bundle::decode(&bytes).unwrap(), bundle);
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in any::<usize>()) {
            let _no_matter = Bundle::decode(&[MAGIC.as_slice(), &bytes].concat());
            let whole = bundle(vec![("app.py".to_owned(), bytes)]).encode().unwrap();
            let cut = cut % whole.len();
            prop_assert!(Bundle::decode(whole.split_at(cut).0).is_err());
        }
    }

    #[test]
    fn too_many_files_are_refused_on_both_ways() {
        let many = vec![(String::new(), Vec::new()); BUNDLE_FILES_MAX + 1];
        let refused = Err(BundleError::TooManyFiles(BUNDLE_FILES_MAX + 1));
        assert_eq!(bundle(many).encode(), refused);
    }
}
