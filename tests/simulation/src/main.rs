//! `cargo xtask simulate --seeds N [--from S]`: any number of stories, each played twice, all promises held against each.
//!
//! Says how many stories a second there were, how much time passed in them and what went wrong in them, by kind. A story
//! that breaks a promise is named with the command that plays it again; its trace is kept in `target/`.

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
use shardmill_simulation::{Faults, Trace, promises, run};

const USAGE: &str = "usage: cargo xtask simulate --seeds N [--from S]";

/// The stories of so many seeds, from the first on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    seeds: u64,
    from: u64,
}

/// What all stories so far came to.
#[derive(Debug, Default)]
struct Sum {
    stories: u64,
    simulated: Duration,
    faults: Faults,
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
    let sum = play(wanted);
    report(&sum, clock.monotonic().0.saturating_sub(begun));
    if sum.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Wanted {
    fn parse(words: &[String]) -> Option<Self> {
        let mut wanted = Self { seeds: 0, from: 1 };
        for pair in words.chunks(2) {
            let [name, number] = pair else {
                return None;
            };
            let number = number.parse().ok()?;
            match name.as_str() {
                "--seeds" => wanted.seeds = number,
                "--from" => wanted.from = number,
                _ => return None,
            }
        }
        (wanted.seeds > 0).then_some(wanted)
    }
}

/// Every core plays stories of its own.
fn play(wanted: Wanted) -> Sum {
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
                    play_one(wanted.from.saturating_add(turn), &sum);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn play_one(seed: u64, sum: &Mutex<Sum>) {
    let traces = [Trace::default(), Trace::default()];
    let played = catch_unwind(AssertUnwindSafe(|| {
        let ending = run(seed, &traces[0]);
        let again = run(seed, &traces[1]);
        promises::all(&ending)?;
        promises::runs_are_the_same(&traces[0].lines(), &traces[1].lines())?;
        Ok::<_, promises::Broken>(ending.took + again.took)
    }));
    let failed = match played {
        Ok(Ok(took)) => {
            locked(sum).simulated += took;
            None
        }
        Ok(Err(broken)) => Some(broken.to_string()),
        Err(_) => Some("the story did not come to its end".to_owned()),
    };
    let mut sum = locked(sum);
    sum.stories += 2;
    for trace in &traces {
        for (fault, count) in trace.faults() {
            *sum.faults.entry(fault).or_default() += count;
        }
    }
    if let Some(fact) = failed {
        say(&format!("seed {seed}: {fact}"));
        say(&format!(
            "  again: cargo xtask simulate --seeds 1 --from {seed}\n  trace: {}",
            keep(seed, &traces)
        ));
        sum.failed.insert(seed, fact);
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
        for wrong in ["", "--from 7", "--seeds", "--seeds x", "--seed 9", "9"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
