//! The view as two files of the platform's disk, for simulation: a power loss loses and tears it as it does the log.
//!
//! A generation begins with everything and goes on with a batch behind the other. Each has a checksum over the one before,
//! so what counts is the longest beginning that was written as it stands. The next generation goes into the other file,
//! and only once this one is durable: at any moment one of the two is whole. No generation at all is damage.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use platform::{Disk, DiskFile, OpenMode};

use super::{Entry, View, ViewFailed, in_scan};
use crate::{
    layout::frame::{crc_of, u32_at, u64_at},
    limits::VIEW_GENERATION_BYTES_MAX,
};

const NAMES: [&str; 2] = ["even", "odd"];
/// Checksum and length of what follows.
const HEAD_BYTES: usize = 8;
/// Applied position and log id.
const FIXED_BYTES: usize = 24;
const DELETED: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct FileView {
    files: [DiskFile; 2],
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    entries: BTreeMap<Bytes, Entry>,
    applied: u64,
    log: u128,
    generation: u64,
    /// Where the next batch of this generation goes, and the checksum that it carries on.
    len: u64,
    last_crc: u32,
    durable: bool,
}

impl FileView {
    pub(crate) async fn open(disk: &Disk, dir: &Path) -> Result<Self, ViewFailed> {
        let new = !disk.exists(dir).await;
        disk.create_dir_all(dir).await?;
        let [even, odd] = NAMES.map(|name| disk.open_now(&dir.join(name), OpenMode::ReadWrite));
        let files = [even?, odd?];
        let mut newest = State::default();
        let mut empty = true;
        for (turn, file) in (0..).zip(&files) {
            let len = usize::try_from(file.len().await?).map_err(io::Error::other)?;
            empty &= len == 0;
            let found = State::parse(&file.read_at(len, 0).await?, turn);
            if let Some(found) = found.filter(|found| found.generation >= newest.generation) {
                newest = found;
            }
        }
        if newest.len == 0 && !(new || empty) {
            return Err(ViewFailed::of("none of its generations is whole"));
        }
        Ok(Self {
            files,
            state: Mutex::new(newest),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, state: &mut State, batch: &[(Bytes, Entry)]) -> Result<(), ViewFailed> {
        let begins = state.len == 0;
        let full = state.durable && state.len > VIEW_GENERATION_BYTES_MAX;
        let body = if begins || full {
            state.generation += 1;
            state.len = 0;
            state.last_crc = 0;
            state.durable = false;
            state.body(state.entries.iter())
        } else {
            state.body(batch.iter().map(|(key, entry)| (key, entry)))
        };
        let crc = crc_of_batch(state.generation, state.last_crc, &body);
        let mut out = Vec::with_capacity(HEAD_BYTES + 8 + body.len());
        if state.len == 0 {
            out.extend_from_slice(&state.generation.to_le_bytes());
        }
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(
            &u32::try_from(body.len())
                .map_err(io::Error::other)?
                .to_le_bytes(),
        );
        out.extend_from_slice(&body);
        let file = &self.files[usize::from(!state.generation.is_multiple_of(2))];
        let len = out.len() as u64;
        file.write_now(&[out.into()], state.len)?;
        state.len += len;
        state.last_crc = crc;
        Ok(())
    }
}

impl State {
    /// What a file holds, if it begins well; its even generations are in the first file.
    fn parse(bytes: &[u8], turn: u64) -> Option<Self> {
        let mut state = Self {
            generation: u64_at(bytes.get(..8)?, 0),
            len: 8,
            ..Self::default()
        };
        if state.generation == 0 || state.generation % 2 != turn {
            return None;
        }
        let mut rest = &bytes[8..];
        while let Some(taken) = state.take_batch(rest) {
            rest = &rest[taken..];
            state.len += taken as u64;
        }
        (state.len > 8).then_some(state)
    }

    fn take_batch(&mut self, bytes: &[u8]) -> Option<usize> {
        let head = bytes.get(..HEAD_BYTES)?;
        let len = usize::try_from(u32_at(head, 4)).ok()?;
        let body = bytes.get(HEAD_BYTES..HEAD_BYTES.checked_add(len)?)?;
        let crc = crc_of_batch(self.generation, self.last_crc, body);
        if len < FIXED_BYTES || crc != u32_at(head, 0) {
            return None;
        }
        self.applied = u64_at(body, 0);
        self.log = u128::from(u64_at(body, 16)) << 64 | u128::from(u64_at(body, 8));
        let mut rest = body.get(FIXED_BYTES..)?;
        while !rest.is_empty() {
            let (position, key_len) = (u64_at(rest, 0), u32_at(rest, 8));
            let value_len = u32_at(rest, 12);
            let (key, after) = rest[16..].split_at(usize::try_from(key_len).ok()?);
            let key = Bytes::copy_from_slice(key);
            rest = after;
            if value_len == DELETED {
                self.entries.remove(&key);
            } else {
                let (value, after) = rest.split_at(usize::try_from(value_len).ok()?);
                let value = Some(Bytes::copy_from_slice(value));
                self.entries.insert(key, Entry { position, value });
                rest = after;
            }
        }
        self.last_crc = crc;
        Some(HEAD_BYTES + len)
    }

    fn body<'a>(&self, entries: impl Iterator<Item = (&'a Bytes, &'a Entry)>) -> Vec<u8> {
        let mut out = self.applied.to_le_bytes().to_vec();
        out.extend_from_slice(&self.log.to_le_bytes());
        for (key, entry) in entries {
            let value_len = entry.value.as_ref().map_or(DELETED, narrow);
            out.extend_from_slice(&entry.position.to_le_bytes());
            out.extend_from_slice(&narrow(key).to_le_bytes());
            out.extend_from_slice(&value_len.to_le_bytes());
            out.extend_from_slice(key);
            out.extend_from_slice(entry.value.as_deref().unwrap_or_default());
        }
        out
    }
}

/// Keys and values fit into a transaction, so their lengths do too.
fn narrow(bytes: &Bytes) -> u32 {
    crate::layout::frame::narrow(bytes.len())
}

fn crc_of_batch(generation: u64, last: u32, body: &[u8]) -> u32 {
    let before = generation ^ u64::from(last) << 32 ^ u64::from(crc_of(body));
    crc_of(&before.to_le_bytes())
}

impl View for FileView {
    fn applied(&self) -> Result<u64, ViewFailed> {
        Ok(self.state().applied)
    }

