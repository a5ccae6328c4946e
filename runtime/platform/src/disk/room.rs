//! What errors say about the room that there is.

use std::io;

/// Whether an operation failed for want of room: on the disk, or in what the user may have of it.
#[must_use]
pub fn is_full(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
