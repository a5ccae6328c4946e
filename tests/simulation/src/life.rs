//! One life of the server: how long it lasts, what its disk does meanwhile, and how it ends.
//!
//! The last life of a story has a disk without faults and no end, so that everything can settle.

use std::time::Duration;

use platform::{DiskFault, Platform, Rng, Stop, StopToken};

use crate::{
    between::{self, Between},
    fault::Fault,
    mischief,
    plan::{Part, Plan},
    producer::Acknowledged,
    server::{Server, write_triggers},
    trace::Trace,
    trouble::Trouble,
};

const LIFE_MAX_MS: u64 = 300;
const DOWN_MAX_MS: u64 = 100;
/// An end comes after so many rounds of the scheduler, so that it finds work half done.
const ROUNDS_MAX: u64 = 60;
const OPERATIONS_MAX: u64 = 60;
/// A disk with so little room refuses puts, or fails in the middle of something.
const ROOM_MAX_BYTES: u64 = 96 * 1024;
/// Sometimes nothing happens for a long time: less than any retention.
const QUIET_MAX_MS: u64 = 3_600_000;
const UNLIMITED: u64 = 1 << 40;
const LANES_MAX: u64 = 4;

/// Longer than anything within the server waits for something else within it.
const FROZEN_MAX_MS: u64 = 90_000;

/// What ends a life before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Power,
    /// At a point of one of its workers.
    Itself,
}

/// What a world's lives share.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) world: Platform,
    pub(crate) trace: Trace,
    pub(crate) rng: Rng,
    pub(crate) trouble: Trouble,
    pub(crate) plan: Plan,
    /// Whether triggers have lanes, other ones in each life.
    pub(crate) lanes: bool,
}

impl Fate {
    /// From start to end, and the time until the next start.
    pub(crate) async fn life(&self, acknowledged: &Acknowledged) -> Between {
        self.draw_lanes().await;
        let broken = self.rng.below(2) == 0;
        if broken {
            self.arm();
        }
        let squeezed = self.rng.below(2) == 0 && self.plan.has(Part::FullDisks);
        let from_the_start = self.rng.below(3) == 0;
        if squeezed && from_the_start {
            self.squeeze().await;
        }
        let faults = mischief::drawn(&self.rng, &self.plan);
        let server = Server::start(&self.world, &self.trace, Some(faults));
        let mut cut = None;
        if squeezed && !from_the_start {
            cut = self.pass_until_the_end(&server).await;
            if cut.is_none() {
                self.squeeze().await;
            }
        }
        if cut.is_none() {
            cut = self.pass_until_the_end(&server).await;
        }
        self.trouble.disarm();
        if squeezed {
            self.world.disk.limit(UNLIMITED);
            // What was refused finds room in this life or in the next.
            if cut.is_none() && self.rng.below(2) == 0 {
                cut = self.pass_until_the_end(&server).await;
            }
        }
        match cut {
            None => self.end(server).await,
            Some(cut) => {
                server.kill().await;
                // A process that ends itself may take the machine with it.
                if cut == Cut::Power || self.rng.below(2) == 0 {
                    self.world.disk.crash();
                }
            }
        }
        let left = between::look(&self.world, &self.trace, acknowledged.so_far()).await;
        self.world.clock.sleep(self.drawn(DOWN_MAX_MS)).await;
        if self.rng.below(3) == 0 {
            self.rest().await;
        }
        left
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

    /// For the next start; the disk is sound meanwhile.
    pub(crate) async fn draw_lanes(&self) {
        let lanes = || {
            let drawn = match self.rng.below(4) {
                0 => None,
                1 => Some("{ keys: 16 }".to_owned()),
                _ => Some((1 + self.rng.below(LANES_MAX)).to_string()),
            };
            drawn.filter(|_| self.lanes)
        };
        let written = write_triggers(&self.world.disk, lanes).await;
        written.expect("a disk without faults");
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

    /// What ended the life before the time was over.
    async fn pass_until_the_end(&self, server: &Server) -> Option<Cut> {
        let length = self.drawn(LIFE_MAX_MS);
        let frozen = self.drawn(FROZEN_MAX_MS);
        let freezes = self.rng.below(4) == 0 && self.plan.has(Part::FrozenServers);
        let mut cut = self.cut_within(length, server).await;
        if freezes && cut.is_none() {
            self.trace.fault(Fault::ServerFreeze);
            server.freeze();
            self.world.clock.sleep(frozen).await;
            server.thaw();
            cut = self.cut_within(length, server).await;
        }
        if cut.is_some() {
            return cut;
        }
        for _ in 0..self.rng.below(ROUNDS_MAX) {
            tokio::task::yield_now().await;
        }
        // It may have come in the last rounds.
        self.cut_within(Duration::ZERO, server).await
    }

    async fn cut_within(&self, time: Duration, server: &Server) -> Option<Cut> {
        let cut = async {
            tokio::select! {
                biased;
                () = self.trouble.power_lost() => Cut::Power,
                () = server.dying() => Cut::Itself,
            }
        };
        self.world.clock.timeout(time, cut).await.ok()
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
