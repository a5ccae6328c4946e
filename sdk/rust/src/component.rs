//! Where a handler becomes a component: bindings of `function.wit`, and the exports that `#[handler]` fills in.
//!
//! Only compiled for WebAssembly. Errors of a handler leave here as the interface's `fault`.
#![expect(
    clippy::mem_forget,
    reason = "wit-bindgen hands lists to the host that way"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "stream-function",
    pub_export_macro: true,
    export_macro_name: "export_stream_handler",
    default_bindings_module: "shardmill::component",
    runtime_path: "::shardmill::wit_runtime",
});

/// The event kind, on the same imports.
pub mod event {
    wit_bindgen::generate!({
        path: "../wit",
        world: "event-function",
        pub_export_macro: true,
        export_macro_name: "export_event_handler",
        default_bindings_module: "shardmill::component::event",
        runtime_path: "::shardmill::wit_runtime",
        with: {
            "shardmill:function/types@0.1.0": crate::component::shardmill::function::types,
            "shardmill:function/invocation@0.1.0": crate::component::shardmill::function::invocation,
            "shardmill:function/host@0.1.0": crate::component::shardmill::function::host,
            "shardmill:function/state@0.1.0": crate::component::shardmill::function::state,
        },
    });
}

use self::shardmill::function::types::{Failure, Fault, Response};
use crate::forms;

/// Answers a packed batch; the body of the export `stream-handler.handle`.
pub fn stream<Form>(handler: &impl forms::Handler<Form>, packed: &[u8]) -> Result<Response, Fault> {
    crate::log::log_panics();
    let answer = forms::run(handler, packed).map_err(|error| fault(&error))?;
    let failed = answer.failed.into_iter().map(|failure| Failure {
        index: failure.index,
        action: failure.action.code(),
        kind: failure.kind,
        reason: failure.reason,
    });
    Ok(Response {
        failed: failed.collect(),
        output: answer.output,
        window_state: answer.window_state,
    })
}

/// Answers a JSON event; the body of the export `event-handler.handle`.
pub fn answer<Form>(
    handler: &impl forms::EventHandler<Form>,
    event: &[u8],
) -> Result<Vec<u8>, Fault> {
    crate::log::log_panics();
    handler.answer(event).map_err(|error| fault(&error))
}

fn fault(error: &crate::Error) -> Fault {
    Fault {
        kind: error.kind_name().to_owned(),
        message: error.reason().to_owned(),
        retry_after_ms: error
            .pause()
            .and_then(|pause| u64::try_from(pause.as_millis()).ok()),
    }
}
