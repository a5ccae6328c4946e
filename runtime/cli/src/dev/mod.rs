//! `dev`: the server, its functions watched, built again at each save and put in place without losing a position; batches shown
//! as they happen; keys. A failing batch waits for the next save. Without a terminal the same lines come, and keys are read
//! from standard input as letters.
//!
//! One loop owns everything and selects over what may happen: a batch, a key, a save, a build that ended, the server's end.

mod keys;
mod sample;
mod shown;
#[cfg(test)]
mod tests;
mod watching;
mod workshop;

use std::sync::{Arc, Mutex};

use host::{Ready, Told};
use tokio::sync::mpsc::channel;

use crate::arguments::Dev;
use crate::failure::Failure;
use crate::output::Output;
use crate::project;
use keys::Key;
pub(crate) use sample::key_of;
use watching::{Saved, Watch};
use workshop::{Built, End, Workshop};

/// What happened and was not yet shown; what is more than a person reads goes by unseen.
const EVENTS_MAX: usize = 1_024;

enum Event {
    Ready(Ready),
    Told(Box<Told>),
    Key(Key),
    Saved(Saved),
    Built(Built),
}

pub(crate) async fn dev(output: Output, arguments: &Dev) -> Result<(), Failure> {
    let file = &arguments.project.file;
    let (send, mut events) = channel(EVENTS_MAX);
    keys::listen(&send);
    let watch = Arc::new(Mutex::new(Watch::of(file)));
    watching::follow(Arc::clone(&watch), send.clone());
    let mut port = arguments.port;
    // What is wrong with the file at the start is no state to wait in.
    let mut project = project::read(file)?;
    project::warn(output, file, &project);
    loop {
        let shared = (Arc::clone(&watch), send.clone());
        let mut workshop = Workshop::new(output, file, &project, shared)?;
        let end = match workshop.build_all() {
            Ok(built) => workshop.run(arguments, port, built, &mut events).await?,
            Err(failure) => {
                output.failure(&failure);
                output.note("waits    for your next save");
                workshop::next_save(&mut events).await?
            }
        };
        match end {
            End::Quit => return Ok(()),
            // At the address that clients know.
            End::Again => port = workshop.port().unwrap_or(port),
        }
        project = loop {
            match project::read(file) {
                Ok(project) => break project,
                Err(failure) => output.failure(&failure),
            }
            if matches!(workshop::next_save(&mut events).await?, End::Quit) {
                return Ok(());
            }
        };
    }
}
