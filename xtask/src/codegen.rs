//! `cargo xtask codegen --model PATH`: the tables of the doors, from AWS's own service models.
//!
//! In: botocore's `service-2.json` or `service-2.json.gz` of Kinesis or of Lambda. Out: `runtime/wire/src/kinesis/generated/`
//! or `runtime/wire/src/lambda/generated/`, which are checked in, so that nobody needs the model to build. Only names, types and bounds are taken, never prose.
//! A construct that the tables cannot say is an error here, not a gap at run time.

mod lambda;
mod model;
mod order;
mod render;

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use model::ServiceModel;

/// Reads the model named on the command line and writes the tables.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [flag, path] = arguments else {
        bail!("codegen takes exactly: --model PATH");
    };
    ensure!(
        flag == "--model",
        "codegen takes exactly: --model PATH, not {flag}"
    );
    let text = read_model(Path::new(path)).with_context(|| format!("cannot read {path}"))?;
    let model = ServiceModel::parse(&text).with_context(|| format!("cannot use {path}"))?;
    let (door, files) = match model.metadata.service_id.as_str() {
        "Kinesis" => ("kinesis", render::render(&model)?),
        "Lambda" => ("lambda", lambda::render(&model)?),
        other => bail!("there is no door for {other}"),
    };
    let folder = generated_folder(door);
    for file in files {
        let target = folder.join(file.name);
        std::fs::write(&target, file.text)
            .with_context(|| format!("cannot write {}", target.display()))?;
        format_file(&target)?;
    }
    Ok(())
}

fn read_model(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    Ok(text)
}

fn generated_folder(door: &str) -> PathBuf {
    let doors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/wire/src");
    doors.join(door).join("generated")
}

fn format_file(path: &Path) -> Result<()> {
    let status = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .arg(path)
        .status()?;
    ensure!(status.success(), "rustfmt refused {}", path.display());
    Ok(())
}