    fn log(&self) -> Result<Option<u128>, ViewFailed> {
        let state = self.state();
        Ok((state.len > 0).then_some(state.log))
    }

    fn adopt(&self, log: u128) -> Result<(), ViewFailed> {
        let mut state = self.state();
        state.log = log;
        self.write(&mut state, &[])
    }

    fn get(&self, key: &[u8]) -> Result<Option<Entry>, ViewFailed> {
        Ok(self.state().entries.get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Entry)>, ViewFailed> {
        let start = after.map_or(prefix, |after| after.max(prefix));
        let state = self.state();
        let entries = state.entries.range(Bytes::copy_from_slice(start)..);
        Ok(entries
            .skip_while(|(key, _)| after.is_some_and(|after| key.as_ref() <= after))
            .take_while(|(key, _)| in_scan(key, prefix, after))
            .take(limit)
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect())
    }

    fn apply(&self, batch: &[(Bytes, Entry)], applied: u64) -> Result<(), ViewFailed> {
        let mut state = self.state();
        for (key, entry) in batch {
            if entry.value.is_some() {
                state.entries.insert(key.clone(), entry.clone());
            } else {
                state.entries.remove(key);
            }
        }
        state.applied = applied;
        self.write(&mut state, batch)
    }

    fn flush(&self) -> Result<(), ViewFailed> {
        // Whoever flushes syncs the files next, and does not go on if that fails.
        self.state().durable = true;
        Ok(())
    }
}
