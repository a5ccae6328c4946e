//! Two clocks: a wall clock that tests and operators may shift forward, and a monotonic one that nobody shifts.
//!
//! Both run on tokio's time, which a simulation pauses and advances by itself. As the clock of a machine may, the simulated wall
//! clock may be set back.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::Timestamp;
use tokio::time::Instant;

use crate::watch;

/// Time since the clock was made; never shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time allowed has passed")]
pub struct TimedOut;

#[derive(Clone, Debug)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    start: Instant,
    base: Base,
    shift: watch::Sender<Shift>,
}

/// How far the wall clock was moved, in all.
#[derive(Clone, Copy, Debug, Default)]
struct Shift {
    forward: Duration,
    back: Duration,
}

#[derive(Debug)]
enum Base {
    System,
    #[cfg(feature = "simulation")]
    Fixed(Timestamp),
}

impl Clock {
    pub(crate) fn real() -> Self {
        Self::with_base(Base::System)
    }

    /// Starts at 2026-01-01 UTC and follows tokio's paused time.
    #[cfg(feature = "simulation")]
    pub(crate) fn simulated() -> Self {
        Self::with_base(Base::Fixed(Timestamp::from_millis(1_767_225_600_000)))
    }

    fn with_base(base: Base) -> Self {
        let inner = Inner {
            start: Instant::now(),
            base,
            shift: watch::Sender::new(Shift::default()),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    #[must_use]
    pub fn wall(&self) -> Timestamp {
        let Shift { forward, back } = *self.inner.shift.borrow();
        self.unshifted_wall().plus(forward).minus(back)
    }

    /// For what the outside world signs; a moment before 1970 reads as 1970.
    #[must_use]
    pub fn unshifted_wall(&self) -> Timestamp {
        match self.inner.base {
            Base::System => Timestamp::from_millis(0).plus(
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default(),
            ),
            #[cfg(feature = "simulation")]
            Base::Fixed(base) => base.plus(self.monotonic().0),
        }
    }

    /// Moves the wall clock forward and wakes those who wait for a wall time.
    pub fn shift(&self, by: Duration) {
        self.inner
            .shift
            .send_modify(|shift| shift.forward = shift.forward.saturating_add(by));
    }

    /// As somebody does who corrects the clock of a machine.
    #[cfg(feature = "simulation")]
    pub fn set_back(&self, by: Duration) {
        self.inner
            .shift
            .send_modify(|shift| shift.back = shift.back.saturating_add(by));
    }

    #[must_use]
    pub fn monotonic(&self) -> Monotonic {
        Monotonic(self.inner.start.elapsed())
    }

    pub async fn sleep(&self, d: Duration) {
        tokio::time::sleep(d).await;
    }

    /// Waits until `wall()` has reached `t`; looks again whenever the clock is shifted.
    pub async fn sleep_until_wall(&self, t: Timestamp) {
        let mut shifts = self.inner.shift.subscribe();
        loop {
            shifts.borrow_and_update();
            let left = t.since(self.wall());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                _ = shifts.changed() => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// The same, but no longer than `t` lies ahead now: whoever waits looks again although the clock was set back meanwhile.
    pub async fn sleep_towards_wall(&self, t: Timestamp) {
        let left = t.since(self.wall());
        tokio::select! {
            biased;
            () = self.sleep_until_wall(t) => {}
            () = tokio::time::sleep(left) => {}
        }
    }

    /// Waits until the wall clock is shifted next.
    pub async fn shifted(&self) {
        // The sender lives as long as the clock.
        drop(self.inner.shift.subscribe().changed().await);
    }

    pub async fn timeout<F: Future>(&self, d: Duration, f: F) -> Result<F::Output, TimedOut> {
        tokio::time::timeout(d, f).await.map_err(|_| TimedOut)
    }
}

#[cfg(all(test, feature = "simulation"))]
mod tests {
    use super::*;
    use crate::{Platform, TaskFailed};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[tokio::test(start_paused = true)]
    async fn sleeping_moves_both_clocks_by_the_time_slept() {
        let clock = Platform::simulated(1).clock;
        let (wall, monotonic) = (clock.wall(), clock.monotonic());
        clock.sleep(DAY).await;
        assert_eq!(clock.wall(), wall.plus(DAY));
        assert_eq!(clock.monotonic(), Monotonic(monotonic.0 + DAY));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shift_wakes_who_waits_for_a_wall_time_and_nobody_else() -> Result<(), TaskFailed> {
        let platform = Platform::simulated(1);
        let clock = platform.clock.clone();
        let due = clock.wall().plus(DAY);
        let waiting = platform.tasks.spawn("waiting", {
            let clock = clock.clone();
            async move {
                clock.sleep_until_wall(due).await;
                clock.monotonic()
            }
        });
        let started = clock.monotonic();
        clock.sleep(Duration::from_secs(1)).await;
        clock.shift(DAY / 2);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.shift(DAY / 2);
        let woken = waiting.await?;
        assert_eq!(woken, Monotonic(started.0 + Duration::from_secs(1)));
        assert_eq!(clock.wall().since(clock.unshifted_wall()), DAY);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_time_comes_by_itself_when_nobody_shifts() {
        let clock = Platform::simulated(1).clock;
        let due = clock.wall().plus(DAY);
        clock.sleep_until_wall(due).await;
        assert_eq!(clock.wall(), due);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_holds_nobody_up_who_looks_again() -> Result<(), TaskFailed> {
        let platform = Platform::simulated(1);
        let clock = platform.clock.clone();
        let (before, due) = (clock.wall(), clock.wall().plus(DAY));
        let waiting = platform.tasks.spawn("waiting", {
            let clock = clock.clone();
            async move { clock.sleep_towards_wall(due).await }
        });
        clock.sleep(DAY / 2).await;
        clock.set_back(DAY);
        assert_eq!(clock.wall(), before.minus(DAY / 2));
        waiting.await?;
        assert_eq!(clock.wall(), before);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_ends_only_what_is_too_slow() {
        let clock = Platform::simulated(1).clock;
        assert_eq!(clock.timeout(DAY, async { 7 }).await, Ok(7));
        assert_eq!(
            clock.timeout(DAY, clock.sleep(DAY * 2)).await,
            Err(TimedOut)
        );
    }
}
