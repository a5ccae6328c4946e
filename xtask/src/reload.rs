//! `reload`: how long it takes from a saved file until the new version of its function has handled a record, in each language whose
//! toolchain is there. Templates are made, `shardmill dev` runs, a number in the code is changed and a sample is sent; a table comes out.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    report,
    step::{root, run, succeeds},
    tools,
};

const ROUNDS: usize = 7;
const SILENCE_MAX: Duration = Duration::from_secs(600);

struct Language {
    template: &'static str,
    /// A program that says whether its toolchain is there.
    needs: &'static [&'static str],
    file: &'static str,
    /// The text before the number that is changed.
    before: &'static str,
    bound: &'static str,
}

const LANGUAGES: [Language; 5] = [
    Language {
        template: "rust",
        needs: &["cargo", "--version"],
        file: "src/lib.rs",
        before: "*minutes > ",
        bound: "1 s",
    },
    Language {
        template: "javascript",
        needs: &["npm", "--version"],
        file: "index.mjs",
        before: "flight.dep_delay > ",
        bound: "3 s",
    },
    Language {
        template: "python",
        needs: &["python3", "-m", "pip", "--version"],
        file: "app.py",
        before: "flight.dep_delay <= ",
        bound: "3 s",
    },
    Language {
        template: "go",
        needs: &["go", "version"],
        file: "main.go",
        before: "*one.DepDelay > ",
        bound: "",
    },
    Language {
        template: "c",
        needs: &["python3", "-m", "pip", "--version"],
        file: "hello.c",
        before: "minutes > ",
        bound: "",
    },
];

/// `--debug` measures the binary of `cargo build` as it is there.
pub(crate) fn run_reload(arguments: &[String]) -> Result<()> {
    let debug = match arguments {
        [] => false,
        [one] if one == "--debug" => true,
        _ => bail!("`reload` takes nothing, or `--debug`"),
    };
    tools::wasm_target()?;
    if !debug {
        // As the bench builds it: alone it would have dependencies with other features, each compiled again.
        let packages = ["-p", "shardmill-cli", "-p", "shardmill-bench"];
        let build = [&["cargo", "build", "--release"][..], &packages].concat();
        run(
            "release build",
            &root(),
            &build,
            "see the compiler's message",
        )?;
    }
    let binary = root()
        .join("target")
        .join(if debug { "debug" } else { "release" })
        .join("shardmill");
    let folder = tempfile::tempdir()?;
    let mut table = String::from(
        "| template | from the save to the new version, p50 | worst | until it has handled a record, p50 | worst | bound |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for language in &LANGUAGES {
        if !succeeds(language.needs) {
            report(&format!(
                "not run: {}, because `{}` fails",
                language.template,
                language.needs.join(" ")
            ));
            continue;
        }
        let [live, handled] = measure(&binary, folder.path(), language)?;
        table += &format!(
            "| {} | {} | {} | {} |\n",
            language.template,
            shown(live),
            shown(handled),
            language.bound
        );
    }
    let build = if debug { "debug" } else { "release" };
    report(&format!(
        "{ROUNDS} saves each, {build} build, warm\n\n{table}"
    ));
    Ok(())
}

/// Of all saves: until the new version was there, and until it had handled a record.
fn measure(binary: &Path, folder: &Path, language: &Language) -> Result<[Vec<Duration>; 2]> {
    let project = folder.join(language.template);
    let made = Command::new(binary)
        .args(["init", language.template, "--template", language.template])
        .current_dir(folder)
        .stdout(Stdio::null())
        .status()?;
    if !made.success() {
        bail!("`shardmill init` failed");
    }
    let mut dev = Dev::start(binary, &project)?;
    dev.until("ready ")?;
    dev.press("s")?;
    dev.until("/0 batch 1: ")?;
    let file = project
        .join("functions")
        .join(language.template)
        .join(language.file);
    let text = std::fs::read_to_string(&file)?;
    let (mut live, mut handled) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let version = round + 2;
        let from = format!("{}0", language.before);
        if !text.contains(&from) {
            bail!("{} does not hold `{from}`", file.display());
        }
        let changed = text.replace(&from, &format!("{}{}", language.before, 30 + round));
        let saved = Instant::now();
        std::fs::write(&file, changed)?;
        dev.until(&format!("reload   {}@{version} ", language.template))?;
        let at = saved.elapsed();
        dev.press("s")?;
        dev.until(&format!("{}@{version} flights/0 batch ", language.template))?;
        // The first save may still compile what later ones find.
        if round > 0 {
            live.push(at);
            handled.push(saved.elapsed());
        }
    }
    Ok([live, handled])
}

/// The middle one and the worst.
fn shown(mut spans: Vec<Duration>) -> String {
    spans.sort();
    let ms = |span: Option<&Duration>| span.map_or(0, Duration::as_millis);
    let (middle, worst) = (spans.get(spans.len() / 2), spans.last());
    format!("{} ms | {} ms", ms(middle), ms(worst))
}

/// A running `shardmill dev`; killed when it goes.
struct Dev {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Dev {
    fn start(binary: &Path, project: &Path) -> Result<Self> {
        let mut child = Command::new(binary)
            .args(["dev", "--port", "0"])
            .current_dir(project)
            .env("SHARDMILL_CACHE", root().join("target/function-tools"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start `shardmill dev`")?;
        let (input, errors) = (child.stdin.take(), child.stderr.take());
        let (Some(input), Some(errors)) = (input, errors) else {
            bail!("`shardmill dev` has no pipes");
        };
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(errors)
                .lines()
                .map_while(std::result::Result::ok)
            {
                drop(send.send(line));
            }
        });
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    fn press(&mut self, key: &str) -> Result<()> {
        writeln!(self.input, "{key}").context("press a key")
    }

    fn until(&mut self, wanted: &str) -> Result<()> {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(SILENCE_MAX) {
                Ok(line) if line.contains(wanted) => return Ok(()),
                Ok(line) => seen.push(line),
                Err(_) => bail!(
                    "`shardmill dev` did not say `{wanted}`, but:\n{}",
                    seen.join("\n")
                ),
            }
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
