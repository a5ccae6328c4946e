//! Encryption by a data key: bytes go in, what only that key opens comes out. AES-256-GCM; knows nothing of the log.
//!
//! ```text
//! encrypted  32 bytes: mark u8 (0x80), version u8, reserved u16, data key u32, salt of the run 16 bytes, counter u64;
//!            then the ciphertext, then the tag of 16 bytes
//! ```
//!
//! **A key and a nonce never meet twice.** A data key encrypts nothing itself: every run of a server draws a salt of 128
//! random bits and derives keys of its own from it (HKDF-SHA-256), and within a run nonces are counted from 0, one for
//! each call, whether its result is stored or not. Two runs would have to draw the same salt. Positions of the log, or a
//! counter kept on disk, would not do: both are given again after a crash, and in every copy that was restored from a
//! backup. What is decrypted was encrypted by this key, for this purpose and this place, or it is an error.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, Salt},
};
use bytes::{Bytes, BytesMut};
use platform::Rng;
use zeroize::Zeroizing;

use crate::{
    layout::frame::{u32_at, u64_at},
    limits::RUN_KEYS_MAX,
};

/// The first byte of encrypted bytes. Neither a record nor a version of anything that is stored begins with it.
pub(crate) const MARK: u8 = 0x80;
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
/// How much longer encrypted bytes are.
pub const AROUND_ENCRYPTED_BYTES: usize = HEAD_BYTES + MAX_TAG_LEN;
const PURPOSE: &[u8] = b"shardmill data key 1";

/// 32 secret bytes, gone from memory with their last user and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; 32]>);

/// Why encrypted bytes do not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    #[error("it is not encrypted as this version knows")]
    Unknown,
    #[error("data key {0} is not there")]
    NoKey(u32),
    #[error("it was changed, or another key encrypted it")]
    Forged,
}

/// One data key in use.
#[derive(Debug)]
pub struct Cipher {
    number: u32,
    secret: Secret,
    salt: RunSalt,
    own: LessSafeKey,
    next_nonce: AtomicU64,
    /// Keys of other runs, the last one used at the end.
    others: Mutex<VecDeque<(RunSalt, Arc<LessSafeKey>)>>,
}

type RunSalt = [u8; SALT_BYTES];

