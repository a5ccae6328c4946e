//! Hears what a process writes, for as long as it runs, and says it in the log of the invocation at which it was written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform::{Clock, Lines, Task, Tasks};

use crate::{
    limits::PROCESS_LAST_WORDS_PAUSE,
    logs::{InvocationLog, LEVEL_INFO},
};

#[derive(Debug)]
pub(super) struct Ear {
    heard: Arc<Mutex<Heard>>,
    /// Ends once both streams of the process have ended.
    listening: Task<()>,
}

#[derive(Debug, Default)]
struct Heard {
    log: Option<InvocationLog>,
    last: Option<String>,
}

impl Ear {
    pub(super) fn new(tasks: &Tasks, mut lines: Lines, log: &InvocationLog) -> Self {
        let heard = Arc::new(Mutex::new(Heard {
            log: Some(log.clone()),
            last: None,
        }));
        let listener = Arc::clone(&heard);
        let listening = tasks.spawn("program-lines", async move {
            while let Some(line) = lines.recv().await {
                let mut heard = held(&listener);
                if let Some(log) = &heard.log {
                    log.line(LEVEL_INFO, &line);
                }
                heard.last = Some(line);
            }
        });
        Self { heard, listening }
    }

    /// From now on it speaks of another invocation.
    pub(super) fn turn(&self, log: &InvocationLog) {
        held(&self.heard).log = Some(log.clone());
    }

    /// Whether it has ever written anything.
    pub(super) fn is_talkative(&self) -> bool {
        held(&self.heard).last.is_some()
    }

    /// Of a process that has ended: all it had written is heard, unless what it started still holds its streams.
    pub(super) async fn last_words(&mut self, clock: &Clock) -> Option<String> {
        let all = clock.timeout(PROCESS_LAST_WORDS_PAUSE, &mut self.listening);
        // What is not heard by now is not waited for.
        let _heard = all.await;
        held(&self.heard).last.clone()
    }
}

fn held(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
