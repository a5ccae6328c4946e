//! The house rules that no compiler knows, checked on the repository as text. Files come in, complaints go out, each with
//! the file and what to do about it. Nothing is built or run here, so a broken crate does not hide a broken rule.
//!
//! `tests/house.rs` holds the repository against every rule; the rules' own tests show that each of them can fail.

mod manifest;
mod repository;
mod rules;
mod rust;

use std::fmt;

pub use repository::Repository;
pub use rules::{links, machine, manifests, order, sources};

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    pub path: String,
    /// From 1; None where the file as a whole is meant.
    pub line: Option<usize>,
    pub fact: String,
    pub advice: &'static str,
}

impl Complaint {
    fn whole(path: &str, fact: impl Into<String>, advice: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            fact: fact.into(),
            advice,
        }
    }

    fn at(path: &str, line: usize, fact: impl Into<String>, advice: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            line: Some(line),
            fact: fact.into(),
            advice,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; {}", self.fact, self.advice)
    }
}
