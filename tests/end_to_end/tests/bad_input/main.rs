//! Bad input of every kind against the real binary: each gets one clear sentence with a hint and the right status or
//! exit code, and nothing is lost by it.
//!
//! A failure here means that a person is left alone with a mistake, or that a record is gone.

mod code;
mod file;
mod functions;
mod requests;
mod start;
