//! Every bound of this crate.

use std::time::Duration;

/// What a package of the Lambda API may unpack to, as AWS has it, and how many files it may hold.
pub(crate) const UNZIPPED_BYTES_MAX: u64 = 262_144_000;
pub(crate) const PACKAGE_FILES_MAX: usize = 20_000;
/// Of a function's log, as an invocation may ask for it.
pub(crate) const LOG_TAIL_BYTES_MAX: usize = 4 << 10;
/// Of a function's answer to an invocation.
pub(crate) const ANSWER_BYTES_MAX: usize = 6_291_556;
/// Events of functions that run at once, and those that are read at once after a start.
pub(crate) const EVENT_TASKS_MAX: usize = 64;
pub(crate) const EVENTS_PAGE: usize = 100;
/// Of one secret.
pub(crate) const SECRET_BYTES_MAX: usize = 64 << 10;
/// Versions of one function of the file that can be gone back to, besides those that run.
pub(crate) const FILE_VERSIONS_KEPT_MAX: usize = 100;
/// Bytes of a segment of the log on a simulated disk.
pub(crate) const SIMULATED_SEGMENT_BYTES: u64 = 128 << 10;
/// How old the records of a segment are there when they move into the archive.
pub(crate) const SIMULATED_ARCHIVE_AFTER: Duration = Duration::from_millis(200);
/// Newest log lines kept in memory.
pub(crate) const LOG_LINES_MAX: usize = 20_000;
/// Bytes that they may take.
pub(crate) const LOG_MEMORY_BYTES_MAX: u64 = 8 << 20;
/// Bytes of one file of log lines, unless a quarter of what all of them may take is less.
pub(crate) const LOG_FILE_BYTES_MAX: u64 = 8 << 20;
/// Files of log lines; a run begins a new one.
pub(crate) const LOG_FILES_MAX: usize = 1_000;
/// Where the last line of a file is looked for, in bytes before its end.
pub(crate) const LOG_LAST_LINE_BYTES_MAX: usize = 2 << 20;
/// How long a destination may take for one failure document.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause before a document is tried again: the first, and the longest.
pub(crate) const DELIVERY_PAUSE_FIRST: Duration = Duration::from_secs(1);
pub(crate) const DELIVERY_PAUSE_MAX: Duration = Duration::from_mins(1);
/// How long a document is tried whose dead letters are gone; that of one with dead letters ends with them.
pub(crate) const DELIVERY_ALONE_MAX: Duration = Duration::from_hours(14 * 24);
/// How long whoever changes an event source mapping waits for its invocations; the change goes on afterwards.
pub(crate) const MAPPING_CHANGE_PATIENCE: Duration = Duration::from_secs(2);
/// Stored event source mappings read at once.
pub(crate) const MAPPINGS_PAGE: usize = 100;
/// Owed documents read at once.
pub(crate) const DELIVERIES_PAGE: usize = 100;
/// Owed documents that are counted for `why`.
pub(crate) const DELIVERIES_COUNTED_MAX: usize = 1_000;
/// Bytes of an archived object, or of a block of one, that are taken from a bucket at once.
pub(crate) const ARCHIVED_ANSWER_BYTES_MAX: usize = 128 << 20;
/// For one call about an archived object: what is longer than that is tried again.
pub(crate) const ARCHIVE_CALL_TIMEOUT: Duration = Duration::from_mins(2);
/// Bytes of a destination's answer that are kept.
pub(crate) const DELIVERY_ANSWER_BYTES_MAX: usize = 4 << 10;
/// Bytes of an event within a document: in an object or a file, and in a POST.
pub(crate) const OBJECT_EVENT_BYTES_MAX: usize = 64 << 20;
pub(crate) const POSTED_EVENT_BYTES_MAX: usize = 6 << 20;
/// Connections served at once; further ones wait in the kernel's queue.
pub(crate) const CONNECTIONS_MAX: usize = 4_096;
/// Fewer free places than this, and idle connections have to go sooner.
pub(crate) const CONNECTIONS_SPARE: usize = CONNECTIONS_MAX / 8;
/// How long a new connection may wait with its first request, its TLS handshake included.
pub(crate) const FIRST_REQUEST_MAX: Duration = Duration::from_secs(30);
/// How long the head of a further request may take once it began.
pub(crate) const HEAD_MAX: Duration = Duration::from_secs(30);
/// How long a connection is kept for a further request: longer than AWS's clients keep theirs.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(5);
pub(crate) const IDLE_MAX_WHEN_CROWDED: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what is sent to it.
pub(crate) const ANSWER_STALL_MAX: Duration = Duration::from_mins(1);
/// How long one request may be open: longer than a subscription lives and than the largest body may take.
pub(crate) const REQUEST_MAX: Duration = Duration::from_mins(20);
/// Between two looks at a connection's times.
pub(crate) const CONNECTION_LOOK: Duration = Duration::from_secs(5);
/// How long a connection gets to say goodbye once it must go.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// Requests open at once on one connection of HTTP/2, and the bytes of the head of each.
pub(crate) const HTTP2_STREAMS_MAX: u32 = 256;
pub(crate) const HTTP2_HEADERS_BYTES_MAX: u32 = 32 * 1024;
/// Body of a request to the JSON API.
pub(crate) const API_BODY_BYTES_MAX: usize = 8 << 20;
/// The same with the code of a function in it.
pub(crate) const API_CODE_BYTES_MAX: usize = 64 << 20;
/// How far a test may move the clock at once.
pub(crate) const CLOCK_JUMP_MAX: Duration = Duration::from_hours(10 * 365 * 24);
/// Rows of one page of the JSON API.
pub(crate) const API_ROWS_MAX: usize = 1_000;
/// Bytes of one page of records.
pub(crate) const API_PAGE_BYTES_MAX: usize = 4 << 20;
/// Dead letters read at once for a page: each may be as large as a batch.
pub(crate) const DEAD_LETTERS_READ_MAX: usize = 20;
/// Failed invocations kept as files, their bytes together, the data of one, and how many may wait to be written.
pub(crate) const CAPSULES_MAX: usize = 1_000;
pub(crate) const CAPSULES_BYTES_MAX: usize = 256 << 20;
pub(crate) const CAPSULE_BYTES_MAX: usize = 8 << 20;
pub(crate) const CAPSULES_WAITING_MAX: usize = 64;
/// How long one waits for the next run of its batch to take its place.
pub(crate) const CAPSULE_PAUSE: Duration = Duration::from_millis(250);
/// Places where two runs came out otherwise, as they are listed.
pub(crate) const DIFFERENCES_MAX: usize = 100;
/// Batches of a trigger that its shadow is run with at the same time; further ones are passed over.
pub(crate) const SHADOW_BATCHES_MAX: usize = 4;
/// Differences of a shadow that are kept, the newest.
pub(crate) const SHADOW_DIFFERENCES_MAX: usize = 100;
/// Of a text within one, in bytes.
pub(crate) const SHADOW_TEXT_MAX: usize = 512;
/// Records behind a parked key that are counted, and that are shown.
pub(crate) const PARKED_COUNTED_MAX: usize = 10_000;
pub(crate) const PARKED_SHOWN_MAX: usize = 100;
/// Parked keys that `why` has a sentence for.
pub(crate) const PARKED_SAID_MAX: usize = 20;
/// Dead letters that one request runs again.
pub(crate) const REDRIVEN_MAX: usize = 100;
/// How long an order waits until nothing of its trigger runs.
pub(crate) const HOLD_MAX: Duration = Duration::from_secs(30);
/// Values of a state that one order removes.
pub(crate) const CLEARED_VALUES_MAX: usize = 100_000;
/// Rows of the audit log that one round of housekeeping removes.
pub(crate) const AUDIT_PAGE: usize = 1_000;
/// Backups that are made at once, and how long one is kept that nobody goes on with.
pub(crate) const BACKUPS_MAX: usize = 4;
pub(crate) const BACKUP_IDLE_MAX: Duration = Duration::from_secs(60);
/// How long an answer may wait for something to happen.
pub(crate) const API_WAIT_MAX: Duration = Duration::from_secs(30);
/// Between two looks at a shard that `wait` waits for.
pub(crate) const WAIT_LOOK: Duration = Duration::from_millis(200);
/// How long open requests get to finish when the server stops.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);
/// Looks at a shard from which its loss of data is foretold: ten minutes of them.
pub(crate) const FORECAST_LOOKS_MAX: usize = 60;
/// A loss that is this near is said in `status` and in the log.
pub(crate) const LOSS_SAID: Duration = Duration::from_hours(24);
/// Rows of a renamed trigger that move at once, and their bytes.
pub(crate) const RENAMED_ROWS_PAGE: usize = 16;
pub(crate) const RENAMED_BYTES_MAX: usize = 8 << 20;
/// Between two rounds of housekeeping.
pub(crate) const HOUSEKEEPING_PERIOD: Duration = Duration::from_secs(30);
/// Between two looks at the traffic of streams, after each of which those that scale by themselves do.
pub(crate) const TRAFFIC_PERIOD: Duration = Duration::from_secs(10);
/// Streams that `/metrics` tells of.
pub(crate) const METRIC_STREAMS_MAX: usize = 10_000;
/// Dead letters that one round removes.
pub(crate) const EXPIRED_DEAD_LETTERS_MAX: usize = 10_000;
/// Of them, those of one transaction.
pub(crate) const EXPIRED_DEAD_LETTERS_PAGE: usize = 500;
/// Values of one trigger's state that one round looks at.
pub(crate) const LOOKED_AT_VALUES_MAX: usize = 20_000;
/// Of them, those looked at while the trigger's lanes wait.
pub(crate) const LOOKED_AT_VALUES_PAGE: usize = 500;
/// Runs by hand that wait for a schedule at once.
pub(crate) const SCHEDULE_RUNS_ASKED_MAX: usize = 8;
/// Between two looks of a schedule at the wall clock.
pub(crate) const SCHEDULE_LOOK: Duration = Duration::from_secs(30);
/// Slots that `trigger show` looks ahead.
pub(crate) const SCHEDULE_SLOTS_SHOWN: usize = 5;
/// Parts of the path of a route.
pub(crate) const ROUTE_SEGMENTS_MAX: usize = 32;
/// Body of a request that becomes an event, as Lambda has it.
pub(crate) const WEB_EVENT_BODY_BYTES_MAX: model::ByteSize = model::ByteSize::mib(6);
/// Body of an answer that waits for the end of its function.
pub(crate) const WEB_HELD_ANSWER_BYTES_MAX: usize = 16 << 20;
/// Attempts whose spans wait for the collector, and spans of one request to it.
pub(crate) const SPANS_WAITING_MAX: usize = 1_024;
pub(crate) const SPANS_AT_ONCE_MAX: usize = 512;
/// Lines about batches that one trigger says in a second; those of batches that fail are always said.
pub(crate) const REPORTS_PER_SECOND_MAX: u32 = 20;
/// When a client may ask again that was turned away.
pub(crate) const WEB_RETRY_AFTER_SECONDS: &str = "1";
