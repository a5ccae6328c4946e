//! The seed that `cargo xtask crash` draws for these proofs, so that each of its runs is another one, and what it is told.
//!
//! Without it every test has a seed of its own that stays the same. `SHARDMILL_CRASH_SEED=N` shows a failure again.

/// What the command looks for in the output.
const MARK: &str = "crashes: ";

/// Far apart, so that two tests never have the same.
const BETWEEN: u64 = 1_000;

#[expect(
    clippy::disallowed_methods,
    reason = "the one word that a person gives to a test"
)]
fn asked() -> Option<u64> {
    let text = std::env::var("SHARDMILL_CRASH_SEED").ok()?;
    Some(
        text.parse()
            .expect("SHARDMILL_CRASH_SEED is a whole number"),
    )
}

/// Whether there is time for more than a test of every day takes.
pub(super) fn is_asked() -> bool {
    asked().is_some()
}

pub(super) fn seed(usual: u64) -> u64 {
    asked().map_or(usual, |seed| seed.wrapping_mul(BETWEEN).wrapping_add(usual))
}

pub(super) fn say(line: &str) {
    println!("{MARK}{line}");
}
