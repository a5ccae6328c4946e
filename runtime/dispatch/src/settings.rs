//! A trigger as `dispatch` takes it: resolved, checked, without options that mean "default".
//!
//! Where the values come from (file, API) is somebody else's affair; nothing here is read from outside.

use std::{collections::BTreeMap, time::Duration};

use model::{ByteSize, FunctionName, StreamKey, Timestamp, TriggerName, invocation::ItemFailures};

use crate::{event_time::EventTime, filter::Filter, lanes::Lanes, limits::RETRY_AFTER_MAX};

#[derive(Debug, Clone, PartialEq)]
pub struct TriggerSettings {
    pub name: TriggerName,
    pub stream: StreamKey,
    pub function: FunctionName,
    /// A version or an alias of it; none for what its bare name means.
    pub qualifier: Option<String>,
    /// How a second version of the function is let in.
    pub canary: Canary,
    /// Another function, or another version, that gets the same and whose answers are only compared.
    pub shadow: Option<Shadow>,
    /// Invocations at the same time over all shards, as whoever makes the handler holds them; none without such a bound.
    pub concurrency: Option<u32>,
    /// Read once, when the trigger first runs.
    pub start: StartAt,
    /// The start as it was written: another word than at first would move nothing and is refused.
    pub start_word: String,
    pub deaggregate: bool,
    pub range_check: RangeCheck,
    /// Which user records are delivered; the others are passed.
    pub filter: Filter,
    pub batch: BatchPolicy,
    /// How many batches of a shard run at the same time.
    pub lanes: Lanes,
    /// Names that the handler may emit to.
    pub outputs: BTreeMap<String, StreamKey>,
    /// Where the handler may keep values by key.
    pub state: Option<StatePolicy>,
    pub tumbling: Option<Tumbling>,
    pub retry: RetryPolicy,
    /// Destinations that get a document of every group that is given up, by name.
    pub on_failure: Vec<String>,
    /// They are also told of records that retention was about to take; Lambda is silent about those (RT-5).
    pub tells_of_expiry: bool,
    /// How answers of event functions are read.
    pub item_failures: ItemFailures,
    /// JSON events also say the facts of their invocation.
    pub envelope: bool,
    /// The wish of whoever wrote the trigger; an operator's pause is another matter.
    pub enabled: bool,
}

/// How two versions of the function share what comes, where its alias or its bare name means two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Canary {
    pub by: CanaryBy,
    /// None: nobody takes it back but an operator.
    pub roll_back: Option<RollBack>,
}

/// What is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryBy {
    /// A key meets one version as long as the shares stay.
    Key,
    /// As in Lambda: any batch may meet either.
    Batch,
}

/// When a second version takes nothing more: its share of failed records is so much above that of the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollBack {
    /// 0 to 1.
    pub failures: f64,
    /// That it was handed before it is judged, at least 1.
    pub records: u64,
}

/// What is run beside the function, without effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    pub function: FunctionName,
    /// A version or an alias of it; none for what its bare name means.
    pub qualifier: Option<String>,
}

/// What keeps the lanes of a trigger from working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    On,
    /// By an operator, until an operator resumes it.
    Paused,
    /// By its settings.
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatePolicy {
    /// A value that was not written for so long is gone; `None` keeps values until they are deleted.
    pub ttl: Option<Duration>,
    /// Of all keys and values of the trigger.
    pub max: ByteSize,
}

/// Records are handled window by window, and each window has a last invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tumbling {
    pub every: Duration,
    pub by: WindowsBy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowsBy {
    /// As in Lambda: one state for the shard, by arrival; it ends with its shard (TW-8).
    Shard,
    /// Values by key, which stay where the key goes when shards are split or merged.
    Key {
        time: EventTime,
        /// How far a record may be behind the latest one of its shard; nothing by arrival.
        lateness: Duration,
    },
}

/// Of all triggers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetterPolicy {
    pub keep: Duration,
    pub max: ByteSize,
    pub when_full: WhenFull,
}

/// What happens to a dead letter that no longer fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The shard waits; nothing is lost.
    Block,
    DropOldest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    Oldest,
    Latest,
    At(Timestamp),
}

/// What happens to sub-records whose hash key lies outside their shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeCheck {
    /// They become dead letters, the others are delivered (AG-9).
    InRange,
    Off,
    /// As the KCL does, but without loss: one of them makes dead letters of the whole aggregate (AG-7).
    Kcl,
}

