//! Matching whole texts by the patterns of the service model.
//!
//! In: a pattern as AWS prints it, and a text. Out: whether the pattern matches all of it. The dialect is the
//! little that the models use: literals, `.`, `\d`, `\S`, classes (with `\s`, `\S`, `\p{L}`), groups with `|`, and `*`, `+`,
//! `?`, `{n}`, `{n,m}`.
//! All alternatives advance together over the text, so hostile input costs time linear in its length. A pattern
//! outside the dialect matches everything; a test holds that the tables have none.

use std::{iter::Peekable, str::Chars};

/// Whether `pattern` matches the whole of `text`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match BEYOND.iter().find(|(it, ..)| *it == pattern) {
        Some((_, allowed, forbidden)) => {
            matches(allowed, text) && !forbidden.is_some_and(|it| matches(it, text))
        }
        None => compile(pattern).is_none_or(|program| run(&program, text)),
    }
}

/// Patterns that look ahead or behind, or have anchors: what they take, in the dialect, and what of it they do not.
const BEYOND: &[(&str, &str, Option<&str>)] = &[
    (
        "(?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        "[a-zA-Z0-9-_]+",
        Some("[0-9]+"),
    ),
    (
        r"((?!^\d+$)^[0-9a-zA-Z-_]+$)",
        "[0-9a-zA-Z-_]+",
        Some(r"\d+"),
    ),
    (
        r"[0-9A-Za-z\.\-_]*(?<!\.)",
        r"[0-9A-Za-z\.\-_]*",
        Some(r".*\."),
    ),
    (
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})(:((?!\d+$)[0-9a-zA-Z-_]+))?",
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})(:([0-9a-zA-Z-_]+))?",
        Some(r"(.*:function:|function:)?[^:]+:\d+"),
    ),
    (
        r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
        r"|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
        None,
    ),
];

/// Whether a pattern is of the dialect, for the tests of tables.
#[cfg(test)]
pub(crate) fn is_known(pattern: &str) -> bool {
    let beyond = BEYOND.iter().find(|(it, ..)| *it == pattern);
    compile(beyond.map_or(pattern, |(_, allowed, _)| allowed)).is_some()
}

/// One step of a compiled pattern.
#[derive(Clone, Debug)]
enum Step {
    /// Takes one character and goes on.
    Take(Class),
    /// Goes on at both places, relative to this one.
    Fork(isize, isize),
    /// Goes on at the place, relative to this one.
    Jump(isize),
}

#[derive(Clone, Debug)]
enum Class {
    Any,
    Digit,
    NotSpace,
    Set {
        ranges: Vec<(char, char)>,
        kinds: Vec<fn(char) -> bool>,
        negated: bool,
    },
}

const SPACES: [char; 6] = [' ', '\t', '\n', '\u{b}', '\u{c}', '\r'];

impl Class {
    fn contains(&self, letter: char) -> bool {
        match self {
            Self::Any => letter != '\n',
            Self::Digit => letter.is_ascii_digit(),
            Self::NotSpace => !SPACES.contains(&letter),
            Self::Set {
                ranges,
                kinds,
                negated,
            } => {
                let in_range = |(first, last): &(char, char)| (*first..=*last).contains(&letter);
                let is_in = ranges.iter().any(in_range) || kinds.iter().any(|is| is(letter));
                is_in != *negated
            }
        }
    }
}

fn run(program: &[Step], text: &str) -> bool {
    let mut current = Places::new(program.len());
    let mut next = Places::new(program.len());
    current.reach(program, 0);
    for letter in text.chars() {
        for place in &current.taking {
            if let Some(Step::Take(class)) = program.get(*place)
                && class.contains(letter)
            {
                next.reach(program, place + 1);
            }
        }
        std::mem::swap(&mut current, &mut next);
        next.clear();
        if current.taking.is_empty() && !current.finished {
            return false;
        }
    }
    current.finished
}

/// The places of a program that are alive at one position of the text.
struct Places {
    seen: Vec<bool>,
    taking: Vec<usize>,
    finished: bool,
}

impl Places {
    fn new(steps: usize) -> Self {
        Self {
            seen: vec![false; steps],
            taking: Vec::new(),
            finished: false,
        }
    }

    fn clear(&mut self) {
        self.seen.fill(false);
        self.taking.clear();
        self.finished = false;
    }

