//! Scratch space: folders and files in memory, of one sandbox, bounded, gone with the invocation.
//!
//! Nothing of it is on the host's disk, so no path leads out of it and nothing is left behind. Every page of every file
//! counts against the grant of the function and against what all sandboxes may hold together. Links are not made. Times
//! are those of the beginning of the invocation unless they are set, so that a repeated run sees the same.

mod kept;
mod open;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

pub(crate) use open::{Known, Open, Opening};

use crate::{
    bundle::Bundle,
    limits::{SCRATCH_ALL_BYTES_MAX, SCRATCH_DEPTH_MAX, SCRATCH_NAME_BYTES_MAX},
};

const PAGE: usize = 4096;
/// What a file or a folder takes besides its contents.
const NODE_BYTES: u64 = PAGE as u64;
const ROOT: u64 = 0;

type Page = Box<[u8; PAGE]>;

/// Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Scratch(Arc<Mutex<Tree>>);

#[derive(Debug)]
struct Tree {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    room: Room,
    now_ms: u64,
    /// The files of a bundle, which nothing changes.
    is_kept: bool,
}

#[derive(Debug)]
struct Node {
    what: What,
    /// Handles to it. One that is in no folder any more lives as long as somebody has it open.
    opened: u32,
    placed: bool,
    accessed_ms: u64,
    modified_ms: u64,
}

#[derive(Debug)]
enum What {
    File(Contents),
    /// A file of a bundle, by its place there.
    Kept(Arc<Bundle>, usize),
    Folder(BTreeMap<String, u64>),
}

/// Pages that were never written are not there.
#[derive(Debug, Default)]
struct Contents {
    pages: Vec<Option<Page>>,
    len: u64,
}

/// What is left to one sandbox, and what all have taken.
#[derive(Debug)]
struct Room {
    bytes_max: u64,
    bytes: u64,
    all: Arc<AtomicU64>,
}

impl Room {
    fn take(&mut self, bytes: u64) -> Result<(), ErrorCode> {
        let after = self.bytes.saturating_add(bytes);
        if after > self.bytes_max {
            return Err(ErrorCode::InsufficientSpace);
        }
        let together = self.all.fetch_add(bytes, Ordering::Relaxed);
        if together.saturating_add(bytes) > SCRATCH_ALL_BYTES_MAX {
            self.all.fetch_sub(bytes, Ordering::Relaxed);
            return Err(ErrorCode::InsufficientSpace);
        }
        self.bytes = after;
        Ok(())
    }