/// A batch closes at the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    /// User records, at least 1.
    pub records: usize,
    /// Encoded bytes of a request.
    pub bytes: usize,
    /// From the first record of the batch, or from the end of the batch before it where that is later; zero closes as soon as
    /// nothing more is at hand.
    pub wait: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Invocations in all, the first included; `None` is for ever.
    pub attempts: Option<u32>,
    /// Records older than this are not invoked any more.
    pub age: Option<Duration>,
    pub backoff: Backoff,
    pub isolate: Isolate,
    /// Where an answer names records that failed.
    pub failed: FailedItems,
    /// By the kind of an error.
    pub classes: BTreeMap<String, ErrorClass>,
    pub breaker: Option<BreakerPolicy>,
    pub then: Then,
    /// What all parked records of the trigger may take.
    pub park_max: ByteSize,
    pub version: RetryVersion,
}

/// Which version of the function runs another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryVersion {
    /// That of the attempt before, as long as nobody says otherwise.
    Same,
    /// As in Lambda: what is deployed by then.
    OfNow,
}

/// What is delivered again when an answer names records that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedItems {
    /// Each of them on its own; the others are settled (G7).
    Each,
    /// As in Lambda: everything from the first of them on (PB-2, PB-3).
    FromTheFirst,
}

/// How the record that makes its batch fail is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolate {
    /// By what the handler says of it; where it says nothing, by halves.
    Exact,
    /// A failed batch is tried again in two parts, without a pause and without using an attempt (BI-1 to BI-10).
    Halves,
    /// A batch stays together and shares its fate.
    Off,
}

/// What an error of some kind means, in place of the rules for all errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    Retry,
    /// It is about something outside: tried again after a pause, without using an attempt.
    Pause,
    /// The key waits, with all that follows of it, until an operator lets it go on.
    Park,
    /// Another attempt would end the same way.
    DeadLetter,
}

/// While everything fails, nothing is given up: the shard waits and tries from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Record sets without a common record that failed one after another, at least 1.
    pub failures: u32,
    /// Between two tries.
    pub probe: Duration,
}

/// The pause after the k-th failure is `first * factor^(k-1)`, at most `max`, give or take the share `jitter` (RT-9).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    pub first: Duration,
    pub factor: f64,
    pub max: Duration,
    /// 0 to 1.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            factor: 2.0,
            max: Duration::from_secs(60),
            jitter: 0.5,
        }
    }
}

impl RetryPolicy {
    /// Retried like any error, unless the settings know better.
    #[must_use]
    pub fn class_of(&self, kind: &str) -> ErrorClass {
        self.classes.get(kind).copied().unwrap_or(ErrorClass::Retry)
    }

    /// No attempt has to wait for longer.
    #[must_use]
    pub fn pause_max(&self) -> Duration {
        let backoff = self.backoff.max.as_secs_f64() * (1.0 + self.backoff.jitter);
        let backoff = Duration::try_from_secs_f64(backoff).unwrap_or(Duration::MAX);
        backoff.max(RETRY_AFTER_MAX)
    }
}

impl Backoff {
    /// `failures` from 1; `fraction` in [0, 1) is the draw for the jitter.
    #[must_use]
    pub fn after(&self, failures: u32, fraction: f64) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.first.as_secs_f64() * self.factor.powi(exponent);
        let capped = grown.min(self.max.as_secs_f64());
        let jittered = capped * (1.0 + self.jitter * (2.0 * fraction - 1.0));
        Duration::try_from_secs_f64(jittered).unwrap_or(self.max)
    }
}

/// What becomes of a record whose attempts are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    DeadLetter,
    /// Its key waits, with all that follows of it; other keys go on.
    Park,
    /// The shard stands still until an operator resumes it.
    Block,
}

impl Then {
    /// Whether the record is delivered again some day, so that later ones of its key must wait for it.
    #[must_use]
    pub fn holds(self) -> bool {
        match self {
            Self::DeadLetter => false,
            Self::Block | Self::Park => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound_give_or_take_half() {
        let backoff = Backoff::default();
        for (failures, fraction, ms) in [
            (1, 0.5, 500),
            (2, 0.5, 1_000),
            (3, 0.5, 2_000),
            (8, 0.5, 60_000),
            (4_000_000_000, 0.5, 60_000),
            (1, 0.0, 250),
            (8, 0.0, 30_000),
        ] {
            let delay = backoff.after(failures, fraction);
            assert_eq!(delay, Duration::from_millis(ms), "failure {failures}");
        }
    }
}
