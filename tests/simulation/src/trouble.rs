//! What the disk does to one life of the server: at most one operation goes wrong, at a drawn distance from the start.
//!
//! A fault is armed and disarmed, so that what one life did not meet does not wait for the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform::{Disk, DiskFault};
use tokio::sync::Notify;

use crate::{fault::Fault, trace::Trace};

/// Cheap to clone; clones arm the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    armed: Arc<Mutex<Option<Armed>>>,
    power_lost: Arc<Notify>,
}

#[derive(Debug, Clone, Copy)]
struct Armed {
    operations_left: u64,
    fault: DiskFault,
}

impl Trouble {
    /// Watches every operation of the disk until `calm`.
    pub(crate) fn watch(&self, disk: &Disk, trace: &Trace) {
        let (trouble, here, trace) = (self.clone(), disk.clone(), trace.clone());
        disk.watch(move |operation| {
            let Some(fault) = trouble.due() else {
                return;
            };
            trace.fault(Fault::of_disk(fault));
            here.fault(operation, fault);
            if fault == DiskFault::PowerLoss {
                trouble.power_lost.notify_one();
            }
        });
    }

    /// Lets go of the disk, which otherwise would hold itself.
    pub(crate) fn calm(disk: &Disk) {
        disk.watch(|_| {});
    }

    pub(crate) fn arm(&self, operations_left: u64, fault: DiskFault) {
        *self.armed() = Some(Armed {
            operations_left,
            fault,
        });
    }

    pub(crate) fn disarm(&self) {
        *self.armed() = None;
    }

    pub(crate) async fn power_lost(&self) {
        self.power_lost.notified().await;
    }

    fn due(&self) -> Option<DiskFault> {
        let mut armed = self.armed();
        let (left, fault) = armed.map(|armed| (armed.operations_left, armed.fault))?;
        let left = left.checked_sub(1);
        *armed = left.map(|operations_left| Armed {
            operations_left,
            fault,
        });
        left.is_none().then_some(fault)
    }

    fn armed(&self) -> MutexGuard<'_, Option<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
