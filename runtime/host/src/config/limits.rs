//! Every bound of reading `triggers.yaml`, with its unit. What a key may hold is in `defaults`.

/// A file of hand-written settings; anything larger is not one.
pub(super) const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Maps and lists within each other. The deepest key of the file lies five deep.
pub(super) const NESTING_MAX: usize = 32;

/// Values and keys of one file.
pub(super) const NODES_MAX: usize = 100_000;

/// Diagnostics printed at once; more would scroll the first one away.
pub(super) const DIAGNOSTICS_MAX: usize = 20;

/// Whole numbers above 2^53 do not survive every reader of YAML and JSON.
pub(super) const INTEGER_MAX: u64 = 1 << 53;

const _: () = assert!(NESTING_MAX > 5);
