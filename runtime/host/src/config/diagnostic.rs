//! What is wrong with the file, said at the place where it is wrong. A fact and a place come in; a message with the
//! source line, carets and a hint goes out. It decides nothing and never prints: `cli` does, after the word `error:`.

use std::fmt;

use serde::Serialize;

use super::limits::DIAGNOSTICS_MAX;

/// One fact about one place of the file. Displayed, it is several lines without a full stop or a line break at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file, as it was named by whoever asked for it.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Characters under which carets stand, at least 1.
    pub width: usize,
    pub message: String,
    pub source_line: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            column,
            width,
            message,
            source_line,
            hint,
        } = self;
        writeln!(f, "{path}:{line}:{column}: {message}")?;
        writeln!(f, "{line:>5} | {source_line}")?;
        let indent = column.saturating_sub(1);
        writeln!(f, "      | {:indent$}{}", "", "^".repeat(*width))?;
        write!(f, "hint: {hint}")
    }
}

/// The file cannot be used. Displayed after `error: `, every diagnostic has that word before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Refused {
    /// In the order of the file; never empty.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there are than are worth reading at once.
    pub left_off: usize,
}

impl Refused {
    pub(super) fn one(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostics: vec![diagnostic],
            left_off: 0,
        }
    }

    pub(super) fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|found| (found.line, found.column));
        let left_off = diagnostics.len().saturating_sub(DIAGNOSTICS_MAX);
        diagnostics.truncate(DIAGNOSTICS_MAX);
        Self {
            diagnostics,
            left_off,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\nerror: ")?;
            }
            write!(f, "{diagnostic}")?;
        }
        if self.left_off > 0 {
            write!(f, "\n\nand {} more", self.left_off)?;
        }
        Ok(())
    }
}

/// A place in the file: where carets stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) width: usize,
}

impl At {
    pub(super) const START: Self = Self {
        line: 1,
        column: 1,
        width: 1,
    };
}

/// The file as text, which knows how to point at itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// Carets end where the line ends: a value may go on for many lines.
    pub(super) fn diagnostic(
        &self,
        at: At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Diagnostic {
        let line = self
            .text
            .lines()
            .nth(at.line.saturating_sub(1))
            .unwrap_or_default();
        let source_line: String = line
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let rest = source_line
            .trim_end()
            .chars()
            .count()
            .saturating_sub(at.column - 1);
        Diagnostic {
            path: self.path.to_owned(),
            line: at.line,
            column: at.column,
            width: at.width.min(rest).max(1),
            message: message.into(),
            source_line,
            hint: hint.into(),
        }
    }
}