impl Secret {
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// One that nobody has had before.
    pub fn draw(rng: &Rng) -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.secret(bytes.as_mut())?;
        Ok(Self(bytes))
    }

    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A name of it in 16 hexadecimal digits, from which nothing of it follows.
    pub fn fingerprint(&self) -> io::Result<String> {
        let extracted = Salt::new(HKDF_SHA256, b"shardmill fingerprint").extract(self.expose());
        let mut name = [0; 32];
        let expanded = extracted.expand(&[PURPOSE], HKDF_SHA256);
        let filled = expanded.and_then(|bytes| bytes.fill(&mut name));
        filled.map_err(io::Error::other)?;
        Ok(name[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The number of the data key that encrypted these bytes, if they say that one did.
#[must_use]
pub fn key_of(bytes: &[u8]) -> Option<u32> {
    let head = bytes.get(..HEAD_BYTES)?;
    (head[..2] == [MARK, VERSION]).then(|| u32_at(head, 4))
}

impl Cipher {
    pub fn new(rng: &Rng, number: u32, secret: Secret) -> io::Result<Self> {
        let mut salt = [0; SALT_BYTES];
        rng.secret(&mut salt)?;
        let own = derived(&secret, salt).map_err(io::Error::other)?;
        Ok(Self {
            number,
            secret,
            salt,
            own,
            next_nonce: AtomicU64::new(0),
            others: Mutex::default(),
        })
    }

    /// `purpose` says what and where it is; it must be the same when it is decrypted.
    pub fn encrypt(&self, purpose: &[u8], plain: &[u8]) -> io::Result<Bytes> {
        let mut out = BytesMut::with_capacity(plain.len() + AROUND_ENCRYPTED_BYTES);
        self.begin(&mut out);
        out.extend_from_slice(plain);
        self.finish(purpose, &mut out, 0)?;
        Ok(out.freeze())
    }

    /// What stands before the plain bytes, with a nonce that is now used.
    pub(crate) fn begin(&self, out: &mut BytesMut) {
        let nonce = self.next_nonce.fetch_add(1, Ordering::Relaxed);
        out.extend_from_slice(&[MARK, VERSION, 0, 0]);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&nonce.to_le_bytes());
    }

    /// Encrypts what was appended since `begin` stood at `from`, in its place.
    pub(crate) fn finish(&self, purpose: &[u8], out: &mut BytesMut, from: usize) -> io::Result<()> {
        let (head, plain) = out[from..].split_at_mut(HEAD_BYTES);
        let tag = self.own.seal_in_place_separate_tag(
            nonce(u64_at(head, HEAD_BYTES - 8)),
            said(head, purpose),
            plain,
        );
        let tag = tag.map_err(io::Error::other)?;
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    pub fn decrypt(&self, purpose: &[u8], encrypted: &[u8]) -> Result<Bytes, Unopened> {
        if key_of(encrypted) != Some(self.number) || encrypted.len() < AROUND_ENCRYPTED_BYTES {
            return Err(Unopened::Unknown);
        }
        let (head, rest) = encrypted.split_at(HEAD_BYTES);
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&head[8..8 + SALT_BYTES]);
        let mut bytes = BytesMut::from(rest);
        let forged = |_: Unspecified| Unopened::Forged;
        let (nonce, said) = (nonce(u64_at(head, HEAD_BYTES - 8)), said(head, purpose));
        let len = if salt == self.salt {
            let opened = self.own.open_in_place(nonce, said, &mut bytes);
            opened.map_err(forged)?.len()
        } else {
            let key = self.of_run(salt).map_err(forged)?;
            let opened = key.open_in_place(nonce, said, &mut bytes);
            opened.map_err(forged)?.len()
        };
        bytes.truncate(len);
        Ok(bytes.freeze())
    }

    /// The key that another run derived.
    fn of_run(&self, salt: RunSalt) -> Result<Arc<LessSafeKey>, Unspecified> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let found = others.iter().position(|(known, _)| *known == salt);
        let found = found.and_then(|at| others.remove(at));
        let entry = match found {
            Some(entry) => entry,
            None => (salt, Arc::new(derived(&self.secret, salt)?)),
        };
        let key = Arc::clone(&entry.1);
        others.push_back(entry);
        if others.len() > RUN_KEYS_MAX {
            others.pop_front();
        }
        Ok(key)
    }
}

fn derived(secret: &Secret, salt: RunSalt) -> Result<LessSafeKey, Unspecified> {
    let extracted = Salt::new(HKDF_SHA256, &salt).extract(secret.expose());
    let key: UnboundKey = extracted.expand(&[PURPOSE], &AES_256_GCM)?.into();
    Ok(LessSafeKey::new(key))
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// What is authenticated but not encrypted.
fn said(head: &[u8], purpose: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([head, purpose].concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use platform::Platform;
    use proptest::prelude::*;

    use super::*;

    fn cipher(seed: u64, number: u32, secret: u8) -> Cipher {
        let rng = Platform::simulated(seed).rng;
        Cipher::new(&rng, number, Secret::new([secret; 32])).unwrap()
    }

    #[test]
    fn only_the_same_key_opens_it_for_the_same_purpose_in_any_run() {
        let one = cipher(1, 7, 1);
        let encrypted = one.encrypt(b"here", b"plain").unwrap();
        assert_eq!(key_of(&encrypted), Some(7));
        assert!(!encrypted.windows(5).any(|bytes| bytes == b"plain"));
        for (other, purpose, expected) in [
            (&one, &b"here"[..], Ok(Bytes::from("plain"))),
            (&cipher(2, 7, 1), b"here", Ok(Bytes::from("plain"))),
            (&one, b"there", Err(Unopened::Forged)),
            (&cipher(1, 7, 2), b"here", Err(Unopened::Forged)),
            (&cipher(1, 8, 1), b"here", Err(Unopened::Unknown)),
        ] {
            assert_eq!(other.decrypt(purpose, &encrypted), expected);
        }
        assert_eq!(one.decrypt(b"here", b""), Err(Unopened::Unknown));
    }

    #[test]
    fn no_bit_of_it_may_change() {
        let cipher = cipher(1, 7, 1);
        let encrypted = cipher.encrypt(b"here", b"plain").unwrap();
        for bit in 0..encrypted.len() * 8 {
            let mut flipped = encrypted.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(cipher.decrypt(b"here", &flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_nonce_is_used_once_in_a_run_and_runs_have_different_keys() {
        let (one, other) = (cipher(1, 7, 1), cipher(2, 7, 1));
        let heads: BTreeSet<Bytes> = [&one, &other]
            .into_iter()
            .flat_map(|cipher| (0..50).map(|_| cipher.encrypt(b"", b"same").unwrap()))
            .map(|encrypted| encrypted.slice(8..HEAD_BYTES))
            .collect();
        assert_eq!(heads.len(), 100);
    }

    #[test]
    fn keys_of_many_other_runs_are_found_again() {
        let reader = cipher(0, 7, 1);
        let runs = 1..=(RUN_KEYS_MAX as u64 + 3);
        let encrypted: Vec<Bytes> = runs
            .map(|seed| cipher(seed, 7, 1).encrypt(b"", b"plain").unwrap())
            .collect();
        for _ in 0..2 {
            for encrypted in &encrypted {
                assert_eq!(reader.decrypt(b"", encrypted).unwrap(), "plain");
            }
        }
        assert_eq!(reader.others.lock().unwrap().len(), RUN_KEYS_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_opened_or_refused(bytes: Vec<u8>, purpose: Vec<u8>) {
            let cipher = cipher(1, 7, 1);
            prop_assert!(cipher.decrypt(&purpose, &bytes).is_err());
            let encrypted = cipher.encrypt(&purpose, &bytes).unwrap();
            prop_assert_eq!(encrypted.len(), bytes.len() + AROUND_ENCRYPTED_BYTES);
            prop_assert_eq!(cipher.decrypt(&purpose, &encrypted), Ok(Bytes::from(bytes)));
        }
    }
}
