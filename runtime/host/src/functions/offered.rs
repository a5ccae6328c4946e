//! Code that somebody hands in, compiled and looked at before anything changes.
//!
//! In: bytes and settings. Out: a revision that a change may put in place, or why the code cannot be run.

use std::sync::Arc;

use catalog::{Code, Package, Revision, Settings};
use model::seams::Handler;
use sandbox::{Function, FunctionLimits, Kind, LoadError};

use super::{Functions, limits};

/// Code that was looked at and can be run.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) revision: Revision,
    pub(super) function: Arc<Function>,
}

impl Offered {
    pub(crate) fn kind(&self) -> Kind {
        self.function.kind()
    }

    pub(crate) fn handler(&self) -> Arc<dyn Handler> {
        Arc::clone(&self.function) as Arc<dyn Handler>
    }
}

impl Functions {
    /// Compiles code and keeps it; what it is is in the revision.
    pub(crate) async fn offer(
        &self,
        bytes: &[u8],
        settings: Settings,
    ) -> Result<Offered, LoadError> {
        let limits = self.limits(&settings);
        let function = self.engine.load(bytes, limits).await?;
        let code = Code {
            digest: function.digest(),
            kind: function.kind().name().to_owned(),
            package: Some(Package {
                digest: function.digest(),
                bytes: bytes.len() as u64,
            }),
        };
        Ok(Offered {
            revision: Revision {
                code,
                settings,
                modified_ms: self.platform.clock.wall().as_millis(),
                id: self.id(),
            },
            function: Arc::new(function),
        })
    }

    pub(super) fn limits(&self, settings: &Settings) -> FunctionLimits {
        let named = settings.secrets.iter();
        let granted = named.filter_map(|name| Some((name.clone(), self.secret(name)?)));
        FunctionLimits {
            secrets: granted.collect(),
            ..limits(settings)
        }
    }
}
