//! The functions of the server: which versions there are, which run, and their code, while triggers and callers use them.
//!
//! Readers take what there is at one moment; a change is written to the journal, then put in place as a whole. Nothing that
//! runs is stopped by it. What is loaded stays as long as its version may be asked for.

pub(crate) mod answering;
mod bound;
pub(crate) mod calling;
mod canary;
mod changing;
mod code;
mod deployed;
mod events;
mod gate;
pub(crate) mod lambda;
mod loaded;
mod native;
mod offered;
mod package;
mod settings;
mod shadow;
mod unzip;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak},
};

use catalog::{Catalog, CatalogError, Entry, Origin};
use model::{FunctionName, Invocation, seams::Journal};
use platform::Platform;
use sandbox::{Engine, Network, Secrets};

use crate::{
    logs::LogStore,
    report::Pace,
    runners::Runners,
    traces::{TracedCall, Traces},
};
use changing::reserved;

pub(crate) use bound::Bound;
pub(crate) use calling::INVOKE;
pub(crate) use changing::ChangeError;
pub(crate) use code::CodeStore;
pub(crate) use deployed::Deployed;
pub(crate) use events::Events;
pub(crate) use gate::{Gate, Pass};
pub(crate) use lambda::HostFunctions;
pub(crate) use loaded::LoadedFunction;
pub(crate) use native::Natives;
pub(crate) use offered::Offered;
pub use package::{HandlerFiles, Packer};
pub(crate) use settings::{limits, memory_mb, settings};
pub(crate) use shadow::{Difference, Shadows};

type Named = BTreeMap<FunctionName, Arc<Deployed>>;

#[derive(Debug)]
pub(crate) struct Functions {
    platform: Platform,
    catalog: Catalog,
    pub(crate) engine: Engine,
    pub(crate) code: CodeStore,
    /// Where programs of this machine are allowed.
    natives: Option<Natives>,
    live: RwLock<Arc<Named>>,
    /// Of functions that no file declares any more: known, not run. What remains of those that were deleted is among them.
    gone: Mutex<BTreeMap<FunctionName, Entry>>,
    /// What functions that no file declares may ask.
    api_network: OnceLock<Network>,
    /// Of the file, as they were read last.
    secrets: RwLock<Secrets>,
    /// Of the lines behind calls that no trigger makes.
    pub(crate) pace: Pace,
    /// Takes the line that is said behind each batch.
    logs: OnceLock<Arc<LogStore>>,
    /// Where there is a collector.
    traces: OnceLock<Arc<Traces>>,
    /// Their pauses between attempts end with a deploy. They hold what holds this.
    triggers: OnceLock<Weak<Runners>>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Functions {
    pub(crate) fn open(
        platform: Platform,
        engine: Engine,
        journal: Arc<dyn Journal>,
        (code, natives): (CodeStore, Option<Natives>),
    ) -> Result<Self, CatalogError> {
        let catalog = Catalog::new(journal);
        let (api, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = catalog
            .all()?
            .into_iter()
            .partition(|(_, entry)| entry.head.origin == Origin::Api);
        let live = api.into_iter().map(|(name, entry)| {
            let gate = Gate::new(reserved(&entry));
            (name, Arc::new(Deployed::new(entry, gate, PathBuf::new())))
        });
        Ok(Self {
            platform,
            catalog,
            engine,
            code,
            natives,
            live: RwLock::new(Arc::new(live.collect())),
            gone: Mutex::new(gone),
            api_network: OnceLock::new(),
            secrets: RwLock::default(),
            pace: Pace::default(),
            logs: OnceLock::new(),
            traces: OnceLock::new(),
            triggers: OnceLock::new(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// From now on batches are reported; only the first call counts.
    pub(crate) fn report_to(&self, logs: &Arc<LogStore>) {
        let _again = self.logs.set(Arc::clone(logs));
    }

    /// From now on functions that no file declares may ask these servers; only the first call counts.
    pub(crate) fn grant_api(&self, network: &[String]) {
        let _again = self.api_network.set(Network::of_server(network));
    }

    /// From now on batches are traced; only the first call counts.
    pub(crate) fn trace_to(&self, traces: Arc<Traces>) {
        let _again = self.traces.set(traces);
    }

    /// From now on triggers hear of what is deployed; only the first call counts.
    pub(crate) fn deploy_to(&self, triggers: &Arc<Runners>) {
        let _again = self.triggers.set(Arc::downgrade(triggers));
    }

    /// What is remembered of a call that its caller traces, where there is a collector.
    pub(crate) fn traced(&self, invocation: &Invocation) -> Option<TracedCall> {
        TracedCall::of(self.traces.get()?, &self.platform, invocation)
    }

    pub(crate) fn now(&self) -> Arc<Named> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn get(&self, name: &FunctionName) -> Option<Arc<Deployed>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(name).cloned()
    }

    fn put(&self, name: &FunctionName, deployed: Option<Deployed>) {
        {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            let named = Arc::make_mut(&mut live);
            match deployed {
                Some(deployed) => drop(named.insert(name.clone(), Arc::new(deployed))),
                None => drop(named.remove(name)),
            }
        }
        if let Some(triggers) = self.triggers.get().and_then(Weak::upgrade) {
            triggers.deployed(name);
        }
    }

    fn gone(&self) -> MutexGuard<'_, BTreeMap<FunctionName, Entry>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a function, whether it runs or not.
    pub(crate) fn entry(&self, name: &FunctionName) -> Option<Entry> {
        let live = self.get(name).map(|deployed| deployed.entry.clone());
        live.or_else(|| self.gone().get(name).cloned())
    }

    /// From now on versions that are loaded are told these.
    pub(crate) fn tell(&self, secrets: Secrets) {
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.get(name).map(str::to_owned)
    }

    /// A random one, for what changes.
    pub(crate) fn id(&self) -> String {
        let mut bytes = [0; 16];
        self.platform.rng.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }
}
