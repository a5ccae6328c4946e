//! Functions by name, version and digest: each new digest of a name becomes the next version, for good.
//!
//! Versions are rows in the journal, so they survive restarts; a function that comes back with bytes seen before gets
//! its old number. This crate never sees the bytes themselves.

pub mod schedule;
mod versions;

use std::sync::Arc;

use model::{
    Digest, FunctionName, FunctionVersion, Transaction, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use versions::Versions;

#[derive(Debug, Clone)]
pub struct Catalog {
    journal: Arc<dyn Journal>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    #[error("the stored versions of function {name} cannot be read: {why}")]
    Damaged { name: FunctionName, why: String },
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Catalog {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal }
    }

    /// The version of these bytes under this name; a new digest is written down first. Waits until it is durable.
    pub async fn register(
        &self,
        name: &FunctionName,
        digest: Digest,
    ) -> Result<FunctionVersion, CatalogError> {
        let key = keys::named(Namespace::Function, name.as_str());
        let mut versions = match self.journal.get(&key)? {
            Some(bytes) => Versions::decode(&bytes).map_err(|why| CatalogError::Damaged {
                name: name.clone(),
                why,
            })?,
            None => Versions::default(),
        };
        if let Some(version) = versions.find(digest) {
            return Ok(version);
        }
        let version = versions.add(digest);
        let writes = vec![ViewWrite {
            key,
            value: Some(versions.encode().into()),
        }];
        let at = self
            .journal
            .commit(Transaction {
                writes,
                ..Transaction::default()
            })
            .await?;
        self.journal.durable(at).await?;
        Ok(version)
    }
}
