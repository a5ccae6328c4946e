//! Points in time as the texts of HTTP and AWS write them.
//!
//! In: milliseconds since 1970. Out: text in UTC. Knows no other zones and reads no clock.

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `Thu, 22 Jan 2015 01:22:02 GMT`, as in the `date` header.
pub(crate) fn http_date(ms: u64) -> String {
    let Moment {
        weekday,
        day,
        month,
        year,
        clock,
    } = Moment::of(ms);
    format!("{weekday}, {day:02} {month} {year} {clock} GMT")
}

/// `Thu Jan 22 01:22:02 UTC 2015`, as AWS's services print dates in messages.
pub(crate) fn java_date(ms: u64) -> String {
    let Moment {
        weekday,
        day,
        month,
        year,
        clock,
    } = Moment::of(ms);
    format!("{weekday} {month} {day:02} {clock} UTC {year}")
}

struct Moment {
    weekday: &'static str,
    day: u64,
    month: &'static str,
    year: u64,
    clock: String,
}

impl Moment {
    fn of(ms: u64) -> Self {
        let seconds = ms / 1000;
        let days = seconds / 86_400;
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let (year, month, day) = civil(days);
        Self {
            weekday: pick(&WEEKDAYS, days % 7),
            day,
            month: pick(&MONTHS, month - 1),
            year,
            clock: format!("{hour:02}:{minute:02}:{second:02}"),
        }
    }
}

/// Year, month and day of a number of days since 1970. Years are counted from March, so that the leap day is
/// the last of a year, in eras of 400 years, which all have 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

fn pick(names: &[&'static str], index: u64) -> &'static str {
    usize::try_from(index)
        .ok()
        .and_then(|index| names.get(index).copied())
        .unwrap_or("???")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (ms, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400_999, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(http_date(ms), expected);
        }
        assert_eq!(java_date(1_421_889_722_000), "Thu Jan 22 01:22:02 UTC 2015");
        assert_eq!(http_date(u64::MAX).get(..3), Some("Wed"));
    }
}
