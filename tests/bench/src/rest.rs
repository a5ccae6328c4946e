//! What the server costs before it does anything: time until it is ready, memory and processor time at rest, size on
//! disk.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, Result};

use crate::{
    load::micros,
    report::{Report, Row, Target, say},
    server::{Project, Server},
};

const STARTS: usize = 7;
/// After a start, until nothing moves any more.
const REST: Duration = Duration::from_millis(1_500);
const IDLE: Duration = Duration::from_secs(5);
const MANY_STREAMS: usize = 1_000;
const MANY_START_MS_MAX: f64 = 200.0;
const MANY_IDLE_MIB_MAX: f64 = 60.0;
/// One percent of a core.
const MANY_IDLE_CPU_MAX: f64 = 10.0;

const BINARY_MB_MAX: f64 = 30.0;
const START_MS_MAX: f64 = 20.0;
const IDLE_MIB_MAX: f64 = 18.0;

const NOTHING: &str = "version: 1\n";
const SOME: &str = "version: 1
streams: { a: { shards: 4 }, b: {}, c: {} }
functions: { empty: { source: empty.wasm }, echo: { source: echo.wasm } }
triggers:
  a: { stream: a, function: empty }
  b: { stream: b, function: empty }
  c: { stream: c, function: echo, outputs: a }
";

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("start, idle memory, size");
    let size = std::fs::metadata(&project.binary)
        .context("look at the binary")?
        .len();
    let row = Row::new("size of the binary", size as f64 / 1e6, "MB");
    report.add(row.target(Target::AtMost(BINARY_MB_MAX)));
    let mut starts = Vec::new();
    for start in 0..STARTS {
        let server = project.start(&format!("start-{start}"), NOTHING).await?;
        starts.push(server.started_in);
    }
    let row = Row::new(
        "start on an empty folder until ready, p50",
        middle(starts),
        "ms",
    );
    report.add(row.target(Target::AtMost(START_MS_MAX)));
    let server = project.start("idle", NOTHING).await?;
    tokio::time::sleep(REST).await;
    let memory = server.memory_mib("VmRSS:")?;
    let row = Row::new("idle memory, no stream", memory, "MiB");
    report.add(row.target(Target::AtMost(IDLE_MIB_MAX)));
    drop(server);
    with_functions(report, project).await?;
    with_many_streams(report, project).await
}

/// The first start compiles the functions; later ones open what was compiled.
async fn with_functions(report: &mut Report, project: &Project) -> Result<()> {
    let first = project.start("rest", SOME).await?;
    report.add(Row::new(
        "first start with 2 functions and 3 triggers, which compiles them",
        millis(first.started_in),
        "ms",
    ));
    drop(first);
    let row = Row::new(
        "start again after SIGKILL, p50",
        starts_again(project, "rest", SOME).await?,
        "ms",
    );
    report.add(row.target(Target::AtMost(START_MS_MAX)));
    let server = project.start("rest", SOME).await?;
    tokio::time::sleep(REST).await;
    let all = server.memory_mib("VmRSS:")?;
    let row = Row::new("idle memory, 2 functions and 3 triggers", all, "MiB");
    report.add(row.target(Target::AtMost(IDLE_MIB_MAX)));
    let own = server.memory_mib("RssAnon:")?;
    report.add(Row::new("of it not backed by a file", own, "MiB"));
    let (cpu, _) = at_rest(&server).await?;
    let what = "idle processor time, 2 functions and 3 triggers";
    report.add(Row::new(what, cpu, "ms a second"));
    Ok(())
}

/// Processor time in milliseconds a second, and bytes given to files.
async fn at_rest(server: &Server) -> Result<(f64, f64)> {
    let (cpu, written) = (server.idle_cpu_seconds()?, server.file_bytes_written()?);
    tokio::time::sleep(IDLE).await;
    let used = server.idle_cpu_seconds()? - cpu;
    let written = server.file_bytes_written()? - written;
    Ok((used * 1e3 / IDLE.as_secs_f64(), written))
}

async fn with_many_streams(report: &mut Report, project: &Project) -> Result<()> {
    let mut file = "version: 1\nstreams:\n".to_owned();
    for stream in 0..MANY_STREAMS {
        writeln!(file, "  stream-{stream}: {{ shards: 4 }}")?;
    }
    let first = project.start("many", &file).await?;
    report.add(Row::new(
        "first start with 1,000 streams of 4 shards, which makes them",
        millis(first.started_in),
        "ms",
    ));
    drop(first);
    let row = Row::new(
        "start with 1,000 streams of 4 shards after SIGKILL, p50",
        starts_again(project, "many", &file).await?,
        "ms",
    );
    report.add(row.target(Target::AtMost(MANY_START_MS_MAX)));
    let server = project.start("many", &file).await?;
    tokio::time::sleep(REST).await;
    let memory = server.memory_mib("VmRSS:")?;
    let row = Row::new("idle memory, 1,000 streams of 4 shards", memory, "MiB");
    report.add(row.target(Target::AtMost(MANY_IDLE_MIB_MAX)));
    let (cpu, written) = at_rest(&server).await?;
    let row = Row::new(
        "idle processor time, 1,000 streams of 4 shards",
        cpu,
        "ms a second",
    );
    report.add(row.target(Target::AtMost(MANY_IDLE_CPU_MAX)));
    let row = Row::new(
        "what 1,000 idle streams of 4 shards write in 5 s",
        written,
        "bytes",
    );
    report.add(row.target(Target::AtMost(0.0)));
    Ok(())
}

/// Each server is killed as soon as it is ready.
async fn starts_again(project: &Project, name: &str, file: &str) -> Result<f64> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(project.start(name, file).await?.started_in);
    }
    Ok(middle(starts))
}

pub(crate) fn millis(time: Duration) -> f64 {
    micros(time) as f64 / 1e3
}

fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).copied().map_or(f64::NAN, millis)
}
