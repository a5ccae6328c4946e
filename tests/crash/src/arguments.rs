//! What the program is told: where things are, which crashes, and how many of them.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};

use crate::place::Kind;

const USAGE: &str = "usage: shardmill-crash BINARY GUESTS SCRATCH --flights FILE --rounds N|--seconds T [--seed S] \
     [--only kill|ext4|xfs]";
/// Rounds on the same data; then a new folder, so that no disk fills up.
pub(crate) const ROUNDS_OF_A_LIFE: u32 = 12;

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) binary: PathBuf,
    pub(crate) guests: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) flights: Option<PathBuf>,
    pub(crate) until: Until,
    pub(crate) seed: u64,
    pub(crate) kinds: Vec<Kind>,
}

/// When there were enough rounds of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Rounds(u32),
    /// Of all kinds together.
    Time(Duration),
}

impl Until {
    /// How many more rounds there may be on the same data.
    pub(crate) fn left(self, rounds: u32, took: Duration) -> u32 {
        match self {
            Self::Rounds(wanted) => wanted.saturating_sub(rounds),
            Self::Time(wanted) if took < wanted => ROUNDS_OF_A_LIFE,
            Self::Time(_) => 0,
        }
    }

    pub(crate) fn share(self, kinds: usize) -> Self {
        match self {
            Self::Rounds(rounds) => Self::Rounds(rounds),
            Self::Time(all) => Self::Time(all / u32::try_from(kinds).unwrap_or(u32::MAX).max(1)),
        }
    }
}

impl Arguments {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
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
