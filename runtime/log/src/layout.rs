//! What lies on the disk: the format of the folder, segments, their frames, the parts of a frame, and the index beside a full
//! segment.

pub(crate) mod encode;
pub(crate) mod format;
pub(crate) mod frame;
pub(crate) mod frames;
pub(crate) mod sealed;
pub(crate) mod segment;
