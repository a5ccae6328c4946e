//! What the project's own crash rounds (`tests/crash`) choose of a server's log, so that a few seconds of puts fill, empty
//! and use again many segments. No help shows it: on a server for anything else it only costs speed.

use clap::{Args, value_parser};
use platform::{Disk, Platform};

/// From a few requests up to the log's own size.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=64 << 20;

#[derive(Debug, Args)]
pub(crate) struct Crash {
    /// How large the pieces of the log are
    #[arg(long, hide = true, value_name = "BYTES", requires = "testing",
        value_parser = value_parser!(u64).range(SEGMENT_BYTES))]
    pub(crate) segment_bytes: Option<u64>,
    /// Use neither io_uring nor writes past the page cache
    #[arg(long, hide = true, requires = "testing")]
    pub(crate) portable_disk: bool,
}

impl Crash {
    /// The real one.
    pub(crate) fn platform(&self) -> Platform {
        let mut platform = Platform::real();
        if self.portable_disk {
            platform.disk = Disk::real_portable();
        }
        platform
    }
}
