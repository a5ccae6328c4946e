//! The AWS doors of the server: HTTP requests of AWS clients in, calls of our engines out, and back.
pub mod kinesis;
pub mod lambda;
pub mod limits;

mod body;
mod calendar;
mod credentials;
mod event_stream;
mod hosts;
mod request_body;
mod signature;
mod tokens;

pub use body::AnswerBody;
pub use hosts::AllowedHosts;
pub use request_body::{BodyRefused, whole_body};
pub use signature::{AccessKey, Keyring, Signer, UnreadableKeys, Unsent, encoded_path};
