//! The files of a zip, read from its central directory. What it unpacks to is bounded before anything is unpacked, and no
//! file grows beyond what the directory says of it.
#![deny(clippy::indexing_slicing)]

use std::io::Read as _;

use flate2::{Crc, read::DeflateDecoder};

use crate::limits::{PACKAGE_FILES_MAX, UNZIPPED_BYTES_MAX};

/// Names with `/`, and contents; folders are left out.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadZip {
    #[error("it is no zip: {0}")]
    Damaged(&'static str),
    #[error("it holds {0} files, at most {PACKAGE_FILES_MAX} are unpacked")]
    TooManyFiles(usize),
    #[error("it unpacks to {0} bytes, at most {UNZIPPED_BYTES_MAX} are accepted")]
    TooLarge(u64),
    #[error("`{0}` lies outside of it")]
    Outside(String),
    #[error("`{0}` is packed in a way that is not known")]
    Method(String),
    #[error("`{0}` does not unpack to what its directory says")]
    Unfit(String),
}

const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
/// A comment stands behind the end of the directory.
const COMMENT_BYTES_MAX: usize = 0xffff;

struct Entry {
    name: String,
    method: u16,
    crc: u32,
    packed: usize,
    unpacked: usize,
    at: usize,
}

pub(crate) fn unzip(bytes: &[u8]) -> Result<Files, BadZip> {
    let entries = directory(bytes)?;
    let all: u64 = entries.iter().map(|it| it.unpacked as u64).sum();
    if all > UNZIPPED_BYTES_MAX {
        return Err(BadZip::TooLarge(all));
    }
    let mut files = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.name.ends_with('/') {
            continue;
        }
        let contents = contents(bytes, &entry)?;
        files.push((entry.name, contents));
    }
    Ok(files)
}

fn directory(bytes: &[u8]) -> Result<Vec<Entry>, BadZip> {
    let damaged = BadZip::Damaged;
    let from = bytes.len().saturating_sub(COMMENT_BYTES_MAX + 22);
    let tail = bytes.get(from..).unwrap_or_default();
    let end = tail.windows(4).rposition(|window| window == END);
    let end = from + end.ok_or(damaged("the end of its directory is missing"))?;
    let comment = usize::from(u16_at(bytes, end + 20)?);
    if bytes.len() < end + 22 + comment {
        return Err(CUT);
    }
    let count = usize::from(u16_at(bytes, end + 10)?);
    let mut at = u32_at(bytes, end + 16)?;
    if at == u32::MAX as usize {
        return Err(damaged(
            "it is of the 64-bit kind, which is for larger ones",
        ));
    }
    if count > PACKAGE_FILES_MAX {
        return Err(BadZip::TooManyFiles(count));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        if bytes.get(at..at.saturating_add(4)) != Some(ENTRY) {
            return Err(damaged("its directory is cut off"));
        }
        let lengths = [28, 30, 32].map(|offset| u16_at(bytes, at + offset).map(usize::from));
        let [name_len, extra_len, comment_len] = lengths;
        let (name_len, extra_len, comment_len) = (name_len?, extra_len?, comment_len?);
        let name = bytes.get(at + 46..at + 46 + name_len);
        let name = name.ok_or(damaged("its directory is cut off"))?;
        let name = String::from_utf8_lossy(name).replace('\\', "/");
        let is_outside =
            name.starts_with('/') || name.split('/').any(|part| part == "..") || name.is_empty();
        if is_outside || name.contains('\0') {
            return Err(BadZip::Outside(name));
        }
        if u16_at(bytes, at + 8)? & 1 != 0 {
            return Err(damaged("it is encrypted"));
        }
        entries.push(Entry {
            method: u16_at(bytes, at + 10)?,
            crc: u32::try_from(u32_at(bytes, at + 16)?).unwrap_or(u32::MAX),
            packed: u32_at(bytes, at + 20)?,
            unpacked: u32_at(bytes, at + 24)?,
            at: u32_at(bytes, at + 42)?,
            name,
        });
        at += 46 + name_len + extra_len + comment_len;
    }
    Ok(entries)
}

