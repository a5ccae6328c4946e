//! A handler that follows a script and keeps a diary, and the scripts that many stories use.

use std::{collections::BTreeSet, fmt, sync::Mutex, time::Duration};

use model::{
    Answer, Emitted, Fault, FaultClass, FunctionVersion, Invocation, Outcome, StreamKey,
    UserRecord, lambda,
    outcome::Usage,
    seams::{BoxFuture, Handler},
};
use platform::Platform;

type Script = Box<dyn Fn(&Invocation) -> Outcome + Send + Sync>;

/// What was invoked, as `shard:data,data`, and when (seconds since the story began).
pub(super) struct Actor {
    pub(super) platform: Platform,
    /// Until an invocation has its place.
    pub(super) queues: Duration,
    pub(super) takes: Duration,
    pub(super) marks: bool,
    /// Records cost what they cost in a JSON event.
    pub(super) events: bool,
    pub(super) script: Script,
    /// That runs what has not been run before.
    pub(super) version: Mutex<FunctionVersion>,
    /// A second one, and its share.
    pub(super) canary: Mutex<Option<(FunctionVersion, f64)>>,
    /// That run no further attempt.
    pub(super) left: Mutex<BTreeSet<FunctionVersion>>,
    pub(super) seen: Mutex<Vec<(Duration, String)>>,
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("takes", &self.takes)
            .finish_non_exhaustive()
    }
}

impl Handler for Actor {
    fn version(&self, before: Option<FunctionVersion>, draw: f64) -> FunctionVersion {
        let left = self.left.lock().unwrap();
        if let Some(before) = before.filter(|before| !left.contains(before)) {
            return before;
        }
        match *self.canary.lock().unwrap() {
            Some((canary, share)) if draw < share => canary,
            Some(_) | None => *self.version.lock().unwrap(),
        }
    }

    fn share(&self) -> Option<f64> {
        self.canary.lock().unwrap().map(|(_, share)| share)
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Outcome> {
        let began = self.platform.clock.monotonic().0;
        let data: Vec<String> = invocation.records.iter().map(text).collect();
        let told = format!("{}:{}", invocation.shard.0, data.join(","));
        self.seen.lock().unwrap().push((began, told));
        let outcome = (self.script)(&invocation);
        Box::pin(async move {
            self.platform.clock.sleep(self.queues).await;
            invocation.begun.tell();
            self.platform.clock.sleep(self.takes).await;
            outcome
        })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        if self.events {
            lambda::encoded_len(stream, record)
        } else {
            record.data.len()
        }
    }

    fn marks(&self) -> bool {
        self.marks
    }
}

pub(super) fn text(record: &UserRecord) -> String {
    String::from_utf8_lossy(&record.data).into_owned()
}

/// Every record is copied to the output.
pub(super) fn copied(invocation: &Invocation) -> Outcome {
    let emitted = |(source, record): (u32, &UserRecord)| Emitted {
        output: "out".to_owned(),
        partition_key: record.partition_key.clone(),
        explicit_hash_key: None,
        data: record.data.clone(),
        source: Some(source),
    };
    Outcome::Answered(Answer {
        outputs: (0..).zip(invocation.records.iter()).map(emitted).collect(),
        effects_attributed: true,
        ..Answer::default()
    })
}

pub(super) fn thrown(_: &Invocation) -> Outcome {
    Outcome::Failed(Fault {
        class: FaultClass::Function,
        kind: "Unhandled".to_owned(),
        message: "it always throws".to_owned(),
        retry_after: None,
        usage: Usage::default(),
    })
}
