//! io_uring: a write with its sync linked behind it, in one call, and a short wait for both on the completion queue.
//!
//! In comes what to write where; out comes what the kernel says to each of the two. Waiting without a system call keeps an
//! idle processor from rounding every sync up to its timer tick; `waits` decides when that is worth it. Nothing returns
//! before both operations are over, because the kernel reads the caller's buffers until then.
#![expect(
    unsafe_code,
    reason = "the kernel reads buffers that only their owner can promise to keep"
)]

use std::hint::spin_loop;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use io_uring::{IoUring, Probe, opcode, squeue, types};
use rustix::io::Errno;

/// How long a completion is looked for before the thread sleeps until it comes.
const SPIN_MAX: Duration = Duration::from_micros(200);
/// Looks between two offers of the processor to other threads.
const SPINS_PER_YIELD: u32 = 32;

const WRITE: u64 = 0;
const SYNC: u64 = 1;

pub(super) struct Ring {
    ring: IoUring,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").finish_non_exhaustive()
    }
}

/// What became of the two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linked {
    Done,
    /// So many bytes are written and nothing is synced.
    Short(usize),
    WriteFailed(Errno),
    SyncFailed(Errno),
}

impl Linked {
    /// From the two results as the kernel gives them: a count or a negative error number.
    fn of(wanted: usize, write: i32, sync: i32) -> Self {
        match usize::try_from(write) {
            Ok(written) if written < wanted => Self::Short(written),
            Ok(_) if sync < 0 => Self::SyncFailed(Errno::from_raw_os_error(-sync)),
            Ok(_) => Self::Done,
            Err(_) => match Errno::from_raw_os_error(-write) {
                Errno::INTR | Errno::AGAIN | Errno::CANCELED => Self::Short(0),
                other => Self::WriteFailed(other),
            },
        }
    }
}

impl Ring {
    /// Fails where the kernel has no io_uring, forbids it, or lacks one of the two operations.
    pub(super) fn open() -> io::Result<Self> {
        let ring = IoUring::new(4)?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let able = [opcode::Writev::CODE, opcode::Fsync::CODE];
        if !able.iter().all(|code| probe.is_supported(*code)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Self { ring })
    }

    /// Writes at most 1,000 buffers and syncs the file's data.
    pub(super) fn write_and_sync(
        &mut self,
        file: BorrowedFd<'_>,
        buffers: &[IoSlice<'_>],
        offset: u64,
    ) -> Linked {
        let wanted = buffers.iter().map(|buffer| buffer.len()).sum();
        let count = u32::try_from(buffers.len()).unwrap_or(u32::MAX);
        let file = types::Fd(file.as_raw_fd());
        // `IoSlice` has the layout of `iovec`.
        let write = opcode::Writev::new(file, buffers.as_ptr().cast(), count)
            .offset(offset)
            .build()
            .flags(squeue::Flags::IO_LINK)
            .user_data(WRITE);
        let sync = opcode::Fsync::new(file)
            .flags(types::FsyncFlags::DATASYNC)
            .build()
            .user_data(SYNC);
        // SAFETY: the file, the list of buffers and the buffers are borrowed until this function returns, and `results`
        // returns only when both operations are over.
        let pushed = unsafe { self.ring.submission().push_multiple(&[write, sync]) };
        if pushed.is_err() {
            // The queue holds four and is empty between two calls; the caller writes without it.
            return Linked::Short(0);
        }
        while self.ring.submit().is_err() {
            // Busy or interrupted. What is in the queue must be over before the buffers may go.
            std::thread::yield_now();
        }
        let [write, sync] = self.results();
        Linked::of(wanted, write, sync)
    }

    fn results(&mut self) -> [i32; 2] {
        let began = Instant::now();
        let mut results = [None; 2];
        let mut looks: u32 = 0;
        let mut spinning = true;
        loop {
            for completion in self.ring.completion() {
                let which = usize::from(completion.user_data() == SYNC);
                results[which] = Some(completion.result());
            }
            if let [Some(write), Some(sync)] = results {
                return [write, sync];
            }
            spinning = spinning && began.elapsed() < SPIN_MAX;
            if spinning {
                looks += 1;
                if looks.is_multiple_of(SPINS_PER_YIELD) {
                    std::thread::yield_now();
                } else {
                    spin_loop();
                }
            } else if self.ring.submit_and_wait(1).is_err() {
                std::thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_results_become_one() {
        let (io, nospace) = (5, 28);
        for (write, sync, expect) in [
            (10, 0, Linked::Done),
            (4, -125, Linked::Short(4)),
            (0, -125, Linked::Short(0)),
            (10, -io, Linked::SyncFailed(Errno::IO)),
            (10, -nospace, Linked::SyncFailed(Errno::NOSPC)),
            (-io, -125, Linked::WriteFailed(Errno::IO)),
            (-nospace, -125, Linked::WriteFailed(Errno::NOSPC)),
            (-4, -125, Linked::Short(0)),
            (-11, -125, Linked::Short(0)),
        ] {
            assert_eq!(Linked::of(10, write, sync), expect, "{write} {sync}");
        }
    }
}
