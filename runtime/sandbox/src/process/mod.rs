//! Programs of this machine that speak Lambda's runtime API: the kind *process*, which is no sandbox.
//!
//! Each runs as a process of its own, with an endpoint of its own, one invocation at a time. Limits of the system bound its
//! memory and its files; beyond that it may do what the user of the server may do. It is only loaded where a host was told
//! to allow it. One that fails, is late or ends is ended and never used again.

mod ear;
mod runtime_api;

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use model::{ByteSize, Invocation, lambda, outcome::Usage};
use platform::{Clock, Ended, Platform, Program, Running};

use self::{
    ear::Ear,
    runtime_api::{Answer, Endpoint, Event, Posted},
};
use crate::{
    bindings::types,
    context::Call,
    function::{Called, Given, Inner, not_run},
    limits::{
        LAST_WORDS_BYTES_MAX, PROCESS_FILES_MAX, PROCESS_INIT_MAX, PROCESS_LINES_PAUSE,
        PROCESS_MEMORY_SLACK_BYTES, PROCESSES_IDLE_MAX,
    },
    load::FunctionLimits,
    logs::{InvocationLog, cut},
    sandbox::GuestAnswer,
    variables::{Told, variables},
};

/// Where its program is, unpacked.
#[derive(Debug, Clone)]
pub struct ProcessSource {
    pub folder: PathBuf,
    /// In the folder.
    pub file: String,
    /// As the runtime is told: `_HANDLER`.
    pub handler: String,
    /// Of a file that it writes.
    pub file_bytes_max: u64,
}

/// Processes of one function that wait for the next invocation.
#[derive(Debug)]
pub(crate) struct Processes {
    platform: Platform,
    source: ProcessSource,
    variables: BTreeMap<String, String>,
    memory_bytes_max: u64,
    memory_told: ByteSize,
    idle: Mutex<VecDeque<Process>>,
}

#[derive(Debug)]
struct Process {
    running: Running,
    endpoint: Endpoint,
    ear: Ear,
}

/// Why there is no answer.
#[derive(Debug)]
enum Broken {
    /// It could not be started.
    NotStarted(String),
    /// With its last words.
    Ended(Ended, Option<String>),
    /// It says that it cannot begin.
    Init(Posted),
    Late,
}

/// What came of one call, besides its answer.
struct Done {
    answer: Result<Answer, Broken>,
    init: Option<Duration>,
    memory_bytes: u64,
}

impl Processes {
    pub(crate) fn new(platform: Platform, source: ProcessSource, limits: &FunctionLimits) -> Self {
        let own = limits.secrets.variables().chain(limits.env.clone());
        Self {
            platform,
            variables: own.collect(),
            memory_bytes_max: limits.memory.bytes(),
            memory_told: limits.memory_told,
            source,
            idle: Mutex::default(),
        }
    }

    fn idle(&self) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|process| !process.running.has_ended());
        idle.pop_back()
    }

    fn keep(&self, process: Process) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < PROCESSES_IDLE_MAX {
            idle.push_back(process);
        }
    }

    async fn start(
        &self,
        invocation: &Invocation,
        timeout: Duration,
        log: &InvocationLog,
    ) -> Result<Process, Broken> {
        let not_started = |error: std::io::Error| Broken::NotStarted(error.to_string());
        let endpoint = Endpoint::open(&self.platform).await.map_err(not_started)?;
        let program = Program {
            path: self.source.folder.join(&self.source.file),
            folder: self.source.folder.clone(),
            variables: self.told(invocation, &endpoint, timeout),
            memory_bytes_max: self.memory_bytes_max + PROCESS_MEMORY_SLACK_BYTES,
            open_files_max: PROCESS_FILES_MAX,
            file_bytes_max: self.source.file_bytes_max,
        };
        let started = self.platform.tasks.start(&program);
        let (running, lines) = started.map_err(not_started)?;
        let ear = Ear::new(&self.platform.tasks, lines, log);
        Ok(Process {
            running,
            endpoint,
            ear,
        })
    }

    /// As Lambda's programs find them. Nothing of the server's own environment is among them.
    fn told(
        &self,
        invocation: &Invocation,
        endpoint: &Endpoint,
        timeout: Duration,
    ) -> BTreeMap<String, String> {
        let folder = self.source.folder.display().to_string();
        let mut all = variables(
            invocation,
            &Told {
                handler: &self.source.handler,
                folder: &folder,
                memory: self.memory_told,
                timeout,
            },
        );
        let own = [
            ("AWS_LAMBDA_RUNTIME_API", endpoint.address().to_string()),
            ("LAMBDA_RUNTIME_DIR", folder),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("LANG", "en_US.UTF-8".to_owned()),
        ];
        all.extend(own.map(|(name, value)| (name.to_owned(), value)));
        all.extend(self.variables.clone());
        all
    }

    async fn call(
        &self,
        invocation: &Invocation,
        event: Bytes,
        log: &InvocationLog,
        timeout: Duration,
    ) -> Done {
        let clock = &self.platform.clock;
        let (mut process, began) = match self.idle() {
            Some(process) => {
                process.ear.turn(log);
                (process, None)
            }
            None => match self.start(invocation, timeout, log).await {
                Ok(process) => (process, Some(clock.monotonic())),
                Err(broken) => return Done::without(broken),
            },
        };
        let mut init = None;
        if let Some(began) = began {
            let ready = clock.timeout(PROCESS_INIT_MAX, process.ready(clock)).await;
            init = Some(clock.monotonic().0.saturating_sub(began.0));
            let ready = ready.unwrap_or(Err(Broken::Late));
            if let Err(broken) = ready {
                return Done {
                    init,
                    ..Done::without(broken)
                };
            }
        }
        let event = Event {
            id: invocation.request_id.clone(),
            body: event,
            deadline_ms: clock.wall().plus(timeout).as_millis(),
            arn: invocation.invoked_arn(),
            client_context: invocation.client_context.clone(),
            trace_parent: invocation.trace_parent.clone(),
        };
        let answer = clock.timeout(timeout, process.answer(event, clock)).await;
        let answer = answer.unwrap_or(Err(Broken::Late));
        let memory_bytes = process.running.memory_bytes().unwrap_or_default();
        if answer.is_ok() {
            self.keep(process);
        }
        Done {
            answer,
            init,
            memory_bytes,
        }
    }
}

