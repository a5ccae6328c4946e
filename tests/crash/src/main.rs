//! Crashes the real server under load, again and again, and accounts for every record by the client's own notes.
//!
//! `cargo xtask crash --rounds N` builds what is crashed and starts this program. A round puts records while triggers
//! work on them, ends the server in the middle, starts it again and compares: what was acknowledged, what is stored, and
//! what the functions made of it. Anything lost, doubled or different is named and fails the run. The moments come from
//! a seed; what the machine does at these moments does not, so a seed narrows a failure down and does not repeat it.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "real processes are ended by the real clock"
)]

mod account;
mod arguments;
mod found;
mod http;
mod ledger;
mod life;
mod manner;
mod place;
mod producer;
mod record;
mod server;
mod volume;

use std::{process::ExitCode, time::Instant};

use anyhow::{Context as _, Result};
use rand::{SeedableRng as _, rngs::StdRng};

use account::Account;
use arguments::{Arguments, ROUNDS_OF_A_LIFE, Until};
use life::Life;
use manner::Manner;
use place::{Kind, Place};
use producer::Producer;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::parse(&arguments).and_then(|arguments| run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing was lost, doubled or different.
fn run(arguments: &Arguments) -> Result<bool> {
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let (mut summary, mut kinds) = (Vec::new(), Vec::new());
    for kind in &arguments.kinds {
        match kind.cannot(in_ci)? {
            Some(why) => summary.push(format!("not run: {}, because {why}", kind.name())),
            None => kinds.push(*kind),
        }
    }
    if kinds.iter().any(|kind| kind.mounts()) {
        volume::apart()?;
    }
    std::fs::create_dir_all(&arguments.scratch).context("make the folder for scratch data")?;
    say(&format!("seed {}", arguments.seed));
    if let Some(flights) = &arguments.flights {
        let count = record::take_flights(flights)?;
        say(&format!("every second producer puts {count} flights"));
    }
    let until = arguments.until.share(kinds.len());
    let mut good = true;
    let mut producers = Producer::all(arguments.seed);
    for kind in kinds {
        let account = crash(arguments, kind, until, &mut producers)?;
        good &= account.is_good();
        summary.push(format!("{}: {}", kind.name(), account.line()));
    }
    let next: Vec<u64> = producers.iter().map(|producer| producer.number).collect();
    if let Some((put, flights)) = record::flights_put(&next) {
        summary.push(format!("{put} of {flights} flights were put"));
    }
    for line in summary {
        print(&line)?;
    }
    Ok(good)
}

/// All rounds of one kind. The producers go on from one life to the next, so that no record is put twice.
fn crash(
    arguments: &Arguments,
    kind: Kind,
    until: Until,
    producers: &mut Vec<Producer>,
) -> Result<Account> {
    let mut rng = StdRng::seed_from_u64(arguments.seed);
    let mut account = Account::default();
    let began = Instant::now();
    for number in 0.. {
        let rounds = until
            .left(account.rounds, began.elapsed())
            .min(ROUNDS_OF_A_LIFE);
        if rounds == 0 {
            break;
        }
        let place = Place::new(kind, &arguments.scratch)?;
        let manner = Manner::of_life(number);
        let mut life = Life::begin(arguments, place, manner, std::mem::take(producers))?;
        for _ in 0..rounds {
            if until.left(account.rounds, began.elapsed()) == 0 {
                break;
            }
            let before = account.acknowledged;
            let found = life.round(&mut rng, &mut account)?;
            say(&format!(
                "{} ({}) round {}: {} acknowledged, {found} findings",
                kind.name(),
                manner.name(),
                account.rounds,
                account.acknowledged - before,
            ));
            if found > 0 {
                break;
            }
        }
        *producers = life.end(&mut account)?;
    }
    Ok(account)
}

fn print(line: &str) -> Result<()> {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{line}").context("print what came out")
}

/// Progress, on stderr.
fn say(text: &str) {
    use std::io::Write as _;
    // A closed terminal is no reason to stop.
    drop(writeln!(std::io::stderr(), "{text}"));
}
