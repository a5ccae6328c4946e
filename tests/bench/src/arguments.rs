//! What `cargo xtask bench` tells this program: five places, and what is to be measured.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "usage: shardmill-bench BINARY GUESTS TOOLS SCRATCH JSON [PART] [--gib N] [--peers FILE] [--write-docs FILE]
parts: rest, storage, streams, latency, readers, triggers, sandboxes, functions, fill, peers";
const GIB_USUAL: usize = 1;

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) binary: PathBuf,
    pub(crate) guests: PathBuf,
    /// Where compilers and language runtimes are kept.
    pub(crate) tools: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) json: PathBuf,
    only: Option<Part>,
    /// How much data is a lot.
    pub(crate) gib: usize,
    /// The file that says which peers are installed.
    pub(crate) peers: Option<PathBuf>,
    /// The page whose table is replaced.
    pub(crate) document: Option<PathBuf>,
}

/// A part of the bench; the machine is calibrated always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Rest,
    Storage,
    Streams,
    Latency,
    Readers,
    Triggers,
    Sandboxes,
    Functions,
    Fill,
    Peers,
}

impl Arguments {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let [binary, guests, tools, scratch, json, rest @ ..] = arguments else {
            bail!("{USAGE}");
        };
        let mut parsed = Self {
            binary: binary.into(),
            guests: guests.into(),
            tools: tools.into(),
            scratch: scratch.into(),
            json: json.into(),
            only: None,
            gib: GIB_USUAL,
            peers: None,
            document: None,
        };
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                let value = words.next();
                value.with_context(|| format!("{word} needs a value\n{USAGE}"))
            };
            match word.as_str() {
                "--gib" => parsed.gib = value()?.parse().context("read --gib")?,
                "--peers" => parsed.peers = Some(value()?.into()),
                "--write-docs" => parsed.document = Some(value()?.into()),
                name => parsed.only = Some(Part::parse(name)?),
            }
        }
        if parsed.only.is_some() && parsed.document.is_some() {
            bail!("--write-docs needs all parts\n{USAGE}");
        }
        if parsed.only == Some(Part::Peers) && parsed.peers.is_none() {
            bail!("the part peers needs --peers\n{USAGE}");
        }
        Ok(parsed)
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

impl Part {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "rest" => Self::Rest,
            "storage" => Self::Storage,
            "streams" => Self::Streams,
            "latency" => Self::Latency,
            "readers" => Self::Readers,
            "triggers" => Self::Triggers,
            "sandboxes" => Self::Sandboxes,
            "functions" => Self::Functions,
            "fill" => Self::Fill,
            "peers" => Self::Peers,
            other => bail!("there is no part {other}\n{USAGE}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rest: &[&str]) -> Result<Arguments> {
        let places = ["binary", "guests", "tools", "scratch", "json"];
        let all: Vec<String> = places.iter().chain(rest).map(|&word| word.into()).collect();
        Arguments::parse(&all)
    }

    #[test]
    fn parts_and_options() {
        let all = parse(&["--gib", "10"]).unwrap();
        assert!(all.has(Part::Rest) && all.has(Part::Fill) && all.gib == 10);
        let one = parse(&["storage"]).unwrap();
        assert!(one.has(Part::Storage) && !one.has(Part::Streams));
        for wrong in [
            &["everything"][..],
            &["--gib"],
            &["rest", "--write-docs", "page.md"],
            &["peers"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
