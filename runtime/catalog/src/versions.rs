//! The versions of one function, as stored: a format byte, then JSON. Numbers are never reused.

use model::{Digest, FunctionVersion};
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 1;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Versions {
    /// Hexadecimal digests; the first one is version 1.
    digests: Vec<String>,
}

impl Versions {
    pub(crate) fn find(&self, digest: Digest) -> Option<FunctionVersion> {
        let text = digest.to_string();
        (1..)
            .zip(&self.digests)
            .find(|(_, known)| **known == text)
            .map(|(number, _)| FunctionVersion(number))
    }

    pub(crate) fn add(&mut self, digest: Digest) -> FunctionVersion {
        self.digests.push(digest.to_string());
        FunctionVersion(u64::try_from(self.digests.len()).unwrap_or(u64::MAX))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        // A list of texts always has a JSON form.
        bytes.extend(serde_json::to_vec(self).unwrap_or_default());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((&FORMAT, json)) => {
                serde_json::from_slice(json).map_err(|error| error.to_string())
            }
            Some((format, _)) => Err(format!("format {format} is not known")),
            None => Err("it is empty".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_keep_their_number() {
        let mut versions = Versions::default();
        let (one, two) = (Digest([1; 32]), Digest([2; 32]));
        assert_eq!(versions.find(one), None);
        assert_eq!(versions.add(one), FunctionVersion(1));
        assert_eq!(versions.add(two), FunctionVersion(2));
        let again = Versions::decode(&versions.encode()).unwrap();
        assert_eq!(again.find(one), Some(FunctionVersion(1)));
        assert_eq!(again, versions);
    }

    #[test]
    fn other_formats_are_refused() {
        assert!(Versions::decode(&[9, b'{', b'}']).is_err());
        assert!(Versions::decode(&[]).is_err());
    }
}
