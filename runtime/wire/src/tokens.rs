//! Opaque texts that a client hands back: shard iterators and tokens of further pages.
//!
//! In: a few bytes, a nonce, a length. Out: base64 that looks like AWS's and differs at every call, because the
//! bytes are scrambled by the nonce. Nothing is kept in memory, so a token survives a restart. This is no
//! encryption: it keeps people from depending on the inside and catches damage. A token that was changed,
//! cut or made up opens to `None`.

/// What all tokens begin with, as AWS's iterators do.
const HEAD: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
/// Head, nonce, checksum and the length of the content.
const FRAME_BYTES: usize = 8 + 8 + 8 + 2;

/// Seals `content` into a token of at least `bytes_min` bytes before base64. What is missing is filled up.
pub(crate) fn seal(content: &[u8], nonce: u64, bytes_min: usize) -> String {
    let mut inside = Vec::with_capacity(bytes_min);
    // Contents are a name of 128 bytes and some numbers.
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    inside.extend_from_slice(&length.to_be_bytes());
    inside.extend_from_slice(content);
    inside.resize(
        inside.len().max(bytes_min.saturating_sub(FRAME_BYTES - 2)),
        0,
    );

    let mut bytes = Vec::with_capacity(inside.len() + FRAME_BYTES);
    bytes.extend_from_slice(&HEAD);
    bytes.extend_from_slice(&nonce.to_be_bytes());
    bytes.extend_from_slice(&checksum(nonce, &inside).to_be_bytes());
    scramble(nonce, &mut inside);
    bytes.append(&mut inside);
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// Opens a token. Quotes around it are tolerated, as AWS does.
pub(crate) fn open(token: &str) -> Option<Vec<u8>> {
    let token = token.trim_matches('"');
    let bytes = base64_simd::STANDARD.decode_to_vec(token).ok()?;
    let rest = bytes.strip_prefix(&HEAD)?;
    let (nonce, rest) = rest.split_first_chunk()?;
    let (expected, rest) = rest.split_first_chunk()?;
    let nonce = u64::from_be_bytes(*nonce);
    let mut inside = rest.to_vec();
    scramble(nonce, &mut inside);
    if checksum(nonce, &inside) != u64::from_be_bytes(*expected) {
        return None;
    }
    let (length, content) = inside.split_first_chunk()?;
    content
        .get(..usize::from(u16::from_be_bytes(*length)))
        .map(<[u8]>::to_vec)
}

/// Flips the bytes by a stream that the nonce gives; twice is the original.
fn scramble(nonce: u64, bytes: &mut [u8]) {
    let mut state = nonce;
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        for (byte, mask) in chunk.iter_mut().zip(mixed(state).to_be_bytes()) {
            *byte ^= mask;
        }
    }
}

fn checksum(nonce: u64, bytes: &[u8]) -> u64 {
    bytes
        .chunks(8)
        .fold(mixed(nonce ^ 0x5348_4152_444d_494c), |sum, chunk| {
            let word = chunk
                .iter()
                .fold(1, |word: u64, byte| word << 8 | u64::from(*byte));
            mixed(sum.rotate_left(17) ^ word)
        })
}

/// The finisher of splitmix64.
fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_sealed_opens(
            content in prop::collection::vec(any::<u8>(), 0..300),
            nonce: u64,
            bytes_min in 0_usize..400,
        ) {
            let token = seal(&content, nonce, bytes_min);
            prop_assert_eq!(open(&token), Some(content.clone()));
            prop_assert_eq!(open(&format!("\"{token}\"")), Some(content));
            let length = base64_simd::STANDARD.decode_to_vec(&token).unwrap().len();
            prop_assert!(length >= bytes_min);
        }

        #[test]
        fn a_changed_token_does_not_open(
            content in prop::collection::vec(any::<u8>(), 0..100),
            nonce: u64,
            place: prop::sample::Index,
            flip in 1_u8..=255,
        ) {
            let mut bytes = base64_simd::STANDARD.decode_to_vec(seal(&content, nonce, 152)).unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            prop_assert_eq!(open(&base64_simd::STANDARD.encode_to_string(&bytes)), None);
        }

        #[test]
        fn any_text_is_only_refused(text in ".{0,600}") {
            prop_assert_eq!(open(&text), None);
        }
    }
}
