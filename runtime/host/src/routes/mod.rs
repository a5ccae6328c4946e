//! Triggers that answer requests: which route takes a request, what it is given, and what is sent for its answer.
//!
//! They have a listener of their own, so that nothing that is meant for the web reaches the doors of AWS or the verbs. What
//! a function puts out is committed before its answer is sent. A client that does not do its part, and a function that
//! does not, cost their own route one place for a bounded time and nobody else anything.

mod bodies;
mod buffered;
mod cors;
mod facts;
mod gate;
mod pattern;
mod refusal;
mod service;
mod streamed;
mod table;
mod token;
mod url_cors;
mod urls;

pub(crate) use gate::{Gate, RouteSettings};
pub(crate) use pattern::Route;
pub(crate) use service::{Routes, Web, WebDoor};
pub(crate) use urls::{Urls, named as url_named};
