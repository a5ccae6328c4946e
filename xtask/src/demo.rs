//! `cargo xtask demo`: a week of real flights through real functions, with SIGKILL in the middle.
//!
//! Builds the binary and the functions, starts the server on an empty folder, puts the flights by PutRecords, kills the
//! server half way, starts it again, and compares every total that the functions kept with the same totals computed
//! straight from the file. Any difference is a failure.

mod server;
mod totals;

use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    report,
    step::{root, run},
    tools,
};
use server::Server;
use totals::Totals;

const FLIGHTS: &str = "functions/samples/flights-2013-01-week1.ndjson";
const FILL_MAX: Duration = Duration::from_secs(60);

pub(crate) fn run_demo() -> Result<()> {
    let began = Instant::now();
    let root = root();
    tools::wasm_target()?;
    let build = ["cargo", "build", "-p", "shardmill-cli"];
    run(
        "the binary (some minutes the first time, seconds afterwards)",
        &root,
        &build,
        "see the compiler's message",
    )?;
    let binary = root.join("target/debug/shardmill");
    let shown = binary.to_string_lossy().into_owned();
    run(
        "the functions",
        &root,
        &[shown.as_str(), "build"],
        "see the compiler's message",
    )?;

    let folder = tempfile::tempdir().context("make an empty folder")?;
    let mut server = Server::new(binary, &folder.path().join("data"))?;
    server.start()?;
    report(&format!(
        "==> server on http://{}, data in {}",
        server.address(),
        folder.path().display()
    ));

    let file = std::fs::read_to_string(root.join(FLIGHTS)).context("read the flights")?;
    let expected = Totals::of_file(&file)?;
    report(&format!(
        "==> put {} flights by PutRecords",
        expected.flights()
    ));
    let flights = root.join(FLIGHTS).to_string_lossy().into_owned();
    let producer = [
        "put",
        "flights",
        &flights,
        "--key-field",
        "origin",
        "--resume",
        "demo",
    ];
    let mut put = server
        .verb(&producer)
        .stdout(Stdio::null())
        .spawn()
        .context("start the producer")?;
    let half = expected.flights() / 2;
    watch(&server, half)?;
    server.kill()?;
    report(
        "==> SIGKILL: the server is gone in the middle of its work; the producer repeats what was not answered",
    );
    server.start()?;
    report("==> started again on the same data");
    finish(&mut put)?;
    watch(&server, expected.flights())?;
    server.ask(&["wait", "--timeout", "60s"])?;
    compare(&server, &expected)?;
    report(&format!("done in {:.1} s", began.elapsed().as_secs_f64()));
    report(
        "try next: `target/debug/shardmill up`, then in another terminal `target/debug/shardmill put earthquakes functions/samples/earthquakes-2018-02.ndjson --key-field id` and `target/debug/shardmill tail alerts --from oldest`",
    );
    Ok(())
}

/// Shows the board filling until `flights` of them are on it.
fn watch(server: &Server, flights: u64) -> Result<()> {
    let began = Instant::now();
    loop {
        let totals = boards(server)?;
        report(&format!(
            "    {:>5} flights on {:>3} boards",
            totals.flights(),
            destinations(&totals)
        ));
        if totals.flights() >= flights {
            return Ok(());
        }
        if began.elapsed() > FILL_MAX {
            bail!("the boards did not fill in {FILL_MAX:?}\nhint: `shardmill why` says what waits");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn destinations(totals: &Totals) -> usize {
    totals
        .0
        .keys()
        .map(|(dest, _)| dest)
        .collect::<std::collections::BTreeSet<_>>()
        .len()
}

fn boards(server: &Server) -> Result<Totals> {
    let answer = server.ask(&["state", "list", "board"])?;
    let rows = answer["values"]
        .as_array()
        .or_else(|| answer.as_array())
        .cloned()
        .unwrap_or_default();
    let pairs = rows
        .iter()
        .filter_map(|row| Some((row["key"].as_str()?, row["value"].as_str()?)));
    Totals::of_boards(pairs)
}

fn finish(put: &mut Child) -> Result<()> {
    let status = put.wait().context("wait for the producer")?;
    if !status.success() {
        bail!("the producer failed ({status})");
    }
    Ok(())
}

fn compare(server: &Server, expected: &Totals) -> Result<()> {
    let found = boards(server)?;
    let differences = expected.differences(&found);
    if !differences.is_empty() {
        bail!(
            "{} totals differ:\n{}",
            differences.len(),
            differences.join("\n")
        );
    }
    report(&format!(
        "==> equal: {} flights, {} minutes of delay, {} pairs of destination and carrier, each the same as computed \
         straight from the file. Nothing lost, nothing twice.",
        found.flights(),
        found.minutes(),
        found.0.len()
    ));
    Ok(())
}
