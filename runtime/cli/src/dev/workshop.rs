//! One server of the loop, from its start to its end, and what is done about each event meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use host::config::Project;
use host::{Development, Ready, Seen, Told};
use platform::{Platform, Stop};
use tokio::sync::mpsc::{Receiver, Sender};

use super::keys::{self, Key};
use super::shown::{self, Names};
use super::watching::{self, Saved, Watch};
use super::{Event, sample};
use crate::arguments::Dev;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::verbs::build::{self, BuiltFunction, Source};
use crate::{project, up, waiting};

/// Why a server of the loop ended.
pub(super) enum End {
    Quit,
    /// The project is read and built again, and a new server takes over.
    Again,
}

/// Waits for a save while no server runs.
pub(super) async fn next_save(events: &mut Receiver<Event>) -> Result<End, Failure> {
    let asked = up::asked_to_stop();
    tokio::pin!(asked);
    loop {
        let event = tokio::select! {
            biased;
            asked = &mut asked => return asked.map(|()| End::Quit),
            event = events.recv() => event,
        };
        match event {
            None | Some(Event::Key(Key::Quit)) => return Ok(End::Quit),
            Some(Event::Saved(_)) => return Ok(End::Again),
            Some(Event::Ready(_) | Event::Told(_) | Event::Key(_) | Event::Built(_)) => {}
        }
    }
}

/// A build ended.
pub(super) struct Built {
    source: Source,
    result: Result<(BuiltFunction, String), Failure>,
    saved_ms: i64,
}

pub(super) struct Workshop {
    output: Output,
    file: PathBuf,
    sources: Vec<Source>,
    names: Names,
    watch: Arc<Mutex<Watch>>,
    send: Sender<Event>,
    development: Development,
    /// Of the server that runs.
    address: Option<String>,
    last: Option<Seen>,
    /// Saved functions that are not built yet, with the time of their save.
    unbuilt: BTreeMap<String, i64>,
    is_building: bool,
}

impl Workshop {
    pub(super) fn new(
        output: Output,
        file: &Path,
        project: &Project,
        (watch, send): (Arc<Mutex<Watch>>, Sender<Event>),
    ) -> Result<Self, Failure> {
        let told = send.clone();
        // Where nobody reads that fast, batches go by unseen; they are in the log all the same.
        let tell = move |event| drop(told.try_send(Event::Told(Box::new(event))));
        let sources = project::sources(project, None)?;
        if let Ok(mut watch) = watch.lock() {
            watch.keep_only(&sources);
        }
        Ok(Self {
            output,
            file: file.to_owned(),
            names: Names::of(project),
            sources,
            watch,
            send,
            development: Development::new(tell),
            address: None,
            last: None,
            unbuilt: BTreeMap::new(),
            is_building: false,
        })
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.address.as_ref()?.rsplit_once(':')?.1.parse().ok()
    }

    fn note(&self, line: &str) {
        self.output.note(line);
    }

    pub(super) fn build_all(&self) -> Result<Vec<BuiltFunction>, Failure> {
        let place = project::builds(&self.file);
        let mut built = Vec::new();
        for source in &self.sources {
            // So that a save can mend what does not build.
            self.look_at(source, &source.path);
            let (function, line) = build::build_one(self.output, &place, source, true)?;
            self.note(&line);
            self.look_at(source, &function.path);
            built.push(function);
        }
        Ok(built)
    }

    /// What belongs to a function may have changed with its build.
    fn look_at(&self, source: &Source, built: &Path) {
        if let Ok(mut watch) = self.watch.lock() {
            watch.set(&source.name, watching::places(source, built));
        }
    }

    pub(super) async fn run(
        &mut self,
        arguments: &Dev,
        port: u16,
        built: Vec<BuiltFunction>,
        events: &mut Receiver<Event>,
    ) -> Result<End, Failure> {
        let (stop, token) = Stop::new();
        let platform = Platform::real();
        let up = up::settings(&self.file, port, arguments.data.as_deref())?;
        let options = up::options_of(self.output, &up, built).await?;
        let options = host::UpOptions {
            development: Some(self.development.clone()),
            ..options
        };
        let (send, own) = (self.send.clone(), platform.clone());
        let mut server = platform.tasks.spawn("server", async move {
            let ready = |ready| drop(send.try_send(Event::Ready(ready)));
            host::up(&own, options, token, ready).await
        });
        let asked = up::asked_to_stop();
        tokio::pin!(asked);
        let end = loop {
            let event = tokio::select! {
                biased;
                ended = &mut server => return up::ended(ended).map(|()| End::Quit),
                asked = &mut asked => {
                    asked?;
                    break End::Quit;
                }
                event = events.recv() => event,
            };
            // We hold a sender ourselves, so that the channel never ends.
            let Some(event) = event else { break End::Quit };
            if let Some(end) = self.meet(event).await? {
                break end;
            }
        };
        if matches!(end, End::Quit) {
            self.note("stopping");
        }
        stop.stop();
        up::ended(server.await)?;
        Ok(end)
    }

    async fn meet(&mut self, event: Event) -> Result<Option<End>, Failure> {
        match event {
            Event::Ready(ready) => self.ready(&ready),
            Event::Told(told) => self.told(*told)?,
            Event::Key(Key::Quit) => return Ok(Some(End::Quit)),
            Event::Key(key) => self.pressed(key).await,
            Event::Saved(saved) => return Ok(self.saved(saved)),
            Event::Built(built) => self.built(built).await,
        }
        Ok(None)
    }

