//! `wasi:filesystem` over scratch space, `/tmp`, where that is granted, and over the files of the function's own bundle,
//! `/var/task`, where it has one; else there are no files.
//!
//! It stands in the place of the implementation that leads to the host's files, which nothing here can reach. Handles of
//! guests are those of the same table as all others.

mod descriptors;
mod facts;
mod streams;

use std::collections::VecDeque;

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::{
    WasiCtxView, WasiView as _,
    p2::{
        FsError, FsResult,
        bindings::filesystem::{
            preopens,
            types::{self, Descriptor, DirectoryEntry, DirectoryEntryStream, ErrorCode},
        },
    },
};

use crate::{
    context::Context,
    scratch::{Open, Scratch},
};
use streams::Refused;

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
