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
mod found;
mod http;
mod ledger;
mod life;
mod place;
mod producer;
mod record;
mod server;
mod volume;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rand::{SeedableRng as _, rngs::StdRng};

use account::Account;
use life::Life;
use place::{Kind, Place};

const USAGE: &str = "usage: shardmill-crash BINARY GUESTS SCRATCH --flights FILE --rounds N|--seconds T [--seed S] \
     [--only kill|ext4|xfs]";
/// Rounds on the same data; then a new folder, so that no disk fills up.
const ROUNDS_OF_A_LIFE: u32 = 25;

#[derive(Debug)]
struct Arguments {
    binary: PathBuf,
    guests: PathBuf,
    scratch: PathBuf,
    flights: Option<PathBuf>,
    until: Until,
    seed: u64,
    kinds: Vec<Kind>,
}

/// When there were enough rounds of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Rounds(u32),
    /// Of all kinds together.
    Time(Duration),
}

impl Until {
    /// How many more rounds there may be on the same data.
    fn left(self, rounds: u32, took: Duration) -> u32 {
        match self {
            Self::Rounds(wanted) => wanted.saturating_sub(rounds),
            Self::Time(wanted) if took < wanted => ROUNDS_OF_A_LIFE,
            Self::Time(_) => 0,
        }
    }

    fn share(self, kinds: usize) -> Self {
        match self {
            Self::Rounds(rounds) => Self::Rounds(rounds),
            Self::Time(all) => Self::Time(all / u32::try_from(kinds).unwrap_or(u32::MAX).max(1)),
        }
    }
}

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
    std::fs::create_dir_all(&arguments.scratch).context("make the folder for scratch data")?;
    say(&format!("seed {}", arguments.seed));
    if let Some(flights) = &arguments.flights {
        let count = record::take_flights(flights)?;
        say(&format!("every second producer puts {count} flights"));
    }
    let mut good = true;
    let run = |kind: &&Kind| kind.cannot().is_none();
    let until = arguments
        .until
        .share(arguments.kinds.iter().filter(run).count());
    let mut summary = Vec::new();
    for kind in &arguments.kinds {
        if let Some(why) = kind.cannot() {
            summary.push(format!("not run: {}, because {why}", kind.name()));
            continue;
        }
        let account = crash(arguments, *kind, until)?;
        good &= account.is_good();
        summary.push(format!("{}: {}", kind.name(), account.line()));
    }
    for line in summary {
        print(&line)?;
    }
    Ok(good)
}

/// All rounds of one kind.
fn crash(arguments: &Arguments, kind: Kind, until: Until) -> Result<Account> {
    let mut rng = StdRng::seed_from_u64(arguments.seed);
    let mut account = Account::default();
    let began = Instant::now();
    loop {
        let rounds = until
            .left(account.rounds, began.elapsed())
            .min(ROUNDS_OF_A_LIFE);
        if rounds == 0 {
            return Ok(account);
        }
        let place = Place::new(kind, &arguments.scratch)?;
        let mut life = Life::begin(arguments, place)?;
        for _ in 0..rounds {
            if until.left(account.rounds, began.elapsed()) == 0 {
                break;
            }
            let before = account.acknowledged;
            let found = life.round(&mut rng, &mut account)?;
            say(&format!(
                "{} round {}: {} acknowledged, {found} findings",
                kind.name(),
                account.rounds,
                account.acknowledged - before,
            ));
            if found > 0 {
                break;
            }
        }
        life.end(&mut account)?;
    }
}

impl Arguments {
    fn parse(arguments: &[String]) -> Result<Self> {
        let [binary, guests, scratch, rest @ ..] = arguments else {
            bail!("{USAGE}");
        };
        let mut parsed = Self {
            binary: binary.into(),
            guests: guests.into(),
            scratch: scratch.into(),
            flights: None,
            until: Until::Rounds(0),
            seed: u64::from(std::process::id()),
            kinds: Kind::ALL.to_vec(),
        };
        for pair in rest.chunks(2) {
            let [name, value] = pair else {
                bail!("{USAGE}");
            };
            match name.as_str() {
                "--rounds" => {
                    parsed.until = Until::Rounds(value.parse().context("read --rounds")?);
                }
                "--seconds" => {
                    let seconds = value.parse().context("read --seconds")?;
                    parsed.until = Until::Time(Duration::from_secs(seconds));
                }
                "--flights" => parsed.flights = Some(value.into()),
                "--seed" => parsed.seed = value.parse().context("read --seed")?,
                "--only" => {
                    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == value);
                    parsed.kinds = vec![kind.with_context(|| format!("no {value}\n{USAGE}"))?];
                }
                _ => bail!("{USAGE}"),
            }
        }
        if parsed.until.left(0, Duration::ZERO) == 0 {
            bail!("neither --rounds nor --seconds is given\n{USAGE}");
        }
        Ok(parsed)
    }
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
