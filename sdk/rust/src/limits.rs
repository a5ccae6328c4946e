//! Every bound of the SDK, with its unit.

/// Outputs are handed over in chunks of about this size: the host copies them fastest.
pub(crate) const CHUNK_BYTES_TARGET: usize = 256 * 1024;
/// Characters of a partition key, as Kinesis has it.
pub(crate) const KEY_CHARS_MAX: usize = 256;
/// Data and key of one record, as a stream of Kinesis has it unless told otherwise.
pub(crate) const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a reason that are handed to the host; the rest is cut.
pub(crate) const REASON_BYTES_MAX: usize = 1024;
