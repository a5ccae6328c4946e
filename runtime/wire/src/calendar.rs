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

/// `20150122T012202Z`, as in `x-amz-date`.
pub(crate) fn basic_date(ms: u64) -> String {
    let seconds = ms / 1000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// `2015-01-22T01:22:02.123`, without a zone: AWS's services write theirs in more than one way.
pub(crate) fn iso_millis(ms: u64) -> String {
    let seconds = ms / 1000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = ms % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// Reads what `basic_date` writes. Moments before 1970 and days that no calendar has are refused.
pub(crate) fn parse_basic_date(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| plain)
    };
    if text.len() != 16 || text.get(8..9) != Some("T") || text.get(15..) != Some("Z") {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    let days = days_since_1970(year, month, day)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    (basic_date(seconds * 1000) == text).then_some(seconds * 1000)
}

/// The reverse of `civil`.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let year = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
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

    #[test]
    fn basic_dates_read_back_and_others_are_refused() {
        for day in (0..2_932_000).step_by(97) {
            let ms = day * 86_400_000 + 45_296_000;
            assert_eq!(parse_basic_date(&basic_date(ms)), Some(ms));
        }
        assert_eq!(basic_date(1_440_938_160_000), "20150830T123600Z");
        for text in [
            "",
            "2015-08-30T12:36:00Z",
            "20150830T123600",
            "20150830T123660Z",
            "20150229T123600Z",
            "20151330T123600Z",
            "19691231T235959Z",
            "20150800T123600Z",
            "2015083\u{e9}T12360Z",
            "+0150830T123600Z",
        ] {
            assert_eq!(parse_basic_date(text), None, "{text}");
        }
    }
}
