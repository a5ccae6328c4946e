//! What the server costs before it does anything: time to its first answer, memory at rest, size on disk.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{
    load::micros,
    report::{Report, Row, Target, say},
    server::Project,
};

const STARTS: usize = 7;
/// After a start, until nothing moves any more.
const REST: Duration = Duration::from_millis(1_500);

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("start, idle memory, size");
    let size = std::fs::metadata(&project.binary)
        .context("look at the binary")?
        .len();
    report
        .add(Row::new("size of the binary", size as f64 / 1e6, "MB").target(Target::AtMost(30.0)));
    let mut starts = Vec::new();
    for start in 0..STARTS {
        let server = project.start_empty(&format!("start-{start}")).await?;
        starts.push(server.started_in);
    }
    report.add(
        Row::new(
            "start on an empty folder to the first answer, p50",
            middle(starts),
            "ms",
        )
        .target(Target::AtMost(50.0)),
    );
    let server = project.start_empty("idle").await?;
    tokio::time::sleep(REST).await;
    report.add(
        Row::new(
            "idle memory, no stream",
            server.memory_mib("VmRSS:")?,
            "MiB",
        )
        .target(Target::AtMost(25.0)),
    );
    drop(server);
    with_functions(report, project).await
}

/// The first start compiles the functions; later ones open what was compiled.
async fn with_functions(report: &mut Report, project: &Project) -> Result<()> {
    let first = project.start("rest").await?;
    report.add(Row::new(
        "first start with 7 streams, 2 functions, 4 triggers",
        millis(first.started_in),
        "ms",
    ));
    drop(first);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(project.start("rest").await?.started_in);
    }
    report.add(
        Row::new("start again after SIGKILL, p50", middle(starts), "ms")
            .target(Target::AtMost(50.0)),
    );
    let server = project.start("rest").await?;
    tokio::time::sleep(REST).await;
    let all = server.memory_mib("VmRSS:")?;
    report.add(
        Row::new("idle memory, 2 functions and 4 triggers", all, "MiB")
            .target(Target::AtMost(25.0)),
    );
    let own = server.memory_mib("RssAnon:")?;
    report.add(Row::new("of it not backed by a file", own, "MiB"));
    Ok(())
}

fn millis(time: Duration) -> f64 {
    micros(time) as f64 / 1e3
}

fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).copied().map_or(f64::NAN, millis)
}
