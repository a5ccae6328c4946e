//! `audit list`: what operators ordered, with what it did; and the rows that other verbs write into it.

use dispatch::{AuditLog, Order};
use model::{Timestamp, TriggerName, ViewWrite};
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, triggers::keeper};
use crate::assemble::Rooms;

/// The row of an order, for the transaction that carries it out.
pub(crate) fn row(rooms: &Rooms, order: &str, trigger: &TriggerName, facts: Value) -> ViewWrite {
    let now = rooms.platform.clock.wall();
    Order::new(now, order, Some(trigger), facts).row(&rooms.platform)
}

pub(crate) fn list(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let trigger = call.query.get("trigger");
    let trigger = trigger.map(|name| keeper(rooms, name)).transpose()?;
    let since = call.query.number("since_ms")?.unwrap_or(0);
    let limit = call.query.limit()?;
    let after = call.query.get("after").map(|text| {
        base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(text)
            .map_err(|_| ApiError::bad("`after` is not what an earlier page returned"))
    });
    let after = after.transpose()?;
    let log = AuditLog::new(std::sync::Arc::clone(&rooms.journal));
    let page = log.page(Timestamp::from_millis(since), after.as_deref(), limit);
    let page = page.map_err(ApiError::failed)?;
    let next = page.last().filter(|_| page.len() == limit);
    let next = next.map(|(key, _)| base64_simd::URL_SAFE_NO_PAD.encode_to_string(key));
    let wanted = |order: &&Order| trigger.is_none() || order.trigger == trigger;
    let orders = page.iter().map(|(_, order)| order).filter(wanted);
    let orders: Vec<Value> = orders.map(|order| json!(order)).collect();
    Ok(json!({ "orders": orders, "after": next }))
}
