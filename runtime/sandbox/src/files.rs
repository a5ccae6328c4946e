//! `wasi:filesystem` over scratch space, `/tmp`, where that is granted, and over the files of the function's own bundle,
//! `/var/task`, where it has one; else there are no files.
//!
//! It stands in the place of the implementation that leads to the host's files, which nothing here can reach. Handles of
//! guests are those of the same table as all others.

use std::collections::VecDeque;

use bytes::Bytes;
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::{
    WasiCtxView, WasiView as _, async_trait,
    p2::{
        DynInputStream, DynOutputStream, FsError, FsResult, InputStream, OutputStream, Pollable,
        StreamError, StreamResult,
        bindings::{
            clocks::wall_clock::Datetime,
            filesystem::{
                preopens,
                types::{
                    self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType,
                    DirectoryEntry, DirectoryEntryStream, ErrorCode, MetadataHashValue,
                    NewTimestamp, OpenFlags, PathFlags,
                },
            },
        },
    },
};

use crate::{
    context::Context,
    limits::SCRATCH_COPY_BYTES_MAX,
    scratch::{Known, Open, Opening, Scratch},
};

/// Where a guest finds scratch space.
pub(crate) const FOLDER: &str = "/tmp";
/// Where code for a language runtime finds its own files, as on Lambda.
pub(crate) const CODE_FOLDER: &str = "/var/task";

/// The files of one sandbox.
pub(crate) struct Files<'a> {
    scratch: Option<&'a Scratch>,
    code: Option<&'a Scratch>,
    table: &'a mut ResourceTable,
}

/// Names the type above to the linker.
pub(crate) struct FilesOfGuest;

impl HasData for FilesOfGuest {
    type Data<'a> = Files<'a>;
}

impl Context {
    pub(crate) fn files(&mut self) -> Files<'_> {
        let WasiCtxView { table, .. } = self.wasi.ctx();
        Files {
            scratch: self.scratch.as_ref(),
            code: self.code.as_ref(),
            table,
        }
    }
}

/// The names of a folder as they were when it was opened.
struct Listed(VecDeque<DirectoryEntry>);

/// What a stream could not do.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.name())]
struct Refused(ErrorCode);

impl Files<'_> {
    fn open(&self, fd: &Resource<Descriptor>) -> FsResult<&Open> {
        let own: Resource<Open> = Resource::new_borrow(fd.rep());
        Ok(self.table.get(&own)?)
    }

    fn handle(&mut self, open: Open) -> FsResult<Resource<Descriptor>> {
        let own = self.table.push(open)?;
        Ok(Resource::new_own(own.rep()))
    }
}

fn kind(is_folder: bool) -> DescriptorType {
    if is_folder {
        DescriptorType::Directory
    } else {
        DescriptorType::RegularFile
    }
}

fn stat(known: Known) -> DescriptorStat {
    let time = |ms: u64| {
        Some(Datetime {
            seconds: ms / 1000,
            nanoseconds: u32::try_from(ms % 1000).unwrap_or_default() * 1_000_000,
        })
    };
    DescriptorStat {
        type_: kind(known.is_folder),
        link_count: 1,
        size: known.bytes,
        data_access_timestamp: time(known.accessed_ms),
        data_modification_timestamp: time(known.modified_ms),
        status_change_timestamp: time(known.modified_ms),
    }
}

fn hash(known: Known) -> MetadataHashValue {
    MetadataHashValue {
        lower: known.id,
        upper: known.bytes ^ known.modified_ms.rotate_left(32),
    }
}

fn time(asked: NewTimestamp, now_ms: u64) -> Option<u64> {
    match asked {
        NewTimestamp::NoChange => None,
        NewTimestamp::Now => Some(now_ms),
        NewTimestamp::Timestamp(at) => {
            let ms = at.seconds.saturating_mul(1000);
            Some(ms.saturating_add(u64::from(at.nanoseconds / 1_000_000)))
        }
    }
}

impl preopens::Host for Files<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let folders = [(self.scratch, FOLDER), (self.code, CODE_FOLDER)];
        let mut opened = Vec::new();
        for (files, folder) in folders {
            if let Some(files) = files {
                let own = self.table.push(files.root())?;
                opened.push((Resource::new_own(own.rep()), folder.to_owned()));
            }
        }
        Ok(opened)
    }
}

impl types::Host for Files<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let refused = self.table.get(&error)?.downcast_ref::<Refused>();
        Ok(refused.map(|refused| refused.0))
    }
}

