//! The crash proofs that need no server: tests of the log, run with seeds that `cargo xtask crash` draws and prints.
//!
//! `enumerate` stops a log on a simulated disk at every operation, `flips` changes single bits of a stopped one. In every
//! test run they have seeds of their own that stay the same. A test that fails names the seed, the place and what was lost.

use anyhow::{Context as _, Result};

use crate::{
    report,
    step::{output_with, root},
};

/// What the tests begin their sums with.
const MARK: &str = "crashes: ";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Enumerate,
    Flips,
}

/// How many disks were opened, and what they had to hold.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    rounds: u64,
    acknowledged: u64,
}

impl Proof {
    pub(crate) const ALL: [Self; 2] = [Self::Enumerate, Self::Flips];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Enumerate => "enumerate",
            Self::Flips => "flips",
        }
    }

    fn tests(self) -> &'static [&'static str] {
        match self {
            Self::Enumerate => &["tests::crashes::", "--skip", "tests::crashes::flips::"],
            Self::Flips => &["tests::crashes::flips::"],
        }
    }

    /// With one seed. What is lost, doubled or undetected is a panic of a test, so a run that ends well had none.
    pub(crate) fn run(self, seed: u64) -> Result<()> {
        let mut command = vec!["cargo", "test", "--workspace", "--lib", "--"];
        command.extend(self.tests());
        command.push("--nocapture");
        let name = self.word();
        let text = seed.to_string();
        let printed = output_with(
            &format!("{name}, seed {seed}"),
            &root(),
            &[("SHARDMILL_CRASH_SEED", &text)],
            &command,
            &format!("`cargo xtask crash --only {name} --rounds 1 --seed {seed}` shows it again"),
        )?;
        let mut sum = Sum::default();
        for (_, line) in printed.lines().filter_map(|line| line.split_once(MARK)) {
            report(line);
            let found = Sum::of(line).with_context(|| format!("read the sum `{line}`"))?;
            sum.rounds += found.rounds;
            sum.acknowledged += found.acknowledged;
        }
        let Sum {
            rounds,
            acknowledged,
        } = sum;
        report(&format!(
            "{name} (seed {seed}): {rounds} rounds, {acknowledged} commits acknowledged, 0 lost, 0 doubled, 0 undetected"
        ));
        Ok(())
    }
}

impl Sum {
    fn of(line: &str) -> Option<Self> {
        let (_, numbers) = line.rsplit_once("): ")?;
        let mut numbers = numbers.split(", ");
        let mut number = |unit: &str| numbers.next()?.strip_suffix(unit)?.parse().ok();
        Some(Self {
            rounds: number(" rounds")?,
            acknowledged: number(" commits acknowledged")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_as_the_tests_print_them() {
        let line = "flips (clean, seed 7007): 120 rounds, 5400 commits acknowledged, 100 refused, 20 whole";
        let expect = Sum {
            rounds: 120,
            acknowledged: 5_400,
        };
        assert_eq!(Sum::of(line), Some(expect));
        assert_eq!(Sum::of("flips: something else"), None);
    }
}
