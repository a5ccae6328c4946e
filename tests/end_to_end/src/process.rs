//! Programs that tests run: to their end, or line by line. A program that is silent past its deadline fails the test.

use std::{
    io::{BufRead, BufReader, Read, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// How long a program may go on without ending, or without the line that a test waits for.
const SILENCE_MAX: Duration = Duration::from_secs(600);

/// What a program that ended has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a program to its end.
#[must_use]
pub fn run(command: &mut Command) -> Said {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let out = whole(child.stdout.take());
    let err = whole(child.stderr.take());
    let text = |from: &Receiver<String>, child: &mut Child| {
        from.recv_timeout(SILENCE_MAX).unwrap_or_else(|_| {
            drop(child.kill());
            panic!("{command:?} did not end");
        })
    };
    let (out, err) = (text(&out, &mut child), text(&err, &mut child));
    let code = child.wait().expect("the program ends").code();
    Said { code, out, err }
}

/// Reads to the end on a thread of its own, so that a full pipe never stops the program.
fn whole(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            drop(pipe.read_to_end(&mut bytes));
        }
        drop(send.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    receive
}

/// A program that goes on, read line by line; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// What is written there, it reads.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Starts a program whose lines on standard output are of interest.
    #[must_use]
    pub fn of_output(command: &mut Command) -> Self {
        let mut child = spawn(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let lines = lines(child.stdout.take());
        Self::new(child, lines)
    }

    /// Starts a program whose lines on standard error are of interest.
    #[must_use]
    pub fn of_errors(command: &mut Command) -> Self {
        let mut child = spawn(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped()),
        );
        let lines = lines(child.stderr.take());
        Self::new(child, lines)
    }

    /// The same for a program that is spoken to.
    #[must_use]
    pub fn with_input(command: &mut Command) -> Self {
        let mut child = spawn(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped()),
        );
        let lines = lines(child.stderr.take());
        let input = child.stdin.take();
        let mut running = Self::new(child, lines);
        running.input = input;
        running
    }

    /// Writes a line to it.
    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is spoken to");
        writeln!(input, "{line}").expect("it listens");
    }

    const fn new(child: Child, lines: Receiver<String>) -> Self {
        Self {
            child,
            input: None,
            lines,
            seen: Vec::new(),
        }
    }

    /// Where a server says that routes are answered.
    pub fn routes(&mut self) -> String {
        let line = self.line(|line| line.starts_with("routes "));
        let address = line.split("http://").nth(1);
        address.expect("an address").to_owned()
    }

    /// The next line that `wanted` accepts.
    pub fn line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            match self.lines.recv_timeout(SILENCE_MAX) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => self.seen.push(line),
                Err(error) => {
                    let why = match error {
                        RecvTimeoutError::Timeout => "said nothing more",
                        RecvTimeoutError::Disconnected => "ended",
                    };
                    panic!("the program {why}; so far:\n{}", self.seen.join("\n"));
                }
            }
        }
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself.
    #[must_use]
    pub fn end(mut self) -> Said {
        let code = self.child.wait().expect("the program ends").code();
        let mut err = std::mem::take(&mut self.seen);
        err.extend(self.lines.iter());
        Said {
            code,
            out: String::new(),
            err: err.join("\n"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL, as a crash would; a program that ended already is only collected.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(command: &mut Command) -> Child {
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

fn lines(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let Some(pipe) = pipe else { return };
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            // A test that stopped listening still drains the pipe, so that the program never waits for us.
            drop(send.send(line));
        }
    });
    receive
}