    fn give(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.all.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Scratch {
    /// `all` is what every sandbox of the engine holds.
    pub(crate) fn new(bytes_max: u64, now_ms: u64, all: &Arc<AtomicU64>) -> Self {
        Self(Arc::new(Mutex::new(Tree {
            nodes: BTreeMap::from([(ROOT, Node::new(What::Folder(BTreeMap::new()), now_ms))]),
            next: ROOT + 1,
            room: Room {
                bytes_max,
                bytes: 0,
                all: Arc::clone(all),
            },
            now_ms,
            is_kept: false,
        })))
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn root(&self) -> Open {
        self.open(ROOT, true)
    }

    /// Another invocation begins: nothing is left of the one before.
    pub(crate) fn empty(&self, now_ms: u64) {
        let mut tree = self.tree();
        tree.now_ms = now_ms;
        let ids: Vec<u64> = tree.nodes.keys().copied().collect();
        for id in ids {
            tree.empty(id);
            if let Some(node) = tree.nodes.get_mut(&id) {
                node.placed = id == ROOT;
            }
            tree.forget_unused(id);
        }
    }

    fn open(&self, id: u64, writes: bool) -> Open {
        if let Some(node) = self.tree().nodes.get_mut(&id) {
            node.opened += 1;
        }
        Open {
            scratch: self.clone(),
            id,
            writes,
        }
    }
}

impl Node {
    fn new(what: What, now_ms: u64) -> Self {
        Self {
            what,
            opened: 0,
            placed: true,
            accessed_ms: now_ms,
            modified_ms: now_ms,
        }
    }
}

impl Tree {
    fn node(&mut self, id: u64) -> Result<&mut Node, ErrorCode> {
        self.nodes.get_mut(&id).ok_or(ErrorCode::BadDescriptor)
    }

    fn folder(&mut self, id: u64) -> Result<&mut BTreeMap<String, u64>, ErrorCode> {
        match &mut self.node(id)?.what {
            What::Folder(entries) => Ok(entries),
            What::File(_) | What::Kept(..) => Err(ErrorCode::NotDirectory),
        }
    }

    /// Of a file that may be changed.
    fn file(&mut self, id: u64) -> Result<&mut Contents, ErrorCode> {
        match &mut self.node(id)?.what {
            What::File(contents) => Ok(contents),
            What::Kept(..) => Err(ErrorCode::ReadOnly),
            What::Folder(_) => Err(ErrorCode::IsDirectory),
        }
    }

    fn may_change(&self) -> Result<(), ErrorCode> {
        if self.is_kept {
            return Err(ErrorCode::ReadOnly);
        }
        Ok(())
    }

    /// The folder that holds the last part of a path, and that part; none for the folder itself.
    fn place(&mut self, from: u64, path: &str) -> Result<(u64, Option<String>), ErrorCode> {
        if path.starts_with('/') {
            return Err(ErrorCode::NotPermitted);
        }
        if path.is_empty() {
            return Err(ErrorCode::NoEntry);
        }
        let parts: Vec<&str> = path
            .split('/')
            .filter(|it| !it.is_empty() && *it != ".")
            .collect();
        if parts.len() > SCRATCH_DEPTH_MAX {
            return Err(ErrorCode::NameTooLong);
        }
        let mut way = vec![from];
        let last = parts.len().saturating_sub(1);
        for (at, part) in parts.iter().enumerate() {
            let here = way.last().copied().unwrap_or(from);
            self.folder(here)?;
            if *part == ".." {
                way.pop();
                if way.is_empty() {
                    return Err(ErrorCode::NotPermitted);
                }
            } else if part.len() > SCRATCH_NAME_BYTES_MAX || part.contains('\0') {
                return Err(ErrorCode::NameTooLong);
            } else if at == last {
                return Ok((here, Some((*part).to_owned())));
            } else {
                let next = self.folder(here)?.get(*part).copied();
                way.push(next.ok_or(ErrorCode::NoEntry)?);
            }
        }
        let here = way.last().copied().unwrap_or(from);
        self.folder(here)?;
        Ok((here, None))
    }

    fn find(&mut self, from: u64, path: &str) -> Result<u64, ErrorCode> {
        let (folder, name) = self.place(from, path)?;
        let Some(name) = name else {
            return Ok(folder);
        };
        let found = self.folder(folder)?.get(&name).copied();
        let found = found.ok_or(ErrorCode::NoEntry)?;
        if path.ends_with('/') {
            self.folder(found)?;
        }
        Ok(found)
    }

    fn make(&mut self, folder: u64, name: String, what: What) -> Result<u64, ErrorCode> {
        if !self.node(folder)?.placed {
            return Err(ErrorCode::NoEntry);
        }
        self.may_change()?;
        self.room.take(NODE_BYTES)?;
        let (id, now_ms) = (self.next, self.now_ms);
        self.next += 1;
        self.nodes.insert(id, Node::new(what, now_ms));
        self.folder(folder)?.insert(name, id);
        self.node(folder)?.modified_ms = now_ms;
        Ok(id)
    }

    /// It stands in no folder any more.
    fn displace(&mut self, folder: u64, name: &str) -> Result<(), ErrorCode> {
        self.may_change()?;
        let id = self.folder(folder)?.remove(name);
        let id = id.ok_or(ErrorCode::NoEntry)?;
        self.node(id)?.placed = false;
        self.forget_unused(id);
        Ok(())
    }

    fn forget_unused(&mut self, id: u64) {
        let unused = |node: &Node| !node.placed && node.opened == 0;
        if self.nodes.get(&id).is_some_and(unused) {
            self.empty(id);
            self.nodes.remove(&id);
            self.room.give(NODE_BYTES);
        }
    }

    fn empty(&mut self, id: u64) {
        let freed = match self.nodes.get_mut(&id).map(|node| &mut node.what) {
            Some(What::File(contents)) => {
                let freed = paged(contents.len);
                *contents = Contents::default();
                freed
            }
            Some(What::Folder(entries)) => {
                entries.clear();
                0
            }
            Some(What::Kept(..)) | None => 0,
        };
        self.room.give(freed);
    }

    fn set_len(&mut self, id: u64, len: u64) -> Result<(), ErrorCode> {
        let before = paged(self.file(id)?.len);
        let after = paged(len);
        if after > before {
            self.room.take(after - before)?;
        } else {
            self.room.give(before - after);
        }
        let pages = usize::try_from(after).map_err(|_| ErrorCode::FileTooLarge)? / PAGE;
        let file = self.file(id)?;
        file.pages.resize_with(pages, || None);
        if len < file.len {
            file.clear_after(len);
        }
        file.len = len;
        Ok(())
    }
}

/// As much as whole pages take.
fn paged(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE as u64).saturating_mul(PAGE as u64)
}

/// The page that holds a byte, and where in it.
fn within(offset: u64) -> (usize, usize) {
    let page = usize::try_from(offset / PAGE as u64).unwrap_or(usize::MAX);
    let at = usize::try_from(offset % PAGE as u64).unwrap_or_default();
    (page, at)
}

impl Contents {
    /// What a shorter file no longer holds must not come back when it grows.
    fn clear_after(&mut self, len: u64) {
        let (page, at) = within(len);
        if let Some(Some(page)) = self.pages.get_mut(page) {
            page.get_mut(at..).unwrap_or_default().fill(0);
        }
    }

    fn read(&self, offset: u64, bytes_max: usize) -> Vec<u8> {
        let left = self.len.saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(bytes_max);
        let mut bytes = Vec::with_capacity(wanted);
        let mut offset = offset;
        while bytes.len() < wanted {
            let (page, at) = within(offset);
            let take = (PAGE - at).min(wanted - bytes.len());
            match self.pages.get(page).and_then(Option::as_ref) {
                Some(page) => {
                    bytes.extend_from_slice(page.get(at..at + take).unwrap_or_default());
                }
                None => bytes.resize(bytes.len() + take, 0),
            }
            offset += take as u64;
        }
        bytes
    }

    /// Within what the file holds already.
    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let (page, at) = within(offset);
            let take = (PAGE - at).min(rest.len());
            let (now, later) = rest.split_at(take);
            if let Some(page) = self.pages.get_mut(page) {
                let page = page.get_or_insert_with(|| Box::new([0; PAGE]));
                if let Some(to) = page.get_mut(at..at + take) {
                    to.copy_from_slice(now);
                }
            }
            offset += take as u64;
            rest = later;
        }
    }
}

impl Tree {
    /// Whether a folder is another or lies below it.
    fn holds(&self, outer: u64, inner: u64) -> bool {
        let mut waiting = vec![outer];
        while let Some(id) = waiting.pop() {
            if id == inner {
                return true;
            }
            if let Some(What::Folder(entries)) = self.nodes.get(&id).map(|node| &node.what) {
                waiting.extend(entries.values());
            }
        }
        false
    }
}

#[cfg(test)]
#[path = "scratch/tests.rs"]
mod tests;