    fn ready(&mut self, ready: &Ready) {
        let address = ready.address.to_string();
        self.note(&format!(
            "ready    http://{address}  console /_shardmill/  data .shardmill/dev  no account, nothing leaves this machine"
        ));
        self.note(&format!("keys     {}", keys::SHOWN));
        self.address = Some(address);
    }

    fn told(&mut self, told: Told) -> Result<(), Failure> {
        let (seen, held) = match told {
            Told::Done(seen) => (seen, false),
            Told::Held(seen) => (seen, true),
            Told::Ready { trigger, records } => {
                self.note(&format!(
                    "paused   {records} records of {trigger} are there: n runs them, p goes on"
                ));
                return Ok(());
            }
        };
        if self.output.format == Format::Table {
            self.note(&shown::batch(
                &seen,
                &self.names,
                &waiting::time_of_day(),
                held,
            ));
        } else {
            self.output
                .item(&shown::document(&seen, held), |_| String::new())?;
        }
        self.last = Some(seen);
        Ok(())
    }

    async fn pressed(&mut self, key: Key) {
        match key {
            Key::Sample => self.send_samples().await,
            Key::Open => self.open(),
            Key::Pause => {
                let paused = self.development.toggle_pause();
                self.note(if paused {
                    "paused   n runs one batch, p goes on"
                } else {
                    "goes on"
                });
            }
            Key::Next => self.development.step(),
            Key::Replay => match self.development.replay().await {
                Some(seen) => self.note(&format!(
                    "replay   {}, no effects",
                    shown::whole(&seen, &self.names)
                )),
                None => self.note("replay   nothing has failed"),
            },
            Key::Quit => {}
        }
    }

    /// The last batch here, and where all the rest is seen.
    fn open(&self) {
        match &self.last {
            Some(seen) => self.note(&shown::whole(seen, &self.names)),
            None => self.note("open     no batch yet: s sends a sample"),
        }
        if let Some(address) = &self.address {
            self.note(&format!("console  http://{address}/_shardmill/"));
        }
    }

    async fn send_samples(&self) {
        let Some(address) = &self.address else { return };
        let mut sent = false;
        for stream in &self.names.read {
            if !sample::place(&self.file, stream).is_file() {
                continue;
            }
            sent = true;
            let clock = Platform::real().clock;
            let began = clock.monotonic();
            match sample::put(address, &self.file, stream).await {
                Ok(records) => {
                    let took = clock.monotonic().0.saturating_sub(began.0);
                    let took = shown::milliseconds(took);
                    self.note(&format!(
                        "[s]      {records} records -> {stream}, durable in {took}"
                    ));
                }
                Err(failure) => self.output.failure(&failure),
            }
        }
        if !sent {
            let wanted: Vec<String> = self
                .names
                .read
                .iter()
                .map(|stream| format!("samples/{stream}.ndjson"))
                .collect();
            self.note(&format!(
                "[s]      there is no sample: write {}",
                wanted.join(" or ")
            ));
        }
    }

    fn saved(&mut self, saved: Saved) -> Option<End> {
        if saved.file {
            match project::read(&self.file) {
                Ok(_) => {
                    self.note("file     triggers.yaml changed: the server starts again, positions are kept");
                    return Some(End::Again);
                }
                Err(failure) => {
                    self.output.failure(&failure);
                    self.note("file     the server goes on with triggers.yaml as it was");
                }
            }
        }
        for function in saved.functions {
            self.unbuilt.insert(function, saved.at_ms);
        }
        self.build_next();
        None
    }

    /// Builds on a thread of its own: meanwhile batches go on with what there is.
    fn build_next(&mut self) {
        if self.is_building {
            return;
        }
        let Some((name, saved_ms)) = self.unbuilt.pop_first() else {
            return;
        };
        let Some(source) = self
            .sources
            .iter()
            .find(|source| source.name == name)
            .cloned()
        else {
            return;
        };
        self.is_building = true;
        let (send, output, place) = (self.send.clone(), self.output, project::builds(&self.file));
        let tasks = Platform::real().tasks;
        drop(tasks.dedicated("build", async move {
            let result = build::build_one(output, &place, &source, true);
            let built = Built {
                source,
                result,
                saved_ms,
            };
            drop(send.send(Event::Built(built)).await);
        }));
    }

    async fn built(&mut self, built: Built) {
        self.is_building = false;
        let Built {
            source,
            result,
            saved_ms,
        } = built;
        match result {
            Err(failure) => {
                self.output.failure(&failure);
                self.note(&format!(
                    "goes on  {} runs as it was before this save",
                    source.name
                ));
            }
            Ok((function, _)) => {
                self.look_at(&source, &function.path);
                let name = &source.name;
                match self.development.reload(name, function.path).await {
                    Ok((version, compared)) => {
                        let since = waiting::now().as_millisecond().saturating_sub(saved_ms);
                        let live = shown::seconds(u64::try_from(since).unwrap_or(0));
                        self.note(&format!(
                            "reload   {name}@{version} · live {live} after the save · position kept"
                        ));
                        if let Some(compared) = compared {
                            self.note(&shown::compared(&compared));
                        }
                    }
                    Err(why) => {
                        self.note(&format!("error: {why}"));
                        self.note(&format!("goes on  {name} runs as it was before this save"));
                    }
                }
            }
        }
        self.build_next();
    }
}
