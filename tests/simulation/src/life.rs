//! One life of the server: how long it lasts, what its disk does meanwhile, and how it ends.
//!
//! The last life of a story has a disk without faults and no end, so that everything can settle.

use std::time::Duration;

use platform::{DiskFault, Platform, Rng};

use crate::{fault::Fault, server::Server, trace::Trace, trouble::Trouble};

const LIFE_MAX_MS: u64 = 250;
const DOWN_MAX_MS: u64 = 100;
/// An end comes after so many rounds of the scheduler, so that it finds work half done.
const ROUNDS_MAX: u64 = 60;
const OPERATIONS_MAX: u64 = 60;
/// A disk with so little room refuses puts, or fails in the middle of something.
const ROOM_MAX_BYTES: u64 = 256 * 1024;
const UNLIMITED: u64 = 1 << 40;

/// What a world's lives share.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) world: Platform,
    pub(crate) trace: Trace,
    pub(crate) rng: Rng,
    pub(crate) trouble: Trouble,
}

impl Fate {
    /// From start to end, and the time until the next start.
    pub(crate) async fn life(&self) {
        let broken = self.rng.below(2) == 0;
        if broken {
            self.arm();
        }
        let squeezed = self.rng.below(6) == 0;
        if squeezed {
            self.squeeze().await;
        }
        let server = Server::start(&self.world, &self.trace);
        let power_lost = self.pass_until_the_end().await;
        self.trouble.disarm();
        if squeezed {
            self.world.disk.limit(UNLIMITED);
        }
        if power_lost {
            server.kill().await;
            self.world.disk.crash();
        } else {
            self.end(server).await;
        }
        self.world.clock.sleep(self.drawn(DOWN_MAX_MS)).await;
    }

    fn arm(&self) {
        let fault = match self.rng.below(4) {
            0 => DiskFault::Fails,
            1 => DiskFault::Full,
            2 => DiskFault::Short,
            _ => DiskFault::PowerLoss,
        };
        self.trouble.arm(self.rng.below(OPERATIONS_MAX), fault);
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
