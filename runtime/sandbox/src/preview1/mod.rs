//! Files of preview 1 over scratch space: what programs of Go and others find under `/tmp`, where it is granted.
//!
//! The implementation of preview 1 that all programs have leads to folders of the host, of which none is ever opened. So its
//! functions for files are replaced for programs that are granted some; those for standard input and output come along,
//! because they share the numbers. The rest stays as it is. Here is where calls come in; what they do is in `files`.

mod files;
mod memory;

use wasmtime::{Caller, Extern, Linker};

pub(crate) use files::ProgramFiles;
use files::{Errno, Opened, Program};
use memory::Memory;

use crate::context::Context;

const MODULE: &str = "wasi_snapshot_preview1";

/// 0, or the number of what went wrong.
fn called(
    caller: &mut Caller<'_, Context>,
    call: impl FnOnce(&mut Program<'_>) -> Result<(), Errno>,
) -> wasmtime::Result<i32> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let memory = memory.ok_or_else(|| wasmtime::format_err!("the program has no memory"))?;
    let (bytes, context) = memory.data_and_store_mut(caller);
    let Some(files) = context.program_files.as_mut() else {
        return Err(wasmtime::format_err!("the program is granted no files"));
    };
    let mut program = Program {
        memory: Memory(bytes),
        files,
    };
    Ok(call(&mut program).map_or_else(|Errno(number)| number, |()| 0))
}

type Called<'a> = Caller<'a, Context>;

/// Puts them in the place of those that are there.
pub(crate) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    opened(linker)?;
    moved(linker)?;
    facts(linker)?;
    paths(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn opened(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "fd_prestat_get",
        |mut caller: Called<'_>, fd: u32, to: u32| called(&mut caller, |it| it.prestat(fd, to)),
    )?;
    let name = |mut caller: Called<'_>, fd: u32, to: u32, len: u32| {
        called(&mut caller, |it| it.prestat_name(fd, to, len))
    };
    linker.func_wrap(MODULE, "fd_prestat_dir_name", name)?;
    linker.func_wrap(MODULE, "fd_close", |mut caller: Called<'_>, fd: u32| {
        called(&mut caller, |it| it.files.close(fd))
    })?;
    let renumber = |mut caller: Called<'_>, fd: u32, to: u32| {
        called(&mut caller, |it| it.files.renumber(fd, to))
    };
    linker.func_wrap(MODULE, "fd_renumber", renumber)?;
    let open = |mut caller: Called<'_>,
                fd: u32,
                _: u32,
                path: u32,
                len: u32,
                flags: u32,
                rights: u64,
                _: u64,
                fd_flags: u32,
                to: u32| {
        called(&mut caller, |it| {
            let path = it.memory.text(path, len)?;
            let opened = it.files.open(fd, &path, (flags, rights, fd_flags))?;
            it.memory.put(to, opened.to_le_bytes())
        })
    };
    linker.func_wrap(MODULE, "path_open", open)?;
    Ok(())
}

/// Bytes in and out.
fn moved(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    let read = |mut caller: Called<'_>, fd: u32, parts: u32, count: u32, to: u32| {
        called(&mut caller, |it| it.read(fd, (parts, count), None, to))
    };
    linker.func_wrap(MODULE, "fd_read", read)?;
    let pread = |mut caller: Called<'_>, fd: u32, parts: u32, count: u32, at: u64, to: u32| {
        called(&mut caller, |it| it.read(fd, (parts, count), Some(at), to))
    };
    linker.func_wrap(MODULE, "fd_pread", pread)?;
    let write = |mut caller: Called<'_>, fd: u32, parts: u32, count: u32, to: u32| {
        called(&mut caller, |it| it.write(fd, (parts, count), None, to))
    };
    linker.func_wrap(MODULE, "fd_write", write)?;
    let pwrite = |mut caller: Called<'_>, fd: u32, parts: u32, count: u32, at: u64, to: u32| {
        called(&mut caller, |it| it.write(fd, (parts, count), Some(at), to))
    };
    linker.func_wrap(MODULE, "fd_pwrite", pwrite)?;
    let seek = |mut caller: Called<'_>, fd: u32, by: i64, from: u32, to: u32| {
        called(&mut caller, |it| {
            let at = it.files.seek(fd, by, from)?;
            it.memory.put(to, at.to_le_bytes())
        })
    };
    linker.func_wrap(MODULE, "fd_seek", seek)?;
    linker.func_wrap(
        MODULE,
        "fd_tell",
        |mut caller: Called<'_>, fd: u32, to: u32| {
            called(&mut caller, |it| {
                let at = it.files.opened(fd)?.at;
                it.memory.put(to, at.to_le_bytes())
            })
        },
    )?;
    let list = |mut caller: Called<'_>, fd: u32, to: u32, len: u32, from: u64, used: u32| {
        called(&mut caller, |it| it.list(fd, (to, len), from, used))
    };
    linker.func_wrap(MODULE, "fd_readdir", list)?;
    for name in ["fd_sync", "fd_datasync"] {
        linker.func_wrap(MODULE, name, |mut caller: Called<'_>, fd: u32| {
            called(&mut caller, |it| it.files.opened(fd).map(drop))
        })?;
    }
    let advise = |mut caller: Called<'_>, fd: u32, _: u64, _: u64, _: u32| {
        called(&mut caller, |it| it.files.opened(fd).map(drop))
    };
    linker.func_wrap(MODULE, "fd_advise", advise)?;
    Ok(())
}

