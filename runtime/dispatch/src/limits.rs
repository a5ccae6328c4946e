//! What bounds the work of one shard, each with its unit.

use std::time::Duration;

/// Records asked of the source at once.
pub const PAGE_RECORDS_MAX: usize = 1_000;
/// Bytes asked of the source at once.
pub const PAGE_BYTES_MAX: usize = 8 << 20;
/// Sub-records of one aggregate; a larger one is delivered raw (AG-14).
pub const AGGREGATE_RECORDS_MAX: usize = 1_000_000;
/// Bytes of data in one aggregate after expansion (AG-14).
pub const AGGREGATE_BYTES_MAX: usize = 64 << 20;
/// Patterns of one trigger, characters of one pattern, stars in one wildcard.
pub const FILTERS_MAX: usize = 10;
pub const PATTERN_CHARACTERS_MAX: usize = 4_096;
pub const WILDCARDS_MAX: usize = 10;
/// Settlements without effects are written together at least this often.
pub const COALESCE: Duration = Duration::from_millis(50);
/// The same where nothing but records that needed no invocation was passed: after a crash they are looked at again.
pub const COALESCE_PASSED: Duration = Duration::from_secs(1);
/// Sets of records that answers leave open in all lanes of a shard; one with more failures is retried from the first one on.
pub const TRIES_MAX: usize = 64;
/// Hashed lanes of a shard, and as many of a canary.
pub const LANES_MAX: usize = 20;
/// Sets that a lane has open at once while a batch is taken apart: each half of it once, the record that a handler named and
/// what came after it. With many lanes each has its share of the records that are read ahead.
const LANE_SETS_MAX: usize = (OPEN_RECORDS_MAX / LANES_MAX).ilog2() as usize + 4;
/// Sets that fail before the breaker of a trigger opens.
pub const BREAKER_FAILURES_MAX: u32 = 50;
/// Sets of records that are open in one shard, and so in its progress row.
pub const SETS_MAX: usize = LANES_MAX * LANE_SETS_MAX + TRIES_MAX + BREAKER_FAILURES_MAX as usize;
/// Settled records between unsettled ones that a progress row names, and how many more it has room for.
pub const HOLES_MAX: usize = 256;
pub const HOLES_SPARE: usize = 64;
/// Bytes of the state of a tumbling window by shard; a larger one ends its window (TW-7).
pub const WINDOW_STATE_BYTES_MAX: usize = 1 << 20;
/// Bytes of records of parked keys that go behind them with the next row; more are written at once. So are they before a
/// transaction that has more than the second of these itself.
pub const PARKED_UNWRITTEN_BYTES_MAX: usize = 1 << 20;
pub const BESIDE_PARKED_BYTES_MAX: usize = 8 << 20;
/// Rows of parked keys and of their records that are read at once.
pub const PARKED_PAGE_ROWS: usize = 1_000;
/// A handler may ask for a pause of this length, or for one as long as the longest pause of its trigger.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Records read ahead of the oldest open one while a hashed lane stands still, and bytes of their data (PF-3).
pub const OPEN_RECORDS_MAX: usize = 10_000;
pub const OPEN_BYTES_MAX: usize = 64 << 20;
/// Open records of a shard with a lane for each key: each is named in the progress row.
pub const OPEN_KEYS_MAX: usize = 1_000;
/// Of them, works whose attempts are kept in the progress row; those of more keys begin anew after a restart.
pub const KEY_TRIES_MAX: usize = 50;
/// Bytes of a progress row; notes of attempts give way.
pub const PROGRESS_BYTES_MAX: usize = 64 << 10;
/// Attempts kept in a dead letter: the newest ones.
pub const NOTES_MAX: usize = 20;
/// Bytes of a message kept with an attempt.
pub const NOTE_BYTES_MAX: usize = 4 << 10;
/// Bytes of a message in a progress row that has no room for longer ones.
pub const SHORT_NOTE_BYTES_MAX: usize = 128;
/// Bytes of an attempt's log kept with it: the newest lines.
pub const LOG_TAIL_BYTES_MAX: usize = 4 << 10;
/// Bytes of record data in one dead letter; a larger group becomes several.
pub const DEAD_LETTER_BYTES_MAX: usize = 4 << 20;
/// Bytes of dead letters in one transaction; more go into earlier ones.
pub const TRANSACTION_DEAD_LETTER_BYTES_MAX: usize = 16 << 20;
/// Dead letters that make room for those of one transaction.
pub const DROPPED_DEAD_LETTERS_MAX: usize = 1_000;
/// Names listed under one key of the state.
pub const STATE_NAMES_MAX: usize = 1_000;
/// Values of the state read at once.
pub const STATE_PAGE_ROWS: usize = 1_000;
/// A wall clock that went back by less was not set back: it drifts, or is read to the millisecond.
pub const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);
/// How long an invocation may wait for its place before the status says so.
pub const SLOT_LOOK: Duration = Duration::from_millis(100);
/// Records looked at in one shard for an operator's question.
pub const WALKED_RECORDS_MAX: usize = 1_000_000;
/// Dead letters read at once while later records of a key are looked for.
pub const STALE_LETTERS_PAGE: usize = 100;
/// Bookmarks of a trigger that were made by hand, and the newest of those that seeks make.
pub const BOOKMARKS_MAX: usize = 100;
pub const AUTOMATIC_BOOKMARKS_MAX: usize = 20;
/// Bytes of a bookmark.
pub const BOOKMARK_BYTES_MAX: usize = 1 << 20;
/// What operators ordered is kept for so long.
pub const AUDIT_KEPT: Duration = Duration::from_secs(365 * 24 * 3_600);
/// Shards that are gone whose rows are removed at once.
pub const FORGOTTEN_SHARDS: usize = 500;
/// Pause before a settlement is tried again when the disk or the dead-letter store is full, and before shards are begun again
/// whose lease could not be written.
pub const FULL_PAUSE: Duration = Duration::from_secs(1);

/// Records that wait become dead letters at most so long before retention takes them, and a shard that stands looks for them no
/// more often than this.
pub const RESCUE_AHEAD_MAX: Duration = Duration::from_secs(300);
pub const RESCUE_LOOK_MIN: Duration = Duration::from_secs(1);

const _: () = assert!(DEAD_LETTER_BYTES_MAX <= TRANSACTION_DEAD_LETTER_BYTES_MAX);
/// A packed try takes 131 bytes, with a key as its lane 151, a hole and an open record 43, the last position of a lane 130.
const _: () = assert!(
    SETS_MAX * 131 + (HOLES_MAX + HOLES_SPARE) * 43 + LANES_MAX * 130 + 768 <= PROGRESS_BYTES_MAX
);
const _: () = assert!(
    (OPEN_KEYS_MAX + HOLES_MAX + HOLES_SPARE) * 43 + KEY_TRIES_MAX * 151 + 768
        <= PROGRESS_BYTES_MAX
);
const _: () = assert!(KEY_TRIES_MAX < OPEN_KEYS_MAX);
