//! The files of a bundle as a folder that is read and never changed: one for all sandboxes of a function, which share the
//! bundle's own bytes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use super::{Node, ROOT, Room, Scratch, Tree, What};
use crate::{
    bundle::Bundle,
    limits::{SCRATCH_DEPTH_MAX, SCRATCH_NAME_BYTES_MAX},
};

/// 1980, as packers write it that want the same files to give the same bytes; zips know nothing earlier.
const MODIFIED_MS: u64 = 315_532_800_000;

impl Scratch {
    /// Files whose path leads nowhere, or through another file, are left out.
    pub(crate) fn kept(bundle: &Arc<Bundle>) -> Self {
        let mut tree = Tree {
            nodes: BTreeMap::from([(ROOT, folder())]),
            next: ROOT + 1,
            room: Room {
                bytes_max: 0,
                bytes: 0,
                all: Arc::new(AtomicU64::new(0)),
            },
            now_ms: MODIFIED_MS,
            is_kept: true,
        };
        for (at, (path, _)) in bundle.files.iter().enumerate() {
            tree.place_kept(path, bundle, at);
        }
        Self(Arc::new(Mutex::new(tree)))
    }
}

impl Tree {
    fn place_kept(&mut self, path: &str, bundle: &Arc<Bundle>, at: usize) -> Option<()> {
        let parts: Vec<&str> = path.split('/').collect();
        let is_name = |part: &&str| {
            !["", ".", ".."].contains(part)
                && part.len() <= SCRATCH_NAME_BYTES_MAX
                && !part.contains('\0')
        };
        if parts.len() > SCRATCH_DEPTH_MAX || !parts.iter().all(is_name) {
            return None;
        }
        let (name, folders) = parts.split_last()?;
        let mut here = ROOT;
        for part in folders {
            let known = self.folder(here).ok()?.get(*part).copied();
            here = known.unwrap_or_else(|| self.add_kept(here, part, folder()));
        }
        if self.folder(here).ok()?.contains_key(*name) {
            return None;
        }
        let file = Node::new(What::Kept(Arc::clone(bundle), at), MODIFIED_MS);
        self.add_kept(here, name, file);
        Some(())
    }

    fn add_kept(&mut self, into: u64, name: &str, node: Node) -> u64 {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, node);
        if let Ok(entries) = self.folder(into) {
            entries.insert(name.to_owned(), id);
        }
        id
    }
}

fn folder() -> Node {
    Node::new(What::Folder(BTreeMap::new()), MODIFIED_MS)
}

pub(super) fn contents(bundle: &Bundle, at: usize) -> &[u8] {
    let file = bundle.files.get(at);
    file.map_or(&[], |(_, contents)| contents)
}

pub(super) fn read(contents: &[u8], offset: u64, bytes_max: usize) -> Vec<u8> {
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = contents.get(from..).unwrap_or_default();
    rest.get(..bytes_max).unwrap_or(rest).to_vec()
}
