//! Times as people write them: `15m`, `@-15m`, `@2026-11-23T09:00Z`, `oldest`, `latest`, a sequence number. In: one
//! argument. Out: a span or a place to begin, or a sentence that shows the right spelling.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Where to begin to read a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    Oldest,
    Latest,
    At(Timestamp),
    /// This long before now.
    Ago(Duration),
    Sequence(String),
}

impl From {
    /// The word of the server's API.
    pub(crate) fn word(&self, now: Timestamp) -> String {
        match self {
            Self::Oldest => "oldest".to_owned(),
            Self::Latest => "latest".to_owned(),
            Self::At(at) => format!("time:{}", at.as_millisecond()),
            Self::Ago(ago) => format!("time:{}", before(now, *ago)),
            Self::Sequence(number) => number.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

pub(crate) fn parse_duration(text: &str) -> Result<Duration, Unreadable> {
    let unreadable = || {
        Unreadable(format!(
            "`{text}` is no span of time; write 30s, 15m, 2h or 7d"
        ))
    };
    if let Some(days) = text.strip_suffix('d') {
        let days: u64 = days.parse().map_err(|_| unreadable())?;
        return Ok(Duration::from_secs(
            days.checked_mul(86_400).ok_or_else(unreadable)?,
        ));
    }
    let span: SignedDuration = text.parse().map_err(|_| unreadable())?;
    Duration::try_from(span).map_err(|_| unreadable())
}

pub(crate) fn parse_from(text: &str) -> Result<From, Unreadable> {
    let unreadable = || {
        Unreadable(format!(
            "`{text}` is no place to begin; write oldest, latest, @-15m, @2026-11-23T09:00Z or a sequence number"
        ))
    };
    match text {
        "oldest" => return Ok(From::Oldest),
        "latest" => return Ok(From::Latest),
        _ => {}
    }
    if let Some(ago) = text.strip_prefix("@-") {
        return parse_duration(ago).map(From::Ago);
    }
    if let Some(at) = text.strip_prefix('@') {
        return at.parse().map(From::At).map_err(|_| unreadable());
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(From::Sequence(text.to_owned()));
    }
    Err(unreadable())
}

/// Milliseconds of the moment `span` before `now`; never before the epoch.
pub(crate) fn before(now: Timestamp, span: Duration) -> i64 {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    now.as_millisecond().saturating_sub(span).max(0)
}

/// A moment of the server's answers, in UTC.
pub(crate) fn shown(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| milliseconds.to_string(), |at| format!("{at:.3}"))
}

/// A span of the server's answers; the smaller part of two units may be rounded down.
pub(crate) fn shown_span(milliseconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = milliseconds / 1_000;
    let (large, small) = if milliseconds < 1_000 {
        return format!("{milliseconds}ms");
    } else if seconds < MINUTE {
        return match milliseconds % 1_000 / 100 {
            0 => format!("{seconds}s"),
            tenths => format!("{seconds}.{tenths}s"),
        };
    } else if seconds < HOUR {
        ((MINUTE, "m"), (1, "s"))
    } else if seconds < 2 * DAY {
        ((HOUR, "h"), (MINUTE, "m"))
    } else {
        ((DAY, "d"), (HOUR, "h"))
    };
    let whole = format!("{}{}", seconds / large.0, large.1);
    match seconds % large.0 / small.0 {
        0 => whole,
        rest => format!("{whole} {rest}{}", small.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_begin() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let table = [
            ("oldest", Some("oldest")),
            ("latest", Some("latest")),
            ("@-15m", Some("time:1795427100000")),
            ("@2026-11-23T09:45Z", Some("time:1795427100000")),
            ("49660412", Some("49660412")),
            ("@-", None),
            ("@noon", None),
            ("newest", None),
            ("", None),
        ];
        for (text, expected) in table {
            let actual = parse_from(text).ok().map(|from| from.word(now));
            assert_eq!(actual.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn spans_are_shown_in_two_units_at_most() {
        let table = [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_530, "1.5s"),
            (61_000, "1m 1s"),
            (3_600_000, "1h"),
            (86_400_000, "24h"),
            (604_800_000, "7d"),
            (176_461_000, "2d 1h"),
        ];
        for (milliseconds, expected) in table {
            assert_eq!(shown_span(milliseconds), expected);
        }
    }

    #[test]
    fn spans() {
        let table = [
            ("30s", Some(30)),
            ("15m", Some(900)),
            ("2h", Some(7_200)),
            ("7d", Some(604_800)),
            ("-3s", None),
            ("99999999999999999d", None),
            ("soon", None),
        ];
        for (text, seconds) in table {
            assert_eq!(
                parse_duration(text).ok(),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
