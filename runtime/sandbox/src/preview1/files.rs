//! What a program of preview 1 has open: standard input and output, the folder that it is granted, and what it opened below.
#![deny(clippy::indexing_slicing)]

use std::collections::BTreeMap;

use bytes::Bytes;
use wasmtime_wasi::p2::{InputStream, OutputStream, bindings::filesystem::types::ErrorCode};

use super::memory::Memory;
use crate::{
    files::FOLDER,
    limits::{PROGRAM_OPEN_FILES_MAX, SCRATCH_COPY_BYTES_MAX},
    scratch::{Known, Open, Opening, Scratch},
};

/// As the interface numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errno(pub(super) i32);

pub(super) const FAULT: Errno = Errno(21);
pub(super) const INVALID: Errno = Errno(28);
const BAD_FD: Errno = Errno(8);
const IO: Errno = Errno(29);
const TOO_MANY: Errno = Errno(33);
const NAME_TOO_LONG: Errno = Errno(37);
const NO_SEEK: Errno = Errno(70);
const ERRNOS: &[(ErrorCode, i32)] = &[
    (ErrorCode::BadDescriptor, 8),
    (ErrorCode::Exist, 20),
    (ErrorCode::FileTooLarge, 22),
    (ErrorCode::Invalid, 28),
    (ErrorCode::IsDirectory, 31),
    (ErrorCode::NameTooLong, 37),
    (ErrorCode::NoEntry, 44),
    (ErrorCode::InsufficientSpace, 51),
    (ErrorCode::NotDirectory, 54),
    (ErrorCode::NotEmpty, 55),
    (ErrorCode::NotPermitted, 63),
];

impl From<ErrorCode> for Errno {
    fn from(code: ErrorCode) -> Self {
        let known = ERRNOS.iter().find(|(known, _)| *known == code);
        known.map_or(IO, |(_, number)| Self(*number))
    }
}

/// The first number after standard input, output and error.
const ROOT: u32 = 3;
const RIGHTS_ALL: u64 = 0x1fff_ffff;
const RIGHT_TO_WRITE: u64 = 1 << 6;
const APPEND: u32 = 1;
const CREATE: u32 = 1;
const FOLDERS_ONLY: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;
const IS_UNKNOWN: u8 = 0;
const IS_FOLDER: u8 = 3;
const IS_FILE: u8 = 4;

pub(super) struct Opened {
    pub(super) open: Open,
    pub(super) at: u64,
    append: bool,
}

pub(crate) struct ProgramFiles {
    input: Box<dyn InputStream>,
    /// Standard output and standard error.
    output: [Box<dyn OutputStream>; 2],
    opened: BTreeMap<u32, Opened>,
}

impl ProgramFiles {
    pub(crate) fn new(
        scratch: &Scratch,
        input: Box<dyn InputStream>,
        output: [Box<dyn OutputStream>; 2],
    ) -> Self {
        let root = Opened {
            open: scratch.root(),
            at: 0,
            append: false,
        };
        Self {
            input,
            output,
            opened: BTreeMap::from([(ROOT, root)]),
        }
    }

    pub(super) fn opened(&mut self, fd: u32) -> Result<&mut Opened, Errno> {
        self.opened.get_mut(&fd).ok_or(BAD_FD)
    }

