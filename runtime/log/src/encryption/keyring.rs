//! The data keys of an open log: which are known, and under which one a shard's records are encrypted.
//!
//! Keys come from the caller at every start; the log stores none. While no shard is encrypted, a put pays one load of an
//! atomic for that. Records are encrypted on the caller's task and decrypted on the reader's.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use model::ShardSlot;

use crate::{
    Log,
    append::commit::Append,
    encryption::cipher::{Cipher, MARK, Secret, Unopened, key_of},
    errors::{OpenError, Refused},
    layout::{encode, format, frame},
};

#[derive(Debug, Default)]
pub(crate) struct Keyring {
    in_use: AtomicBool,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: BTreeMap<u32, Arc<Cipher>>,
    shards: BTreeMap<ShardSlot, u32>,
}

impl Log {
    /// Makes a data key known, for what it encrypted and for what it is to encrypt.
    pub fn add_key(&self, number: u32, secret: Secret) -> io::Result<()> {
        let cipher = Cipher::new(&self.shared.platform.rng, number, secret)?;
        self.shared.keyring.change(|known| {
            known.keys.entry(number).or_insert_with(|| Arc::new(cipher));
        });
        Ok(())
    }

    /// Lets the directory be one that only versions open which know encrypted records and archived ones. Durable when it
    /// returns.
    pub async fn extend_format(&self) -> Result<(), OpenError> {
        format::extend(&self.shared.platform, &self.shared.dir).await
    }

    /// Encrypts the records of a shard that are put from now on, or no more. While the key is not known the shard takes
    /// none.
    pub fn encrypt_shard(&self, slot: ShardSlot, number: Option<u32>) {
        self.shared.keyring.change(|known| {
            match number {
                Some(number) => known.shards.insert(slot, number),
                None => known.shards.remove(&slot),
            };
        });
    }

    pub fn data_key(&self, number: u32) -> Result<Arc<Cipher>, Unopened> {
        self.shared.keyring.key(number)
    }

    /// Opens what `Cipher::encrypt` made under any key that is known.
    pub fn decrypt(&self, purpose: &[u8], encrypted: &[u8]) -> Result<Bytes, Unopened> {
        self.shared.keyring.decrypt(purpose, encrypted)
    }
}

impl Keyring {
    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        self.in_use
            .store(!known.shards.is_empty(), Ordering::Release);
    }

    fn key(&self, number: u32) -> Result<Arc<Cipher>, Unopened> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let key = known.keys.get(&number).map(Arc::clone);
        key.ok_or(Unopened::NoKey(number))
    }

    fn of_shard(&self, slot: ShardSlot) -> Result<Option<Arc<Cipher>>, Unopened> {
        if !self.in_use.load(Ordering::Acquire) {
            return Ok(None);
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(number) = known.shards.get(&slot) else {
            return Ok(None);
        };
        let key = known.keys.get(number).map(Arc::clone);
        key.ok_or(Unopened::NoKey(*number)).map(Some)
    }

    fn decrypt(&self, purpose: &[u8], encrypted: &[u8]) -> Result<Bytes, Unopened> {
        let number = key_of(encrypted).ok_or(Unopened::Unknown)?;
        self.key(number)?.decrypt(purpose, encrypted)
    }

    /// The bytes of a part, encrypted where its shard is.
    pub(crate) fn put_records(&self, out: &mut BytesMut, append: &Append) -> Result<(), Refused> {
        let failed = |error: &dyn std::fmt::Display| Refused::Stopped(format!("encrypt: {error}"));
        let cipher = self.of_shard(append.slot).map_err(|error| failed(&error))?;
        let cipher = cipher.filter(|_| !append.records.is_empty());
        let from = out.len();
        if let Some(cipher) = &cipher {
            cipher.begin(out);
        }
        for record in &append.records {
            encode::put_record(out, record);
        }
        if let Some(cipher) = cipher {
            let purpose = purpose(append.slot, frame::narrow(append.records.len()));
            let done = cipher.finish(&purpose, out, from);
            done.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// The bytes of a part as they were put; `count` is of its records.
    pub(crate) fn records(
        &self,
        part: Bytes,
        slot: ShardSlot,
        count: u32,
    ) -> Result<Bytes, Unopened> {
        if is_encrypted(&part) {
            return self.decrypt(&purpose(slot, count), &part);
        }
        Ok(part)
    }
}

/// A plain part begins with the flags of its first record.
pub(crate) fn is_encrypted(part: &[u8]) -> bool {
    part.first() == Some(&MARK)
}

/// A part opens only as the records of its shard.
fn purpose(slot: ShardSlot, count: u32) -> [u8; 15] {
    let mut purpose = *b"records\0\0\0\0\0\0\0\0";
    purpose[7..11].copy_from_slice(&slot.0.to_le_bytes());
    purpose[11..].copy_from_slice(&count.to_le_bytes());
    purpose
}
