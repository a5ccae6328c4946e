//! What is in a package of the Lambda API: WebAssembly, a handler file of a language that is known, or something that does
//! not run here, which is said.

use std::{fmt, sync::Arc};

use super::unzip::Files;

/// Makes a bundle of unpacked files; out comes its bytes, or what the tools said. May take seconds.
#[derive(Clone)]
pub struct Packer(Arc<Pack>);

type Pack = dyn Fn(HandlerFiles) -> Result<Vec<u8>, String> + Send + Sync;

impl Packer {
    pub fn new(
        pack: impl Fn(HandlerFiles) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(pack))
    }

    pub(crate) fn pack(&self, files: HandlerFiles) -> Result<Vec<u8>, String> {
        (self.0)(files)
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packer")
    }
}

/// The files of a function, and where its handler is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerFiles {
    pub files: Vec<(String, Vec<u8>)>,
    /// Among them.
    pub file: String,
    pub handler: String,
}

/// What a package is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    WebAssembly(Vec<u8>),
    Handler(HandlerFiles),
    /// A program for this machine, or a script for one.
    Native {
        file: String,
    },
}

/// Why a package is none of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoFunction {
    pub(crate) message: String,
    pub(crate) hint: String,
}

const WASM: &[u8] = b"\0asm";
const ELF: &[u8] = b"\x7fELF";
const SCRIPT: &[u8] = b"#!";

pub(crate) fn contents(files: Files, runtime: &str, handler: &str) -> Result<Contents, NoFunction> {
    let endings: &[&str] = if runtime.starts_with("python") {
        &["py"]
    } else if runtime.starts_with("nodejs") {
        &["mjs", "js", "cjs", "mts", "ts"]
    } else {
        &[]
    };
    if let Some((file, name)) = handler_file(&files, handler, endings) {
        return Ok(Contents::Handler(HandlerFiles {
            files,
            file,
            handler: name,
        }));
    }
    let is_wasm =
        |(name, bytes): &&(String, Vec<u8>)| !name.contains('/') && bytes.starts_with(WASM);
    let mut wasm = files.iter().filter(is_wasm);
    let named = |name: &str| files.iter().find(|(file, _)| file == name);
    let bootstrap = named("bootstrap").or_else(|| named(handler));
    match (bootstrap, wasm.next(), wasm.next()) {
        (Some((_, bytes)), ..) if bytes.starts_with(WASM) => {
            Ok(Contents::WebAssembly(bytes.clone()))
        }
        (_, Some((_, bytes)), None) => Ok(Contents::WebAssembly(bytes.clone())),
        (_, Some(_), Some(_)) => Err(NoFunction {
            message: "The package holds more than one WebAssembly file.".to_owned(),
            hint: "name the one that runs `bootstrap`, or leave the others out".to_owned(),
        }),
        (Some((file, bytes)), None, _) if is_program(bytes) => {
            Ok(Contents::Native { file: file.clone() })
        }
        (_, None, _) => Err(none(&files, runtime, handler, endings)),
    }
}

fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(ELF) || bytes.starts_with(SCRIPT)
}

/// `app.handler` is `handler` in app.py; `src/app.handler` and Python's `src.app.handler` in src/app.py.
fn handler_file(files: &Files, handler: &str, endings: &[&str]) -> Option<(String, String)> {
    let (module, name) = handler.rsplit_once('.')?;
    let modules = [module.to_owned(), module.replace('.', "/")];
    let mut tried = modules.iter().flat_map(|module| {
        endings
            .iter()
            .map(move |ending| format!("{module}.{ending}"))
    });
    let is_there = |path: &String| files.iter().any(|(file, _)| file == path);
    let file = tried.find(is_there)?;
    Some((file, name.to_owned()))
}

fn none(files: &Files, runtime: &str, handler: &str, endings: &[&str]) -> NoFunction {
    if let Some(ending) = endings.first() {
        let module = handler
            .rsplit_once('.')
            .map_or(handler, |(module, _)| module);
        let held: Vec<&str> = files
            .iter()
            .map(|(name, _)| name.as_str())
            .take(5)
            .collect();
        return NoFunction {
            message: format!(
                "The package has no file {module}.{ending} for the handler {handler}."
            ),
            hint: format!("it holds {}", held.join(", ")),
        };
    }
    let known = runtime.starts_with("provided") || runtime == "go1.x";
    NoFunction {
        message: if known {
            "The package holds no WebAssembly.".to_owned()
        } else {
            format!("The runtime {runtime} is not there: its programs are no WebAssembly.")
        },
        hint: "put a component or a WASI program into it, as `bootstrap` or NAME.wasm; Rust: `cargo build --target wasm32-wasip2`, Go: `GOOS=wasip1 GOARCH=wasm go build`; handler files of Python and Node.js run as they are".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(files: &[(&str, &[u8])], runtime: &str, handler: &str) -> String {
        let files = files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        match contents(files.collect(), runtime, handler) {
            Ok(Contents::WebAssembly(_)) => "wasm".to_owned(),
            Ok(Contents::Native { .. }) => "native".to_owned(),
            Ok(Contents::Handler(it)) => format!("{}:{}", it.file, it.handler),
            Err(none) => none.message,
        }
    }

    #[test]
    fn a_package_says_what_it_is() {
        let (wasm, elf): (&[u8], &[u8]) = (b"\0asm\x0d\0\x01\0", b"\x7fELF");
        type Case<'a> = (&'a [(&'a str, &'a [u8])], &'a str, &'a str, &'a str);
        let cases: &[Case<'_>] = &[
            (
                &[("app.py", b"")],
                "python3.12",
                "app.handler",
                "app.py:handler",
            ),
            (&[("a/b.py", b"")], "python3.12", "a.b.main", "a/b.py:main"),
            (&[("a/b.py", b"")], "python3.12", "a/b.main", "a/b.py:main"),
            (
                &[("index.mjs", b"")],
                "nodejs22.x",
                "index.handler",
                "index.mjs:handler",
            ),
            (
                &[("x.js", b"")],
                "nodejs22.x",
                "index.handler",
                "The package has no file index.mjs for the handler index.handler.",
            ),
            (
                &[("bootstrap", wasm)],
                "provided.al2023",
                "bootstrap",
                "wasm",
            ),
            (
                &[("late.wasm", wasm), ("README", b"")],
                "provided.al2023",
                "late",
                "wasm",
            ),
            (
                &[("a.wasm", wasm), ("b.wasm", wasm)],
                "provided.al2",
                "x",
                "The package holds more than one WebAssembly file.",
            ),
            (&[("late.wasm", wasm)], "python3.12", "app.handler", "wasm"),
            (
                &[("bootstrap", elf)],
                "provided.al2023",
                "bootstrap",
                "native",
            ),
            (&[("main", elf)], "go1.x", "main", "native"),
            (
                &[("a.class", b"")],
                "java21",
                "a.B::c",
                "The runtime java21 is not there: its programs are no WebAssembly.",
            ),
        ];
        for (files, runtime, handler, expect) in cases {
            assert_eq!(
                told(files, runtime, handler),
                *expect,
                "{runtime} {handler}"
            );
        }
    }

    #[test]
    fn a_script_is_a_program_and_a_text_is_nothing() {
        let script = [("bootstrap", b"#!/bin/sh".as_slice())];
        assert_eq!(told(&script, "provided.al2", "x"), "native");
        let text = [("bootstrap", b"text".as_slice())];
        let expect = "The package holds no WebAssembly.";
        assert_eq!(told(&text, "provided.al2", "x"), expect);
    }
}
