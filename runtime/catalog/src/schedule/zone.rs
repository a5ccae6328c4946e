//! Time zones by their IANA names, from the database within the program.

use jiff::tz::{TimeZone, TimeZoneDatabase};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("time zone `{name}` is not known")]
pub struct UnknownZone {
    pub name: String,
    /// All names that are.
    pub known: Vec<String>,
}

/// A zone such as `America/Chicago`, or `UTC`. Upper and lower case are the same.
pub fn zone(name: &str) -> Result<TimeZone, UnknownZone> {
    let zones = TimeZoneDatabase::bundled();
    zones.get(name).map_err(|_| UnknownZone {
        name: name.to_owned(),
        known: zones.available().map(|name| name.to_string()).collect(),
    })
}