    pub(super) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        if fd < ROOT {
            return Ok(());
        }
        self.opened.remove(&fd).map(drop).ok_or(BAD_FD)
    }

    pub(super) fn renumber(&mut self, fd: u32, to: u32) -> Result<(), Errno> {
        if !self.opened.contains_key(&to) {
            return Err(BAD_FD);
        }
        let moved = self.opened.remove(&fd).ok_or(BAD_FD)?;
        self.opened.insert(to, moved);
        Ok(())
    }

    pub(super) fn open(
        &mut self,
        fd: u32,
        path: &str,
        (flags, rights, fd_flags): (u32, u64, u32),
    ) -> Result<u32, Errno> {
        if self.opened.len() >= PROGRAM_OPEN_FILES_MAX {
            return Err(TOO_MANY);
        }
        let how = Opening {
            create: flags & CREATE != 0,
            folder: flags & FOLDERS_ONLY != 0,
            exclusive: flags & EXCLUSIVE != 0,
            truncate: flags & TRUNCATE != 0,
            writes: rights & RIGHT_TO_WRITE != 0 && flags & FOLDERS_ONLY == 0,
        };
        let opened = Opened {
            open: self.opened(fd)?.open.open(path, how)?,
            at: 0,
            append: fd_flags & APPEND != 0,
        };
        let free = (ROOT..).find(|fd| !self.opened.contains_key(fd));
        let free = free.ok_or(TOO_MANY)?;
        self.opened.insert(free, opened);
        Ok(free)
    }

    pub(super) fn seek(&mut self, fd: u32, by: i64, from: u32) -> Result<u64, Errno> {
        if fd < ROOT {
            return Err(NO_SEEK);
        }
        let opened = self.opened(fd)?;
        let base = match from {
            0 => 0,
            1 => opened.at,
            2 => opened.open.known(None)?.bytes,
            _ => return Err(INVALID),
        };
        opened.at = base.checked_add_signed(by).ok_or(INVALID)?;
        Ok(opened.at)
    }

    pub(super) fn set_flags(&mut self, fd: u32, flags: u32) -> Result<(), Errno> {
        if fd >= ROOT {
            self.opened(fd)?.append = flags & APPEND != 0;
        }
        Ok(())
    }

    /// In nanoseconds, or now; the flags say which of them.
    pub(super) fn set_times(
        &mut self,
        fd: u32,
        path: Option<&str>,
        (accessed, modified, flags): (u64, u64, u32),
    ) -> Result<(), Errno> {
        let open = &self.opened(fd)?.open;
        let now_ms = open.now_ms();
        let time = |to: u64, given: u32, now: u32| match (flags & given != 0, flags & now != 0) {
            (true, true) => Err(INVALID),
            (true, false) => Ok(Some(to / 1_000_000)),
            (false, true) => Ok(Some(now_ms)),
            (false, false) => Ok(None),
        };
        let times = (time(accessed, 1, 2)?, time(modified, 4, 8)?);
        Ok(open.set_times(path, times)?)
    }

    /// From a place, or from where the file stands.
    fn read(&mut self, fd: u32, at: Option<u64>, bytes_max: usize) -> Result<Bytes, Errno> {
        if fd == 0 && at.is_none() {
            // Its end is no error.
            return Ok(self.input.read(bytes_max).unwrap_or_default());
        }
        let opened = self.opened(fd)?;
        let bytes = opened.open.read(at.unwrap_or(opened.at), bytes_max)?;
        if at.is_none() {
            opened.at += bytes.len() as u64;
        }
        Ok(bytes.into())
    }

    fn write(&mut self, fd: u32, at: Option<u64>, bytes: &[u8]) -> Result<(), Errno> {
        let output = match fd {
            1 => self.output.first_mut(),
            2 => self.output.last_mut(),
            _ => None,
        };
        if let (Some(output), None) = (output, at) {
            let written = output.write(Bytes::copy_from_slice(bytes));
            return written.map_err(|_| IO);
        }
        let opened = self.opened(fd)?;
        if at.is_some() {
            return Ok(opened.open.write(at, bytes).map(drop)?);
        }
        let from = (!opened.append).then_some(opened.at);
        opened.at = opened.open.write(from, bytes)?;
        Ok(())
    }
}

/// A program in a call.
pub(super) struct Program<'a> {
    pub(super) memory: Memory<'a>,
    pub(super) files: &'a mut ProgramFiles,
}

