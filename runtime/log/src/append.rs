//! From a commit to a durable frame: it is described (`commit`), gets its numbers and its place (`queue`), waits until one write
//! and one sync carry everything that waits (`committer`), and wakes whoever waited for it (`progress`).

pub(crate) mod commit;
pub(crate) mod committer;
pub(crate) mod durability;
pub(crate) mod producers;
pub(crate) mod progress;
pub(crate) mod queue;
