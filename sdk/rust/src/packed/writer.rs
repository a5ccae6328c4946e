//! Records in, a packed batch out: what the host does before it calls a function, for benches and tests.
use super::Record;
use super::layout::{self, Header, Sequence};

/// One record to pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord<'a> {
    pub key: &'a [u8],
    pub data: &'a [u8],
    pub sequence: Sequence,
    pub sub_sequence: u64,
    pub arrived_ms: u64,
    /// Bit 0 delivered before, bit 1 from an aggregate, bit 2 closes a keyed window.
    pub flags: u32,
    pub deliveries: u32,
}

impl<'a> From<Record<'a>> for NewRecord<'a> {
    fn from(record: Record<'a>) -> Self {
        Self {
            key: record.key().as_bytes(),
            data: record.data(),
            sequence: record.sequence(),
            sub_sequence: record.sub_sequence(),
            arrived_ms: record.arrived(),
            flags: record.flags(),
            deliveries: record.deliveries(),
        }
    }
}

/// Collects records and packs them.
#[derive(Debug, Clone, Default)]
pub struct BatchWriter {
    entries: Vec<u8>,
    places: Vec<(u32, u32)>,
    bytes: Vec<u8>,
}

impl BatchWriter {
    pub fn push(&mut self, record: &NewRecord<'_>) {
        for part in record.sequence.0 {
            self.entries.extend_from_slice(&part.to_le_bytes());
        }
        self.entries
            .extend_from_slice(&record.sub_sequence.to_le_bytes());
        self.entries
            .extend_from_slice(&record.arrived_ms.to_le_bytes());
        // The places are only known when the number of entries is: `finish` puts them in.
        self.entries.extend_from_slice(&[0; 16]);
        self.entries.extend_from_slice(&record.flags.to_le_bytes());
        self.entries
            .extend_from_slice(&record.deliveries.to_le_bytes());
        self.places.push((length(record.key), length(record.data)));
        self.bytes.extend_from_slice(record.key);
        self.bytes.extend_from_slice(record.data);
    }

    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let mut at = layout::HEADER_BYTES + self.entries.len();
        let entries = self.entries.chunks_exact_mut(layout::BATCH_STRIDE_BYTES);
        for (entry, (key, data)) in entries.zip(&self.places) {
            let key_at = offset(at);
            let data_at = key_at.saturating_add(*key);
            at = at.saturating_add(wide(*key)).saturating_add(wide(*data));
            let places = [key_at, *key, data_at, *data];
            let field = entry.iter_mut().skip(layout::record::KEY);
            field
                .zip(places.iter().flat_map(|place| place.to_le_bytes()))
                .for_each(|(to, from)| {
                    *to = from;
                });
        }
        let count = offset(self.places.len());
        let mut packed = Vec::with_capacity(at);
        let stride = offset(layout::BATCH_STRIDE_BYTES);
        Header::write(&mut packed, layout::BATCH_MAGIC, 0, count, stride);
        packed.append(&mut self.entries);
        packed.append(&mut self.bytes);
        packed
    }
}

/// Buffers end far below 4 GiB; one that does not would be refused by whoever reads it.
fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn length(bytes: &[u8]) -> u32 {
    offset(bytes.len())
}

fn wide(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