impl Done {
    fn without(broken: Broken) -> Self {
        Self {
            answer: Err(broken),
            init: None,
            memory_bytes: 0,
        }
    }
}

impl Process {
    /// Waits until it asks for its first event.
    async fn ready(&mut self, clock: &Clock) -> Result<(), Broken> {
        let end = pin!(self.running.ended());
        let ended = tokio::select! {
            biased;
            began = self.endpoint.began() => return began.map_err(Broken::Init),
            ended = end => ended,
        };
        Err(self.end(ended, clock).await)
    }

    async fn answer(&mut self, event: Event, clock: &Clock) -> Result<Answer, Broken> {
        let id = event.id.clone();
        self.endpoint.give(event);
        let end = pin!(self.running.ended());
        let ended = tokio::select! {
            biased;
            answer = self.endpoint.answer(&id) => {
                // What it wrote before it answered is on its way.
                if self.ear.is_talkative() {
                    clock.sleep(PROCESS_LINES_PAUSE).await;
                }
                return Ok(answer);
            }
            ended = end => ended,
        };
        Err(self.end(ended, clock).await)
    }

    async fn end(&mut self, ended: Ended, clock: &Clock) -> Broken {
        let last = self.ear.last_words(clock).await;
        Broken::Ended(ended, last)
    }
}

impl Inner {
    /// Runs one invocation in a process.
    pub(crate) async fn processed(
        &self,
        processes: &Processes,
        invocation: Invocation,
        given: Given,
        is_replay: bool,
    ) -> Called {
        if is_replay {
            let why = "a program of this machine is not run again: nothing keeps it from acting on the world";
            return not_run("NoReplay", why.to_owned());
        }
        let event = match given {
            Given::Event(event) => event,
            Given::Records => lambda::kinesis_event(&invocation),
            Given::Request(_) => {
                return not_run("NoRequests", "it takes no requests as they are".to_owned());
            }
        };
        let shared = &self.engine.shared;
        let clock = &shared.platform.clock;
        let limits = &self.limits;
        let log = InvocationLog::new(
            Arc::clone(&shared.logs),
            clock.clone(),
            (
                limits.log_bytes.bytes().try_into().unwrap_or(usize::MAX),
                &limits.secrets,
            ),
            &invocation,
        );
        let started = clock.monotonic();
        let done = processes
            .call(&invocation, event.into(), &log, limits.timeout)
            .await;
        log.finish();
        let spent = clock.monotonic().0.saturating_sub(started.0);
        let usage = Usage {
            duration: spent.saturating_sub(done.init.unwrap_or_default()),
            memory_bytes: done.memory_bytes,
            fuel: None,
            mark: None,
        };
        let deadline = platform::Monotonic(started.0 + limits.timeout);
        let told = (deadline, clock.wall().plus(limits.timeout));
        let output_bytes_max = limits.output_bytes.bytes().try_into().unwrap_or(usize::MAX);
        let mut call = Call::new(invocation, deadline, told, output_bytes_max);
        let answer = match done.answer {
            Ok(Answer::Response(document)) => GuestAnswer::Event(document.to_vec()),
            Ok(Answer::Error(posted)) | Err(Broken::Init(posted)) => {
                call.error_document = posted.document;
                GuestAnswer::Fault(posted.fault)
            }
            Ok(Answer::TooLarge) => GuestAnswer::Printed(Err(output_bytes_max + 1)),
            Err(Broken::NotStarted(why)) => {
                return not_run(
                    "NotStarted",
                    format!("its program cannot be started: {why}"),
                );
            }
            Err(Broken::Late) => GuestAnswer::Fault(self.late(&call)),
            Err(Broken::Ended(ended, last)) => {
                GuestAnswer::Fault(ended_early(&call, &ended, last.as_deref()))
            }
        };
        let outcome = self.hidden(call.outcome(answer, usage));
        self.counting.count(&outcome, done.init);
        Called {
            outcome,
            document: call.document.take(),
            error_document: self.hidden_document(call.error_document.take()),
            init: done.init,
            capsule: None,
        }
    }

    fn late(&self, call: &Call) -> types::Fault {
        types::Fault {
            kind: "Timeout".to_owned(),
            message: format!(
                "function {} did not end within its timeout of {:?}: do less at a time, or raise `timeout`",
                call.invocation.function, self.limits.timeout
            ),
            retry_after_ms: None,
        }
    }
}

fn ended_early(call: &Call, ended: &Ended, last: Option<&str>) -> types::Fault {
    let how = match (ended.code, ended.signal) {
        (Some(code), _) => format!("ended itself with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    let last = last.map(|last| cut(last, LAST_WORDS_BYTES_MAX));
    let last = last.map_or_else(String::new, |last| format!("; its last words: {last}"));
    types::Fault {
        kind: "ExitError".to_owned(),
        message: format!("function {} {how}{last}", call.invocation.function),
        retry_after_ms: None,
    }
}
