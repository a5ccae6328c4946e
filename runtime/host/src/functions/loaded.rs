//! Versions that are ready to run, each loaded when it is first asked for.
//!
//! In: a function and the number of a version. Out: what runs it, or a sentence that says why it cannot be loaded. Code
//! of versions that are no more is removed here too.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use catalog::Origin;
use model::{Digest, FunctionName, FunctionVersion};
use sandbox::{Function, FunctionCounts, FunctionLimits, Kind, LoadError, Network};

use super::{Functions, deployed::Deployed};

/// A version that is ready to run.
#[derive(Debug)]
pub(crate) struct LoadedFunction {
    pub(crate) function: Arc<Function>,
    pub(crate) version: FunctionVersion,
}

impl Functions {
    /// The version, ready to run. Waits while it is loaded for the first time.
    pub(crate) async fn load(
        &self,
        deployed: &Deployed,
        version: FunctionVersion,
    ) -> Result<Arc<Function>, String> {
        if let Some(function) = deployed.loaded().get(&version) {
            return Ok(Arc::clone(function));
        }
        let revision = deployed.entry.revision(version);
        let revision = revision.ok_or_else(|| format!("there is no version {version} of it"))?;
        let digest = revision.code.digest;
        let bytes: Bytes = self.code.get(digest).await?;
        let loaded = if revision.code.kind == Kind::Process.name() {
            self.native(digest, &bytes, &revision.settings).await
        } else {
            let mut limits = self.limits(&revision.settings);
            if deployed.entry.head.origin == Origin::Api {
                let granted = self.api_network.get().cloned();
                limits.network = granted.unwrap_or_else(|| Network::of_server(&[]));
            }
            self.sandboxed(digest, &bytes, limits).await
        };
        let loaded = loaded.map_err(|error| format!("load version {}: {error}", version.name()))?;
        let mut known = deployed.loaded();
        Ok(Arc::clone(
            known.entry(version).or_insert_with(|| Arc::new(loaded)),
        ))
    }

    /// What is granted to all functions at once does not stop those that cannot use it.
    async fn sandboxed(
        &self,
        digest: Digest,
        bytes: &[u8],
        limits: FunctionLimits,
    ) -> Result<Function, String> {
        let without = FunctionLimits {
            network: limits.network.emptied(),
            ..limits.clone()
        };
        let loaded = match self.engine.load_known(digest, bytes, limits).await {
            Err(LoadError::NoNetworkInProgram) => {
                self.engine.load_known(digest, bytes, without).await
            }
            loaded => loaded,
        };
        loaded.map_err(|error| error.to_string())
    }

    /// What the bare name runs, ready to run.
    pub(crate) async fn ready(&self, name: &FunctionName) -> Result<LoadedFunction, String> {
        let deployed = self.get(name).ok_or("its function is not loaded")?;
        let fraction = self.platform.rng.fraction();
        let version = deployed.entry.of_attempt(None, None, fraction);
        let version = version.map_err(|error| error.to_string())?;
        let function = self.load(&deployed, version).await?;
        Ok(LoadedFunction { function, version })
    }

    /// What every version that was loaded has done since.
    pub(crate) fn measured(&self) -> Vec<(FunctionName, FunctionVersion, FunctionCounts)> {
        let mut all = Vec::new();
        for (name, deployed) in self.now().iter() {
            let loaded = deployed.loaded();
            let counted = loaded
                .iter()
                .map(|(version, it)| (name.clone(), *version, it.counts()));
            all.extend(counted);
        }
        all
    }

    /// Removes code and compiled code of versions that are no more.
    pub(crate) async fn clean(&self) {
        let mut used = BTreeSet::new();
        for deployed in self.now().values() {
            used.extend(deployed.entry.digests());
        }
        for entry in self.gone().values() {
            used.extend(entry.digests());
        }
        self.engine.remove_unused(&used).await;
        self.code.keep_only(&used).await;
        if let Some(natives) = &self.natives {
            natives.keep_only(&used).await;
        }
    }
}
