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

const USAGE: &str =
    "usage: shardmill-bench BINARY GUESTS SCRATCH JSON [rest|streams|latency|triggers|sandboxes]";

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
    let (binary, guests, scratch, json, parts) = match arguments {
        [binary, guests, scratch, json] => (binary, guests, scratch, json, Parts::all()),
        [binary, guests, scratch, json, part] => (binary, guests, scratch, json, Parts::one(part)?),
        _ => bail!("{USAGE}"),
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
    let report = runtime.block_on(measure(&project, parts))?;
    report.print()?;
    report.write(json)
}

/// What of the bench runs; the machine is calibrated always.
#[derive(Debug, Clone, Copy)]
struct Parts(Option<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Rest,
    Streams,
    Latency,
    Triggers,
    Sandboxes,
}

impl Parts {
    fn all() -> Self {
        Self(None)
    }

    fn one(name: &Path) -> Result<Self> {
        let part = match name.to_str() {
            Some("rest") => Part::Rest,
            Some("streams") => Part::Streams,
            Some("latency") => Part::Latency,
            Some("triggers") => Part::Triggers,
            Some("sandboxes") => Part::Sandboxes,
            Some(_) | None => bail!("there is no part {}\n{USAGE}", name.display()),
        };
        Ok(Self(Some(part)))
    }

    fn has(self, part: Part) -> bool {
        self.0.is_none_or(|only| only == part)
    }
}

async fn measure(project: &Project, parts: Parts) -> Result<Report> {
    let mut report = Report::default();
    report::say("calibrating the machine");
    calibration::disk_and_memory(&mut report, &project.folder)?;
    if parts.has(Part::Rest) {
        rest::measure(&mut report, project).await?;
    }
    let server = project.start("work").await?;
    calibration::http(&mut report, &server).await?;
    if parts.has(Part::Streams) {
        streams::puts(&mut report, &server).await?;
        streams::gets(&mut report, &server).await?;
    }
    if parts.has(Part::Latency) {
        latency::measure(&mut report, &server).await?;
    }
    if parts.has(Part::Triggers) {
        triggers::measure(&mut report, &server).await?;
    }
    drop(server);
    if parts.has(Part::Sandboxes) {
        sandboxes::measure(&mut report, project).await?;
    }
    Ok(report)
}
