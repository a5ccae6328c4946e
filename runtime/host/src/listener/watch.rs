//! How long a client may keep a connection without doing its part: begin, ask, come back, take its answers.
//!
//! A connection reports here what happens on it; the watch says when it is overdue, on the clock that nobody shifts.
//! Requests and answers that move are never cut off before `REQUEST_MAX`; the body of a request has its own bounds in
//! `wire`.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Version;
use hyper::body::{Body, Frame, SizeHint};
use platform::{Clock, Monotonic};
use tokio::sync::Semaphore;

use crate::limits::{
    ANSWER_STALL_MAX, CONNECTION_LOOK, CONNECTIONS_SPARE, FIRST_REQUEST_MAX, HEAD_MAX, IDLE_MAX,
    IDLE_MAX_WHEN_CROWDED, REQUEST_MAX,
};

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Overdue {
    #[error("no request came")]
    NoRequest,
    #[error("a request was begun and not sent")]
    HalfRequest,
    #[error("no further request came")]
    Idle,
    #[error("the client does not take its answer")]
    AnswerNotTaken,
    #[error("a request was open for too long")]
    OpenTooLong,
}

/// The watch of one connection. Clones watch the same one.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    clock: Clock,
    /// Free places for connections.
    places: Arc<Semaphore>,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen on a connection.
#[derive(Debug)]
struct Seen {
    /// When it was accepted, or the last request ended.
    quiet_since: Monotonic,
    asked: bool,
    /// Frames that steer a connection come between requests too, so that bytes are no begun request.
    http2: bool,
    /// When the first byte of a request came whose head is not complete.
    head_since: Option<Monotonic>,
    /// Since when nothing could be written.
    stalled_since: Option<Monotonic>,
    /// When each open request began; numbers grow.
    open: BTreeMap<u64, Monotonic>,
    next: u64,
}

impl Seen {
    fn new(now: Monotonic) -> Self {
        Self {
            quiet_since: now,
            asked: false,
            http2: false,
            head_since: None,
            stalled_since: None,
            open: BTreeMap::new(),
            next: 0,
        }
    }

    fn overdue(&self, now: Monotonic, crowded: bool) -> Option<Overdue> {
        let passed = |since: Monotonic, max: Duration| now.0.saturating_sub(since.0) >= max;
        let idle_max = if crowded {
            IDLE_MAX_WHEN_CROWDED
        } else {
            IDLE_MAX
        };
        if self
            .stalled_since
            .is_some_and(|since| passed(since, ANSWER_STALL_MAX))
        {
            return Some(Overdue::AnswerNotTaken);
        }
        if let Some((_, began)) = self.open.first_key_value() {
            return passed(*began, REQUEST_MAX).then_some(Overdue::OpenTooLong);
        }
        if self.head_since.is_some_and(|since| passed(since, HEAD_MAX)) {
            return Some(Overdue::HalfRequest);
        }
        if !self.asked {
            return passed(self.quiet_since, FIRST_REQUEST_MAX).then_some(Overdue::NoRequest);
        }
        let idle = self.head_since.is_none() && passed(self.quiet_since, idle_max);
        idle.then_some(Overdue::Idle)
    }
}

impl Watch {
    pub(super) fn new(clock: Clock, places: Arc<Semaphore>) -> Self {
        let seen = Seen::new(clock.monotonic());
        Self {
            clock,
            places,
            seen: Arc::new(Mutex::new(seen)),
        }
    }

    /// Waits until the client is overdue.
    pub(super) async fn overdue(&self) -> Overdue {
        loop {
            let crowded = self.places.available_permits() < CONNECTIONS_SPARE;
            if let Some(overdue) = self.seen().overdue(self.clock.monotonic(), crowded) {
                return overdue;
            }
            self.clock.sleep(CONNECTION_LOOK).await;
        }
    }

