//! Core modules: what `GOOS=wasip1`, clang and zig make.
//!
//! A program, which has `_start`, is run as it is on preview 1 of WASI: the component adapter keeps its own page in the
//! program's memory, and Go takes all memory for its own. A module that exports a handler by its full name, as C functions
//! do, becomes a component without any tool of the component model: its types are taken from `function.wit` here. Bytes go
//! in, bytes come out; nothing of the module runs.
#![deny(clippy::indexing_slicing)]

use std::collections::BTreeSet;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW_1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{BinaryReaderError, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::load::{EVENT_HANDLER, LoadError, OURS, STREAM_HANDLER, listed};

const WIT: &str = include_str!("../../../sdk/wit/function.wit");
pub(crate) const START: &str = "_start";

/// What the bytes of a function are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Component,
    /// A core module with `_start`.
    Program,
}

/// The form in which a core module is run, and its bytes in that form.
pub(crate) fn adapt(module: Vec<u8>) -> Result<(Form, Vec<u8>), LoadError> {
    let shape = Shape::of(&module).map_err(|error| LoadError::Invalid(error.to_string()))?;
    let known = |from: &&String| *from == PREVIEW_1 || from.starts_with(OURS);
    if let Some(unknown) = shape.imports.iter().find(|from| !known(from)) {
        return Err(LoadError::Import(unknown.clone()));
    }
    let worlds = [
        (STREAM_HANDLER, "stream-function"),
        (EVENT_HANDLER, "event-function"),
    ];
    let world = worlds
        .into_iter()
        .find(|(handler, _)| shape.exports.contains(&format!("{handler}#handle")))
        .map(|(_, world)| world);
    match world {
        Some(world) => Ok((Form::Component, component(module, &shape, world)?)),
        None if shape.exports.contains(START) => Ok((Form::Program, module)),
        None => Err(LoadError::NoHandler {
            exports: listed(shape.exports.iter().map(String::as_str)),
        }),
    }
}

/// The form of a module that was adapted before.
pub(crate) fn form(module: &[u8]) -> Form {
    let shape = Shape::of(module).unwrap_or_default();
    let is_handler = shape.exports.iter().any(|name| name.starts_with(OURS));
    if is_handler || !shape.exports.contains(START) {
        return Form::Component;
    }
    Form::Program
}

fn component(mut module: Vec<u8>, shape: &Shape, world: &str) -> Result<Vec<u8>, LoadError> {
    if !shape.is_typed {
        embed_types(&mut module, world)?;
    }
    let adapter = WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
    let encoder = ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.adapter(PREVIEW_1, adapter));
    encoder
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| LoadError::Invalid(format!("{error:#}")))
}

/// What a module says of itself.
#[derive(Debug, Default)]
struct Shape {
    exports: BTreeSet<String>,
    /// The modules it imports from.
    imports: BTreeSet<String>,
    /// Its compiler has written its component types down.
    is_typed: bool,
}

impl Shape {
    fn of(module: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            if let Payload::ImportSection(imports) = payload {
                for import in imports.into_imports() {
                    shape.imports.insert(import?.module.to_owned());
                }
            } else if let Payload::ExportSection(exports) = payload {
                for export in exports {
                    shape.exports.insert(export?.name.to_owned());
                }
            } else if let Payload::CustomSection(section) = payload {
                shape.is_typed |= section.name().starts_with("component-type");
            }
        }
        Ok(shape)
    }
}

fn embed_types(module: &mut Vec<u8>, world: &str) -> Result<(), LoadError> {
    let mut resolve = Resolve::default();
    let world = resolve
        .push_str("function.wit", WIT)
        .and_then(|package| resolve.select_world(&[package], Some(world)));
    world
        .and_then(|world| embed_component_metadata(module, &resolve, world, StringEncoding::UTF8))
        .map_err(|error| LoadError::Invalid(format!("{error:#}")))
}