fn contents(bytes: &[u8], entry: &Entry) -> Result<Vec<u8>, BadZip> {
    let unfit = || BadZip::Unfit(entry.name.clone());
    if bytes.get(entry.at..entry.at.saturating_add(4)) != Some(LOCAL) {
        return Err(unfit());
    }
    let name = usize::from(u16_at(bytes, entry.at + 26)?);
    let extra = usize::from(u16_at(bytes, entry.at + 28)?);
    let begin = entry.at + 30 + name + extra;
    let packed = bytes.get(begin..begin.saturating_add(entry.packed));
    let packed = packed.ok_or_else(unfit)?;
    let contents = match entry.method {
        0 => packed.to_vec(),
        8 => {
            // One byte more would show a file that is larger than it says.
            let limit = entry.unpacked as u64 + 1;
            let mut contents = Vec::with_capacity(entry.unpacked);
            DeflateDecoder::new(packed)
                .take(limit)
                .read_to_end(&mut contents)
                .map_err(|_| unfit())?;
            contents
        }
        _ => return Err(BadZip::Method(entry.name.clone())),
    };
    let mut crc = Crc::new();
    crc.update(&contents);
    if contents.len() != entry.unpacked || crc.sum() != entry.crc {
        return Err(unfit());
    }
    Ok(contents)
}

const CUT: BadZip = BadZip::Damaged("its directory is cut off");

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, BadZip> {
    let two = bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(CUT)?;
    Ok(u16::from_le_bytes(*two))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize, BadZip> {
    let four = bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(CUT)?;
    usize::try_from(u32::from_le_bytes(*four)).map_err(|_| CUT)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test that reaches too far fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A zip as tools write it, without packing.
    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (name, contents) in files {
            let mut crc = Crc::new();
            crc.update(contents);
            let at = u32::try_from(bytes.len()).unwrap();
            let size = u32::try_from(contents.len()).unwrap().to_le_bytes();
            let name_len = u16::try_from(name.len()).unwrap().to_le_bytes();
            let mut head = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            head.extend(crc.sum().to_le_bytes());
            head.extend(size);
            head.extend(size);
            head.extend(name_len);
            head.extend([0, 0]);
            for part in [LOCAL, &head, name.as_bytes(), contents] {
                bytes.extend_from_slice(part);
            }
            directory.extend_from_slice(ENTRY);
            directory.extend([20, 0]);
            directory.extend_from_slice(&head);
            directory.extend([0; 10]);
            directory.extend(at.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let (at, size) = (bytes.len(), directory.len());
        let count = u16::try_from(files.len()).unwrap().to_le_bytes();
        let four = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        bytes.extend(directory);
        bytes.extend_from_slice(END);
        bytes.extend([0; 4]);
        bytes.extend(count);
        bytes.extend(count);
        bytes.extend(four(size));
        bytes.extend(four(at));
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let zip = zipped(&[("app.py", b"x = 1"), ("pkg/", b""), ("pkg/a.py", b"")]);
        let files = unzip(&zip).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["app.py", "pkg/a.py"]);
        assert_eq!(files[0].1, b"x = 1");
    }

    #[test]
    fn what_leads_outside_or_lies_about_itself_is_refused() {
        for name in ["../a", "/a", "a/../../b", "a\\..\\..\\b"] {
            let zip = zipped(&[(name, b"x")]);
            assert!(matches!(unzip(&zip), Err(BadZip::Outside(_))), "{name}");
        }
        let mut zip = zipped(&[("a", b"contents")]);
        zip[32] ^= 1;
        assert_eq!(unzip(&zip), Err(BadZip::Unfit("a".to_owned())));
        assert!(matches!(unzip(b"not a zip"), Err(BadZip::Damaged(_))));
        assert!(matches!(unzip(b""), Err(BadZip::Damaged(_))));
    }

    #[test]
    fn a_bomb_is_refused_by_what_it_says_and_stopped_where_it_lies() {
        let bomb = |says: u32| {
            let mut zip = zipped(&[("a", b"x")]);
            let at = zip.windows(4).rposition(|window| window == ENTRY).unwrap();
            zip[at + 24..at + 28].copy_from_slice(&says.to_le_bytes());
            zip
        };
        assert!(matches!(unzip(&bomb(u32::MAX)), Err(BadZip::TooLarge(_))));
        assert!(matches!(unzip(&bomb(2)), Err(BadZip::Unfit(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..200), cut in any::<usize>(), at in any::<usize>()) {
            let _no_matter = unzip(&noise);
            let mut zip = zipped(&[("app.py", &noise)]);
            let cut = cut % zip.len();
            prop_assert!(unzip(&zip[..cut]).is_err());
            let place = at % zip.len();
            zip[place] = zip[place].wrapping_add(1);
            let _no_matter = unzip(&zip);
        }
    }
}
