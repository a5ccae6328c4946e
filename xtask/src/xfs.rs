//! The tools of XFS, for the crash rounds on that file system: `mkfs.xfs` of Debian's package `xfsprogs`.
//!
//! They are installed where CI runs as root, and elsewhere when a person says `--fetch`. A CI machine that could run the
//! rounds and does not come by the tools fails; a kernel without XFS is named by the rounds themselves.

use anyhow::{Result, bail};

use crate::{
    environment::in_ci,
    report,
    step::{output, root, run, succeeds},
};

const TOOL: [&str; 2] = ["mkfs.xfs", "-V"];
const PACKAGE: &str = "xfsprogs";
const HINT: &str = "install the package xfsprogs by hand, or leave the rounds out with `--only ext4` or `--only kill`";

/// What is done about the tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// They are there, or nothing here could use them.
    Nothing,
    Install,
    /// Whoever reads the output may want them.
    Tell,
    /// Somebody asked for what only root can do.
    Refuse,
}

/// What is known before anything is done.
#[derive(Debug, Clone, Copy)]
struct Known {
    tool: bool,
    root: bool,
    kernel: bool,
    ci: bool,
    asked: bool,
}

fn step(known: Known) -> Step {
    if known.tool || !known.kernel {
        Step::Nothing
    } else if known.root && (known.ci || known.asked) {
        Step::Install
    } else if known.asked {
        Step::Refuse
    } else {
        Step::Tell
    }
}

/// Makes sure of the tools as far as it may; `asked` says that a person wants them.
pub(crate) fn tools(asked: bool) -> Result<()> {
    let known = Known {
        tool: succeeds(&TOOL),
        root: output(&["id", "-u"]).is_ok_and(|id| id.trim() == "0"),
        kernel: kernel_has_xfs(),
        ci: in_ci(),
        asked,
    };
    match step(known) {
        Step::Nothing => Ok(()),
        Step::Install => install(),
        Step::Tell => {
            report(
                "mkfs.xfs is missing: as root, `--fetch` installs it (Debian's package xfsprogs)",
            );
            Ok(())
        }
        Step::Refuse => bail!("install {PACKAGE}: only root may\nhint: {HINT}"),
    }
}

/// Built in, loaded, or lying ready as a module, which the first mount loads.
fn kernel_has_xfs() -> bool {
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if known.lines().any(|line| line.trim() == "xfs") {
        return true;
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let modules = format!("/lib/modules/{}/modules.dep", release.trim());
    std::fs::read_to_string(modules).is_ok_and(|text| text.contains("/xfs.ko"))
}

fn install() -> Result<()> {
    let title = "the tools of XFS, from Debian's package xfsprogs";
    run(title, &root(), &["apt-get", "-qq", "update"], HINT)?;
    let install = [
        "apt-get",
        "-qq",
        "install",
        "--yes",
        "--no-install-recommends",
        PACKAGE,
    ];
    run(title, &root(), &install, HINT)?;
    if succeeds(&TOOL) {
        return Ok(());
    }
    bail!(
        "{PACKAGE} is installed, but `{}` does not run\nhint: {HINT}",
        TOOL.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ci_machine_that_can_gets_the_tools_and_a_person_is_asked_first() {
        let can = Known {
            tool: false,
            root: true,
            kernel: true,
            ci: true,
            asked: false,
        };
        for (known, expected) in [
            (can, Step::Install),
            (Known { tool: true, ..can }, Step::Nothing),
            (
                Known {
                    kernel: false,
                    ..can
                },
                Step::Nothing,
            ),
            (Known { root: false, ..can }, Step::Tell),
            (Known { ci: false, ..can }, Step::Tell),
            (
                Known {
                    ci: false,
                    asked: true,
                    ..can
                },
                Step::Install,
            ),
            (
                Known {
                    root: false,
                    asked: true,
                    ..can
                },
                Step::Refuse,
            ),
        ] {
            assert_eq!(step(known), expected, "{known:?}");
        }
    }
}
