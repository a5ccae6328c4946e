//! Every bound and wait of the command line, with its unit. No other file of this crate holds such a number.

use std::{ops::RangeInclusive, time::Duration};

/// Records of one PutRecords request, as AWS bounds it.
pub(crate) const PUT_RECORDS_MAX: usize = 500;
/// Keys and data of one PutRecords request; base64 then stays well below the body a server accepts.
pub(crate) const PUT_BYTES_MAX: usize = 4 << 20;
/// Key and data of one record, unless its stream takes larger ones; only the server decides.
pub(crate) const RECORD_BYTES_USUAL: usize = 1 << 20;
/// How often one request is sent again that got no answer, and one batch whose records were refused.
pub(crate) const PUT_ATTEMPTS_MAX: u32 = 8;
pub(crate) const PUT_PAUSE_FIRST: Duration = Duration::from_millis(100);
pub(crate) const PUT_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Between two looks at a server that is starting, and how many of them before a verb gives up.
pub(crate) const READY_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const READY_LOOKS_MAX: u32 = 1_200;

/// Records or log lines of one page.
pub(crate) const PAGE_ITEMS_MAX: usize = 1_000;
/// How long the server holds a request for news while we follow.
pub(crate) const FOLLOW_WAIT: Duration = Duration::from_secs(10);
/// Events of `tail --fan-out` that may wait to be shown, and the pause before another subscription to the same shard.
pub(crate) const EVENTS_WAITING_MAX: usize = 64;
pub(crate) const SUBSCRIBE_PAUSE: Duration = Duration::from_millis(500);
/// How often a subscription is asked for while an earlier one of the same consumer is too young to be taken over; that
/// is so for five seconds.
pub(crate) const SUBSCRIBE_LOOKS_MAX: u32 = 20;
/// Between two screens of `status --watch`.
pub(crate) const WATCH_PAUSE: Duration = Duration::from_secs(1);

/// Dead letters that one request runs again.
pub(crate) const REDRIVEN_AT_ONCE: usize = 20;

/// Open files below which a busy server may run out, for `doctor`.
pub(crate) const OPEN_FILES_WANTED: u64 = 8_192;
/// Seconds of 2026-01-01: no clock that is right shows less.
pub(crate) const CLOCK_MIN_S: i64 = 1_767_225_600;

/// An answer larger than this is not read.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 << 20;

/// How long a stream may keep its records.
pub(crate) const RETENTION_HOURS: RangeInclusive<u64> = 24..=8_760;
pub(crate) const HOUR_MS: u64 = 3_600_000;

const _: () = assert!(PUT_PAUSE_FIRST.as_millis() <= PUT_PAUSE_MAX.as_millis());

/// Between two looks at the files of a function that is being written.
pub(crate) const LOOK_PAUSE: Duration = Duration::from_millis(40);
/// Files of one function that are looked at.
pub(crate) const WATCHED_FILES_MAX: usize = 4_096;
/// Between two signs of life of a tool that says nothing.
pub(crate) const TOOL_PAUSE: Duration = Duration::from_secs(20);
