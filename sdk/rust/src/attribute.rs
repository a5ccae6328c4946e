//! Checks that `#[handler]` writes next to a function, so that the compiler points at the parameter that is wrong.
use crate::forms::{EventHandler, Handler};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub fn body<T: DeserializeOwned>() {}

pub fn state<S: Serialize + DeserializeOwned + Default>() {}

pub fn stream<Form>(_: &impl Handler<Form>) {}

pub fn event<Form>(_: &impl EventHandler<Form>) {}