impl types::HostDescriptor for Files<'_> {
    fn read_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynInputStream>> {
        let open = self.open(&fd)?.clone();
        open.read(0, 0)?;
        let reading: DynInputStream = Box::new(Reading { open, offset });
        Ok(self.table.push(reading)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.writing(&fd, Some(offset))
    }

    fn append_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.writing(&fd, None)
    }

    async fn advise(
        &mut self,
        fd: Resource<Descriptor>,
        _: u64,
        _: u64,
        _: Advice,
    ) -> FsResult<()> {
        // All of it is in memory already.
        self.open(&fd)?.read(0, 0)?;
        Ok(())
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.sync(fd).await
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        let open = self.open(&fd)?;
        let mut flags = DescriptorFlags::READ;
        if open.known(None)?.is_folder {
            flags |= DescriptorFlags::MUTATE_DIRECTORY;
        } else if open.writes {
            flags |= DescriptorFlags::WRITE;
        }
        Ok(flags)
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        Ok(kind(self.open(&fd)?.known(None)?.is_folder))
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: u64) -> FsResult<()> {
        Ok(self.open(&fd)?.set_len(size)?)
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let open = self.open(&fd)?;
        let now_ms = open.now_ms();
        Ok(open.set_times(None, (time(accessed, now_ms), time(modified, now_ms)))?)
    }

    async fn read(
        &mut self,
        fd: Resource<Descriptor>,
        length: u64,
        offset: u64,
    ) -> FsResult<(Vec<u8>, bool)> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let length = length.min(SCRATCH_COPY_BYTES_MAX);
        let bytes = self.open(&fd)?.read(offset, length)?;
        let is_end = bytes.is_empty() && length > 0;
        Ok((bytes, is_end))
    }

    async fn write(
        &mut self,
        fd: Resource<Descriptor>,
        bytes: Vec<u8>,
        offset: u64,
    ) -> FsResult<u64> {
        self.open(&fd)?.write(Some(offset), &bytes)?;
        Ok(bytes.len() as u64)
    }

    async fn read_directory(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<DirectoryEntryStream>> {
        let entries = self.open(&fd)?.entries()?.into_iter();
        let entries = entries.map(|(name, is_folder)| DirectoryEntry {
            type_: kind(is_folder),
            name,
        });
        let own = self.table.push(Listed(entries.collect()))?;
        Ok(Resource::new_own(own.rep()))
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.open(&fd)?;
        Ok(())
    }

    async fn create_directory_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        Ok(self.open(&fd)?.make_folder(&path)?)
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        Ok(stat(self.open(&fd)?.known(None)?))
    }

    async fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        Ok(stat(self.open(&fd)?.known(Some(&path))?))
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let open = self.open(&fd)?;
        let now_ms = open.now_ms();
        let times = (time(accessed, now_ms), time(modified, now_ms));
        Ok(open.set_times(Some(&path), times)?)
    }

    async fn link_at(
        &mut self,
        _: Resource<Descriptor>,
        _: PathFlags,
        _: String,
        _: Resource<Descriptor>,
        _: String,
    ) -> FsResult<()> {
        Err(ErrorCode::Unsupported.into())
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let how = Opening {
            create: open.contains(OpenFlags::CREATE),
            exclusive: open.contains(OpenFlags::EXCLUSIVE),
            truncate: open.contains(OpenFlags::TRUNCATE),
            folder: open.contains(OpenFlags::DIRECTORY),
            writes: flags.contains(DescriptorFlags::WRITE),
        };
        let opened = self.open(&fd)?.open(&path, how)?;
        self.handle(opened)
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        self.open(&fd)?.known(Some(&path))?;
        Err(ErrorCode::Invalid.into())
    }

    async fn remove_directory_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        Ok(self.open(&fd)?.remove_folder(&path)?)
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
        to: Resource<Descriptor>,
        new: String,
    ) -> FsResult<()> {
        let (from, to) = (self.open(&fd)?, self.open(&to)?);
        Ok(from.rename(&path, to, &new)?)
    }

    async fn symlink_at(&mut self, _: Resource<Descriptor>, _: String, _: String) -> FsResult<()> {
        Err(ErrorCode::Unsupported.into())
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        Ok(self.open(&fd)?.remove_file(&path)?)
    }

    async fn is_same_object(
        &mut self,
        one: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        let id = |fd: &Resource<Descriptor>| -> wasmtime::Result<Option<u64>> {
            let own: Resource<Open> = Resource::new_borrow(fd.rep());
            Ok(self.table.get(&own)?.known(None).map(|known| known.id).ok())
        };
        Ok(id(&one)? == id(&other)?)
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        Ok(hash(self.open(&fd)?.known(None)?))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        Ok(hash(self.open(&fd)?.known(Some(&path))?))
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        let own: Resource<Open> = Resource::new_own(fd.rep());
        self.table.delete(own)?;
        Ok(())
    }
}

impl Files<'_> {
    fn writing(
        &mut self,
        fd: &Resource<Descriptor>,
        offset: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let open = self.open(fd)?.clone();
        open.read(0, 0)?;
        if !open.writes {
            return Err(ErrorCode::NotPermitted.into());
        }
        let writing: DynOutputStream = Box::new(Writing { open, offset });
        Ok(self.table.push(writing)?)
    }
}

impl types::HostDirectoryEntryStream for Files<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let own: Resource<Listed> = Resource::new_borrow(stream.rep());
        Ok(self.table.get_mut(&own)?.0.pop_front())
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        let own: Resource<Listed> = Resource::new_own(stream.rep());
        self.table.delete(own)?;
        Ok(())
    }
}

/// Reads on from a place.
struct Reading {
    open: Open,
    offset: u64,
}

#[async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {}
}

impl InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self
            .open
            .read(self.offset, size.min(SCRATCH_COPY_BYTES_MAX));
        let bytes = bytes.map_err(last_failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(bytes.into())
    }
}

/// Writes on from a place, or at the end.
struct Writing {
    open: Open,
    offset: Option<u64>,
}

#[async_trait]
impl Pollable for Writing {
    async fn ready(&mut self) {}
}

impl OutputStream for Writing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let end = self.open.write(self.offset, &bytes).map_err(last_failed)?;
        if let Some(offset) = &mut self.offset {
            *offset = end;
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(SCRATCH_COPY_BYTES_MAX)
    }
}

fn last_failed(code: ErrorCode) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(Refused(code)))
}
