//! The keys: single ones at a terminal, letters of lines elsewhere. A thread of its own waits for them, since reading a terminal
//! cannot be interrupted; it ends with the process.

use std::io::{BufRead as _, IsTerminal as _};

use tokio::sync::mpsc::Sender;

use super::Event;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Sample,
    Open,
    Pause,
    Next,
    Replay,
    Quit,
}

pub(super) const SHOWN: &str = "s send sample · o last batch and console · p pause · n next batch · r replay last failure · q quit";

impl Key {
    pub(super) const fn of(letter: char) -> Option<Self> {
        Some(match letter {
            's' => Self::Sample,
            'o' => Self::Open,
            'p' => Self::Pause,
            'n' => Self::Next,
            'r' => Self::Replay,
            'q' => Self::Quit,
            _ => return None,
        })
    }
}

/// Sends what is pressed until nobody listens, or nobody presses any more.
pub(super) fn listen(send: &Sender<Event>) {
    let send = send.clone();
    std::thread::spawn(move || {
        if std::io::stdin().is_terminal() {
            let terminal = console::Term::stderr();
            while let Ok(key) = terminal.read_char() {
                if !send_key(&send, key) {
                    return;
                }
            }
            return;
        }
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if !line.chars().all(|letter| send_key(&send, letter)) {
                return;
            }
        }
    });
}

fn send_key(send: &Sender<Event>, letter: char) -> bool {
    Key::of(letter).is_none_or(|key| send.blocking_send(Event::Key(key)).is_ok())
}