    /// Marks a place and all that follow from it without taking a character.
    fn reach(&mut self, program: &[Step], start: usize) {
        let mut waiting = vec![start];
        while let Some(place) = waiting.pop() {
            let Some(step) = program.get(place) else {
                self.finished = true;
                continue;
            };
            match self.seen.get_mut(place) {
                Some(seen) if !*seen => *seen = true,
                Some(_) | None => continue,
            }
            match step {
                Step::Take(_) => self.taking.push(place),
                Step::Jump(by) => waiting.extend(place.checked_add_signed(*by)),
                Step::Fork(first, second) => {
                    waiting.extend(place.checked_add_signed(*first));
                    waiting.extend(place.checked_add_signed(*second));
                }
            }
        }
    }
}

fn compile(pattern: &str) -> Option<Vec<Step>> {
    let mut letters = pattern.chars().peekable();
    let program = alternatives(&mut letters)?;
    letters.next().is_none().then_some(program)
}

fn alternatives(letters: &mut Peekable<Chars<'_>>) -> Option<Vec<Step>> {
    let mut program = sequence(letters)?;
    while letters.next_if_eq(&'|').is_some() {
        let other = sequence(letters)?;
        let mut joined = vec![Step::Fork(1, distance(program.len())? + 2)];
        joined.append(&mut program);
        joined.push(Step::Jump(distance(other.len())? + 1));
        joined.extend(other);
        program = joined;
    }
    Some(program)
}

fn sequence(letters: &mut Peekable<Chars<'_>>) -> Option<Vec<Step>> {
    let mut program = Vec::new();
    while let Some(letter) = letters.next_if(|letter| !matches!(letter, '|' | ')')) {
        let item = match letter {
            '(' => {
                let group = alternatives(letters)?;
                letters.next_if_eq(&')')?;
                group
            }
            '[' => vec![Step::Take(class(letters)?)],
            '.' => vec![Step::Take(Class::Any)],
            '\\' => vec![Step::Take(escape(letters.next()?))],
            '^' | '$' => return None,
            literal => vec![Step::Take(only(literal))],
        };
        repeat(letters, item, &mut program)?;
    }
    Some(program)
}

/// Appends an item as often as the quantifier behind it says.
fn repeat(
    letters: &mut Peekable<Chars<'_>>,
    item: Vec<Step>,
    program: &mut Vec<Step>,
) -> Option<()> {
    let (min, max) = match letters.next_if(|letter| matches!(letter, '*' | '+' | '?' | '{')) {
        None => (1, Some(1)),
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('?') => (0, Some(1)),
        Some(_) => counts(letters)?,
    };
    for _ in 0..min {
        program.extend(item.iter().cloned());
    }
    let length = distance(item.len())?;
    match max {
        None => {
            program.push(Step::Fork(1, length + 2));
            program.extend(item);
            program.push(Step::Jump(-length - 1));
        }
        Some(max) => {
            for _ in min..max {
                program.push(Step::Fork(1, length + 1));
                program.extend(item.iter().cloned());
            }
        }
    }
    Some(())
}

fn counts(letters: &mut Peekable<Chars<'_>>) -> Option<(usize, Option<usize>)> {
    let inside: String = letters
        .by_ref()
        .take_while(|letter| *letter != '}')
        .collect();
    match inside.split_once(',') {
        None => inside.parse().ok().map(|count| (count, Some(count))),
        Some((min, max)) => Some((min.parse().ok()?, Some(max.parse().ok()?))),
    }
}

fn class(letters: &mut Peekable<Chars<'_>>) -> Option<Class> {
    let negated = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    let mut kinds = Vec::new();
    loop {
        let first = match letters.next()? {
            ']' => {
                return Some(Class::Set {
                    ranges,
                    kinds,
                    negated,
                });
            }
            '\\' if letters.next_if_eq(&'S').is_some() => {
                kinds.push(|letter| !SPACES.contains(&letter));
                continue;
            }
            '\\' if letters.next_if_eq(&'p').is_some() => {
                kinds.push(property(letters)?);
                continue;
            }
            '\\' if letters.next_if_eq(&'s').is_some() => {
                ranges.extend(SPACES.map(|space| (space, space)));
                continue;
            }
            '\\' => letters.next()?,
            letter => letter,
        };
        let mut ahead = letters.clone();
        if ahead.next() == Some('-') && ahead.next().is_some_and(|letter| letter != ']') {
            letters.next();
            ranges.push((first, letters.next()?));
        } else {
            ranges.push((first, first));
        }
    }
}

