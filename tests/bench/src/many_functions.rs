//! A thousand functions on one server, and a hundred of one language runtime: what the last one costs.
//!
//! The thousand are one component with a number behind it, so that each has a digest and compiled code of its own.

use std::{fmt::Write as _, path::Path, time::Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;

use crate::{
    calibration::at,
    client::Connection,
    load::{histogram, micros},
    report::{Report, Row, Target, say},
    rest::millis,
    server::Project,
};

const FUNCTIONS: usize = 1_000;
const MIB_MAX: f64 = 400.0;
/// What a first call takes longer than the one after it.
const COLD_US_MAX: f64 = 100.0;
const OF_A_LANGUAGE: usize = 100;
const OF_A_LANGUAGE_MIB_MAX: f64 = 2.0;
const COMPILED: &str = "cwasm";

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("many functions");
    thousand(report, project).await?;
    let hundred = hundred(report, project).await;
    if let Err(error) = hundred {
        report.not_run("100 JavaScript functions", &format!("{error:#}"));
    }
    Ok(())
}

async fn thousand(report: &mut Report, project: &Project) -> Result<()> {
    let name = "thousand";
    let component = std::fs::read(project.guests.join("event_echo.wasm"))?;
    let mut file = "version: 1\nfunctions:\n".to_owned();
    for number in 0..FUNCTIONS {
        writeln!(file, "  f{number}: {{ source: f{number}.wasm }}")?;
        let bytes = numbered(&component, number);
        project.write(name, &format!("f{number}.wasm"), &bytes)?;
    }
    let first = project.start(name, &file).await?;
    let row = |what: &str, value, unit| Row::new(format!("1,000 functions, {what}"), value, unit);
    report.add(row(
        "first start, which compiles them",
        millis(first.started_in),
        "ms",
    ));
    drop(first);
    let server = project.start(name, &file).await?;
    report.add(row("start", millis(server.started_in), "ms"));
    let deployed = row("memory", server.memory_mib("VmRSS:")?, "MiB");
    report.add(deployed.target(Target::AtMost(MIB_MAX)));
    let mut connection = server.connect().await?;
    let (mut cold, mut again) = (histogram(), histogram());
    for number in 0..FUNCTIONS {
        cold.saturating_record(call(&mut connection, number).await?);
        again.saturating_record(call(&mut connection, number).await?);
    }
    let memory = server.memory_mib("VmRSS:")?;
    report.add(row("memory, each called", memory, "MiB"));
    let own = server.memory_mib("RssAnon:")?;
    report.add(row("of it not backed by a file", own, "MiB"));
    let (cold, again) = (at(&cold, 0.5), at(&again, 0.5));
    report.add(row("first call of each, p50", cold, "us"));
    report.add(row("second call of each, p50", again, "us"));
    let more = row("what a first call takes longer, p50", cold - again, "us");
    report.add(more.target(Target::AtMost(COLD_US_MAX)));
    Ok(())
}

/// Microseconds until the answer.
async fn call(connection: &mut Connection, number: usize) -> Result<u64> {
    let path = format!("/2015-03-31/functions/f{number}/invocations");
    let began = Instant::now();
    let answer = connection
        .lambda(&path, Bytes::from_static(b"{\"n\":1}"))
        .await?;
    let took = micros(began.elapsed());
    if answer != br#"{"echo":{"n":1}}"#.as_slice() {
        bail!("{path} answered {}", String::from_utf8_lossy(&answer));
    }
    Ok(took)
}

/// The same component with a custom section that holds a number.
pub(crate) fn numbered(component: &[u8], number: usize) -> Vec<u8> {
    // Section 0, its length, the length of its empty name.
    let number = u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    [component, &[0, 5, 0], &number].concat()
}

async fn hundred(report: &mut Report, project: &Project) -> Result<()> {
    let name = "hundred";
    let mut file = "version: 1\nfunctions:\n".to_owned();
    for number in 0..OF_A_LANGUAGE {
        writeln!(file, "  f{number}: {{ source: f{number}.mjs }}")?;
        let code = format!(
            "export const handler = (event) => ({{ echo: event }});\nexport const number = {number};\n"
        );
        project.write(name, &format!("f{number}.mjs"), code.as_bytes())?;
    }
    let server = project.start(name, &file).await?;
    let mut connection = server.connect().await?;
    let (half, last) = (OF_A_LANGUAGE / 2, OF_A_LANGUAGE);
    called(&mut connection, 0..half).await?;
    let before = server.memory_mib("VmRSS:")?;
    let took = called(&mut connection, half..last).await?;
    let each = (server.memory_mib("VmRSS:")? - before) / (last - half) as f64;
    let what = "100 JavaScript functions, memory of each, called";
    report.add(Row::new(what, each, "MiB").target(Target::AtMost(OF_A_LANGUAGE_MIB_MAX)));
    let what = "100 JavaScript functions, first call of each, p50";
    report.add(Row::new(what, took, "us"));
    let compiled = compiled_below(&project.folder.join(name))?;
    let what = "100 JavaScript functions, compiled for them";
    report.add(Row::new(what, compiled as f64, "files").target(Target::AtMost(0.0)));
    Ok(())
}

async fn called(connection: &mut Connection, numbers: std::ops::Range<usize>) -> Result<f64> {
    let mut took = histogram();
    for number in numbers {
        took.saturating_record(call(connection, number).await?);
    }
    Ok(at(&took, 0.5))
}

fn compiled_below(folder: &Path) -> Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).context("look for compiled code")? {
        let path = entry?.path();
        if path.is_dir() {
            found += compiled_below(&path)?;
        } else if path.extension().is_some_and(|it| it == COMPILED) {
            found += 1;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_component_is_the_component_with_a_section_behind_it() {
        let made = numbered(b"\0asm", 258);
        assert_eq!(made, b"\0asm\0\x05\0\x02\x01\0\0");
    }
}
