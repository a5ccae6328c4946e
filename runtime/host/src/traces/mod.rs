//! Traces for a collector that speaks OTLP over HTTP with JSON: of each batch the moment at which its first record came, each
//! attempt at it, and what it put out; of calls those that their callers trace.
//!
//! Only where `up --otlp` names a collector. Nothing waits for it: what it does not take in time is dropped and counted in
//! the log. A busy trigger is sampled, as its lines in the log are; attempts that fail are always told.

mod calls;
mod spans;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use model::{Invocation, Outcome, Timestamp};
use platform::{Platform, StopToken, Task};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::warn;

use calls::Call;
pub(crate) use spans::Attempt;

use crate::{
    destinations::{Address, Outgoing, send},
    limits::{SPANS_AT_ONCE_MAX, SPANS_WAITING_MAX},
};

/// Where spans are handed in.
#[derive(Debug)]
pub(crate) struct Traces {
    waiting: mpsc::Sender<Vec<Value>>,
    lost: AtomicU64,
}

impl Traces {
    /// Sends until `stop`, and then what is left.
    pub(crate) fn start(
        platform: &Platform,
        collector: &Address,
        stop: StopToken,
    ) -> (Arc<Self>, Task<()>) {
        let (waiting, told) = mpsc::channel(SPANS_WAITING_MAX);
        let to = collector.at(&format!(
            "{}/v1/traces",
            collector.path.trim_end_matches('/')
        ));
        let sending = sending(platform.clone(), to, told, stop);
        let traces = Self {
            waiting,
            lost: AtomicU64::default(),
        };
        (Arc::new(traces), platform.tasks.spawn("traces", sending))
    }

    pub(crate) fn tell(&self, attempt: &Attempt, outcome: &Outcome, ended: Timestamp) {
        self.send(attempt.spans(outcome, ended));
    }

    fn send(&self, spans: Vec<Value>) {
        if self.waiting.try_send(spans).is_err() {
            // Said at the first, and whenever twice as many are lost.
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                warn!(
                    lost,
                    "traces were dropped: the collector does not take them in time"
                );
            }
        }
    }
}

/// A call that its caller traces, while it runs. Its span ends when this goes, however the call ended: whoever has the whole answer
/// of a function may be gone before the function is.
#[derive(Debug)]
pub(crate) struct TracedCall {
    traces: Arc<Traces>,
    platform: Platform,
    call: Call,
    failure: OnceLock<String>,
}

impl TracedCall {
    pub(crate) fn of(
        traces: &Arc<Traces>,
        platform: &Platform,
        invocation: &Invocation,
    ) -> Option<Self> {
        Some(Self {
            traces: Arc::clone(traces),
            platform: platform.clone(),
            call: Call::of(invocation, platform.clock.wall())?,
            failure: OnceLock::new(),
        })
    }

    pub(crate) fn tell(&self, outcome: &Outcome) {
        if let Outcome::Failed(fault) = outcome {
            let first = fault.message.lines().next().unwrap_or_default();
            let _again = self.failure.set(format!("{}: {first}", fault.kind));
        }
    }
}

impl Drop for TracedCall {
    fn drop(&mut self) {
        let failure = self.failure.get().map(String::as_str);
        let span = self.call.span(failure, self.platform.clock.wall());
        self.traces.send(vec![span]);
    }
}

/// What is remembered of an invocation that begins.
pub(crate) fn begun(invocation: &Invocation, now: Timestamp) -> Option<Attempt> {
    Attempt::of(invocation, now)
}

async fn sending(
    platform: Platform,
    to: Address,
    mut told: mpsc::Receiver<Vec<Value>>,
    stop: StopToken,
) {
    let mut failing = false;
    loop {
        let mut spans = Vec::new();
        tokio::select! {
            biased;
            first = told.recv() => match first {
                Some(first) => spans.extend(first),
                None => return,
            },
            () = stop.stopped() => {}
        }
        while spans.len() < SPANS_AT_ONCE_MAX
            && let Ok(more) = told.try_recv()
        {
            spans.extend(more);
        }
        if spans.is_empty() {
            return;
        }
        let sent = send(&platform, request(&to, &spans)).await;
        let taken = sent.and_then(|answer| match answer.status {
            200..300 => Ok(()),
            status => Err(format!("it answers {status}")),
        });
        if let Err(why) = &taken
            && !failing
        {
            warn!(collector = %to, why, "traces are not taken");
        }
        failing = taken.is_err();
    }
}

fn request(to: &Address, spans: &[Value]) -> Outgoing {
    let service = json!({ "key": "service.name", "value": { "stringValue": "shardmill" } });
    let body = json!({ "resourceSpans": [{
        "resource": { "attributes": [service] },
        "scopeSpans": [{ "scope": { "name": "shardmill" }, "spans": spans }],
    }] });
    Outgoing {
        method: "POST",
        to: to.clone(),
        headers: vec![
            ("host".to_owned(), to.authority()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        body: body.to_string().into_bytes(),
    }
}
