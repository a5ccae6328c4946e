//! How many files this process may have open. Many systems begin with 1,024 and let it ask for far more.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks for all that it may have; how many that are, where there is a limit.
pub(super) fn allow_all() -> Option<u64> {
    let limits = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limits.maximum,
        ..limits
    };
    match setrlimit(Resource::Nofile, all) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    }
}

/// Whether a file could not be opened because the process has as many as it may have.
#[must_use]
pub fn is_out_of_files(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MFILE)
}
