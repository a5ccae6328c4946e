//! Text with stars: `*` stands for any run of characters, `\*` and `\\` for themselves.
//!
//! Matching looks at each part once from left to right, so no pattern makes it slow.

use super::FilterError;
use crate::limits::WILDCARDS_MAX;

/// The texts between the stars; one more than there are stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wildcard(Vec<String>);

impl Wildcard {
    pub(super) fn compile(text: &str) -> Result<Self, FilterError> {
        let mut parts = vec![String::new()];
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, character)) = characters.next() {
            let literal = match character {
                '*' if characters.peek().is_some_and(|(_, next)| *next == '*') => {
                    return Err(FilterError::ConsecutiveStars(at));
                }
                '*' => None,
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => Some(escaped),
                    Some(_) | None => return Err(FilterError::BadEscape(at)),
                },
                plain => Some(plain),
            };
            match (literal, parts.last_mut()) {
                (Some(literal), Some(part)) => part.push(literal),
                (Some(_) | None, _) => parts.push(String::new()),
            }
        }
        if parts.len() - 1 > WILDCARDS_MAX {
            return Err(FilterError::TooManyStars);
        }
        Ok(Self(parts))
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let [first, between @ .., last] = self.0.as_slice() else {
            return self.0.iter().any(|whole| whole == text);
        };
        let Some(mut rest) = text
            .strip_prefix(first.as_str())
            .and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        // The leftmost place for each part leaves the most room for those after it.
        between
            .iter()
            .all(|part| match rest.split_once(part.as_str()) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
    }
}
