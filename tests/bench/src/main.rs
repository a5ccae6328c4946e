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

mod arguments;
mod calibration;
mod client;
mod cold;
mod commits;
mod consumer;
mod document;
mod fan_out;
mod fill;
mod function_peers;
mod functions;
mod handover;
mod isolation;
mod languages;
mod latency;
mod load;
mod machine;
mod many_functions;
mod nats;
mod noop;
mod parts;
mod peers;
mod readers;
mod report;
mod requests;
mod reshard;
mod rest;
mod sandboxes;
mod server;
mod simulation;
mod storage;
mod streams;
mod triggers;

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use arguments::{Arguments, Part};
use report::Report;
use server::Project;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == [machine::SPIN] {
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

fn run(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    std::fs::create_dir_all(&arguments.scratch).context("make the folder for scratch data")?;
    let folder = tempfile::tempdir_in(&arguments.scratch).context("make a folder of this run")?;
    let project = Project {
        // It is started in other folders than this one.
        binary: std::path::absolute(&arguments.binary).context("find the binary")?,
        guests: std::path::absolute(&arguments.guests).context("find the guests")?,
        folder: folder.path().to_owned(),
        tools: std::path::absolute(&arguments.tools).context("find the folder of tools")?,
    };
    let report = runtime.block_on(measure(&project, &arguments))?;
    report.print()?;
    report.write(&arguments.json)?;
    match &arguments.document {
        Some(document) => document::write(document, &report),
        None => Ok(()),
    }
}

async fn measure(project: &Project, arguments: &Arguments) -> Result<Report> {
    let mut report = Report::default();
    let folder = &project.folder;
    report::say("calibrating the machine");
    calibration::disk_and_memory(&mut report, folder)?;
    calibration::http(&mut report, project).await?;
    if arguments.has(Part::Rest) {
        rest::measure(&mut report, project).await?;
    }
    if arguments.has(Part::Storage) {
        storage::measure(&mut report, folder).await?;
    }
    if arguments.has(Part::Streams) {
        let parts = parts::measure(&mut report, folder).await?;
        streams::measure(&mut report, project, parts).await?;
        reshard::measure(&mut report, project).await?;
    }
    if arguments.has(Part::Latency) {
        latency::measure(&mut report, project).await?;
    }
    if arguments.has(Part::Readers) {
        readers::measure(&mut report, project).await?;
        fan_out::measure(&mut report, project).await?;
    }
    if arguments.has(Part::Triggers) {
        triggers::measure(&mut report, project).await?;
        consumer::measure(&mut report, project).await?;
        isolation::measure(&mut report, project).await?;
        handover::measure(&mut report, project).await?;
        simulation::measure(&mut report, project)?;
    }
    if arguments.has(Part::Sandboxes) {
        sandboxes::measure(&mut report, project).await?;
        cold::measure(&mut report, project).await?;
    }
    if arguments.has(Part::Functions) {
        functions::measure(&mut report, project).await?;
        languages::measure(&mut report, project).await?;
        many_functions::measure(&mut report, project).await?;
        if let Some(installed) = &arguments.peers {
            function_peers::measure(&mut report, project, installed).await?;
        }
    }
    if arguments.has(Part::Fill) {
        fill::measure(&mut report, project, arguments.gib).await?;
    }
    if arguments.has(Part::Peers)
        && let Some(installed) = &arguments.peers
    {
        peers::measure(&mut report, project, installed).await?;
    }
    Ok(report)
}
