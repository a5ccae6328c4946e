//! Where each field of the packed format stands, and how to read and write it without ever indexing.
//!
//! The text is in `sdk/wit/function.wit`; the numbers are here and nowhere else. Reading outside the buffer gives `None`,
//! which the callers turn into a `Malformed`.

/// "SMB1", little-endian: a batch.
pub(super) const BATCH_MAGIC: u32 = 0x3142_4d53;
/// "SMO1", little-endian: an output.
pub(super) const OUTPUT_MAGIC: u32 = 0x314f_4d53;
pub(super) const VERSION: u16 = 1;
pub(super) const HEADER_BYTES: usize = 32;
pub(super) const BATCH_STRIDE_BYTES: usize = 64;
pub(super) const OUTPUT_STRIDE_BYTES: usize = 40;
/// The source of an output that no record caused.
pub const NO_SOURCE: u32 = u32::MAX;

/// Output header: every entry has an explicit hash key.
pub(super) const HASH_KEYS: u16 = 1;

/// Entry flags of a batch.
pub(super) const DELIVERED_BEFORE: u32 = 1;
pub(super) const FROM_AGGREGATE: u32 = 2;
pub(super) const CLOSES_WINDOW: u32 = 4;

/// Offsets inside an entry of a batch.
pub(super) mod record {
    pub(crate) const SEQUENCE: usize = 0;
    pub(crate) const SUB_SEQUENCE: usize = 24;
    pub(crate) const ARRIVED: usize = 32;
    pub(crate) const KEY: usize = 40;
    pub(crate) const DATA: usize = 48;
    pub(crate) const FLAGS: usize = 56;
    pub(crate) const DELIVERIES: usize = 60;
}

/// Offsets inside an entry of an output.
pub(super) mod output {
    pub(crate) const KEY: usize = 0;
    pub(crate) const DATA: usize = 8;
    pub(crate) const HASH_KEY: usize = 16;
    pub(crate) const SOURCE: usize = 32;
}

/// The sequence number of a record: 192 bits, of which Kinesis uses 186. Ordered as the shard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub [u64; 3]);

impl std::fmt::Display for Sequence {
    /// Decimal, as Kinesis writes sequence numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const TEN_TO_18: u128 = 1_000_000_000_000_000_000;
        let mut parts = self.0;
        let mut groups = Vec::new();
        while parts.iter().any(|part| *part != 0) || groups.is_empty() {
            let mut rest = 0_u128;
            for part in &mut parts {
                let wide = (rest << 64) | u128::from(*part);
                *part = u64::try_from(wide / TEN_TO_18).unwrap_or(u64::MAX);
                rest = wide % TEN_TO_18;
            }
            groups.push(rest);
        }
        let mut digits = groups.iter().rev();
        write!(f, "{}", digits.next().unwrap_or(&0))?;
        digits.try_for_each(|group| write!(f, "{group:018}"))
    }
}

pub(super) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes_at(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes_at(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes_at(bytes, at).map(u64::from_le_bytes)
}

/// The bytes that a pair (offset u32, length u32) at `at` of `entry` points to in `whole`.
pub(super) fn slice_at<'b>(whole: &'b [u8], entry: &[u8], at: usize) -> Option<&'b [u8]> {
    let offset = usize::try_from(u32_at(entry, at)?).ok()?;
    let length = usize::try_from(u32_at(entry, at + 4)?).ok()?;
    whole.get(offset..offset.checked_add(length)?)
}

/// What the header of either kind of buffer says about its entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) flags: u16,
    pub(super) count: usize,
    pub(super) stride: usize,
}

impl Header {
    /// Checks magic, version and that the whole index lies inside `bytes`.
    pub(super) fn read(
        bytes: &[u8],
        magic: u32,
        stride_min: usize,
    ) -> Result<Self, super::Malformed> {
        let wrong = super::Malformed;
        if u32_at(bytes, 0) != Some(magic) {
            return Err(wrong("the magic number is wrong"));
        }
        if u16_at(bytes, 4) != Some(VERSION) {
            return Err(wrong(
                "the version is unknown, build against the host's package",
            ));
        }
        let field = |at| u32_at(bytes, at).and_then(|value| usize::try_from(value).ok());
        let (Some(flags), Some(count), Some(stride)) = (u16_at(bytes, 6), field(8), field(12))
        else {
            return Err(wrong("the header is cut off"));
        };
        if stride < stride_min {
            return Err(wrong("the stride is shorter than an entry"));
        }
        let end = count
            .checked_mul(stride)
            .and_then(|index| index.checked_add(HEADER_BYTES));
        if end.is_none_or(|end| end > bytes.len()) {
            return Err(wrong("the index is cut off"));
        }
        Ok(Self {
            flags,
            count,
            stride,
        })
    }

    /// Entry `index`; the caller stays below `count`.
    pub(super) fn entry<'b>(&self, bytes: &'b [u8], index: usize) -> Option<&'b [u8]> {
        let start = index.checked_mul(self.stride)?.checked_add(HEADER_BYTES)?;
        bytes.get(start..start.checked_add(self.stride)?)
    }

    pub(super) fn write(bytes: &mut Vec<u8>, magic: u32, flags: u16, count: u32, stride: u32) {
        bytes.extend_from_slice(&magic.to_le_bytes());
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&stride.to_le_bytes());
        bytes.resize(HEADER_BYTES, 0);
    }
}
