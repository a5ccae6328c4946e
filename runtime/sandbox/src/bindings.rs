//! What `function.wit` becomes in Rust: the worlds, sharing one set of types and imports.

use model::lambda::KinesisColumns;

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

/// Shared language runtimes.
mod runtime {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit",
        world: "language-runtime",
        imports: { "shardmill:function/network.ask": async | trappable, default: trappable },
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
pub(crate) use runtime::shardmill::function::{bundle, network, scratch};
pub(crate) use runtime::{
    LanguageRuntime, LanguageRuntimePre, exports::shardmill::function::text_handler::Columns,
};
pub(crate) use stream::shardmill::function::{host, invocation, state, types};
pub(crate) use stream::{StreamFunction, StreamFunctionPre};

impl From<KinesisColumns> for Columns {
    fn from(columns: KinesisColumns) -> Self {
        Self {
            shard: columns.shard,
            role: columns.role,
            region: columns.region,
            stream: columns.stream,
            keys: columns.keys,
            sequences: columns.sequences,
            data: columns.data,
            arrivals: columns.arrivals,
            subs: columns.subs,
            rest: columns.rest,
        }
    }
}
