//! `cargo xtask simulate --seeds N [--from S]`: any number of stories, each played twice, all promises held against each.
//!
//! Says how many stories a second there were, how much time passed in them and what went wrong in them, by kind. A story
//! that breaks a promise is made smaller as long as it breaks the same one, and named with the command that plays the smaller
//! one again; the traces of the whole one are kept in `target/`.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use platform::Platform;
use shardmill_simulation::{Fault, Faults, Plan, Trace, promises, run_as_planned};

use promises::Rule;

const USAGE: &str = "usage: cargo xtask simulate --seeds N [--from S] [--flights MOST] [--lives MOST] [--without PART,..] \
     [--traces all]";
/// Plans that are tried to make one failure smaller.
const TRIES_MAX: u32 = 40;

/// The stories of so many seeds, from the first on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    seeds: u64,
    from: u64,
    plan: Plan,
    /// Whether the traces of stories that went well are kept, too.
    traces: bool,
}

/// Why a story failed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    /// `None` where the story did not come to its end.
    rule: Option<Rule>,
    fact: String,
}

/// What all stories so far came to.
#[derive(Debug, Default)]
struct Sum {
    stories: u64,
    simulated: Duration,
    faults: Faults,
    /// Stories in which the disk was so full that the server refused something.
    full_disks: u64,
    failed: BTreeMap<u64, String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(wanted) = Wanted::parse(&words) else {
        say(USAGE);
        return ExitCode::FAILURE;
    };
    let clock = Platform::real().clock;
    let begun = clock.monotonic().0;
    let sum = play(&wanted);
    report(&sum, clock.monotonic().0.saturating_sub(begun));
    if sum.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Wanted {
    fn parse(words: &[String]) -> Option<Self> {
        let mut wanted = Self {
            seeds: 0,
            from: 1,
            plan: Plan::default(),
            traces: false,
        };
        for pair in words.chunks(2) {
            let [name, number] = pair else {
                return None;
            };
            match name.as_str() {
                "--seeds" => wanted.seeds = number.parse().ok()?,
                "--from" => wanted.from = number.parse().ok()?,
                "--traces" => wanted.traces = number == "all",
                name => wanted.plan.take(name, number)?,
            }
        }
        (wanted.seeds > 0).then_some(wanted)
    }
}

/// Every core plays stories of its own.
fn play(wanted: &Wanted) -> Sum {
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Sum::default());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZeroUsize::get) {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= wanted.seeds {
                        return;
                    }
                    play_one(wanted.from.saturating_add(turn), wanted, &sum);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn play_one(seed: u64, wanted: &Wanted, sum: &Mutex<Sum>) {
    let plan = &wanted.plan;
    let traces = [Trace::default(), Trace::default()];
    let played = twice(seed, plan, &traces);
    let mut all = locked(sum);
    all.stories += 2;
    for trace in &traces {
        for (fault, count) in trace.faults() {
            *all.faults.entry(fault).or_default() += count;
        }
        all.full_disks += u64::from(trace.faults().contains_key(&Fault::Refused));
    }
    let failure = match played {
        Ok(took) => {
            all.simulated += took;
            if wanted.traces {
                say(&format!("seed {seed}: {}", keep(seed, &traces)));
            }
            return;
        }
        Err(failure) => failure,
    };
    drop(all);
    say(&format!("seed {seed}: {}", failure.fact));
    let smallest = plan.clone().shrunk(TRIES_MAX, |smaller| {
        let again = twice(seed, smaller, &[Trace::default(), Trace::default()]);
        again.is_err_and(|again| again.rule == failure.rule)
    });
    say(&format!(
        "  again: cargo xtask simulate --seeds 1 --from {seed}{smallest}\n  trace: {}",
        keep(seed, &traces)
    ));
    locked(sum).failed.insert(seed, failure.fact);
}

/// How long both runs took, in their own time.
fn twice(seed: u64, plan: &Plan, traces: &[Trace; 2]) -> Result<Duration, Failure> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let [ending, again] = traces
            .each_ref()
            .map(|trace| run_as_planned(seed, plan, trace));
        promises::all(&ending)?;
        promises::runs_are_the_same(&traces[0].lines(), &traces[1].lines())?;
        Ok::<_, promises::Broken>(ending.took + again.took)
    }));
    match played {
        Ok(Ok(took)) => Ok(took),
        Ok(Err(broken)) => Err(Failure {
            rule: Some(broken.rule),
            fact: broken.to_string(),
        }),
        Err(_) => Err(Failure {
            rule: None,
            fact: "the story did not come to its end".to_owned(),
        }),
    }
}

/// Where the traces of a failed seed are.
fn keep(seed: u64, traces: &[Trace; 2]) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/simulation");
    let write = || -> std::io::Result<String> {
        std::fs::create_dir_all(&folder)?;
        for (turn, trace) in (1..).zip(traces) {
            let path = folder.join(format!("seed-{seed}-{turn}.trace"));
            std::fs::write(path, trace.lines().join("\n"))?;
        }
        Ok(format!("target/simulation/seed-{seed}-1.trace"))
    };
    write().unwrap_or_else(|error| format!("not kept: {error}"))
}

fn report(sum: &Sum, took: Duration) {
    let stories = sum.stories;
    let (real, simulated) = (took.as_secs_f64(), sum.simulated.as_secs_f64());
    let seeds = stories / 2;
    let per_second = f64::from(u32::try_from(seeds).unwrap_or(u32::MAX)) / real;
    say(&format!(
        "{seeds} seeds, each played twice, in {real:.1} s: {per_second:.1} seeds/s"
    ));
    say(&format!(
        "{simulated:.0} s passed in them, {:.0} times as fast as real time",
        simulated / real
    ));
    say("what went wrong in them:");
    for (fault, count) in &sum.faults {
        say(&format!("  {count:>8}  {fault}"));
    }
    say(&format!(
        "in {} of {stories} stories a full disk refused requests",
        sum.full_disks
    ));
    if sum.failed.is_empty() {
        say("every promise was kept");
    } else {
        let failed: Vec<String> = sum.failed.keys().map(u64::to_string).collect();
        say(&format!(
            "broken by {} seeds: {}",
            failed.len(),
            failed.join(", ")
        ));
    }
}

fn locked(sum: &Mutex<Sum>) -> std::sync::MutexGuard<'_, Sum> {
    sum.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::print_stdout, reason = "a person at a terminal asked for it")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_seeds_is_needed() {
        let parse = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            Wanted::parse(&words).map(|wanted| (wanted.seeds, wanted.from))
        };
        assert_eq!(parse("--seeds 9"), Some((9, 1)));
        assert_eq!(parse("--from 7 --seeds 9"), Some((9, 7)));
        assert_eq!(parse("--seeds 9 --without operator,reader"), Some((9, 1)));
        for wrong in [
            "",
            "--from 7",
            "--seeds",
            "--seeds x",
            "--seed 9",
            "9",
            "--seeds 1 --without x",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
