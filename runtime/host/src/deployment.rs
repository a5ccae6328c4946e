//! What a running server keeps of its start for the files that are deployed into it.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use crate::{config::Project, options::UpOptions};

/// What the file is read with when another one is deployed.
pub(crate) struct Deployment {
    /// To which paths in it are relative.
    pub(crate) file: PathBuf,
    /// Of this server, secrets among it.
    pub(crate) env: BTreeMap<String, String>,
    /// Whether there is a listener for routes.
    pub(crate) web: bool,
}

impl Deployment {
    pub(crate) fn of(options: &UpOptions, project: &Project) -> Self {
        Self {
            file: options.file.clone(),
            env: options.env.clone(),
            web: !project.routes.is_empty(),
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
