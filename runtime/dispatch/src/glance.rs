//! What readers of a page that they share want to know of a record's bytes: looked at once for all of them.
//!
//! The bytes of a page lie far apart, and fetching them costs a reader that drops the record more than all else.

use std::sync::OnceLock;

use model::Record;

use crate::{deaggregate::is_packed, filter::Outline};

#[derive(Debug)]
pub(crate) struct Glance {
    /// Whether it may be an aggregate.
    pub(crate) packed: bool,
    /// Known from the first trigger on that looks into the body.
    pub(crate) outline: OnceLock<Outline>,
}

impl Glance {
    pub(crate) fn at(record: &Record) -> Self {
        Self {
            packed: is_packed(record),
            outline: OnceLock::new(),
        }
    }
}
