//! Which seeds a test runs, and how one that failed is run again.

/// Runs `check` for each seed; with `SHARDMILL_SEED=N` for that one alone.
pub fn each_seed(test: &str, seeds: impl IntoIterator<Item = u64>, check: impl Fn(u64)) {
    let seeds: Vec<u64> = asked().map_or_else(|| seeds.into_iter().collect(), |seed| vec![seed]);
    for seed in seeds {
        let replay = Replay { test, seed };
        check(seed);
        drop(replay);
    }
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
