//! What the file means: every default filled in, every name checked against what it names, every path made relative to
//! the file. This is what the rest of `host` works with; it is made only by reading a file without a diagnostic.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog::schedule::{Missed, Schedule};
use dispatch::{
    BreakerPolicy, Canary, ErrorClass, Isolate, Lanes, RangeCheck, Shadow, Tumbling, filter::Filter,
};
use model::{
    ByteSize, FunctionName, Region, StreamName, Timestamp, TriggerName, invocation::ItemFailures,
};

use super::names::AppName;
use crate::{destinations::Destination, routes::Route};

#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    pub app: AppName,
    pub server: Server,
    pub streams: BTreeMap<StreamName, Stream>,
    /// Where failure documents go, by name.
    pub(crate) destinations: BTreeMap<String, Destination>,
    /// Where each secret is kept, by name.
    pub secrets: BTreeMap<String, SecretSource>,
    pub functions: BTreeMap<FunctionName, Function>,
    pub triggers: BTreeMap<TriggerName, Trigger>,
    /// Triggers that run by the clock. A name is of one trigger, whatever drives it.
    pub schedules: BTreeMap<TriggerName, ScheduleTrigger>,
    /// Triggers that answer requests.
    pub routes: BTreeMap<TriggerName, HttpTrigger>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where the streams of the file live.
    pub region: Region,
    /// Of every stream that does not say otherwise, and of what triggers keep.
    pub durability: Durability,
    pub limits: Limits,
    pub archive: Archive,
    pub dead_letters: DeadLetters,
    pub logs: Logs,
    /// `HOST:PORT` of the servers that functions may ask which no file declares.
    pub api_network: Vec<String>,
}

/// What becomes of records that outlive the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    pub after: Duration,
    /// A directory or a bucket; in the data folder where nothing is said.
    pub(crate) to: Option<Destination>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    pub keep: Duration,
    pub max: ByteSize,
    pub when_full: WhenFull,
}

/// What happens to a dead letter that no longer fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The shard waits, with a reason: nothing is lost.
    Block,
    /// The oldest dead letters make room.
    DropOldest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    pub keep: Duration,
    pub max: ByteSize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// At creation; a stream that exists is never resharded by the file.
    pub shards: u32,
    pub retention: Duration,
    /// `None` for the server's.
    pub durability: Option<Durability>,
    /// `None` for what the stream has, which is provisioned at creation.
    pub capacity: Option<Capacity>,
    /// `None`: its shards are left alone.
    pub autoscale: Option<Autoscale>,
}

/// What shards and accounts may take and give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// All they can.
    None,
    /// As much as AWS lets them.
    Aws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    Provisioned,
    OnDemand,
}

/// How a provisioned stream follows its traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Autoscale {
    /// Shards.
    pub min: u32,
    pub max: u32,
    /// How much of a shard is to be used, in hundredths.
    pub target: u32,
}

/// After what something is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Sync,
    Interval,
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub source: FunctionSource,
    pub env: BTreeMap<String, String>,
    pub memory: ByteSize,
    pub timeout: Duration,
    /// Text kept of one invocation.
    pub log: ByteSize,
    /// None: what its language does best with.
    pub sandbox: Option<SandboxPolicy>,
    /// Invocations at the same time.
    pub concurrency: u32,
    /// Names of secrets.
    pub secrets: Vec<String>,
    /// `HOST:PORT` of the servers it may ask.
    pub network: Vec<String>,
    /// Files in memory; 0: none.
    pub scratch: ByteSize,
    /// Where the file declares it.
    pub line: usize,
}

/// Where the value of a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the server's environment.
    Env(String),
    File(PathBuf),
}

/// Where the bytes of a function come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionSource {
    /// A folder that is built.
    Folder(PathBuf),
    /// A file that is already WebAssembly, or a bundle.
    Component(PathBuf),
    /// A file of a language whose code is data, and the function in it that handles events; or a folder with a layout of OCI,
    /// and the digest or the name of an artifact in it.
    Code {
        file: PathBuf,
        /// None: the usual name is looked for.
        handler: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxPolicy {
    /// A new sandbox for every batch.
    Fresh,
    /// Globals live from batch to batch.
    Warm,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    pub stream: StreamName,
    pub start: Start,
    pub deaggregate: bool,
    pub function: FunctionName,
    /// Behind the `@`: a version or an alias.
    pub qualifier: Option<String>,
    /// How a second version of the function is let in.
    pub canary: Canary,
    /// What gets the same and is only compared.
    pub shadow: Option<Shadow>,
    /// Invocations at the same time over all shards; none where only the function's own bound counts.
    pub concurrency: Option<u32>,
    /// Streams that the function may write, by the name of the output; the short form names `default`.
    pub outputs: BTreeMap<String, StreamName>,
    /// Which records are delivered.
    pub filter: Filter,
    pub batch: Batch,
    /// How many batches of a shard run at the same time.
    pub lanes: Lanes,
    /// Windows of equal length, each with a last invocation.
    pub tumbling: Option<Tumbling>,
    /// None: the function may keep nothing.
    pub state: Option<State>,
    /// The wish of the file; an operator's pause is kept elsewhere.
    pub enabled: bool,
    pub retry: Retry,
    /// Destinations that get a document of what is given up, by name.
    pub on_failure: Vec<String>,
    /// How answers of event functions are read.
    pub item_failures: ItemFailures,
    /// Events say the facts of their invocation.
    pub envelope: bool,
    pub range_check: RangeCheck,
    /// An earlier name, whose checkpoints and state it takes over.
    pub was: Option<TriggerName>,
    /// What it writes may come back to it.
    pub allow_loop: bool,
    /// Where the file declares it, for messages that name both places of a conflict.
    pub line: usize,
}

/// A trigger that runs by the clock.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleTrigger {
    pub schedule: Schedule,
    /// The name of its time zone.
    pub zone: String,
    /// How much later than its slot a run may begin.
    pub flexible: Duration,
    pub missed: Missed,
    pub function: FunctionName,
    pub outputs: BTreeMap<String, StreamName>,
    /// JSON text. None: an event as EventBridge Scheduler sends it.
    pub input: Option<String>,
    pub retry: ScheduleRetry,
    /// Names of destinations.
    pub on_failure: Vec<String>,
    pub enabled: bool,
    pub line: usize,
    /// Line and column of its expression.
    pub expression_at: (usize, usize),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleRetry {
    /// Invocations for one slot, the first included.
    pub attempts: u32,
    /// Behind the slot.
    pub age: Duration,
    pub backoff: Backoff,
}

/// A trigger that answers requests.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpTrigger {
    pub(crate) route: Route,
    /// Of one request.
    pub body: ByteSize,
    /// Requests at the same time.
    pub concurrency: u32,
    /// Until the head of the answer is there.
    pub timeout: Duration,
    pub cors: Cors,
    /// The secret that requests carry as their bearer token.
    pub auth: Option<String>,
    pub function: FunctionName,
    pub outputs: BTreeMap<String, StreamName>,
    pub enabled: bool,
    pub line: usize,
}

