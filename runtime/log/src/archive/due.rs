//! When a segment's records move, and with which others they lie together. Pure.

use std::time::Duration;

use model::Timestamp;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// `newest` is when the segment's last record arrived, `longest` the longest retention among what is in it. What has not
/// long to live is not worth a copy: waiting costs at most a quarter of the time that it was hot.
pub(crate) fn is_due(
    now: Timestamp,
    newest: Timestamp,
    longest: Duration,
    after: Duration,
) -> bool {
    let age = now.since(newest);
    age >= after && longest > age && longest.saturating_sub(age) >= after / 4
}

/// The day on which a record expires: those of a day are in one object, which goes as a whole.
pub(crate) fn expiry_day(arrived: Timestamp, retention: Duration) -> u32 {
    let end = arrived.plus(retention).as_millis();
    u32::try_from(end / DAY_MS).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_and_has_long_to_live_is_due() {
        const H: u64 = 3_600;
        let hours = Duration::from_hours;
        let newest = Timestamp::from_millis(1_000_000);
        for (age, longest, after, expect) in [
            (23, 48, 24, false),
            (24, 48, 24, true),
            (24, 24, 24, false),
            (24, 29, 24, false),
            (24, 30, 24, true),
            (40, 30, 24, false),
            (0, 1, 0, true),
        ] {
            let now = newest.plus(Duration::from_secs(age * H));
            let due = is_due(now, newest, hours(longest), hours(after));
            assert_eq!(due, expect, "{age} {longest} {after}");
        }
    }

    #[test]
    fn records_expire_by_their_own_retention() {
        let day = |hours| expiry_day(Timestamp::from_millis(0), Duration::from_hours(hours));
        assert_eq!([day(23), day(24), day(47), day(8_760)], [0, 1, 1, 365]);
    }
}
