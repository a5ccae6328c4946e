//! One life of the server: how long it lasts, what its disk does meanwhile, and how it ends.
//!
//! The last life of a story has a disk without faults and no end, so that everything can settle.

use std::time::Duration;

use platform::{DiskFault, Platform, Rng, Stop, StopToken};

use crate::{
    fault::Fault,
    plan::{Part, Plan},
    server::Server,
    trace::Trace,
    trouble::Trouble,
};

const LIFE_MAX_MS: u64 = 250;
const DOWN_MAX_MS: u64 = 100;
/// An end comes after so many rounds of the scheduler, so that it finds work half done.
const ROUNDS_MAX: u64 = 60;
const OPERATIONS_MAX: u64 = 60;
/// A disk with so little room refuses puts, or fails in the middle of something.
const ROOM_MAX_BYTES: u64 = 96 * 1024;
/// Sometimes nothing happens for a long time: less than any retention.
const QUIET_MAX_MS: u64 = 3_600_000;
const UNLIMITED: u64 = 1 << 40;

/// What a world's lives share.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) world: Platform,
    pub(crate) trace: Trace,
    pub(crate) rng: Rng,
    pub(crate) trouble: Trouble,
    pub(crate) plan: Plan,
}

impl Fate {
    /// From start to end, and the time until the next start.
    pub(crate) async fn life(&self) {
        let broken = self.rng.below(2) == 0;
        if broken {
            self.arm();
        }
        let squeezed = self.rng.below(2) == 0 && self.plan.has(Part::FullDisks);
        let from_the_start = self.rng.below(3) == 0;
        if squeezed && from_the_start {
            self.squeeze().await;
        }
        let server = Server::start(&self.world, &self.trace);
        let mut power_lost = false;
        if squeezed && !from_the_start {
            power_lost = self.pass_until_the_end().await;
            if !power_lost {
                self.squeeze().await;
            }
        }
        power_lost = power_lost || self.pass_until_the_end().await;
        self.trouble.disarm();
        if squeezed {
            self.world.disk.limit(UNLIMITED);
            // What was refused finds room in this life or in the next.
            power_lost = power_lost || (self.rng.below(2) == 0 && self.pass_until_the_end().await);
        }
        if power_lost {
            server.kill().await;
            self.world.disk.crash();
        } else {
            self.end(server).await;
        }
        self.world.clock.sleep(self.drawn(DOWN_MAX_MS)).await;
        if self.rng.below(3) == 0 {
            self.rest().await;
        }
    }

    /// A long time without anything new.
    pub(crate) async fn rest(&self) {
        let quiet = self.drawn(QUIET_MAX_MS);
        if self.plan.has(Part::QuietTimes) {
            self.trace.note(&format!("nothing for {quiet:?}"));
            self.world.clock.sleep(quiet).await;
        }
    }

    /// For somebody who takes part unless the plan says otherwise: then they stop at once.
    pub(crate) fn unless_left_out(&self, part: Part, token: &StopToken) -> StopToken {
        if self.plan.has(part) {
            return token.clone();
        }
        let (stop, ended) = Stop::new();
        stop.stop();
        ended
    }

    fn arm(&self) {
        let fault = match self.rng.below(4) {
            0 => DiskFault::Fails,
            1 => DiskFault::Full,
            2 => DiskFault::Short,
            _ => DiskFault::PowerLoss,
        };
        let operations = self.rng.below(OPERATIONS_MAX);
        if self.plan.has(Part::DiskFaults) {
            self.trouble.arm(operations, fault);
        }
    }

    async fn squeeze(&self) {
        let disk = &self.world.disk;
        let free = disk.free_bytes("/".as_ref()).await;
        let used = UNLIMITED.saturating_sub(free.expect("the root is there"));
        self.trace.fault(Fault::FullDisk);
        disk.limit(used + self.rng.below(ROOM_MAX_BYTES));
    }

    /// Whether the power went before the time was over.
    async fn pass_until_the_end(&self) -> bool {
        let length = self.drawn(LIFE_MAX_MS);
        let over = self
            .world
            .clock
            .timeout(length, self.trouble.power_lost())
            .await;
        if over.is_ok() {
            return true;
        }
        for _ in 0..self.rng.below(ROUNDS_MAX) {
            tokio::task::yield_now().await;
        }
        // It may have gone in the last rounds.
        let now = Duration::ZERO;
        let gone = self.world.clock.timeout(now, self.trouble.power_lost());
        gone.await.is_ok()
    }

    async fn end(&self, server: Server) {
        match self.rng.below(4) {
            0 => {
                self.trace.fault(Fault::CleanStop);
                server.stop().await;
            }
            1 => {
                self.trace.fault(Fault::Kill);
                server.kill().await;
            }
            _ => {
                self.trace.fault(Fault::PowerLoss);
                server.kill().await;
                self.world.disk.crash();
            }
        }
    }

    fn drawn(&self, most_ms: u64) -> Duration {
        Duration::from_millis(self.rng.below(most_ms))
    }
}
