//! What only a simulated disk can do: lose its power, wear, fail by plan, be limited and be copied as a crash leaves it.
//! Does nothing to a real disk.

use std::time::Duration;

use super::{Disk, DiskFault, DiskKind, Survival, simulated::World};
use crate::Rng;

impl Disk {
    pub(crate) fn simulated() -> Self {
        Self::of(World::default())
    }

    fn of(world: World) -> Self {
        Self {
            kind: DiskKind::Simulated(world),
        }
    }

    fn world(&self) -> Option<&World> {
        match &self.kind {
            DiskKind::Real(_) => None,
            DiskKind::Simulated(world) => Some(world),
        }
    }

    /// Power loss, and power again: drops what was not synced and frees the locks; handles opened before fail from now on,
    /// and planned faults are forgotten.
    pub fn crash(&self) {
        if let Some(world) = self.world() {
            world.crash();
        }
    }

    /// From now on syncs take up to `sync_max`, and a crash may leave any part of what was not synced: any sectors, any
    /// size, any changes of names. `rng` draws it all.
    pub fn wear(&self, rng: Rng, sync_max: Duration) {
        if let Some(world) = self.world() {
            world.wear(rng, sync_max);
        }
    }

    /// Another disk that holds what a power loss at this moment would leave; this one goes on.
    #[must_use]
    pub fn after_power_loss(&self, survival: Survival<'_>) -> Self {
        match self.world() {
            Some(world) => Self::of(world.after_power_loss(survival)),
            None => self.clone(),
        }
    }

    /// How many operations there were: writes, sizes, syncs and changes of names.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.world().map_or(0, World::operations)
    }

    /// Lets one operation go wrong, counted from 0.
    pub fn fault(&self, operation: u64, fault: DiskFault) {
        if let Some(world) = self.world() {
            world.fault(operation, fault);
        }
    }

    /// How many reads of files there were.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.world().map_or(0, World::reads)
    }

    /// Lets one read fail with EIO, counted from 0.
    pub fn fault_read(&self, read: u64) {
        if let Some(world) = self.world() {
            world.fault_read(read);
        }
    }

    /// Calls `watcher` before each operation with its number.
    pub fn watch(&self, watcher: impl Fn(u64) + Send + Sync + 'static) {
        if let Some(world) = self.world() {
            world.watch(watcher);
        }
    }

    /// Writes that grow files beyond this many bytes together are refused.
    pub fn limit(&self, bytes_max: u64) {
        if let Some(world) = self.world() {
            world.limit(bytes_max);
        }
    }
}
