//! The operating system's names: directories, renames, locks, and what a file system is.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use rustix::fs::{Access, FlockOperation, access, flock, statvfs};
use rustix::io::Errno;

use super::LockError;
use super::real::PRIVATE;

pub(super) fn create_dir_all(p: &Path) -> io::Result<()> {
    fs::create_dir_all(p)
}

pub(super) fn sync_dir(p: &Path) -> io::Result<()> {
    fs::File::open(p)?.sync_all()
}

pub(super) fn list(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

pub(super) fn read(p: &Path) -> io::Result<Bytes> {
    fs::read(p).map(Bytes::from)
}

pub(super) fn exists(p: &Path) -> bool {
    p.exists()
}

pub(super) fn is_writable(dir: &Path) -> bool {
    access(dir, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

pub(super) fn remove_file(p: &Path) -> io::Result<()> {
    fs::remove_file(p)
}

pub(super) fn remove_dir_all(p: &Path) -> io::Result<()> {
    fs::remove_dir_all(p)
}

pub(super) fn make_private(p: &Path) -> io::Result<bool> {
    let open = fs::metadata(p)?.permissions().mode() & 0o077 != 0;
    if open {
        fs::set_permissions(p, Permissions::from_mode(PRIVATE))?;
    }
    Ok(open)
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn free_bytes(p: &Path) -> io::Result<u64> {
    let system = statvfs(p)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(target_os = "linux")]
pub(super) fn network_file_system(p: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(p).ok()?.f_type;
    network_name(u32::try_from(kind & 0xffff_ffff).ok()?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn network_file_system(_: &Path) -> Option<&'static str> {
    None
}

/// By the numbers of Linux's `statfs(2)`.
#[cfg(target_os = "linux")]
pub(super) fn network_name(kind: u32) -> Option<&'static str> {
    match kind {
        0x6969 => Some("NFS"),
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x00c3_6400 => Some("Ceph"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        _ => None,
    }
}

pub(super) fn lock(p: &Path) -> Result<fs::File, LockError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(p)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            file.set_len(0)?;
            write!(file, "{}", std::process::id())?;
            Ok(file)
        }
        Err(Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // The holder may be between locking and writing its number.
            let pid = file
                .read_to_string(&mut holder)
                .ok()
                .and_then(|_| holder.trim().parse().ok());
            Err(LockError::HeldBy { pid })
        }
        Err(error) => Err(LockError::Io(error.into())),
    }
}

pub(super) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

pub(super) fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    sync_dir(dir)
}
