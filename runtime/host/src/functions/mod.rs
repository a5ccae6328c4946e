//! The functions of the server: which versions there are, which run, and their code, while triggers and callers use them.
//!
//! Readers take what there is at one moment; a change is written to the journal, then put in place as a whole. Nothing that
//! runs is stopped by it. What is loaded stays as long as its version may be asked for.

pub(crate) mod answering;
mod bound;
pub(crate) mod calling;
mod canary;
mod code;
mod events;
mod gate;
pub(crate) mod lambda;
mod native;
mod package;
mod settings;
mod shadow;
mod unzip;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak},
};

use bytes::Bytes;
use catalog::{
    Catalog, CatalogError, Code, Entry, Origin, Package, Revision, Settings, Told, Unchanged,
};
use model::{
    Digest, FunctionName, FunctionVersion, Invocation, ViewWrite,
    seams::{Handler, Journal},
};
use platform::Platform;
use sandbox::{
    Engine, Function, FunctionCounts, FunctionLimits, Kind, LoadError, Network, SandboxPolicy,
    Secrets,
};
use tracing::warn;

pub(crate) use bound::Bound;
pub(crate) use calling::INVOKE;
pub(crate) use code::CodeStore;
pub(crate) use events::Events;
pub(crate) use gate::{Gate, Pass};
pub(crate) use lambda::HostFunctions;
pub(crate) use native::Natives;
pub use package::{HandlerFiles, Packer};
pub(crate) use settings::{limits, memory_mb, settings};
pub(crate) use shadow::{Difference, Shadows};

use crate::{
    limits::FILE_VERSIONS_KEPT_MAX,
    logs::LogStore,
    report::Pace,
    runners::Runners,
    traces::{TracedCall, Traces},
};

/// Of AWS's runtimes those that are most like the ones of handler files here.
const PYTHON: &str = "python3.14";
const NODE: &str = "nodejs24.x";

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

/// A function as it is now.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) entry: Entry,
    pub(crate) gate: Arc<Gate>,
    /// Where the code came from, for people.
    pub(crate) source: PathBuf,
    loaded: Mutex<BTreeMap<FunctionVersion, Arc<Function>>>,
}

/// Code that was looked at and can be run.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) revision: Revision,
    function: Arc<Function>,
}

impl Offered {
    pub(crate) fn kind(&self) -> Kind {
        self.function.kind()
    }

    pub(crate) fn handler(&self) -> Arc<dyn Handler> {
        Arc::clone(&self.function) as Arc<dyn Handler>
    }
}

/// A version that is ready to run.
#[derive(Debug)]
pub(crate) struct LoadedFunction {
    pub(crate) function: Arc<Function>,
    pub(crate) version: FunctionVersion,
}

/// Why a function was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError<E> {
    #[error("there is no such function")]
    NoFunction,
    #[error("{0}")]
    Refused(E),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
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

    /// From now on versions that are loaded are told these.
    pub(crate) fn tell(&self, secrets: Secrets) {
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.get(name).map(str::to_owned)
    }

    fn limits(&self, settings: &Settings) -> FunctionLimits {
        let named = settings.secrets.iter();
        let granted = named.filter_map(|name| Some((name.clone(), self.secret(name)?)));
        FunctionLimits {
            secrets: granted.collect(),
            ..limits(settings)
        }
    }

    /// A random one, for what changes.
    pub(crate) fn id(&self) -> String {
        let mut bytes = [0; 16];
        self.platform.rng.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }

    /// Makes a function of the file what the file says. Its code is kept where the disk takes it.
    pub(crate) async fn declare(
        &self,
        name: &FunctionName,
        (offered, bytes): (Offered, &[u8]),
        (source, concurrency): (PathBuf, u32),
        told: Told,
    ) -> Result<FunctionVersion, CatalogError> {
        let _turn = self.turn.lock().await;
        let digest = offered.revision.code.digest;
        if let Err(error) = self.code.put(digest, bytes).await {
            warn!(function = %name, %error, "code not kept: this version cannot be gone back to");
        }
        let before = self.entry(name);
        let mut entry = before
            .clone()
            .unwrap_or_else(|| Entry::new(Origin::File, Revision::default()));
        let version = entry.declare(offered.revision, told);
        forget_old(&mut entry);
        self.catalog
            .write(name, before.as_ref(), Some(&entry))
            .await?;
        self.gone().remove(name);
        let running = self.get(name);
        let gate = running
            .as_ref()
            .map_or_else(|| Gate::new(None), |it| Arc::clone(&it.gate));
        gate.set(Some(concurrency));
        let deployed = Deployed::after(running.as_deref(), entry, gate, source);
        deployed.loaded().insert(version, offered.function);
        self.put(name, Some(deployed));
        Ok(version)
    }

    /// A new function of the API. What is made is told the number of its first version, which no earlier function of the name had.
    pub(crate) async fn create(
        &self,
        name: &FunctionName,
        made: impl FnOnce(u64) -> Entry + Send,
    ) -> Result<Entry, ChangeError<&'static str>> {
        let _turn = self.turn.lock().await;
        if self.get(name).is_some() {
            return Err(ChangeError::Refused("it is there already"));
        }
        let before = self.entry(name);
        let entry = made(before.as_ref().map_or(1, |before| before.head.next));
        self.catalog
            .write(name, before.as_ref(), Some(&entry))
            .await?;
        self.gone().remove(name);
        let gate = Gate::new(reserved(&entry));
        let deployed = Deployed::new(entry.clone(), gate, PathBuf::new());
        self.put(name, Some(deployed));
        Ok(entry)
    }

    /// Changes a function; it is durable, and what comes from now on sees it, when this returns.
    pub(crate) async fn change<T, E>(
        &self,
        name: &FunctionName,
        change: impl FnOnce(&mut Entry) -> Result<T, E> + Send,
    ) -> Result<T, ChangeError<E>> {
        self.change_with(name, None, change).await
    }

    /// Together with a row of somebody else's.
    pub(crate) async fn change_with<T, E>(
        &self,
        name: &FunctionName,
        with: Option<ViewWrite>,
        change: impl FnOnce(&mut Entry) -> Result<T, E> + Send,
    ) -> Result<T, ChangeError<E>> {
        let _turn = self.turn.lock().await;
        let running = self.get(name).ok_or(ChangeError::NoFunction)?;
        let mut entry = running.entry.clone();
        let done = change(&mut entry).map_err(ChangeError::Refused)?;
        let change = (Some(&running.entry), Some(&entry));
        self.catalog.write_with(name, change, with).await?;
        let gate = Arc::clone(&running.gate);
        if entry.head.origin == Origin::Api {
            gate.set(reserved(&entry));
        }
        let source = running.source.clone();
        let deployed = Deployed::after(Some(&running), entry, gate, source);
        self.put(name, Some(deployed));
        Ok(done)
    }

    /// Forgets a function and its versions, but for how many there were; batches that wait for it go on waiting.
    pub(crate) async fn remove(&self, name: &FunctionName) -> Result<(), ChangeError<Unchanged>> {
        let _turn = self.turn.lock().await;
        let running = self.get(name).ok_or(ChangeError::NoFunction)?;
        let remains = running.entry.remains();
        self.catalog
            .write(name, Some(&running.entry), remains.as_ref())
            .await?;
        if let Some(remains) = remains {
            self.gone().insert(name.clone(), remains);
        }
        self.put(name, None);
        Ok(())
    }

    /// A function that the file does not declare any more: its versions are kept, nothing runs it.
    pub(crate) async fn withdraw(&self, name: &FunctionName) {
        let _turn = self.turn.lock().await;
        if let Some(running) = self.get(name) {
            self.gone().insert(name.clone(), running.entry.clone());
            self.put(name, None);
        }
    }

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