impl Program<'_> {
    pub(super) fn prestat(&mut self, fd: u32, to: u32) -> Result<(), Errno> {
        if fd != ROOT {
            return Err(BAD_FD);
        }
        self.memory.put(to, 0_u32.to_le_bytes())?;
        let len = u32::try_from(FOLDER.len()).map_err(|_| NAME_TOO_LONG)?;
        self.memory.put(to.saturating_add(4), len.to_le_bytes())
    }

    pub(super) fn prestat_name(&mut self, fd: u32, to: u32, len: u32) -> Result<(), Errno> {
        if fd != ROOT {
            return Err(BAD_FD);
        }
        let name = self.memory.slice_mut(to, len)?.get_mut(..FOLDER.len());
        name.ok_or(NAME_TOO_LONG)?
            .copy_from_slice(FOLDER.as_bytes());
        Ok(())
    }

    pub(super) fn flags(&mut self, fd: u32, to: u32) -> Result<(), Errno> {
        let (kind, append) = if fd < ROOT {
            (IS_UNKNOWN, false)
        } else {
            let opened = self.files.opened(fd)?;
            (kind(opened.open.known(None)?.is_folder), opened.append)
        };
        let mut stat = [0; 24];
        let numbers = [
            u64::from(kind) | u64::from(append) << 16,
            RIGHTS_ALL,
            RIGHTS_ALL,
        ];
        fill(&mut stat, &numbers);
        self.memory.put(to, stat)
    }

    pub(super) fn stat(&mut self, fd: u32, path: Option<&str>, to: u32) -> Result<(), Errno> {
        let mut stat = [0; 64];
        if fd < ROOT {
            fill(&mut stat, &[0, 0, u64::from(IS_UNKNOWN), 1]);
            return self.memory.put(to, stat);
        }
        let known: Known = self.files.opened(fd)?.open.known(path)?;
        let (accessed, modified) = (known.accessed_ms * 1_000_000, known.modified_ms * 1_000_000);
        let kind = u64::from(kind(known.is_folder));
        fill(
            &mut stat,
            &[
                0,
                known.id,
                kind,
                1,
                known.bytes,
                accessed,
                modified,
                modified,
            ],
        );
        self.memory.put(to, stat)
    }

    pub(super) fn read(
        &mut self,
        fd: u32,
        (parts, count): (u32, u32),
        at: Option<u64>,
        to: u32,
    ) -> Result<(), Errno> {
        let mut all = 0_u32;
        for (place, len) in self.memory.parts(parts, count)? {
            let wanted = (len as usize).min(SCRATCH_COPY_BYTES_MAX);
            let from = at.map(|at| at.saturating_add(u64::from(all)));
            let bytes = self.files.read(fd, from, wanted)?;
            let read = u32::try_from(bytes.len()).map_err(|_| FAULT)?;
            self.memory.slice_mut(place, read)?.copy_from_slice(&bytes);
            all += read;
            if read < len {
                break;
            }
        }
        self.memory.put(to, all.to_le_bytes())
    }

    pub(super) fn write(
        &mut self,
        fd: u32,
        (parts, count): (u32, u32),
        at: Option<u64>,
        to: u32,
    ) -> Result<(), Errno> {
        let mut all = 0_u32;
        for (place, len) in self.memory.parts(parts, count)? {
            let most = u32::try_from(SCRATCH_COPY_BYTES_MAX).unwrap_or(u32::MAX);
            let taken = len.min(most);
            let bytes = self.memory.slice(place, taken)?;
            let place = at.map(|at| at.saturating_add(u64::from(all)));
            match self.files.write(fd, place, bytes) {
                Ok(()) => all += taken,
                Err(error) if all == 0 => return Err(error),
                // What did not fit is told at the next write.
                Err(_) => break,
            }
            if taken < len {
                break;
            }
        }
        self.memory.put(to, all.to_le_bytes())
    }

    /// Names of a folder behind the first `from`, as many as fit; the last may be cut off, which says that there are more.
    pub(super) fn list(
        &mut self,
        fd: u32,
        (to, len): (u32, u32),
        from: u64,
        used: u32,
    ) -> Result<(), Errno> {
        let open = &self.files.opened(fd)?.open;
        let skipped = usize::try_from(from).unwrap_or(usize::MAX);
        let mut listed = Vec::new();
        for ((name, is_folder), next) in open.entries()?.into_iter().zip(1_u64..).skip(skipped) {
            if listed.len() >= len as usize {
                break;
            }
            let name_len = u64::try_from(name.len()).unwrap_or(u64::MAX);
            let numbers = [
                next,
                open.known(Some(&name))?.id,
                name_len | u64::from(kind(is_folder)) << 32,
            ];
            listed.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            listed.extend_from_slice(name.as_bytes());
        }
        listed.truncate(len as usize);
        let count = u32::try_from(listed.len()).map_err(|_| FAULT)?;
        self.memory.slice_mut(to, count)?.copy_from_slice(&listed);
        self.memory.put(used, count.to_le_bytes())
    }
}

fn kind(is_folder: bool) -> u8 {
    if is_folder { IS_FOLDER } else { IS_FILE }
}

fn fill(stat: &mut [u8], numbers: &[u64]) {
    for (place, number) in stat.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
}
