//! What `function.wit` becomes in Rust: the worlds, sharing one set of types and imports.

pub(crate) mod stream {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit",
        world: "stream-function",
        imports: { default: trappable },
        exports: { default: async },
    });
}

pub(crate) mod event {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit",
        world: "event-function",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "shardmill:function/types": super::stream::shardmill::function::types,
            "shardmill:function/invocation": super::stream::shardmill::function::invocation,
            "shardmill:function/host": super::stream::shardmill::function::host,
            "shardmill:function/state": super::stream::shardmill::function::state,
        },
    });
}

/// Shared language runtimes export what event functions do; of their world only the import is of its own.
mod runtime {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit",
        world: "language-runtime",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "shardmill:function/types": super::stream::shardmill::function::types,
            "shardmill:function/invocation": super::stream::shardmill::function::invocation,
            "shardmill:function/host": super::stream::shardmill::function::host,
            "shardmill:function/state": super::stream::shardmill::function::state,
        },
    });
}

pub(crate) use event::{EventFunction, EventFunctionPre};
pub(crate) use runtime::shardmill::function::bundle;
pub(crate) use stream::shardmill::function::{host, invocation, state, types};
pub(crate) use stream::{StreamFunction, StreamFunctionPre};
