//! What a guest may do with an open file or folder, one function of `wasi:filesystem` after the other.
//!
//! In: a handle and a path below it. Out: what `scratch` does, or its error code. Links are not supported, and no path leads out
//! of the folder.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, FsResult,
    bindings::filesystem::types::{
        self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
        DirectoryEntryStream, ErrorCode, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
    },
};

use super::{
    Files, Listed,
    facts::{hash, kind, stat, time},
    streams::{Reading, Writing},
};
use crate::{
    limits::SCRATCH_COPY_BYTES_MAX,
    scratch::{Open, Opening},
};

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
