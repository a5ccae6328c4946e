//! Puts the rooms together into one running server: configuration now, the rest as it is built.

pub mod config;