/// Which web pages of other origins may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cors {
    Off,
    Any,
    Origins(Vec<String>),
}

/// Where a trigger begins that has no checkpoint yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Oldest,
    Latest,
    At(Timestamp),
    /// This long before the moment the trigger is created.
    Ago(Duration),
}

/// A batch closes on whichever comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub records: u32,
    pub bytes: ByteSize,
    pub wait: Duration,
}

/// Values by partition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// None: values are kept until they are removed.
    pub ttl: Option<Duration>,
    pub max: ByteSize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    pub attempts: Attempts,
    /// None: a record is tried as long as its stream keeps it.
    pub age: Option<Duration>,
    pub backoff: Backoff,
    pub isolate: Isolate,
    /// By the kind of an error.
    pub classes: BTreeMap<String, ErrorClass>,
    /// None: off.
    pub breaker: Option<BreakerPolicy>,
    pub then: Then,
    pub park_max: ByteSize,
}

/// Invocations in all, the first included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempts {
    Limited(u32),
    Forever,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Backoff {
    pub first: Duration,
    pub factor: f64,
    pub max: Duration,
    /// The share of a pause that is random, 0 to 1.
    pub jitter: f64,
}

/// What becomes of a record whose attempts are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    DeadLetter,
    Park,
    Block,
}

impl Project {
    /// What is good as it is, and may not be meant: a sentence each, with its place in the file.
    #[must_use]
    pub fn remarks(&self, file: &Path) -> Vec<String> {
        let remark = |(name, trigger): (&TriggerName, &Trigger)| {
            let remark = trigger.filter.remark()?;
            let (file, line) = (file.display(), trigger.line);
            Some(format!("{file}:{line}: trigger {name}: {remark}"))
        };
        self.triggers.iter().filter_map(remark).collect()
    }

    /// One promise a trigger, by what drives them and in the order of their names; `check` prints them.
    pub fn promises(&self) -> impl Iterator<Item = Promise<'_>> {
        let streams = self.triggers.iter().map(|(name, trigger)| Promise {
            name,
            driven_by: Driven::Stream(&trigger.stream),
            outputs: &trigger.outputs,
        });
        let schedules = self.schedules.iter().map(|(name, trigger)| Promise {
            name,
            driven_by: Driven::Schedule(trigger),
            outputs: &trigger.outputs,
        });
        let routes = self.routes.iter().map(|(name, trigger)| Promise {
            name,
            driven_by: Driven::Route(trigger),
            outputs: &trigger.outputs,
        });
        streams.chain(schedules).chain(routes)
    }
}

/// What a trigger promises. Both ends of a trigger on a stream lie inside the runtime, so effects appear exactly once.
#[derive(Debug, Clone, Copy)]
pub struct Promise<'a> {
    name: &'a TriggerName,
    driven_by: Driven<'a>,
    outputs: &'a BTreeMap<String, StreamName>,
}

#[derive(Debug, Clone, Copy)]
enum Driven<'a> {
    Stream(&'a StreamName),
    Schedule(&'a ScheduleTrigger),
    Route(&'a HttpTrigger),
}

impl fmt::Display for Promise<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        let promise = match self.driven_by {
            Driven::Stream(stream) => {
                stream.fmt(f)?;
                "exactly once"
            }
            Driven::Schedule(trigger) => {
                write!(f, "{} {}", trigger.schedule.expression, trigger.zone)?;
                match trigger.missed {
                    Missed::Skip => "exactly once a slot, missed slots are skipped",
                    Missed::Once => "exactly once a slot, missed slots once together",
                    Missed::All => "exactly once a slot, missed slots too",
                }
            }
            Driven::Route(trigger) => {
                trigger.route.fmt(f)?;
                if self.outputs.is_empty() {
                    "once a request"
                } else {
                    "once a request, committed before the answer"
                }
            }
        };
        for (index, output) in self.outputs.values().enumerate() {
            f.write_str(if index == 0 { " -> " } else { ", " })?;
            output.fmt(f)?;
        }
        write!(f, ": {promise}")
    }
}
