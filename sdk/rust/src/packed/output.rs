//! Output records in, one packed output out, and the way back for tests and benches.
//!
//! Each entry names the input record that caused it, so that the host can drop what a failed record did. The writer keeps
//! one entry of 24 bytes and the bytes themselves; packing copies them once.
use super::Malformed;
use super::layout::{self, Header, NO_SOURCE, output as field};

/// Collects the records of one output and packs them.
#[derive(Debug, Clone, Default)]
pub struct OutputWriter {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    hash_keys: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    key_bytes: u32,
    data_bytes: u32,
    hash_key: u128,
    source: u32,
    /// The record that was being handled: differs from `source` only when the handler said that no record caused it.
    cause: u32,
}

impl OutputWriter {
    /// With `hash_keys`, every entry carries the hash key that chooses its shard; otherwise its key does.
    #[must_use]
    pub fn new(hash_keys: bool) -> Self {
        Self {
            hash_keys,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn has_hash_keys(&self) -> bool {
        self.hash_keys
    }

    /// Size when packed.
    #[must_use]
    pub fn packed_bytes(&self) -> usize {
        layout::HEADER_BYTES + self.entries.len() * layout::OUTPUT_STRIDE_BYTES + self.bytes.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a record. `source` is the index of the input record that caused it, or [`NO_SOURCE`].
    pub fn push(
        &mut self,
        key: &str,
        data: &[u8],
        hash_key: u128,
        source: u32,
    ) -> Result<(), Malformed> {
        self.push_while(key, data, hash_key, (source, source))
    }

    /// Adds a record made while `cause` was being handled.
    pub(crate) fn push_while(
        &mut self,
        key: &str,
        data: &[u8],
        hash_key: u128,
        (source, cause): (u32, u32),
    ) -> Result<(), Malformed> {
        let too_large = Malformed("an output of 4 GiB or more");
        let after = self.packed_bytes() + layout::OUTPUT_STRIDE_BYTES + key.len() + data.len();
        let (Ok(key_bytes), Ok(data_bytes), Ok(_)) = (
            u32::try_from(key.len()),
            u32::try_from(data.len()),
            u32::try_from(after),
        ) else {
            return Err(too_large);
        };
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.extend_from_slice(data);
        self.entries.push(Entry {
            key_bytes,
            data_bytes,
            hash_key,
            source,
            cause,
        });
        Ok(())
    }

    /// Forgets what was made while one of `causes` was being handled.
    pub(crate) fn forget(&mut self, is_failed: impl Fn(u32) -> bool) {
        if !self.entries.iter().any(|entry| is_failed(entry.cause)) {
            return;
        }
        let mut kept = Vec::with_capacity(self.bytes.len());
        let mut rest = self.bytes.as_slice();
        self.entries.retain(|entry| {
            let (own, after) = rest.split_at_checked(entry.length()).unwrap_or((rest, &[]));
            rest = after;
            let keep = !is_failed(entry.cause);
            if keep {
                kept.extend_from_slice(own);
            }
            keep
        });
        self.bytes = kept;
    }

    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.packed_bytes());
        let flags = if self.hash_keys { layout::HASH_KEYS } else { 0 };
        let stride = fits(layout::OUTPUT_STRIDE_BYTES);
        Header::write(
            &mut packed,
            layout::OUTPUT_MAGIC,
            flags,
            fits(self.entries.len()),
            stride,
        );
        let mut at = self.packed_bytes() - self.bytes.len();
        for entry in &self.entries {
            let key_at = fits(at);
            let places = [
                key_at,
                entry.key_bytes,
                key_at + entry.key_bytes,
                entry.data_bytes,
            ];
            places
                .iter()
                .for_each(|place| packed.extend_from_slice(&place.to_le_bytes()));
            // High half first, each half little-endian: a rotated u128.
            packed.extend_from_slice(&entry.hash_key.rotate_left(64).to_le_bytes());
            packed.extend_from_slice(&entry.source.to_le_bytes());
            packed.extend_from_slice(&0_u32.to_le_bytes());
            at += entry.length();
        }
        packed.extend_from_slice(&self.bytes);
        packed
    }
}

impl Entry {
    fn length(&self) -> usize {
        let wide = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
        wide(self.key_bytes).saturating_add(wide(self.data_bytes))
    }
}

/// `push_while` has refused whatever would not fit.
fn fits(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// A packed output, checked, for reading.
#[derive(Debug, Clone, Copy)]
pub struct OutputView<'b> {
    bytes: &'b [u8],
    header: Header,
}

/// One record of a packed output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputEntry<'b> {
    pub key: &'b str,
    pub data: &'b [u8],
    pub hash_key: Option<u128>,
    pub source: Option<u32>,
}

impl<'b> OutputView<'b> {
    pub fn parse(bytes: &'b [u8]) -> Result<Self, Malformed> {
        let header = Header::read(bytes, layout::OUTPUT_MAGIC, layout::OUTPUT_STRIDE_BYTES)?;
        let view = Self { bytes, header };
        match (0..header.count).all(|index| view.get(index).is_some()) {
            true => Ok(view),
            false => Err(Malformed(
                "an entry lies outside the buffer or its key is not UTF-8",
            )),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = OutputEntry<'b>> {
        let view = *self;
        (0..self.header.count).filter_map(move |index| view.get(index))
    }

    fn get(&self, index: usize) -> Option<OutputEntry<'b>> {
        let entry = self.header.entry(self.bytes, index)?;
        let key = layout::slice_at(self.bytes, entry, field::KEY)?;
        let hash_key = u128::from_le_bytes(layout::bytes_at(entry, field::HASH_KEY)?);
        let source = layout::u32_at(entry, field::SOURCE)?;
        Some(OutputEntry {
            key: std::str::from_utf8(key).ok()?,
            data: layout::slice_at(self.bytes, entry, field::DATA)?,
            hash_key: (self.header.flags & layout::HASH_KEYS != 0)
                .then(|| hash_key.rotate_left(64)),
            source: (source != NO_SOURCE).then_some(source),
        })
    }
}
