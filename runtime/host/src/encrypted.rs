//! Encrypted streams as a whole server has them: opened with the master key or not at all, and copies of their records
//! kept under the same data key.
//!
//! In: what `dispatch` writes and reads of dead letters and state. Out: the same, encrypted by the data key of the stream
//! that the trigger reads, as long as that stream is encrypted. Keys of rows, which hold partition keys of state, stay
//! as they are: they are looked up.

use bytes::Bytes;
use log::{Log, cipher};
use model::{
    ViewWrite,
    keys::{self, Namespace},
    seams::CommitError,
};
use platform::Platform;
use streams::{Settings, Streams};

use crate::{errors::StartError, options::UpOptions};

/// What holds parts of records.
const COPIES: [u8; 7] = [
    Namespace::DeadLetter as u8,
    Namespace::State as u8,
    Namespace::StateBefore as u8,
    Namespace::Owed as u8,
    Namespace::Windows as u8,
    Namespace::WindowState as u8,
    Namespace::Parked as u8,
];

/// Opens the streams. Where a data key does not open the log is closed as it was.
pub(crate) async fn open(
    platform: &Platform,
    log: &Log,
    settings: Settings,
    options: &UpOptions,
) -> Result<Streams, StartError> {
    let from = options.master.clone();
    match Streams::open_encrypted(platform, log.clone(), settings, from).await {
        Ok(streams) => Ok(streams),
        Err(error) => {
            let error = StartError::Other(error.to_string()).or_of_disk(log);
            log.stop().await;
            Err(error)
        }
    }
}

/// Encrypts the value of a write that holds parts of records of an encrypted stream.
pub(crate) fn hide(log: &Log, streams: &Streams, write: &mut ViewWrite) -> Result<(), CommitError> {
    if !streams.has_data_keys() || !holds_records(&write.key) {
        return Ok(());
    }
    let (Some(value), Some(trigger)) = (&write.value, keys::trigger_in(&write.key)) else {
        return Ok(());
    };
    let binding = keys::named(Namespace::Binding, trigger.as_str());
    let bound = log.get(&binding).map_err(down)?;
    let stream = bound.and_then(|stored| dispatch::bound_stream(&stored));
    let number = stream.and_then(|stream| streams.data_key(&stream));
    if let Some(number) = number {
        let key = log.data_key(number).map_err(down)?;
        write.value = Some(key.encrypt(&write.key, value).map_err(down)?);
    }
    Ok(())
}

/// What was written, whether it was encrypted or not.
pub(crate) fn show(log: &Log, key: &[u8], value: Bytes) -> Result<Bytes, CommitError> {
    if holds_records(key) && cipher::key_of(&value).is_some() {
        return log.decrypt(key, &value).map_err(|unopened| {
            CommitError::Down(format!("an encrypted value does not open: {unopened}"))
        });
    }
    Ok(value)
}

fn holds_records(key: &[u8]) -> bool {
    key.first()
        .is_some_and(|namespace| COPIES.contains(namespace))
}

fn down(error: impl std::fmt::Display) -> CommitError {
    CommitError::Down(error.to_string())
}
