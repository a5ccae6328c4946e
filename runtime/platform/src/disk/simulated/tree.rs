//! Simulated directories: which names are seen, and which of them a crash leaves. Paths come in as lists of names
//! from the root; errors say what the operating system would.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use super::contents::Contents;
use super::locked;
use super::survival::Survival;

type Names = BTreeMap<String, Entry>;

#[derive(Clone, Debug)]
pub(super) enum Entry {
    File(Arc<Mutex<Contents>>),
    Directory(Arc<Directory>),
}

#[derive(Debug, Default)]
pub(super) struct Directory {
    names: Mutex<TwoStates>,
}

#[derive(Debug, Default)]
struct TwoStates {
    seen: Names,
    synced: Names,
    /// What leads from the one to the other, in order.
    changes: Vec<Change>,
}

/// One change of names, which is there after a power loss or not.
#[derive(Clone, Debug)]
enum Change {
    Put(String, Entry),
    Take(String),
    /// Within one directory; never leaves both names or neither.
    Move(String, String, Entry),
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put(name, entry) => drop(names.insert(name.clone(), entry.clone())),
            Self::Take(name) => drop(names.remove(name)),
            Self::Move(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), entry.clone());
            }
        }
    }
}

/// The names from the root to `p`; a relative path starts at the root too.
pub(super) fn names(p: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for component in p.components() {
        match component {
            Component::Normal(name) => names.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => drop(names.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    names
}

/// Lookups; `self` is the root.
impl Directory {
    pub(super) fn find(self: &Arc<Self>, path: &[String]) -> io::Result<Entry> {
        let mut found = Entry::Directory(Arc::clone(self));
        for name in path {
            let Entry::Directory(directory) = found else {
                return Err(Errno::NOTDIR.into());
            };
            found = directory.entry(name).ok_or(Errno::NOENT)?;
        }
        Ok(found)
    }

    pub(super) fn dir_at(self: &Arc<Self>, path: &[String]) -> io::Result<Arc<Self>> {
        match self.find(path)? {
            Entry::Directory(directory) => Ok(directory),
            Entry::File(_) => Err(Errno::NOTDIR.into()),
        }
    }

    pub(super) fn file(self: &Arc<Self>, path: &[String]) -> io::Result<Arc<Mutex<Contents>>> {
        match self.find(path)? {
            Entry::File(contents) => Ok(contents),
            Entry::Directory(_) => Err(Errno::ISDIR.into()),
        }
    }

    /// The directory that holds the last name, and that name; the root itself has neither.
    fn parent<'a>(self: &Arc<Self>, path: &'a [String]) -> io::Result<(Arc<Self>, &'a str)> {
        let (name, above) = path.split_last().ok_or(Errno::BUSY)?;
        Ok((self.dir_at(above)?, name))
    }
}

/// Changes; `self` is the root.
impl Directory {
    pub(super) fn create_file(
        self: &Arc<Self>,
        path: &[String],
    ) -> io::Result<Arc<Mutex<Contents>>> {
        let (directory, name) = self.parent(path)?;
        if directory.entry(name).is_some() {
            return Err(Errno::EXIST.into());
        }
        let contents = Arc::default();
        directory.put(name, Entry::File(Arc::clone(&contents)));
        Ok(contents)
    }

    pub(super) fn create_dir_all(self: &Arc<Self>, path: &[String]) -> io::Result<()> {
        let mut at = Arc::clone(self);
        for (depth, name) in path.iter().enumerate() {
            at = match at.entry(name) {
                Some(Entry::Directory(directory)) => directory,
                Some(Entry::File(_)) if depth + 1 == path.len() => {
                    return Err(Errno::EXIST.into());
                }
                Some(Entry::File(_)) => return Err(Errno::NOTDIR.into()),
                None => {
                    let made = Arc::<Self>::default();
                    at.put(name, Entry::Directory(Arc::clone(&made)));
                    if depth == 0 {
                        at.mount(name, &made);
                    }
                    made
                }
            };
        }
        Ok(())
    }

    pub(super) fn remove_file(self: &Arc<Self>, path: &[String]) -> io::Result<()> {
        self.file(path)?;
        let (directory, name) = self.parent(path)?;
        directory.take(name);
        Ok(())
    }

    pub(super) fn remove_dir_all(self: &Arc<Self>, path: &[String]) -> io::Result<()> {
        self.dir_at(path)?;
        let (directory, name) = self.parent(path)?;
        directory.take(name);
        Ok(())
    }

    pub(super) fn rename(self: &Arc<Self>, from: &[String], to: &[String]) -> io::Result<()> {
        let (source, old) = self.parent(from)?;
        let (target, new) = self.parent(to)?;
        let moved = source.entry(old).ok_or(Errno::NOENT)?;
        if from == to {
            return Ok(());
        }
        if to.starts_with(from) {
            return Err(Errno::INVAL.into());
        }
        if from.starts_with(to) {
            return Err(Errno::NOTEMPTY.into());
        }
        match (&moved, target.entry(new)) {
            (Entry::File(_), Some(Entry::Directory(_))) => return Err(Errno::ISDIR.into()),
            (Entry::Directory(_), Some(Entry::File(_))) => return Err(Errno::NOTDIR.into()),
            (Entry::Directory(_), Some(Entry::Directory(there))) if !there.list().is_empty() => {
                return Err(Errno::NOTEMPTY.into());
            }
            (Entry::File(_), Some(Entry::File(_)) | None)
            | (Entry::Directory(_), Some(Entry::Directory(_)) | None) => {}
        }
        if Arc::ptr_eq(&source, &target) {
            let (from, to) = (old.to_owned(), new.to_owned());
            source.change(Change::Move(from, to, moved));
        } else {
            source.take(old);
            target.put(new, moved);
        }
        Ok(())
    }
}

/// One directory by itself.
impl Directory {
    pub(super) fn list(&self) -> Vec<String> {
        locked(&self.names).seen.keys().cloned().collect()
    }

    /// The names alone; the files below have syncs of their own.
    pub(super) fn sync(&self) {
        let mut names = locked(&self.names);
        names.synced = names.seen.clone();
        names.changes.clear();
    }

    pub(super) fn sync_all(&self) {
        for entry in self.entries() {
            match entry {
                Entry::File(contents) => locked(&contents).sync(),
                Entry::Directory(directory) => directory.sync_all(),
            }
        }
        self.sync();
    }

    /// Becomes what a power loss leaves; handles of before keep files that nobody sees.
    pub(super) fn lose_power(&self, survival: Survival<'_>) {
        let left = self.after_power_loss(survival);
        *locked(&self.names) = std::mem::take(&mut *locked(&left.names));
    }

    /// A copy of all below as a power loss leaves it.
    pub(super) fn after_power_loss(&self, survival: Survival<'_>) -> Self {
        let mut left = {
            let names = locked(&self.names);
            let mut left = names.synced.clone();
            for change in names.changes.iter().filter(|_| survival.change()) {
                change.apply(&mut left);
            }
            left
        };
        for entry in left.values_mut() {
            *entry = match entry {
                Entry::File(contents) => {
                    let contents = locked(contents).after_power_loss(survival);
                    Entry::File(Arc::new(Mutex::new(contents)))
                }
                Entry::Directory(directory) => {
                    Entry::Directory(Arc::new(directory.after_power_loss(survival)))
                }
            };
        }
        let names = TwoStates {
            seen: left.clone(),
            synced: left,
            changes: Vec::new(),
        };
        Self {
            names: Mutex::new(names),
        }
    }

    /// The sizes of all files below.
    pub(super) fn bytes(&self) -> u64 {
        let below = self.entries().into_iter().map(|entry| match entry {
            Entry::File(contents) => locked(&contents).len() as u64,
            Entry::Directory(directory) => directory.bytes(),
        });
        below.sum()
    }

    fn entries(&self) -> Vec<Entry> {
        locked(&self.names).seen.values().cloned().collect()
    }

    fn entry(&self, name: &str) -> Option<Entry> {
        locked(&self.names).seen.get(name).cloned()
    }

    fn put(&self, name: &str, entry: Entry) {
        self.change(Change::Put(name.to_owned(), entry));
    }

    fn take(&self, name: &str) {
        self.change(Change::Take(name.to_owned()));
    }

    fn change(&self, change: Change) {
        let mut names = locked(&self.names);
        change.apply(&mut names.seen);
        names.changes.push(change);
    }

    fn mount(&self, name: &str, directory: &Arc<Self>) {
        let entry = Entry::Directory(Arc::clone(directory));
        locked(&self.names).synced.insert(name.to_owned(), entry);
    }
}
