//! `scratch` of `function.wit`: the same files as [`crate::files`] offers over WASI, for language runtimes that have no way to
//! those, and the files of the function's own bundle beside them. One call is one whole step; nothing stays open between two.

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use crate::{
    bindings::scratch,
    context::Context,
    files::{CODE_FOLDER, FOLDER},
    limits::SCRATCH_COPY_BYTES_MAX,
    logs::LEVEL_WARN,
    scratch::{Open, Opening},
};

/// What of a path is below a folder; `.` is the folder itself.
fn within<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder)?;
    let is_inside = rest.is_empty() || rest.starts_with('/');
    let rest = rest.trim_start_matches('/');
    is_inside.then_some(if rest.is_empty() { "." } else { rest })
}

type Done<T> = wasmtime::Result<Result<T, String>>;

fn named(code: ErrorCode) -> String {
    code.name().to_owned()
}

impl Context {
    /// The folder, where there is one, and the rest of a path into it.
    fn place<'a>(&self, path: &'a str) -> Result<(Open, &'a str), ErrorCode> {
        if let (Some(rest), Some(code)) = (within(path, CODE_FOLDER), &self.code) {
            return Ok((code.root(), rest));
        }
        let rest = within(path, FOLDER).ok_or(ErrorCode::NoEntry)?;
        let Some(scratch) = &self.scratch else {
            let function = &self.call.invocation.function;
            let line = format!(
                "files are not granted: add `scratch: 64MiB` to `functions.{function}` in triggers.yaml"
            );
            self.log.line(LEVEL_WARN, &line);
            return Err(ErrorCode::NoEntry);
        };
        Ok((scratch.root(), rest))
    }

    fn at<T>(&self, path: &str, what: impl FnOnce(&Open, &str) -> Result<T, ErrorCode>) -> Done<T> {
        let done = self.place(path).and_then(|(root, rest)| what(&root, rest));
        Ok(done.map_err(named))
    }
}

impl scratch::Host for Context {
    fn read(&mut self, path: String, offset: u64) -> Done<Vec<u8>> {
        self.at(&path, |root, path| {
            let file = root.open(path, Opening::default())?;
            file.read(offset, SCRATCH_COPY_BYTES_MAX)
        })
    }

    fn write(&mut self, path: String, bytes: Vec<u8>, append: bool) -> Done<()> {
        self.at(&path, |root, path| {
            let how = Opening {
                create: true,
                truncate: !append,
                writes: true,
                ..Opening::default()
            };
            root.open(path, how)?.write(None, &bytes).map(drop)
        })
    }

    fn stat(&mut self, path: String) -> Done<scratch::Known> {
        self.at(&path, |root, path| {
            let known = root.known(Some(path))?;
            Ok(scratch::Known {
                is_folder: known.is_folder,
                bytes: known.bytes,
                modified_ms: known.modified_ms,
            })
        })
    }

    fn names(&mut self, path: String) -> Done<Vec<String>> {
        self.at(&path, |root, path| {
            let entries = root.open(path, Opening::default())?.entries()?;
            Ok(entries.into_iter().map(|(name, _)| name).collect())
        })
    }

    fn make_folder(&mut self, path: String) -> Done<()> {
        self.at(&path, Open::make_folder)
    }

    fn remove_file(&mut self, path: String) -> Done<()> {
        self.at(&path, Open::remove_file)
    }

    fn remove_folder(&mut self, path: String) -> Done<()> {
        self.at(&path, Open::remove_folder)
    }

    fn rename(&mut self, path: String, new: String) -> Done<()> {
        let into = match self.place(&new) {
            Ok((root, rest)) => (root, rest.to_owned()),
            Err(code) => return Ok(Err(named(code))),
        };
        self.at(&path, |root, path| root.rename(path, &into.0, &into.1))
    }
}
