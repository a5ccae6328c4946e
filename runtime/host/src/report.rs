//! The line that Lambda prints behind an invocation: of batches, runs of schedules, requests, and invocations by hand. It
//! stands in the log of the trigger beside what the function said.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use model::{ByteSize, Invocation, Outcome, Timestamp, outcome::Usage};
use platform::{Clock, Monotonic};
use sandbox::{Called, GuestLog, LogSink as _};

use crate::{
    assemble::Rooms, functions::answering::type_of_runtime, limits::REPORTS_PER_SECOND_MAX,
    logs::LogStore,
};

/// As `info` of `function.wit`.
const LEVEL: u32 = 2;
const MIB: u64 = 1 << 20;
/// Of every such line.
pub(crate) const BEGINNING: &str = "REPORT RequestId: ";

/// Of an invocation that has begun.
#[derive(Debug)]
pub(crate) struct Report(GuestLog);

impl Report {
    pub(crate) fn of(invocation: &Invocation) -> Self {
        Self(GuestLog {
            trigger: invocation.trigger.clone(),
            function: invocation.function.clone(),
            version: invocation.version,
            shard: invocation.shard,
            request_id: invocation.request_id.clone(),
            attempt: invocation.attempt,
            level: LEVEL,
            message: String::new(),
            at: invocation.started,
        })
    }

    pub(crate) fn say(self, logs: &LogStore, called: &Called, memory: ByteSize, at: Timestamp) {
        let message = line(&self.0.request_id, called, memory);
        self.print(logs, message, at);
    }

    fn print(self, logs: &LogStore, message: String, at: Timestamp) {
        logs.log(GuestLog {
            message,
            at,
            ..self.0
        });
    }
}

/// The line of an invocation whose caller may be gone before it has ended: it is printed when this goes, however that is.
#[derive(Debug)]
pub(crate) struct OwedReport {
    report: Option<Report>,
    logs: Arc<LogStore>,
    memory: ByteSize,
    clock: Clock,
    began: Monotonic,
}

impl OwedReport {
    pub(crate) fn of(rooms: &Rooms, invocation: &Invocation, memory: ByteSize) -> Self {
        let clock = rooms.platform.clock.clone();
        Self {
            report: Some(Report::of(invocation)),
            logs: Arc::clone(&rooms.logs),
            memory,
            began: clock.monotonic(),
            clock,
        }
    }

    pub(crate) fn say(mut self, called: &Called) {
        if let Some(report) = self.report.take() {
            report.say(&self.logs, called, self.memory, self.clock.wall());
        }
    }
}

impl OwedReport {
    /// The same where calls may come in great numbers: those that fail are always told of.
    pub(crate) fn say_at(mut self, pace: &Pace, called: &Called) {
        let failed = matches!(called.outcome, Outcome::Failed(_));
        if pace.allows(self.clock.wall()) || failed {
            self.say(called);
        } else {
            self.report = None;
        }
    }
}

impl Drop for OwedReport {
    fn drop(&mut self) {
        if let Some(report) = self.report.take() {
            let took = self.clock.monotonic().0.saturating_sub(self.began.0);
            let mut line = beginning(&report.0.request_id, took, self.memory);
            line += "Status: error\tError Type: Abandoned";
            report.print(&self.logs, line, self.clock.wall());
        }
    }
}

/// So many lines in each second: what a fast stream says of itself must not push out what its functions say.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    second: AtomicU64,
    said: AtomicU32,
}

impl Pace {
    pub(crate) fn allows(&self, now: Timestamp) -> bool {
        let second = now.as_millis() / 1000;
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.said.store(0, Ordering::Relaxed);
        }
        self.said.fetch_add(1, Ordering::Relaxed) < REPORTS_PER_SECOND_MAX
    }
}

fn beginning(id: &str, took: Duration, memory: ByteSize) -> String {
    let billed = took.as_micros().div_ceil(1_000);
    let size = memory.bytes().div_ceil(MIB);
    format!(
        "{BEGINNING}{id}\tDuration: {:.2} ms\tBilled Duration: {billed} ms\tMemory Size: {size} MB\t",
        ms(took)
    )
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The whole line.
pub(crate) fn line(id: &str, called: &Called, memory: ByteSize) -> String {
    let usage: Usage = match &called.outcome {
        Outcome::Answered(answer) => answer.usage,
        Outcome::Failed(fault) => fault.usage,
    };
    let mut line = beginning(id, usage.duration, memory);
    let used = usage.memory_bytes.div_ceil(MIB);
    // Writing to a string cannot fail, here and below.
    let _ = write!(line, "Max Memory Used: {used} MB\t");
    if let Some(init) = called.init {
        let _ = write!(line, "Init Duration: {:.2} ms\t", ms(init));
    }
    if let Outcome::Failed(fault) = &called.outcome {
        let _ = match (fault.kind.as_str(), type_of_runtime(&fault.kind)) {
            ("Timeout", _) => write!(line, "Status: timeout"),
            (_, Some(kind)) => write!(line, "Status: error\tError Type: {kind}"),
            // What a handler raises stands in its log, and the environment lives on.
            (_, None) => Ok(()),
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use model::{Answer, Fault, FaultClass};

    use super::*;

    #[test]
    fn a_line_reads_as_lambdas() {
        let usage = Usage {
            duration: Duration::from_micros(2_346),
            memory_bytes: 3 * MIB + 1,
            fuel: None,
            mark: None,
        };
        let check = |outcome, init, expect: &str| {
            let called = Called {
                outcome,
                document: None,
                error_document: None,
                init,
                capsule: None,
            };
            assert_eq!(line("r-1", &called, ByteSize::mib(128)), expect);
        };
        let answered = Outcome::Answered(Answer {
            usage,
            ..Answer::default()
        });
        let head = "REPORT RequestId: r-1\tDuration: 2.35 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 4 MB\t";
        check(answered.clone(), None, head);
        let init = Some(Duration::from_micros(51));
        check(answered, init, &format!("{head}Init Duration: 0.05 ms\t"));
        let failed = |kind: &str| {
            Outcome::Failed(Fault {
                class: FaultClass::Function,
                kind: kind.to_owned(),
                message: String::new(),
                retry_after: None,
                usage,
            })
        };
        check(failed("Timeout"), None, &format!("{head}Status: timeout"));
        for (kind, named) in [
            ("Trap", "Runtime.ExitError"),
            ("ExitError", "Runtime.ExitError"),
            ("OutOfMemory", "Runtime.OutOfMemory"),
            ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ] {
            let expect = format!("{head}Status: error\tError Type: {named}");
            check(failed(kind), None, &expect);
        }
        check(failed("KeyError"), None, head);
    }

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_as_many() {
        let pace = Pace::default();
        let at = |ms| Timestamp::from_millis(ms);
        let said = (0..100).filter(|_| pace.allows(at(5_000))).count();
        assert_eq!(said, REPORTS_PER_SECOND_MAX as usize);
        assert!(pace.allows(at(6_000)));
    }
}
