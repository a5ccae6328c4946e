//! `${NAME}` and `${NAME:-default}` in a string value. Text and the variables that the caller hands in go in, text comes
//! out. It never reads the process environment and never touches keys. A failure is a variable that is not set and has
//! no default, or a brace that never closes; guessing an empty string would start a function with a wrong setting.

use std::collections::BTreeMap;

/// Why a value could not be completed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InterpolateError {
    #[error("the variable `{0}` is not set")]
    Unset(String),
    #[error("`${{` is not closed")]
    Unclosed,
    #[error("`{0}` is not a name of a variable")]
    BadName(String),
}

impl InterpolateError {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Unset(name) => format!("set it, or give a default: `${{{name}:-value}}`"),
            Self::Unclosed => "close it with `}`, or write `$${` for the text itself".to_owned(),
            Self::BadName(_) => {
                "letters, digits and `_`; write `$${` for the text itself".to_owned()
            }
        }
    }
}

/// `$${` is the text `${`; a `$` without a brace is itself. As in a shell, `:-` also stands in for an empty variable.
pub(super) fn interpolate(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, InterpolateError> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, from) = rest.split_at(dollar);
        done.push_str(before);
        if let Some(after) = from.strip_prefix("$${") {
            done.push_str("${");
            rest = after;
        } else if let Some(after) = from.strip_prefix("${") {
            let (inside, after) = after.split_once('}').ok_or(InterpolateError::Unclosed)?;
            done.push_str(value(inside, variables)?);
            rest = after;
        } else {
            done.push('$');
            rest = &from[1..];
        }
    }
    done.push_str(rest);
    Ok(done)
}

fn value<'a>(
    inside: &'a str,
    variables: &'a BTreeMap<String, String>,
) -> Result<&'a str, InterpolateError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_variable_name(name) {
        return Err(InterpolateError::BadName(name.to_owned()));
    }
    match (variables.get(name), default) {
        (Some(set), Some(default)) if set.is_empty() => Ok(default),
        (Some(set), _) => Ok(set),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(InterpolateError::Unset(name.to_owned())),
    }
}

pub(super) fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, &str>) {
        let variables = BTreeMap::from([
            ("HOME_STREAM".to_owned(), "flights".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]);
        let found = interpolate(text, &variables).map_err(|error| error.to_string());
        assert_eq!(
            found.as_deref().map_err(String::as_str),
            expect,
            "for {text}"
        );
    }

    #[test]
    fn variables_defaults_and_literals() {
        check("plain", Ok("plain"));
        check("${HOME_STREAM}", Ok("flights"));
        check(
            "a-${HOME_STREAM}-${HOME_STREAM}-b",
            Ok("a-flights-flights-b"),
        );
        check("${MISSING:-30}", Ok("30"));
        check("${MISSING:-}", Ok(""));
        check("${EMPTY}", Ok(""));
        check("${EMPTY:-x}", Ok("x"));
        check("${MISSING:-a:-b}", Ok("a:-b"));
        check("$${HOME_STREAM}", Ok("${HOME_STREAM}"));
        check("$$${HOME_STREAM}", Ok("$${HOME_STREAM}"));
        check("5$ and $HOME_STREAM", Ok("5$ and $HOME_STREAM"));
        check("ends with $", Ok("ends with $"));
    }

    #[test]
    fn what_cannot_be_completed() {
        check("${MISSING}", Err("the variable `MISSING` is not set"));
        check("${HOME_STREAM", Err("`${` is not closed"));
        check("${}", Err("`` is not a name of a variable"));
        check("${1A}", Err("`1A` is not a name of a variable"));
        check("${a b}", Err("`a b` is not a name of a variable"));
    }
}
