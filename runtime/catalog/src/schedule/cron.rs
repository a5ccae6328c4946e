//! The six fields of AWS's `cron(minutes hours day-of-month month day-of-week year)`.
//!
//! Each field is checked and said again in the words of croner, which knows `L`, `W` and `#` but counts otherwise and
//! tells less of what is wrong. Searches are in civil time: what a time zone makes of it is the caller's.

use std::fmt;

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;

use super::expression::{BadExpression, bad};

#[derive(Debug, Clone)]
pub struct Cron {
    /// As it was written.
    text: String,
    pattern: Box<croner::Cron>,
}

/// Two that are written alike are alike.
impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What one field may hold.
struct Field {
    name: &'static str,
    min: u16,
    max: u16,
    /// Names of its numbers, the first of `min`.
    names: &'static [&'static str],
    /// Which of `?`, `L`, `W` and `#` it knows.
    special: &'static str,
}

const FIELDS: [Field; 6] = [
    field("minutes", 0, 59, &[], ""),
    field("hours", 0, 23, &[], ""),
    field("day-of-month", 1, 31, &[], "?LW"),
    field(
        "month",
        1,
        12,
        &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
        "",
    ),
    field(
        "day-of-week",
        1,
        7,
        &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        "?L#",
    ),
    field("year", 1970, 2199, &[], ""),
];

const fn field(
    name: &'static str,
    min: u16,
    max: u16,
    names: &'static [&'static str],
    special: &'static str,
) -> Field {
    Field {
        name,
        min,
        max,
        names,
        special,
    }
}

const HINT: &str =
    "six fields: minutes hours day-of-month month day-of-week year, such as `cron(0 2 * * ? *)`";

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self, BadExpression> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let fields: [&str; 6] = fields.try_into().map_err(|fields: Vec<&str>| {
            bad(
                format!("`cron({text})` has {} fields, not six", fields.len()),
                HINT,
            )
        })?;
        let [_, _, day, _, weekday, _] = fields;
        if (day == "?") == (weekday == "?") {
            let hint = "put `?` into one of day-of-month and day-of-week, and what you mean into the other";
            let fact = format!("`cron({text})` has not exactly one `?`");
            return Err(bad(fact, hint));
        }
        let mut said = vec!["0".to_owned()];
        for (spec, text) in FIELDS.iter().zip(fields) {
            said.push(spec.said(text)?);
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required);
        let pattern = parser
            .alternative_weekdays(true)
            .build()
            .parse(&said.join(" "));
        let pattern = pattern.map_err(|error| bad(format!("`cron({text})`: {error}"), HINT))?;
        Ok(Self {
            text: fields.join(" "),
            pattern: Box::new(pattern),
        })
    }

    pub(super) fn next(&self, after: DateTime) -> Option<DateTime> {
        self.pattern.find_next_occurrence(&after, false).ok()
    }

    pub(super) fn previous(&self, before: DateTime, inclusive: bool) -> Option<DateTime> {
        self.pattern
            .find_previous_occurrence(&before, inclusive)
            .ok()
    }
}

impl Field {
    /// In croner's words.
    fn said(&self, text: &str) -> Result<String, BadExpression> {
        if text == "?" && self.special.contains('?') {
            return Ok("*".to_owned());
        }
        let parts: Result<Vec<String>, _> = text.split(',').map(|part| self.part(part)).collect();
        Ok(parts?.join(","))
    }

    fn part(&self, part: &str) -> Result<String, BadExpression> {
        let upper = part.to_ascii_uppercase();
        let (range, step) = match upper.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step, part)?)),
            None => (upper.as_str(), None),
        };
        if range == "*" {
            return Ok(match step {
                Some(step) => format!("{}-{}/{step}", self.min, self.max),
                None => "*".to_owned(),
            });
        }
        if step.is_none()
            && let Some(special) = self.special(range, part)?
        {
            return Ok(special);
        }
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (self.number(from, part)?, Some(self.number(to, part)?)),
            None => (self.number(range, part)?, None),
        };
        if to.is_some_and(|to| to < from) {
            return Err(self.bad(part, "ends before it begins"));
        }
        Ok(match (to, step) {
            (None, None) => from.to_string(),
            (Some(to), None) => format!("{from}-{to}"),
            (to, Some(step)) => format!("{from}-{}/{step}", to.unwrap_or(self.max)),
        })
    }

    /// `L`, `LW`, `15W`, `6L`, `SAT#3`, where the field knows them.
    fn special(&self, range: &str, part: &str) -> Result<Option<String>, BadExpression> {
        let knows = |letter: char| self.special.contains(letter);
        if range == "L" && knows('L') {
            // In days of the week it is the last one.
            return Ok(Some(if knows('#') { "7" } else { "L" }.to_owned()));
        }
        if range == "LW" && knows('W') {
            return Ok(Some(range.to_owned()));
        }
        if let Some(day) = range.strip_suffix('W').filter(|_| knows('W')) {
            return Ok(Some(format!("{}W", self.number(day, part)?)));
        }
        if let Some(day) = range.strip_suffix('L').filter(|_| knows('#')) {
            return Ok(Some(format!("{}L", self.number(day, part)?)));
        }
        if let Some((day, nth)) = range.split_once('#').filter(|_| knows('#')) {
            if !matches!(nth, "1" | "2" | "3" | "4" | "5") {
                return Err(self.bad(part, "names no first to fifth of a month"));
            }
            return Ok(Some(format!("{}#{nth}", self.number(day, part)?)));
        }
        Ok(None)
    }

    fn number(&self, text: &str, part: &str) -> Result<u16, BadExpression> {
        let named = self.names.iter().position(|name| *name == text);
        let named = named.and_then(|index| u16::try_from(index).ok());
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = match named {
            Some(index) => Some(self.min + index),
            None => text.parse().ok().filter(|_| digits),
        };
        let within = number.filter(|number| (self.min..=self.max).contains(number));
        within.ok_or_else(|| self.bad(part, "is not understood"))
    }

    fn step(&self, text: &str, part: &str) -> Result<u16, BadExpression> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let step = text.parse().ok().filter(|step| digits && *step > 0);
        step.ok_or_else(|| self.bad(part, "has a step that is no whole number of at least 1"))
    }

    fn bad(&self, part: &str, fact: &str) -> BadExpression {
        let Self {
            name,
            min,
            max,
            names,
            special,
        } = self;
        let mut accepted = format!("{name} takes {min} to {max}");
        if let (Some(first), Some(last)) = (names.first(), names.last()) {
            accepted += &format!(" or {first} to {last}");
        }
        accepted += ", lists, ranges and steps";
        for letter in special.chars() {
            accepted += &format!(", `{letter}`");
        }
        bad(format!("`{part}` in {name} {fact}"), accepted)
    }
}
