//! Every bound of the log, with its unit. Nothing here is read from outside; `Settings` holds what may be chosen.

use std::time::Duration;

/// Bytes of one transaction, all parts together.
pub const TRANSACTION_BYTES_MAX: usize = 32 << 20;
/// Bytes of records and writes that may wait for the disk; further callers of `place` wait.
pub const WAITING_BYTES_MAX: usize = 64 << 20;
/// Bytes that one write and one sync make durable.
pub const GROUP_BYTES_MAX: usize = 16 << 20;
/// Buffers of one group; `pwritev` takes 1,000 at a time and the platform loops.
pub const GROUP_FRAMES_MAX: usize = 4_096;
/// What the file system writes at least. A frame is filled up to the end of its last page where the filling is at most
/// one part of so many of it.
pub const PAGE_BYTES: usize = 4_096;
pub const FILLING_SHARE: u64 = 5;
/// Recent frames kept in memory for readers at the tip.
pub const TAIL_BYTES_MAX: usize = 64 << 20;
/// Bytes of frame entries of sealed segments that are kept in memory for those who read there.
pub const INDEX_CACHE_BYTES_MAX: usize = 8 << 20;
/// Bytes of records that an archived block is closed at; its last part may reach further.
pub const ARCHIVE_BLOCK_BYTES: usize = 1 << 20;
/// Compressed bytes at which an archived object is closed.
pub const ARCHIVE_OBJECT_BYTES: usize = 16 << 20;
/// Bytes of unpacked blocks that are kept in memory for those who read there.
pub const BLOCK_CACHE_BYTES_MAX: usize = 16 << 20;
/// Between two looks at what could be archived, and before another try when the archive failed.
pub const ARCHIVE_LOOK_PAUSE: Duration = Duration::from_secs(1);
pub const ARCHIVE_RETRY_PAUSE: Duration = Duration::from_secs(10);
/// Of a shard of which nobody said how long its records are kept.
pub const RETENTION_UNSAID: Duration = Duration::from_hours(24);
/// Keys of earlier runs that are kept derived, for each data key.
pub const RUN_KEYS_MAX: usize = 32;
/// Producers whose last answer is kept; the least recently used goes first.
pub const PRODUCERS_MAX: usize = 1_000;
/// Bytes of a producer's id.
pub const PRODUCER_ID_BYTES_MAX: usize = 256;
/// Writes that are applied to the view in one batch.
pub const VIEW_BATCH_WRITES_MAX: usize = 1_000;
/// Bytes that recovery gathers for the view before it hands them over.
pub const VIEW_BATCH_BYTES_MAX: usize = 8 << 20;
/// The background part looks at a log that takes nothing but records so many times for each segment.
pub const ROUNDS_PER_SEGMENT: u64 = 64;
/// Bytes of a view entry's key.
pub const VIEW_KEY_BYTES_MAX: usize = 4_096;
/// How far every counter jumps after an unclean stop: readers may have seen numbers that were lost.
pub const UNCLEAN_JUMP_INDEXES: u64 = 1 << 20;
/// The counter that says how far a counter begins of which the log knows nothing. No caller uses it.
pub const COUNTERS_UNSEEN: u32 = u32::MAX;
/// Among the counters, where the log begins: nothing from there on was ever removed.
pub const LOG_BEGINS: u32 = u32::MAX - 1;
/// Spare segments that are kept ready; puts may not use them up, so that a full disk can still free itself.
pub const RESERVED_SEGMENTS: usize = 2;
/// Spare segments at most: one more than the reserve, to become the next segment.
pub const SPARES_MAX: usize = RESERVED_SEGMENTS + 1;
/// A log that grows faster than this writes new blocks instead of waiting for zeroed ones: zeroing would cost it as much
/// again. Looked at over this time at least.
pub const CALM_BYTES_PER_SECOND: u64 = 8 << 20;
pub const CALM_TIME_MIN: Duration = Duration::from_millis(100);
/// Bytes of a new spare that are zeroed at a time, and how many such pieces one sync makes durable.
pub const SPARE_PIECE_BYTES: usize = 1 << 20;
pub const SPARE_PIECES_PER_SYNC: u32 = 4;
/// Bytes written between two looks at the free space; a smaller segment sets it lower.
pub const FREE_SPACE_CHECK_BYTES_MAX: u64 = 8 << 20;
/// The interval of `Durability::INTERVAL`: what a crash of the system may take.
pub const INTERVAL_TIME: Duration = Duration::from_millis(50);
pub const INTERVAL_BYTES: u64 = 16 << 20;
/// How long the committer waits before it tries again to write to a full disk.
pub const FULL_DISK_RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of sled's page cache.
pub const SLED_CACHE_BYTES: u64 = 8 << 20;
/// Bytes of a generation of the simulated view; then the next one begins.
pub const VIEW_GENERATION_BYTES_MAX: u64 = 16 << 10;
/// Bytes of one frame, header and part heads included.
pub const FRAME_BYTES_MAX: usize = TRANSACTION_BYTES_MAX + (8 << 20);
/// Bytes of a segment that are in memory while its frames are looked through; a larger frame takes its own length.
pub const READ_WINDOW_BYTES: usize = platform::REUSED_READ_BYTES_MAX;
/// Bytes behind that window that are asked for early, so that the device works while the window is checked.
pub const READ_WINDOWS_AHEAD_BYTES: usize = 16 << 20;
/// The same where most bodies are left out: little is read in vain behind the header of a large frame.
pub const HEADERS_WINDOW_BYTES: usize = 16 << 10;
/// Bytes of a segment that a reader takes in one go, for frames that have no more than so many others between them.
pub const READ_AHEAD_BYTES: usize = platform::REUSED_READ_BYTES_MAX;
pub const READ_GAP_BYTES_MAX: usize = 16 << 10;
/// Live view entries that move forward in one frame when their segment is cleaned, and their bytes; one entry may be
/// larger.
pub const CARRY_WRITES_MAX: usize = 500;
pub const CARRY_BYTES_MAX: usize = 1 << 20;
/// How fast live entries move at most, in bytes a second, and the longest pause after one frame of them.
pub const CARRY_BYTES_PER_SECOND_MAX: u64 = 32 << 20;
pub const CARRY_PAUSE_MAX: Duration = Duration::from_millis(250);
/// Segments are cleaned when at most this part of their bytes has to move, in percent: usually, and on a full disk.
pub const CARRY_PERCENT_MAX: u64 = 50;
pub const CARRY_PERCENT_WHEN_FULL_MAX: u64 = 88;

/// Bytes of one page of a backup; its last frame may reach further.
pub const BACKUP_PAGE_BYTES: u64 = 4 << 20;

/// How long opening waits for a lock that somebody holds, and between two tries.
pub const LOCK_WAIT_MAX: Duration = Duration::from_millis(500);
pub const LOCK_RETRY_PAUSE: Duration = Duration::from_millis(5);

const _: () = assert!(TRANSACTION_BYTES_MAX < WAITING_BYTES_MAX);
const _: () = assert!(GROUP_BYTES_MAX < TAIL_BYTES_MAX);
const _: () =
    assert!(CARRY_PERCENT_MAX < CARRY_PERCENT_WHEN_FULL_MAX && CARRY_PERCENT_WHEN_FULL_MAX < 100);
