//! How fast time passes in a simulated world: the stories of `cargo xtask simulate`, with all their faults and checks.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{
    report::{Report, Row, Target, say},
    server::Project,
};

const SEEDS: &str = "10";
const TIMES_MIN: f64 = 1_000.0;
/// What stands behind the figure in what the program says.
const TIMES: &str = " times as fast as real time";

pub(crate) fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("simulated worlds");
    // It is built beside the server.
    let program = project.binary.with_file_name("shardmill-simulation");
    let played = Command::new(&program)
        .args(["--seeds", SEEDS])
        .output()
        .with_context(|| format!("start {}", program.display()))?;
    let said = String::from_utf8_lossy(&played.stdout);
    let Some(times) = times(&said).filter(|_| played.status.success()) else {
        bail!("a story did not come to its end:\n{said}");
    };
    let row = Row::new("simulation against real time", times, "x");
    report.add(row.target(Target::AtLeast(TIMES_MIN)));
    Ok(())
}

fn times(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_suffix(TIMES))?;
    let (_, times) = line.rsplit_once(' ')?;
    times.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_found_in_what_is_said() {
        let said =
            "10 seeds\n5021 s passed in them, 2461 times as fast as real time\nwhat went wrong";
        assert_eq!(times(said), Some(2461.0));
        assert_eq!(times("10 seeds"), None);
    }
}
