//! The memory of a program of preview 1: every place and length comes from the program and is checked.
#![deny(clippy::indexing_slicing)]

use super::files::{Errno, FAULT, INVALID};

/// Of one call.
const PARTS_MAX: u32 = 1024;

pub(super) struct Memory<'a>(pub(super) &'a mut [u8]);

impl Memory<'_> {
    pub(super) fn slice(&self, at: u32, len: u32) -> Result<&[u8], Errno> {
        let (at, len) = (at as usize, len as usize);
        self.0
            .get(at..)
            .and_then(|rest| rest.get(..len))
            .ok_or(FAULT)
    }

    pub(super) fn slice_mut(&mut self, at: u32, len: u32) -> Result<&mut [u8], Errno> {
        let (at, len) = (at as usize, len as usize);
        let rest = self.0.get_mut(at..).ok_or(FAULT)?;
        rest.get_mut(..len).ok_or(FAULT)
    }

    pub(super) fn put<const N: usize>(&mut self, at: u32, bytes: [u8; N]) -> Result<(), Errno> {
        let len = u32::try_from(N).map_err(|_| FAULT)?;
        self.slice_mut(at, len)?.copy_from_slice(&bytes);
        Ok(())
    }

    pub(super) fn text(&self, at: u32, len: u32) -> Result<String, Errno> {
        let bytes = self.slice(at, len)?;
        let text = std::str::from_utf8(bytes).map_err(|_| INVALID)?;
        Ok(text.to_owned())
    }

    /// Places and lengths of the parts of a read or a write.
    pub(super) fn parts(&self, at: u32, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
        if count > PARTS_MAX {
            return Err(INVALID);
        }
        let all = self.slice(at, count * 8)?;
        let number = |bytes: &[u8]| bytes.first_chunk().map(|four| u32::from_le_bytes(*four));
        let part = |eight: &[u8]| {
            let (place, len) = eight.split_at_checked(4)?;
            Some((number(place)?, number(len)?))
        };
        all.chunks_exact(8)
            .map(|it| part(it).ok_or(FAULT))
            .collect()
    }
}
