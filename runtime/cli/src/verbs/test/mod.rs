//! `test`: a function is built and tried with the same records in other batches, orders and failures; a difference is shown as
//! small as it gets, and so is one from the golden file. No server runs and nothing is stored.

mod golden;
mod records;
mod shown;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use host::config::Project;
use host::trials::{self, Ignored, TrialRecord, Tried, Try, Variant};
use platform::Platform;
use serde_json::json;

use crate::arguments::Test;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::verbs::build::{self, Source};
use crate::{cache, project};

pub(crate) async fn test(output: Output, arguments: &Test) -> Result<(), Failure> {
    let file = &arguments.project.file;
    let project = project::read(file)?;
    let sources = project::sources(&project, arguments.function.as_deref())?;
    if sources.len() > 1 && (arguments.records.is_some() || arguments.golden.is_some()) {
        return Err(
            Failure::usage("test: `--records` and `--golden` are of one function")
                .hint("name it, as in `shardmill test NAME --records FILE`"),
        );
    }
    let mut differ = 0;
    for source in &sources {
        differ += usize::from(!one(output, arguments, &project, source).await?);
    }
    if differ == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::CheckFailed,
        format!("test: {differ} of {} functions differ", sources.len()),
    ))
}

/// Whether one function comes to the same however its records come.
async fn one(
    output: Output,
    arguments: &Test,
    project: &Project,
    source: &Source,
) -> Result<bool, Failure> {
    let file = &arguments.project.file;
    let name = &source.name;
    let records = records_of(arguments, project, name)?;
    let (built, line) = build::build_one(output, &project::builds(file), source, false)?;
    output.note(&line);
    let runtimes = cache::folder().map(|cache| cache.join("runtimes"));
    let platform = Platform::real();
    let prepared =
        trials::prepare(&platform, project, name, &built.path, runtimes.as_deref()).await;
    let trials = prepared.map_err(|error| {
        Failure::failed(error.to_string()).hint_of(error.hint().map(str::to_owned))
    })?;
    let how = Try {
        variants: variants(arguments),
        rounds: arguments.rounds,
        seed: arguments.seed,
        ignored: Ignored(arguments.ignore.iter().cloned().collect::<BTreeSet<_>>()),
    };
    let tried = trials::attempt(&trials, &records, &how).await;
    let golden = golden_of(arguments, name);
    let golden = golden::hold(&golden, &tried.reference, &how.ignored, arguments)?;
    tell(output, (name, &records), &how, &tried, &golden)?;
    Ok(tried.found.is_none() && golden.is_good())
}

fn tell(
    output: Output,
    (name, records): (&str, &[TrialRecord]),
    how: &Try,
    tried: &Tried,
    golden: &golden::Held,
) -> Result<(), Failure> {
    let found = tried.found.as_ref();
    let kinds: Vec<&str> = how.variants.iter().map(|variant| variant.name()).collect();
    let document = json!({
        "function": name,
        "records": records.len(),
        "plays": tried.plays,
        "kinds": kinds,
        "outputs": tried.reference.outputs.len(),
        "given_up": tried.reference.given_up.len(),
        "difference": found.map(|found| shown::document(found, records)),
        "golden": golden.document(),
    });
    output.item(&document, |_| {
        let mut lines = vec![shown::summary(name, records.len(), how, tried)];
        lines.extend(found.map(|found| shown::found(name, found, records)));
        lines.extend(golden.line());
        lines.join("\n")
    })
}

fn variants(arguments: &Test) -> Vec<Variant> {
    let wanted = Variant::ALL.into_iter().filter(|variant| {
        (arguments.only.is_empty() || arguments.only.contains(variant))
            && !arguments.skip.contains(variant)
    });
    wanted.collect()
}

fn golden_of(arguments: &Test, name: &str) -> PathBuf {
    arguments.golden.clone().unwrap_or_else(|| {
        let folder = arguments
            .project
            .file
            .parent()
            .unwrap_or_else(|| Path::new(""));
        folder.join(format!("golden/{name}.ndjson"))
    })
}

fn records_of(
    arguments: &Test,
    project: &Project,
    name: &str,
) -> Result<Vec<TrialRecord>, Failure> {
    let folder = arguments
        .project
        .file
        .parent()
        .unwrap_or_else(|| Path::new(""));
    let trigger = project
        .triggers
        .values()
        .find(|trigger| trigger.function.as_str() == name);
    let stream = trigger.map(|trigger| trigger.stream.to_string());
    let sample = stream.map(|stream| folder.join(format!("samples/{stream}.ndjson")));
    let place = arguments
        .records
        .clone()
        .or_else(|| sample.clone().filter(|place| place.is_file()));
    let mut records = match &place {
        Some(place) => records::read(place, arguments.key_field.as_deref())?,
        None => Vec::new(),
    };
    if let Some(number) = arguments.generate {
        records::generate(&mut records, number, arguments.seed);
    }
    if records.is_empty() {
        let wanted = sample.unwrap_or_else(|| folder.join("samples/STREAM.ndjson"));
        let message = format!("test function `{name}`: there are no records to test it with");
        return Err(Failure::new(Exit::NotFound, message).hint(format!(
            "write {}, name a file with `--records`, or make some with `--generate 100`",
            wanted.display()
        )));
    }
    Ok(records)
}