fn facts(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "fd_fdstat_get",
        |mut caller: Called<'_>, fd: u32, to: u32| called(&mut caller, |it| it.flags(fd, to)),
    )?;
    let set_flags = |mut caller: Called<'_>, fd: u32, flags: u32| {
        called(&mut caller, |it| it.files.set_flags(fd, flags))
    };
    linker.func_wrap(MODULE, "fd_fdstat_set_flags", set_flags)?;
    linker.func_wrap(
        MODULE,
        "fd_filestat_get",
        |mut caller: Called<'_>, fd: u32, to: u32| called(&mut caller, |it| it.stat(fd, None, to)),
    )?;
    let path_stat = |mut caller: Called<'_>, fd: u32, _: u32, path: u32, len: u32, to: u32| {
        called(&mut caller, |it| {
            let path = it.memory.text(path, len)?;
            it.stat(fd, Some(&path), to)
        })
    };
    linker.func_wrap(MODULE, "path_filestat_get", path_stat)?;
    let set_size = |mut caller: Called<'_>, fd: u32, size: u64| {
        called(&mut caller, |it| {
            Ok(it.files.opened(fd)?.open.set_len(size)?)
        })
    };
    linker.func_wrap(MODULE, "fd_filestat_set_size", set_size)?;
    let set_times = |mut caller: Called<'_>, fd: u32, accessed: u64, modified: u64, flags: u32| {
        called(&mut caller, |it| {
            it.files.set_times(fd, None, (accessed, modified, flags))
        })
    };
    linker.func_wrap(MODULE, "fd_filestat_set_times", set_times)?;
    let path_times = |mut caller: Called<'_>,
                      fd: u32,
                      _: u32,
                      path: u32,
                      len: u32,
                      accessed: u64,
                      modified: u64,
                      flags: u32| {
        called(&mut caller, |it| {
            let path = it.memory.text(path, len)?;
            it.files
                .set_times(fd, Some(&path), (accessed, modified, flags))
        })
    };
    linker.func_wrap(MODULE, "path_filestat_set_times", path_times)?;
    Ok(())
}

fn paths(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    type Done = fn(&Opened, &str) -> Result<(), Errno>;
    let calls: [(&str, Done); 3] = [
        ("path_create_directory", |at, path| {
            Ok(at.open.make_folder(path)?)
        }),
        ("path_remove_directory", |at, path| {
            Ok(at.open.remove_folder(path)?)
        }),
        ("path_unlink_file", |at, path| {
            Ok(at.open.remove_file(path)?)
        }),
    ];
    for (name, done) in calls {
        let call = move |mut caller: Called<'_>, fd: u32, path: u32, len: u32| {
            called(&mut caller, |it| {
                let path = it.memory.text(path, len)?;
                done(it.files.opened(fd)?, &path)
            })
        };
        linker.func_wrap(MODULE, name, call)?;
    }
    let rename =
        |mut caller: Called<'_>, fd: u32, path: u32, len: u32, to: u32, new: u32, new_len: u32| {
            called(&mut caller, |it| {
                let (path, new) = (it.memory.text(path, len)?, it.memory.text(new, new_len)?);
                let into = it.files.opened(to)?.open.clone();
                Ok(it.files.opened(fd)?.open.rename(&path, &into, &new)?)
            })
        };
    linker.func_wrap(MODULE, "path_rename", rename)?;
    Ok(())
}
