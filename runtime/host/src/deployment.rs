//! What a running server keeps of its start for the files that are deployed into it.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use crate::{options::UpOptions, up::WebListener};

/// What the file is read with when another one is deployed.
pub(crate) struct Deployment {
    /// To which paths in it are relative.
    pub(crate) file: PathBuf,
    /// Of this server, secrets among it.
    pub(crate) env: BTreeMap<String, String>,
    /// The listener of routes, once there is a server around the rooms.
    pub(crate) web: OnceLock<Arc<WebListener>>,
}

impl Deployment {
    pub(crate) fn of(options: &UpOptions) -> Self {
        Self {
            file: options.file.clone(),
            env: options.env.clone(),
            web: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployment")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
