//! The format of a data directory: one number in `FORMAT`, durable before the first segment.
//!
//! A newer number, or anything that is no number, is refused before anything is touched. Format 2 is format 1 with parts
//! that are encrypted and records that are archived: a directory becomes one when it first holds either, so that older
//! versions open all others, and refuse what they would take for damage.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use platform::Platform;

use crate::{errors::OpenError, layout::segment::base_of};

/// The newest that is known here.
pub const FORMAT: u32 = 2;
/// What a new directory gets.
const FIRST: u32 = 1;

/// What `FORMAT` says, compared with what we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Current(u32),
    Newer(u32),
    Garbage,
}

pub(crate) fn known(text: &[u8]) -> Known {
    let text = std::str::from_utf8(text).unwrap_or_default();
    match text.trim().parse() {
        Ok(number @ FIRST..=FORMAT) => Known::Current(number),
        Ok(number) if number > FORMAT => Known::Newer(number),
        Ok(_) | Err(_) => Known::Garbage,
    }
}

/// Writes `FORMAT` into a new directory; refuses what this version cannot read. Whether it is new.
pub(crate) async fn check(platform: &Platform, dir: &Path) -> Result<bool, OpenError> {
    let path = dir.join("FORMAT");
    if !platform.disk.exists(&path).await {
        let names = platform.disk.list(&dir.join("log")).await?;
        if names.iter().any(|name| base_of(name).is_some()) {
            return Err(damaged(path, "the format is missing beside segments"));
        }
        sync_above(platform, dir).await?;
        let contents = format!("{FIRST}\n");
        platform.disk.replace(&path, contents.as_bytes()).await?;
        return Ok(true);
    }
    match known(&platform.disk.read(&path).await?) {
        Known::Current(_) => Ok(false),
        Known::Newer(found) => Err(OpenError::Newer {
            found,
            known: FORMAT,
        }),
        Known::Garbage => Err(damaged(path, "the format is not a known number")),
    }
}

/// Makes an open directory one of the newest format. Durable when it returns.
pub(crate) async fn extend(platform: &Platform, dir: &Path) -> Result<(), OpenError> {
    let path = dir.join("FORMAT");
    if known(&platform.disk.read(&path).await?) != Known::Current(FORMAT) {
        let contents = format!("{FORMAT}\n");
        platform.disk.replace(&path, contents.as_bytes()).await?;
    }
    Ok(())
}

fn damaged(path: PathBuf, what: &str) -> OpenError {
    OpenError::Damaged {
        path,
        offset: 0,
        what: what.to_owned(),
    }
}

/// Whoever made the directory may not have synced the names that lead to it; a power loss would then take all of it.
async fn sync_above(platform: &Platform, dir: &Path) -> io::Result<()> {
    for above in dir.ancestors().skip(1) {
        let here = above.as_os_str().is_empty();
        let above = if here { Path::new(".") } else { above };
        match platform.disk.sync_dir(above).await {
            // What we may not read we did not make.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_numbers_are_current() {
        for (text, expect) in [
            ("1\n", Known::Current(1)),
            ("1", Known::Current(1)),
            ("2\n", Known::Current(2)),
            ("3\n", Known::Newer(3)),
            ("70000", Known::Newer(70_000)),
            ("0\n", Known::Garbage),
            ("", Known::Garbage),
            ("-1", Known::Garbage),
            ("one", Known::Garbage),
            ("99999999999999999999", Known::Garbage),
        ] {
            assert_eq!(known(text.as_bytes()), expect, "{text:?}");
        }
        assert_eq!(known(&[0xFF, 0xFE]), Known::Garbage);
    }
}
