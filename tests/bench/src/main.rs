//! Measures a release build of `shardmill` on this machine and says what came out: a table and a JSON file.
//!
//! `cargo xtask bench` builds what is measured and starts this program. Every figure stands beside a calibration of the
//! same machine in the same run, because only their ratio means something elsewhere. The load comes from this process,
//! on the same cores as the server. Anything that does not answer as it should ends the run: a figure is never guessed.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench drives real processes by the real clock"
)]

mod calibration;
mod client;
mod latency;
mod load;
mod machine;
mod report;
mod requests;
mod rest;
mod sandboxes;
mod server;
mod streams;
mod triggers;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};

use report::Report;
use server::Project;

const USAGE: &str = "usage: shardmill-bench BINARY GUESTS SCRATCH JSON";

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if let [word] = arguments.as_slice()
        && word.as_path() == Path::new(machine::SPIN)
    {
        machine::spin();
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[PathBuf]) -> Result<()> {
    let [binary, guests, scratch, json] = arguments else {
        bail!("{USAGE}");
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    std::fs::create_dir_all(scratch).context("make the folder for scratch data")?;
    let folder = tempfile::tempdir_in(scratch).context("make a folder of this run")?;
    let project = Project {
        binary: binary.clone(),
        guests: guests.clone(),
        folder: folder.path().to_owned(),
    };
    let report = runtime.block_on(measure(&project))?;
    report.print()?;
    report.write(json)
}

async fn measure(project: &Project) -> Result<Report> {
    let mut report = Report::default();
    report::say("calibrating the machine");
    calibration::disk_and_memory(&mut report, &project.folder)?;
    rest::measure(&mut report, project).await?;
    let server = project.start("work").await?;
    calibration::http(&mut report, &server).await?;
    streams::puts(&mut report, &server).await?;
    streams::gets(&mut report, &server).await?;
    latency::measure(&mut report, &server).await?;
    triggers::measure(&mut report, &server).await?;
    drop(server);
    sandboxes::measure(&mut report, project).await?;
    Ok(report)
}
