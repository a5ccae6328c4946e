//! What was measured, as a table for people and as JSON for programs.
//!
//! Rows come in the order in which they were measured. A row with a target says whether it was reached; a missed target
//! is part of the result and no failure. What could not be measured is named with its reason.

use std::{io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    not_run: Vec<NotRun>,
}

#[derive(Debug)]
struct NotRun {
    what: String,
    why: String,
}

/// One figure. `beside` is what it is compared with, in the same unit.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    server_us: Option<f64>,
    beside: Option<(String, f64)>,
    target: Option<Target>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value,
            unit,
            server_us: None,
            beside: None,
            target: None,
        }
    }

    /// Processor time of the server for each record, request or invocation that the row counts.
    pub(crate) fn server_us(self, us: f64) -> Self {
        Self {
            server_us: Some(us),
            ..self
        }
    }

    pub(crate) fn beside(self, what: impl Into<String>, value: f64) -> Self {
        Self {
            beside: Some((what.into(), value)),
            ..self
        }
    }

    pub(crate) fn target(self, target: Target) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    fn reached(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtLeast(least) => self.value >= least,
            Target::AtMost(most) => self.value <= most,
        })
    }

    fn cells(&self) -> [String; 6] {
        let ratio = |(what, value): &(String, f64)| format!("{:.2} x {what}", self.value / value);
        [
            self.what.clone(),
            rounded(self.value),
            self.unit.to_owned(),
            self.server_us.map(rounded).unwrap_or_default(),
            self.beside.as_ref().map(ratio).unwrap_or_default(),
            match (self.target, self.reached()) {
                (Some(target), Some(true)) => format!("{} reached", target.text()),
                (Some(target), Some(false)) => format!("{} MISSED", target.text()),
                (Some(_) | None, _) => String::new(),
            },
        ]
    }

    fn json(&self) -> Value {
        json!({
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "server_cpu_us": self.server_us,
            "beside": self.beside.as_ref().map(|(what, value)| json!({
                "what": what, "value": value, "ratio": self.value / value,
            })),
            "target": self.target.map(Target::text),
            "reached": self.reached(),
        })
    }
}

impl NotRun {
    fn sentence(&self) -> String {
        format!("not run: {}, because {}", self.what, self.why)
    }

    fn json(&self) -> Value {
        json!({"what": self.what, "why": self.why})
    }
}

impl Target {
    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {}", rounded(least)),
            Self::AtMost(most) => format!("<= {}", rounded(most)),
        }
    }
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        let [what, value, unit, ..] = row.cells();
        say(&format!("  {what}: {value} {unit}"));
        self.rows.push(row);
    }

    pub(crate) fn not_run(&mut self, what: &str, why: &str) {
        let not_run = NotRun {
            what: what.to_owned(),
            why: why.to_owned(),
        };
        say(&format!("  {}", not_run.sentence()));
        self.not_run.push(not_run);
    }

    /// The value of an earlier row, to compare with; NaN, and so a ratio that says nothing, when there is none.
    pub(crate) fn value(&self, what: &str) -> f64 {
        let found = self.rows.iter().find(|row| row.what == what);
        found.map_or(f64::NAN, |row| row.value)
    }

    /// Ends with one sentence for each thing that was not run.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN).set_header([
            "what",
            "value",
            "unit",
            "server CPU, us each",
            "beside",
            "target",
        ]);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        for column in [1, 3] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("{table}\n");
        for not_run in &self.not_run {
            text.push_str(&format!("\n- {}", not_run.sentence()));
        }
        text
    }

    pub(crate) fn print(&self) -> Result<()> {
        writeln!(std::io::stdout(), "{}", self.table().trim_end()).context("print the table")
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let document = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "machine": crate::machine::description(),
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "not_run": self.not_run.iter().map(NotRun::json).collect::<Vec<_>>(),
        });
        std::fs::write(path, format!("{document:#}\n"))
            .with_context(|| format!("write {}", path.display()))
    }
}

/// Three digits that matter, thousands apart.
fn rounded(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Progress, on stderr: stdout is kept for the table.
pub(crate) fn say(text: &str) {
    // A closed terminal is no reason to stop measuring.
    drop(writeln!(std::io::stderr(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_matter() {
        for (value, text) in [
            (0.123_4, "0.12"),
            (12.345, "12.3"),
            (123.4, "123"),
            (1_234.5, "1,234"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(rounded(value), text);
        }
    }

    #[test]
    fn a_row_says_whether_its_target_was_reached() {
        let row = Row::new("idle memory", 20.0, "MiB").beside("the binary", 40.0);
        let [.., beside, target] = row.clone().target(Target::AtMost(25.0)).cells();
        assert_eq!(
            (beside.as_str(), target.as_str()),
            ("0.50 x the binary", "<= 25.0 reached")
        );
        let [.., target] = row.target(Target::AtLeast(25.0)).cells();
        assert_eq!(target, ">= 25.0 MISSED");
    }
}