impl Deployed {
    fn new(entry: Entry, gate: Arc<Gate>, source: PathBuf) -> Self {
        Self {
            entry,
            gate,
            source,
            loaded: Mutex::default(),
        }
    }

    /// Keeps what is loaded of versions that did not change.
    fn after(before: Option<&Self>, entry: Entry, gate: Arc<Gate>, source: PathBuf) -> Self {
        let deployed = Self::new(entry, gate, source);
        if let Some(before) = before {
            let same = |version: FunctionVersion| {
                let (then, now) = (
                    before.entry.revision(version),
                    deployed.entry.revision(version),
                );
                then.zip(now).is_some_and(|(then, now)| {
                    then.code == now.code && then.settings == now.settings
                })
            };
            let kept: BTreeMap<_, _> = before
                .loaded()
                .iter()
                .filter(|(version, _)| same(**version))
                .map(|(version, function)| (*version, Arc::clone(function)))
                .collect();
            *deployed.loaded() = kept;
        }
        deployed
    }

    fn loaded(&self) -> MutexGuard<'_, BTreeMap<FunctionVersion, Arc<Function>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self, version: FunctionVersion) -> Option<FunctionCounts> {
        self.loaded().get(&version).map(|it| it.counts())
    }

    /// How the sandboxes of a version live, where it is loaded.
    pub(crate) fn policy(&self, version: FunctionVersion) -> Option<&'static str> {
        let loaded = self.loaded();
        loaded.get(&version).map(|it| match it.policy() {
            SandboxPolicy::Fresh => "fresh",
            SandboxPolicy::Warm => "warm",
        })
    }

    /// Of a handler file, where the version is loaded: what AWS would call its runtime, and its handler.
    pub(crate) fn written(&self, version: FunctionVersion) -> Option<(String, String)> {
        let of_file = self.entry.head.declared;
        let version = match version {
            FunctionVersion::LATEST => of_file.unwrap_or(version),
            number => number,
        };
        let loaded = self.loaded();
        let (language, entry) = loaded.get(&version)?.written()?;
        let (file, name) = entry.split_once(':')?;
        let module = file.rsplit_once('.').map_or(file, |(module, _)| module);
        let runtime = match language {
            "python" => PYTHON,
            _ => NODE,
        };
        Some((runtime.to_owned(), format!("{module}.{name}")))
    }

    /// What the bare name runs, mostly.
    pub(crate) fn main(&self) -> FunctionVersion {
        let route = self.entry.route(None);
        route.map_or(FunctionVersion::LATEST, |route| route.version)
    }
}

/// Of a function of the file every save of a developer is a version: the oldest that nobody runs are forgotten.
fn forget_old(entry: &mut Entry) {
    let surplus = entry.versions.len().saturating_sub(FILE_VERSIONS_KEPT_MAX);
    let oldest: Vec<FunctionVersion> = entry.versions.keys().take(surplus).copied().collect();
    for version in oldest {
        if Some(version) != entry.head.declared {
            // One that runs or has an alias stays.
            drop(entry.remove_version(version));
        }
    }
}

/// What the Lambda API was told of the function's concurrency.
fn reserved(entry: &Entry) -> Option<u32> {
    let said = entry.head.words.get("ReservedConcurrentExecutions")?;
    u32::try_from(said.as_u64()?).ok()
}
