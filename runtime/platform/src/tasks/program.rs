//! Programs of this machine as processes of their own: started under limits, heard line by line, ended with all they started.
//!
//! They run as whoever runs the server and see what he sees. There are none in a simulation.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::mpsc;

use super::{Tasks, World};
use crate::watch;

/// Of a line that a program writes; what is longer comes as several.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Lines that nobody has read yet; a program that writes more waits.
const LINES_MAX: usize = 256;
/// Limits first, then the program itself in the place of the shell.
const SHELL: &str = r#"ulimit -c 0 && ulimit -d "$1" && ulimit -n "$2" && ulimit -f "$3" && chmod u+x "$4" && exec "$4""#;

#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    /// Where it runs.
    pub folder: PathBuf,
    /// Its whole environment.
    pub variables: BTreeMap<String, String>,
    /// Of memory that is its own and may be written (RLIMIT_DATA).
    pub memory_bytes_max: u64,
    pub open_files_max: u32,
    /// Of one file that it writes.
    pub file_bytes_max: u64,
}

/// How a program ended, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// None: by a signal.
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

/// A program that was started. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    ended: watch::Receiver<Option<Ended>>,
}

/// What a program writes on either of its streams, in lines; ends with it.
pub type Lines = mpsc::Receiver<String>;

impl Tasks {
    /// Fails where the shell that sets its limits cannot be started; what happens behind that is told as its end.
    pub fn start(&self, program: &Program) -> io::Result<(Running, Lines)> {
        match &self.world {
            World::Real => start(program),
            #[cfg(feature = "simulation")]
            World::Simulated(_) => Err(io::Error::from(io::ErrorKind::Unsupported)),
        }
    }
}

fn start(program: &Program) -> io::Result<(Running, Lines)> {
    let kib = |bytes: u64| (bytes >> 10).to_string();
    let mut child = Command::new("/bin/sh")
        .args(["-c", SHELL, "sh"])
        .arg(kib(program.memory_bytes_max))
        .arg(program.open_files_max.to_string())
        // In blocks of 512 bytes.
        .arg((program.file_bytes_max >> 9).to_string())
        .arg(&program.path)
        .current_dir(&program.folder)
        .env_clear()
        .envs(&program.variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let pid = Pid::from_child(&child);
    let (say, lines) = mpsc::channel(LINES_MAX);
    if let Some(output) = child.stdout.take() {
        hear("program-output", output, say.clone())?;
    }
    if let Some(errors) = child.stderr.take() {
        hear("program-errors", errors, say)?;
    }
    let (tell, ended) = watch::channel(None);
    let waiting = move || {
        let status = child.wait();
        tell.send_replace(Some(status.map_or(UNKNOWN, Ended::of)));
    };
    thread::Builder::new()
        .name("program-end".to_owned())
        .spawn(waiting)?;
    Ok((Running { pid, ended }, lines))
}

const UNKNOWN: Ended = Ended {
    code: None,
    signal: None,
};

fn hear(
    name: &str,
    stream: impl Read + Send + 'static,
    say: mpsc::Sender<String>,
) -> io::Result<()> {
    let hearing = move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            let read = stream
                .by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line);
            if read.unwrap_or(0) == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']).to_owned();
            if say.blocking_send(text).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(hearing)?;
    Ok(())
}

impl Ended {
    fn of(status: ExitStatus) -> Self {
        Self {
            code: status.code(),
            signal: status.signal(),
        }
    }
}

impl Running {
    /// Waits for its end.
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            let known = ended.wait_for(Option::is_some).await;
            let known = known.ok().and_then(|known| known.clone());
            known.unwrap_or(UNKNOWN)
        }
    }

    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// The most memory it has had, where the system tells.
    #[must_use]
    pub fn memory_bytes(&self) -> Option<u64> {
        let pid = self.pid.as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
        Some(kib << 10)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            // It may have ended by itself in this moment.
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &std::path::Path, script: &str) -> Program {
        let path = folder.join("bootstrap");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        Program {
            path,
            folder: folder.to_owned(),
            variables: [("PATH", "/usr/bin:/bin"), ("OWN", "value")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            memory_bytes_max: 64 << 20,
            open_files_max: 64,
            file_bytes_max: 4096,
        }
    }

    #[tokio::test]
    async fn a_program_has_its_own_variables_and_limits() {
        let folder = tempfile::tempdir().unwrap();
        let script = "env | sort | grep -v -e PWD -e _= -e SHLVL; ulimit -d; ulimit -n; pwd; head -c 9000 /dev/zero > f || echo full; exit 3";
        let (running, mut lines) = Tasks::real()
            .start(&program(folder.path(), script))
            .unwrap();
        let mut said = Vec::new();
        while let Some(line) = lines.recv().await {
            said.push(line);
        }
        let here = folder.path().canonicalize().unwrap().display().to_string();
        for expect in ["OWN=value", "65536", "64", &here, "full"] {
            assert!(said.iter().any(|line| line == expect), "{expect}: {said:?}");
        }
        assert!(
            !said.iter().any(|line| line.starts_with("HOME=")),
            "{said:?}"
        );
        assert_eq!(running.ended().await.code, Some(3));
    }

    #[tokio::test]
    async fn what_is_dropped_ends_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 1000 & echo started; wait";
        let (running, mut lines) = Tasks::real()
            .start(&program(folder.path(), script))
            .unwrap();
        assert_eq!(lines.recv().await.as_deref(), Some("started"));
        assert!(!running.has_ended());
        let mut ended = running.ended.clone();
        drop(running);
        let known = ended.wait_for(Option::is_some).await.unwrap().clone();
        assert_eq!(known.and_then(|it| it.signal), Some(9));
    }
}