/// `\p{L}`, `\p{N}` and `\p{Z}`: letters, numbers, spaces.
fn property(letters: &mut Peekable<Chars<'_>>) -> Option<fn(char) -> bool> {
    let name: String = letters
        .by_ref()
        .take_while(|letter| *letter != '}')
        .collect();
    match name.as_str() {
        "{L" => Some(char::is_alphabetic),
        "{N" => Some(char::is_numeric),
        "{Z" => Some(|letter| letter.is_whitespace() && !letter.is_control()),
        _ => None,
    }
}

fn escape(letter: char) -> Class {
    match letter {
        'd' => Class::Digit,
        'S' => Class::NotSpace,
        literal => only(literal),
    }
}

fn only(letter: char) -> Class {
    Class::Set {
        ranges: vec![(letter, letter)],
        kinds: Vec::new(),
        negated: false,
    }
}

fn distance(steps: usize) -> Option<isize> {
    isize::try_from(steps).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinesis::{
        generated::ACTIONS,
        schema::{Member, Shape},
    };

    fn check(pattern: &str, fitting: &[&str], failing: &[&str]) {
        for text in fitting {
            assert!(matches(pattern, text), "{pattern} should match {text}");
        }
        for text in failing {
            assert!(!matches(pattern, text), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn names_numbers_and_arns() {
        check(
            "[a-zA-Z0-9_.-]+",
            &["a", "a-b.C_9"],
            &["", "a b", "é", "a/"],
        );
        let hash_key = r"0|([1-9]\d{0,38})";
        let longest = "9".repeat(39);
        check(
            hash_key,
            &["0", "7", "10", &longest],
            &["", "00", "01", "-1", &"9".repeat(40)],
        );
        check(
            r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
            &[
                "arn:aws:kinesis:us-east-1:000000000000:stream/a",
                "arn:aws-cn:kinesis::123456789012:stream/x:y",
            ],
            &[
                "arn:aws:kinesis:us-east-1:1:stream/a",
                "arn:aws:kinesis:us-east-1:000000000000:stream/a b",
            ],
        );
        check(
            r".*(stream|channel|queue)/\S+",
            &["queue/a", "xchannel/b"],
            &["topic/a", "stream/"],
        );
        check("[^:*]*", &["", "abc"], &["a:b", "*"]);
        check(r"[^\s]+", &["a", "s.s"], &["", "a b", "\t"]);
        check("(ab?)?c|()", &["", "c", "ac", "abc"], &["abbc", "ab"]);
        check(r"[\s\S]*", &["", "S\n "], &[]);
        check(r"([\p{L}\p{Z}\p{N}_.]*)", &["é 1_", ""], &["a!", "a\n"]);
    }

    #[test]
    fn every_pattern_of_the_tables_is_understood() {
        fn walk(shape: &Shape, found: &mut Vec<&'static str>) {
            match shape {
                Shape::Text { pattern, .. } => found.extend(*pattern),
                Shape::List { member, .. } => walk(member, found),
                Shape::Map { key, value, .. } => {
                    walk(key, found);
                    walk(value, found);
                }
                Shape::Structure { members, .. } => {
                    members
                        .iter()
                        .for_each(|Member { shape, .. }| walk(shape, found));
                }
                Shape::Boolean | Shape::Timestamp | Shape::Integer { .. } | Shape::Blob { .. } => {}
            }
        }
        let mut found = Vec::new();
        ACTIONS.iter().for_each(|row| walk(row.input, &mut found));
        assert!(found.len() > 50);
        for pattern in found {
            assert!(compile(pattern).is_some(), "{pattern}");
        }
    }

    #[test]
    fn patterns_that_look_around_take_what_they_mean() {
        let [alias, qualifier, bucket, of_url, destination] = BEYOND else {
            panic!("one more to try");
        };
        check(alias.0, &["live", "1a"], &["1", "", "a b"]);
        check(qualifier.0, &["live", "1-"], &["12", ""]);
        check(bucket.0, &["b.c", ""], &["b.", "b/c"]);
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        check(
            of_url.0,
            &["f", "f:live", arn, "function:f:v1", &format!("{arn}:live")],
            &["f:1", "", &"f".repeat(65), &format!("{arn}:1")],
        );
        let queue = "arn:aws:sqs:us-east-1:000000000000:q";
        check(destination.0, &["", queue, "kafka://t"], &["q", "arn:aws"]);
    }

    #[test]
    fn hostile_text_ends_soon() {
        let text = format!("arn:aws{}", ":kinesis:".repeat(50_000));
        assert!(!matches(r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+", &text));
    }
}
