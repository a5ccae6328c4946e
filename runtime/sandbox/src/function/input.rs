//! What a guest is called with: records, an event or a request, in the form that its kind takes.
//!
//! In: an invocation and what its caller gives. Out: the input of the guest, or the fact that its kind takes no such thing.
//! Nothing is run here.

use http::Request;
use model::{
    Invocation,
    invocation::{TumblingWindow, WindowKept},
    lambda,
};
use tokio::sync::oneshot;

use super::{Guest, Inner};
use crate::{
    command::Stdin,
    http::{Answered, HttpBody},
    packed,
    sandbox::Passed,
};

/// What a function is run with.
pub(crate) enum Given {
    /// The records of its invocation.
    Records,
    Event(Vec<u8>),
    Request(Box<Asked>),
}

/// A request, and where its answer goes.
type Asked = (Request<HttpBody>, oneshot::Sender<Answered>);

/// What a guest is called with.
#[derive(Default)]
pub(super) struct Input {
    pub(super) passed: Passed,
    pub(super) stdin: Option<Stdin>,
    pub(super) request: Option<Asked>,
}

/// Kind and fact of what a guest cannot be run with.
pub(super) type Unfit = (&'static str, String);

impl Inner {
    /// What the guest takes of what it is run with, or why it cannot be run with that.
    pub(super) fn input(&self, invocation: &Invocation, given: Given) -> Result<Input, Unfit> {
        let passed = |passed| Input {
            passed,
            ..Input::default()
        };
        let bytes = |bytes| passed(Passed::Bytes(bytes));
        match (&self.guest, given) {
            (Guest::Stream(_), Given::Records) => {
                let closes = invocation.window.as_ref().is_some_and(closes_keys);
                let batch = packed::pack(&invocation.records, closes, invocation.replayed());
                batch
                    .map(bytes)
                    .map_err(|error| ("BatchTooLarge", error.to_string()))
            }
            (Guest::Stream(_), Given::Event(_)) => {
                Err(("NoEvents", "it takes records, not an event".to_owned()))
            }
            (Guest::Http(_), Given::Request(asked)) => Ok(Input {
                request: Some(*asked),
                ..Input::default()
            }),
            (Guest::Http(_), Given::Records | Given::Event(_)) => {
                Err(("NoEvents", "it takes requests, not an event".to_owned()))
            }
            (_, Given::Request(..)) => {
                Err(("NoRequests", "it takes no requests as they are".to_owned()))
            }
            (Guest::Event(_), Given::Records) => Ok(bytes(lambda::kinesis_event(invocation))),
            (Guest::Runtime(_), Given::Records) => {
                let columns = lambda::kinesis_columns(invocation);
                Ok(passed(Passed::Columns(Box::new(columns.into()))))
            }
            (Guest::Event(_) | Guest::Runtime(_), Given::Event(event)) => Ok(bytes(event)),
            (Guest::Command(_) | Guest::Program(_) | Guest::Process(_), given) => {
                let event = match given {
                    Given::Event(event) => event,
                    Given::Records | Given::Request(..) => lambda::kinesis_event(invocation),
                };
                Ok(Input {
                    stdin: Some(Stdin::new(event)),
                    ..Input::default()
                })
            }
        }
    }
}

/// Its records are no records: each stands for a key whose window closes.
fn closes_keys(window: &TumblingWindow) -> bool {
    window.is_final && window.kept == WindowKept::ByKey
}
