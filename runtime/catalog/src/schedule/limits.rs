//! Every bound of schedules.

use std::time::Duration;

/// How much later than its moment a slot may be begun and still counts as on time: Scheduler's precision.
pub(crate) const ON_TIME: Duration = Duration::from_secs(60);
/// Slots in a row that clocks may skip because they are put forward, before the search is given up.
pub(crate) const ZONE_GAPS_MAX: usize = 10_000;
/// The longest period of a rate, in days.
pub(crate) const RATE_DAYS_MAX: u64 = 3_650;
/// Missed slots that are counted.
pub(crate) const MISSED_COUNTED_MAX: u64 = 1_000;
