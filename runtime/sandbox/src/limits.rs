//! Every bound of the sandbox in one place, with its unit in its name.
//!
//! A function's own limits (memory, time, output, log) come with it as `FunctionLimits`; these are the engine's.

use std::time::Duration;

/// The file of a function, and the files of a bundle together.
pub(crate) const FUNCTION_BYTES_MAX: usize = 64 << 20;
pub(crate) const BUNDLE_FILES_MAX: usize = 10_000;
/// Of a file that is no function, as its refusal lists them.
pub(crate) const EXPORTS_SHOWN_MAX: usize = 12;

/// Sandboxes that may run at the same time.
pub(crate) const RUNNING_SANDBOXES_MAX: u32 = 256;
/// Warm sandboxes that wait for their lane's next batch, over all functions.
pub(crate) const WARM_SANDBOXES_MAX: u32 = 128;
/// Slots of the pool. Warm sandboxes have their own, so that they never take one from an invocation.
pub(crate) const SANDBOXES_MAX: u32 = RUNNING_SANDBOXES_MAX + WARM_SANDBOXES_MAX;
/// Address space of one linear memory; what a function may use of it is in its limits.
pub(crate) const MEMORY_ADDRESS_BYTES_MAX: usize = 1 << 30;
/// Core instances, tables and memories of one component: language runtimes need many, compiled languages a few.
pub(crate) const CORE_INSTANCES_PER_COMPONENT_MAX: u32 = 64;
pub(crate) const TABLE_ELEMENTS_MAX: usize = 100_000;
pub(crate) const STACK_BYTES_MAX: usize = 512 << 10;
/// Async stacks hold the guest's stack and the host's frames above it.
pub(crate) const ASYNC_STACK_BYTES: usize = 1 << 20;
/// Kept resident between two users of a slot, where the kernel says which pages are dirty.
pub(crate) const KEEP_RESIDENT_BYTES: usize = 8 << 20;
/// Kept resident where it does not: all of it is cleared every time.
pub(crate) const KEEP_RESIDENT_BLIND_BYTES: usize = 64 << 10;

/// How often a running guest gives way to others and looks at its deadline.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(1);
/// How long the ticker goes on after the last invocation, so that a steady trickle does not restart it.
pub(crate) const EPOCH_LINGER: Duration = Duration::from_millis(100);
/// How much later than the guest's own check the host gives up on a call that does not return.
pub(crate) const TIMEOUT_GRACE: Duration = Duration::from_millis(20);
/// In simulation a guest burns this much fuel per millisecond of its time limit.
pub(crate) const FUEL_PER_MS: u64 = 100_000;
pub(crate) const FUEL_YIELD_INTERVAL: u64 = 50_000;

/// After this many invocations a warm sandbox is retired, so that what it leaks stays bounded.
pub(crate) const WARM_INVOCATIONS_MAX: u32 = 10_000;

/// Requests to other servers that one sandbox may have open.
pub(crate) const ASKED_AT_ONCE_MAX: usize = 32;
/// Of an answer that a language runtime is given as a whole.
pub(crate) const ASKED_ANSWER_BYTES_MAX: usize = 8 << 20;
/// How long each step of such a request may take where the guest does not say: no function lives longer.
pub(crate) const ASKING_TIMEOUT: Duration = Duration::from_secs(900);

/// Files that a program of preview 1 has open at the same time.
pub(crate) const PROGRAM_OPEN_FILES_MAX: usize = 1024;
/// Scratch space of all sandboxes together, whatever each is granted.
pub(crate) const SCRATCH_ALL_BYTES_MAX: u64 = 1 << 30;
/// One read or write of a file: nothing interrupts the host while it copies.
pub(crate) const SCRATCH_COPY_BYTES_MAX: usize = 1 << 20;
pub(crate) const SCRATCH_NAME_BYTES_MAX: usize = 255;
pub(crate) const SCRATCH_DEPTH_MAX: usize = 64;

/// How long a program of this machine may take until it asks for its first event, as on Lambda.
pub(crate) const PROCESS_INIT_MAX: Duration = Duration::from_secs(10);
/// Processes of one function that wait for its next invocation.
pub(crate) const PROCESSES_IDLE_MAX: usize = 8;
/// Memory of a process besides what its function has: its own code and stacks.
pub(crate) const PROCESS_MEMORY_SLACK_BYTES: u64 = 64 << 20;
/// How long the last lines of a process that has ended are waited for, and those of one that has answered.
pub(crate) const PROCESS_LAST_WORDS_PAUSE: Duration = Duration::from_millis(200);
pub(crate) const PROCESS_LINES_PAUSE: Duration = Duration::from_millis(1);
pub(crate) const PROCESS_FILES_MAX: u32 = 1024;
pub(crate) const PROCESS_CONNECTIONS_MAX: usize = 8;
pub(crate) const PROCESS_ANSWER_BYTES_MAX: usize = 6_291_556;

/// What one host call may copy out of a guest besides its output.
pub(crate) const HOSTCALL_SLACK_BYTES: usize = 1 << 20;
/// As Kinesis has it for each record: characters of its key, bytes of its data and key together.
pub(crate) const PARTITION_KEY_CHARS_MAX: usize = 256;
pub(crate) const OUTPUT_RECORD_BYTES_MAX: usize = 1 << 20;
pub(crate) const STATE_NAME_BYTES_MAX: usize = 255;
pub(crate) const STATE_VALUE_BYTES_MAX: usize = 1 << 20;
/// Names in one call of `get-many`, and the bytes of the values it returns.
pub(crate) const STATE_NAMES_PER_CALL_MAX: usize = 1_000;
pub(crate) const STATE_READ_BYTES_MAX: usize = 8 << 20;
pub(crate) const STATE_WRITES_MAX: usize = 10_000;
/// The longest pause a handler may ask for before it is tried again.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
/// Entries of `batchItemFailures`: twice the largest batch, for handlers that name a record more than once.
pub(crate) const ITEM_FAILURES_MAX: usize = 20_000;
/// Of an identifier that is not in the batch, as its fault repeats it.
pub(crate) const ITEM_IDENTIFIER_BYTES_MAX: usize = 128;
/// Kinds of faults of one function that are counted apart.
pub(crate) const FAULT_KINDS_COUNTED_MAX: usize = 32;
pub(crate) const FAULT_KIND_BYTES_MAX: usize = 128;
pub(crate) const FAULT_MESSAGE_BYTES_MAX: usize = 8 << 10;
/// Of what a language runtime says of an error, for callers of Invoke.
pub(crate) const ERROR_DOCUMENT_BYTES_MAX: usize = 256 << 10;
pub(crate) const BACKTRACE_FRAMES_MAX: usize = 24;
/// What a line of a guest's log counts besides its text.
pub(crate) const LOG_LINE_BYTES: usize = 16;
/// Of the last error a guest logged, as its fault repeats it.
pub(crate) const LAST_WORDS_BYTES_MAX: usize = 1 << 10;
/// Of what one invocation is told, kept for the case that it fails: looks at a clock, reads of the state, their bytes.
pub(crate) const TOLD_TIMES_MAX: usize = 10_000;
pub(crate) const TOLD_READS_MAX: usize = 10_000;
pub(crate) const TOLD_VALUES_BYTES_MAX: usize = 4 << 20;

const _: () = assert!(STACK_BYTES_MAX < ASYNC_STACK_BYTES);
const _: () = assert!(STATE_VALUE_BYTES_MAX <= STATE_READ_BYTES_MAX);
