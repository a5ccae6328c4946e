//! `cron(...)`, `rate(...)` and `at(...)`, read as EventBridge reads them: text in, an expression out, or the fact that is
//! wrong with it and what would be right.

use std::{fmt, time::Duration};

use jiff::civil::DateTime;

use super::{cron::Cron, limits::RATE_DAYS_MAX};

#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Cron(Cron),
    /// Every so often.
    Rate(Duration),
    /// Once.
    At(DateTime),
}

/// What is wrong, and what would be accepted in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fact}")]
pub struct BadExpression {
    pub fact: String,
    pub hint: String,
}

pub(super) fn bad(fact: impl Into<String>, hint: impl Into<String>) -> BadExpression {
    BadExpression {
        fact: fact.into(),
        hint: hint.into(),
    }
}

const ACCEPTED: &str = "write `cron(0 2 * * ? *)`, `rate(5 minutes)` or `at(2026-12-24T18:00:00)`";

impl Expression {
    pub fn parse(text: &str) -> Result<Self, BadExpression> {
        let within = |word: &str| {
            text.strip_prefix(word)?
                .strip_prefix('(')?
                .strip_suffix(')')
        };
        if let Some(fields) = within("cron") {
            return Cron::parse(fields).map(Self::Cron);
        }
        if let Some(rate) = within("rate") {
            return parse_rate(rate).map(Self::Rate);
        }
        if let Some(moment) = within("at") {
            return parse_at(moment).map(Self::At);
        }
        Err(bad(
            format!("`{text}` is neither cron(...), rate(...) nor at(...)"),
            ACCEPTED,
        ))
    }
}

/// A number and a unit with one space between; the unit is singular for 1 alone (SC-1).
fn parse_rate(text: &str) -> Result<Duration, BadExpression> {
    const HINT: &str =
        "write `rate(1 minute)`, `rate(5 minutes)`, `rate(1 hour)` or `rate(7 days)`";
    let wrong = |fact: String| bad(fact, HINT);
    let Some((number, unit)) = text.split_once(' ') else {
        return Err(wrong(format!("`rate({text})` has no unit")));
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = match number.parse() {
        Ok(number) if digits && number > 0 => number,
        Ok(_) | Err(_) => {
            return Err(wrong(format!(
                "`{number}` is no whole number of at least 1"
            )));
        }
    };
    let seconds: u64 = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => 60,
        "hour" => 60 * 60,
        "day" => 24 * 60 * 60,
        _ => return Err(wrong(format!("`{unit}` is no unit of a rate"))),
    };
    if (number == 1) == unit.ends_with('s') {
        return Err(wrong(format!("`{number} {unit}` mixes one and many")));
    }
    let period = number.saturating_mul(seconds);
    if period > RATE_DAYS_MAX * 24 * 60 * 60 {
        return Err(wrong(format!(
            "a rate is at most {RATE_DAYS_MAX} days long"
        )));
    }
    Ok(Duration::from_secs(period))
}

/// `yyyy-mm-ddThh:mm:ss`, in the schedule's own zone (SC-5).
fn parse_at(text: &str) -> Result<DateTime, BadExpression> {
    const HINT: &str = "write `at(2026-12-24T18:00:00)`, without `Z` or an offset: `zone` says whose clock is meant";
    let shape = text.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let moment = text.parse().ok().filter(|_| shape && text.len() == 19);
    moment.ok_or_else(|| {
        bad(
            format!("`{text}` is no moment of the form yyyy-mm-ddThh:mm:ss"),
            HINT,
        )
    })
}

/// As a file may say it.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => write!(f, "cron({cron})"),
            Self::Rate(period) => {
                let seconds = period.as_secs();
                let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
                let whole = |(_, unit): &&(&str, u64)| seconds.is_multiple_of(*unit);
                let (name, unit) = units.iter().find(whole).copied().unwrap_or(("minute", 60));
                let number = seconds / unit;
                let plural = if number == 1 { "" } else { "s" };
                write!(f, "rate({number} {name}{plural})")
            }
            Self::At(moment) => write!(f, "at({})", moment.strftime("%Y-%m-%dT%H:%M:%S")),
        }
    }
}