    /// The head of a request is complete. It is open until what is returned is dropped.
    pub(super) fn request(&self, version: Version) -> OpenRequest {
        let now = self.clock.monotonic();
        let mut seen = self.seen();
        let number = seen.next;
        seen.next += 1;
        seen.asked = true;
        seen.http2 = version == Version::HTTP_2;
        seen.head_since = None;
        seen.open.insert(number, now);
        OpenRequest {
            watch: self.clone(),
            number,
        }
    }

    /// Bytes came from the client.
    pub(super) fn received(&self) {
        let now = self.clock.monotonic();
        let mut seen = self.seen();
        if seen.open.is_empty() && seen.asked && !seen.http2 {
            seen.head_since.get_or_insert(now);
        }
    }

    /// Whether the client took the last bytes that were written.
    pub(super) fn wrote(&self, taken: bool) {
        let mut seen = self.seen();
        match (taken, seen.stalled_since) {
            (true, Some(_)) => seen.stalled_since = None,
            (false, None) => seen.stalled_since = Some(self.clock.monotonic()),
            (true, None) | (false, Some(_)) => {}
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that was not answered to its end.
#[derive(Debug)]
pub(super) struct OpenRequest {
    watch: Watch,
    number: u64,
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let now = self.watch.clock.monotonic();
        let mut seen = self.watch.seen();
        seen.open.remove(&self.number);
        seen.quiet_since = now;
    }
}

/// The body of an answer, whose end is the end of its request.
#[derive(Debug)]
pub(super) struct WatchedBody<B> {
    pub(super) body: B,
    pub(super) _open: OpenRequest,
}

impl<B: Body<Data = Bytes> + Unpin> Body for WatchedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic(Duration::from_secs(1_000));

    fn after(time: Duration) -> Monotonic {
        Monotonic(START.0 + time)
    }

    /// What is overdue just before and at the end of a time.
    fn check(seen: &Seen, crowded: bool, time: Duration, expected: Overdue) {
        let before = after(time.saturating_sub(Duration::from_millis(1)));
        assert_eq!(seen.overdue(before, crowded), None, "{seen:?}");
        assert_eq!(
            seen.overdue(after(time), crowded),
            Some(expected),
            "{seen:?}"
        );
    }

    #[test]
    fn every_state_of_a_connection_ends() {
        let new = || Seen::new(START);
        let asked = || Seen {
            asked: true,
            ..new()
        };
        check(&new(), false, FIRST_REQUEST_MAX, Overdue::NoRequest);
        check(&asked(), false, IDLE_MAX, Overdue::Idle);
        check(&asked(), true, IDLE_MAX_WHEN_CROWDED, Overdue::Idle);
        let half = Seen {
            head_since: Some(START),
            ..asked()
        };
        check(&half, true, HEAD_MAX, Overdue::HalfRequest);
        let open = Seen {
            open: BTreeMap::from([(3, START), (4, after(REQUEST_MAX))]),
            ..asked()
        };
        check(&open, true, REQUEST_MAX, Overdue::OpenTooLong);
        let stalled = Seen {
            stalled_since: Some(START),
            ..open
        };
        check(&stalled, false, ANSWER_STALL_MAX, Overdue::AnswerNotTaken);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_knows_what_is_open() {
        let clock = platform::Platform::simulated(1).clock;
        let watch = Watch::new(clock, Arc::new(Semaphore::new(CONNECTIONS_SPARE)));
        let [first, second] = [0, 1].map(|_| watch.request(Version::HTTP_11));
        drop(first);
        assert_eq!(watch.seen().open.len(), 1);
        watch.received();
        assert_eq!(watch.seen().head_since, None);
        drop(second);
        watch.received();
        assert!(watch.seen().head_since.is_some());
        let third = watch.request(Version::HTTP_2);
        assert_eq!(watch.seen().head_since, None);
        drop(third);
        watch.received();
        assert_eq!(watch.seen().head_since, None);
        watch.wrote(false);
        assert!(watch.seen().stalled_since.is_some());
        watch.wrote(true);
        assert_eq!(watch.seen().stalled_since, None);
    }
}
