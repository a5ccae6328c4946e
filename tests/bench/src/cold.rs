//! A function that was compiled in an earlier run: how long it takes to open it, and to call it for the first time.
//!
//! Measured in this process with files that are in the page cache, each function once.

use std::{sync::Arc, time::Instant};

use anyhow::{Context as _, Result, bail};
use model::Outcome;
use platform::Platform;
use sandbox::{Engine, EngineSettings};

use crate::{
    calibration::at,
    load::{histogram, micros},
    machine::Spinners,
    many_functions::numbered,
    report::{Report, Row, Target, say},
    sandboxes::{Unheard, invocation, limits, record},
    server::Project,
};

const FUNCTIONS: usize = 64;
const LOAD_US_MAX: f64 = 100.0;
const CALL_US_MAX: f64 = 50.0;

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("functions that were compiled before");
    let component = std::fs::read(project.guests.join("echo.wasm")).context("take a guest")?;
    let all: Vec<Vec<u8>> = (0..FUNCTIONS).map(|it| numbered(&component, it)).collect();
    let engine = || {
        let settings = EngineSettings {
            cache_dir: Some(project.folder.join("cold")),
            ..EngineSettings::default()
        };
        Engine::new(Platform::real(), settings, Arc::new(Unheard))
    };
    let before = engine()?;
    let began = Instant::now();
    for bytes in &all {
        before.load(bytes, limits()).await?;
    }
    let each = began.elapsed().as_secs_f64() * 1e3 / FUNCTIONS as f64;
    report.add(Row::new("compile a Rust function", each, "ms"));
    let engine = engine()?;
    let records = [record()].into();
    let (mut loads, mut calls, mut again) = (histogram(), histogram(), histogram());
    // Else most of a call is waking a core.
    let _awake = Spinners::start();
    for bytes in &all {
        let digest = sandbox::digest_of(bytes);
        let began = Instant::now();
        let function = engine.load_known(digest, bytes, limits()).await?;
        loads.saturating_record(micros(began.elapsed()));
        for times in [&mut calls, &mut again] {
            let called = invocation(&records)?;
            let began = Instant::now();
            if let Outcome::Failed(fault) = function.call(called, None).await.outcome {
                bail!("the guest failed: {}", fault.message);
            }
            times.saturating_record(micros(began.elapsed()));
        }
    }
    let row = Row::new("open a compiled Rust function, p50", at(&loads, 0.5), "us");
    report.add(row.target(Target::AtMost(LOAD_US_MAX)));
    let row = Row::new(
        "first call of an opened Rust function, p50",
        at(&calls, 0.5),
        "us",
    );
    report.add(row.target(Target::AtMost(CALL_US_MAX)));
    let what = "second call of an opened Rust function, p50";
    report.add(Row::new(what, at(&again, 0.5), "us"));
    Ok(())
}
