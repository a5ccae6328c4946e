//! A lot of data: what it does to the memory of the server, and how long a start after SIGKILL takes with it.
//!
//! The second start finds neither view nor indexes and reads the whole log, which is what recovery costs at worst.

use std::path::Path;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::{
    calibration::READ_DEVICE,
    report::{Report, Row, Target, say},
    requests::{RECORDS_PER_PUT, put_records},
    rest::millis,
    server::{Project, Server},
};

const KIB: usize = 1 << 10;
const GIB: usize = 1 << 30;
const PRODUCERS: usize = 4;
const RECOVERY_GB_PER_SECOND_MIN: f64 = 1.0;
const NAME: &str = "fill";
const FILE: &str = "version: 1\nstreams: { fill: { shards: 4 } }\n";

/// Puts so many GiB of records of 1 KiB.
pub(crate) async fn measure(report: &mut Report, project: &Project, gib: usize) -> Result<()> {
    say(&format!("{gib} GiB of data"));
    let server = project.start(NAME, FILE).await?;
    put(&server, gib).await?;
    for (what, line) in [
        ("memory", "VmRSS:"),
        ("of it not backed by a file", "RssAnon:"),
    ] {
        let what = format!("{what} after {gib} GiB was put");
        report.add(Row::new(what, server.memory_mib(line)?, "MiB"));
    }
    server.kill()?;

    let logged = log_bytes(&project.data(NAME))?;
    let server = project.start(NAME, FILE).await?;
    let what = format!("start with {gib} GiB after SIGKILL until ready");
    report.add(Row::new(what, millis(server.started_in), "ms"));
    let memory = server.memory_mib("VmRSS:")?;
    report.add(Row::new(
        format!("memory after that start, {gib} GiB"),
        memory,
        "MiB",
    ));
    server.kill()?;

    forget_what_is_derived(&project.data(NAME))?;
    let server = project.start(NAME, FILE).await?;
    let seconds = server.started_in.as_secs_f64();
    let what = format!("recovery of {gib} GiB without view and indexes, all of the log read");
    report.add(
        Row::new(what, logged / 1e9 / seconds, "GB/s")
            .beside(
                "the raw read past the page cache",
                report.value(READ_DEVICE) / 1e3,
            )
            .target(Target::AtLeast(RECOVERY_GB_PER_SECOND_MIN)),
    );
    server.kill()?;
    std::fs::remove_dir_all(project.folder.join(NAME)).context("remove the data")
}

async fn put(server: &Server, gib: usize) -> Result<()> {
    let bodies = put_records(NAME, KIB);
    let puts = gib * GIB / KIB / RECORDS_PER_PUT / PRODUCERS;
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        let mut connection = server.connect().await?;
        let bodies = bodies.clone();
        producers.spawn(async move {
            for body in bodies.into_iter().cycle().take(puts) {
                connection.kinesis("PutRecords", body).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = producers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Bytes of all segments.
fn log_bytes(data: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(data.join("log")).context("look at the log")? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|kind| kind == "seg") {
            bytes += entry.metadata()?.len() as f64;
        }
    }
    Ok(bytes)
}

fn forget_what_is_derived(data: &Path) -> Result<()> {
    std::fs::remove_dir_all(data.join("view")).context("remove the view")?;
    for entry in std::fs::read_dir(data.join("log")).context("look at the log")? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "idx") {
            std::fs::remove_file(path).context("remove an index")?;
        }
    }
    Ok(())
}
