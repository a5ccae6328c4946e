//! What is open of scratch space: reading, writing and moving, from one folder or file on, never above it.

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard},
};

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::{Contents, Scratch, Tree, What, kept};

/// Distinguishes what is in a bundle from what is in scratch space.
const KEPT: u64 = 1 << 63;

/// A file or folder that is open.
#[derive(Debug)]
pub(crate) struct Open {
    pub(super) scratch: Scratch,
    pub(super) id: u64,
    pub(crate) writes: bool,
}

impl Clone for Open {
    fn clone(&self) -> Self {
        self.scratch.open(self.id, self.writes)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut tree = self.scratch.tree();
        if let Some(node) = tree.nodes.get_mut(&self.id) {
            node.opened = node.opened.saturating_sub(1);
        }
        tree.forget_unused(self.id);
    }
}

/// What is known about a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: u64,
    pub(crate) is_folder: bool,
    pub(crate) bytes: u64,
    pub(crate) accessed_ms: u64,
    pub(crate) modified_ms: u64,
}

/// How a file or folder is opened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opening {
    pub(crate) create: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    pub(crate) folder: bool,
    pub(crate) writes: bool,
}

impl Open {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.scratch.tree()
    }

    /// Of what is open, or of what a path leads to from it.
    pub(crate) fn known(&self, path: Option<&str>) -> Result<Known, ErrorCode> {
        let mut tree = self.tree();
        let id = match path {
            Some(path) => tree.find(self.id, path)?,
            None => self.id,
        };
        let node = tree.node(id)?;
        let (is_folder, bytes) = match &node.what {
            What::File(contents) => (false, contents.len),
            What::Kept(bundle, at) => (false, kept::contents(bundle, *at).len() as u64),
            What::Folder(_) => (true, 0),
        };
        let (accessed_ms, modified_ms) = (node.accessed_ms, node.modified_ms);
        Ok(Known {
            id: if tree.is_kept { id | KEPT } else { id },
            is_folder,
            bytes,
            accessed_ms,
            modified_ms,
        })
    }

    pub(crate) fn read(&self, offset: u64, bytes_max: usize) -> Result<Vec<u8>, ErrorCode> {
        let mut tree = self.tree();
        if let What::Kept(bundle, at) = &tree.node(self.id)?.what {
            let (bundle, at) = (Arc::clone(bundle), *at);
            drop(tree);
            return Ok(kept::read(kept::contents(&bundle, at), offset, bytes_max));
        }
        Ok(tree.file(self.id)?.read(offset, bytes_max))
    }

    /// From a place on, or at the end.
    pub(crate) fn write(&self, offset: Option<u64>, bytes: &[u8]) -> Result<u64, ErrorCode> {
        if !self.writes {
            return Err(ErrorCode::NotPermitted);
        }
        let mut tree = self.tree();
        let len = tree.file(self.id)?.len;
        let offset = offset.unwrap_or(len);
        let end = offset.checked_add(bytes.len() as u64);
        let end = end.ok_or(ErrorCode::FileTooLarge)?;
        if end > len {
            tree.set_len(self.id, end)?;
        }
        tree.file(self.id)?.write(offset, bytes);
        let now_ms = tree.now_ms;
        tree.node(self.id)?.modified_ms = now_ms;
        Ok(end)
    }

    pub(crate) fn set_len(&self, len: u64) -> Result<(), ErrorCode> {
        if !self.writes {
            return Err(ErrorCode::NotPermitted);
        }
        self.tree().set_len(self.id, len)
    }

    /// None: as it is.
    pub(crate) fn set_times(
        &self,
        path: Option<&str>,
        (accessed_ms, modified_ms): (Option<u64>, Option<u64>),
    ) -> Result<(), ErrorCode> {
        let mut tree = self.tree();
        let id = match path {
            Some(path) => tree.find(self.id, path)?,
            None => self.id,
        };
        tree.may_change()?;
        let node = tree.node(id)?;
        node.accessed_ms = accessed_ms.unwrap_or(node.accessed_ms);
        node.modified_ms = modified_ms.unwrap_or(node.modified_ms);
        Ok(())
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.tree().now_ms
    }

    /// Names, and whether each is a folder.
    pub(crate) fn entries(&self) -> Result<Vec<(String, bool)>, ErrorCode> {
        let mut tree = self.tree();
        let entries: Vec<(String, u64)> = tree
            .folder(self.id)?
            .iter()
            .map(|(name, id)| (name.clone(), *id))
            .collect();
        let is_folder = |id| match tree.nodes.get(&id).map(|node| &node.what) {
            Some(What::Folder(_)) => true,
            Some(What::File(_) | What::Kept(..)) | None => false,
        };
        Ok(entries
            .into_iter()
            .map(|(name, id)| (name, is_folder(id)))
            .collect())
    }

    pub(crate) fn open(&self, path: &str, how: Opening) -> Result<Self, ErrorCode> {
        let mut tree = self.tree();
        let (folder, name) = tree.place(self.id, path)?;
        let found = match &name {
            Some(name) => tree.folder(folder)?.get(name).copied(),
            None => Some(folder),
        };
        let id = match (found, name) {
            (Some(_), _) if how.create && how.exclusive => return Err(ErrorCode::Exist),
            (Some(id), _) => id,
            (None, Some(name)) if how.create && !how.folder => {
                tree.make(folder, name, What::File(Contents::default()))?
            }
            (None, _) => return Err(ErrorCode::NoEntry),
        };
        if how.folder || path.ends_with('/') {
            tree.folder(id)?;
        }
        if how.writes {
            tree.may_change()?;
        }
        if how.truncate {
            if !how.writes {
                return Err(ErrorCode::Invalid);
            }
            tree.set_len(id, 0)?;
        }
        drop(tree);
        Ok(self.scratch.open(id, how.writes))
    }

    pub(crate) fn make_folder(&self, path: &str) -> Result<(), ErrorCode> {
        let mut tree = self.tree();
        let (folder, name) = tree.place(self.id, path)?;
        let name = name.ok_or(ErrorCode::Exist)?;
        if tree.folder(folder)?.contains_key(&name) {
            return Err(ErrorCode::Exist);
        }
        let made = tree.make(folder, name, What::Folder(BTreeMap::new()));
        made.map(|_| ())
    }

    pub(crate) fn remove_folder(&self, path: &str) -> Result<(), ErrorCode> {
        let mut tree = self.tree();
        let id = tree.find(self.id, path)?;
        if !tree.folder(id)?.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        match tree.place(self.id, path)? {
            (folder, Some(name)) => tree.displace(folder, &name),
            (_, None) => Err(ErrorCode::Invalid),
        }
    }

    pub(crate) fn remove_file(&self, path: &str) -> Result<(), ErrorCode> {
        let mut tree = self.tree();
        let id = tree.find(self.id, path)?;
        tree.file(id)?;
        match tree.place(self.id, path)? {
            (folder, Some(name)) => tree.displace(folder, &name),
            (_, None) => Err(ErrorCode::IsDirectory),
        }
    }

    /// What stands at the new place is replaced where that is possible.
    pub(crate) fn rename(&self, path: &str, to: &Self, new: &str) -> Result<(), ErrorCode> {
        if !Arc::ptr_eq(&self.scratch.0, &to.scratch.0) {
            return Err(ErrorCode::CrossDevice);
        }
        let mut tree = self.tree();
        tree.may_change()?;
        let id = tree.find(self.id, path)?;
        let (from, Some(old_name)) = tree.place(self.id, path)? else {
            return Err(ErrorCode::Invalid);
        };
        let (into, Some(new_name)) = tree.place(to.id, new)? else {
            return Err(ErrorCode::Invalid);
        };
        if !tree.node(into)?.placed || tree.holds(id, into) {
            return Err(ErrorCode::Invalid);
        }
        let replaced = tree.folder(into)?.get(&new_name).copied();
        if replaced == Some(id) {
            return Ok(());
        }
        if let Some(replaced) = replaced {
            match (tree.folder(id).is_ok(), tree.folder(replaced)) {
                (true, Ok(entries)) if entries.is_empty() => {}
                (true, Ok(_)) => return Err(ErrorCode::NotEmpty),
                (true, Err(error)) => return Err(error),
                (false, Ok(_)) => return Err(ErrorCode::IsDirectory),
                (false, Err(_)) => {}
            }
            tree.displace(into, &new_name)?;
        }
        tree.folder(from)?.remove(&old_name);
        tree.folder(into)?.insert(new_name, id);
        Ok(())
    }
}
