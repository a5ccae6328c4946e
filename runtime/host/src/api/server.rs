//! `server`: who answers here, so that a verb can tell its own server from another.

use serde_json::json;

use super::Reply;
use crate::assemble::Rooms;

pub(crate) fn show(rooms: &Rooms) -> Reply {
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "node": rooms.node,
        "address": rooms.address.to_string(),
        "data": rooms.data.display().to_string(),
        "pid": std::process::id(),
    }))
}
