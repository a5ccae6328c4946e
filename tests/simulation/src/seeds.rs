//! Which seeds a test runs, and how one that failed is run again.

use crate::{
    promises::{self, Kept},
    story::{Ending, run},
    trace::Trace,
};

/// Plays the story of each seed and holds one promise against its end; with `SHARDMILL_SEED=N` that story alone.
pub fn each_seed(test: &str, seeds: impl IntoIterator<Item = u64>, kept: impl Fn(&Ending) -> Kept) {
    for seed in chosen(seeds) {
        let replay = Replay { test, seed };
        if let Err(broken) = kept(&run(seed, &Trace::default())) {
            panic!("{broken}");
        }
        drop(replay);
    }
}

/// Plays each story twice, and then that of the seed after it, which must be another one.
pub fn each_seed_twice(test: &str, seeds: impl IntoIterator<Item = u64>) {
    for seed in chosen(seeds) {
        let replay = Replay { test, seed };
        let traces = [seed, seed, seed + 1].map(traced);
        if let Err(broken) = promises::runs_are_the_same(&traces[0], &traces[1]) {
            panic!("{broken}");
        }
        assert_ne!(traces[1], traces[2], "the seed changes nothing");
        drop(replay);
    }
}

fn traced(seed: u64) -> Vec<String> {
    let trace = Trace::default();
    drop(run(seed, &trace));
    trace.lines()
}

fn chosen(seeds: impl IntoIterator<Item = u64>) -> Vec<u64> {
    asked().map_or_else(|| seeds.into_iter().collect(), |seed| vec![seed])
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one word that a person gives to a test"
)]
fn asked() -> Option<u64> {
    let text = std::env::var("SHARDMILL_SEED").ok()?;
    Some(text.parse().expect("SHARDMILL_SEED is a whole number"))
}

/// Says how to see a failure again.
struct Replay<'a> {
    test: &'a str,
    seed: u64,
}

impl Drop for Replay<'_> {
    #[expect(clippy::print_stderr, reason = "a person reads what a test says")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { test, seed } = self;
            eprintln!(
                "seed {seed} failed; to see it again: SHARDMILL_SEED={seed} cargo test -p shardmill-simulation {test}"
            );
        }
    }
}
