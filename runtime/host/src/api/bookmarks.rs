//! `bookmark list|create|delete`: places of a trigger to go back to. Each seek makes one by itself.

use std::sync::Arc;

use dispatch::{Bookmark, BookmarkError, Bookmarks};
use model::TriggerName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, audit, redrive, triggers};
use crate::assemble::Rooms;

pub(crate) fn list(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let names = match call.query.get("trigger") {
        Some(name) => vec![triggers::keeper(rooms, name)?],
        None => rooms.triggers.now().keys().cloned().collect(),
    };
    let mut found = Vec::new();
    for name in names {
        let bookmarks = store(rooms).list(&name).map_err(ApiError::failed)?;
        found.extend(bookmarks.iter().map(document));
    }
    Ok(json!({ "bookmarks": found }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: String,
}

pub(crate) async fn create(rooms: &Rooms, trigger: &str, call: &Call<'_>) -> Reply {
    let settings = triggers::known(rooms, trigger)?;
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read what to mark: {error}")))?;
    if super::seek::is_place(&asked.name) {
        let message = format!(
            "bookmark trigger {trigger} as {0}: a seek to `{0}` goes to that place of the stream",
            asked.name
        );
        return Err(ApiError::bad(&message).with_hint("choose a name that is no place"));
    }
    let parts = rooms.runners.parts(&settings.name);
    let (shared, _) = parts.ok_or_else(|| ApiError::failed("the trigger does not run"))?;
    let _one_at_a_time = rooms.runners.order(&settings.name).await;
    let _hold = still(rooms, &settings.name).await?;
    let bookmark = dispatch::bookmark(&shared, &settings, asked.name.clone());
    let bookmark = bookmark.map_err(ApiError::failed)?;
    let facts = json!({ "bookmark": asked.name });
    let row = audit::row(rooms, "bookmark create", &settings.name, facts);
    let made = store(rooms).make(&bookmark, row).await;
    made.map_err(|error| refused(trigger, &asked.name, &error))?;
    if let Some(state) = rooms.runners.state(&settings.name) {
        state.look_for_bookmarks();
    }
    Ok(document(&bookmark))
}

/// A bookmark knows what values were, so none may change while one comes or goes.
async fn still(rooms: &Rooms, name: &TriggerName) -> Result<Option<dispatch::Hold>, ApiError> {
    if rooms.runners.state(name).is_none() {
        return Ok(None);
    }
    redrive::held(rooms, name).await.map(Some)
}

pub(crate) async fn delete(rooms: &Rooms, trigger: &str, name: &str) -> Reply {
    let trigger = triggers::keeper(rooms, trigger)?;
    let facts = json!({ "bookmark": name });
    let row = audit::row(rooms, "bookmark delete", &trigger, facts);
    let _one_at_a_time = rooms.runners.order(&trigger).await;
    let _hold = still(rooms, &trigger).await?;
    let state = rooms.runners.state(&trigger);
    let removed = store(rooms).remove(&trigger, name, state, row).await;
    if !removed.map_err(ApiError::failed)? {
        return Err(missing(&trigger.to_string(), name));
    }
    Ok(json!({ "deleted": format!("{trigger}/{name}") }))
}

pub(crate) fn missing(trigger: &str, name: &str) -> ApiError {
    ApiError::not_found(&format!("bookmark {name} of trigger {trigger}"))
        .with_hint("`shardmill bookmark list` shows what is there")
}

fn refused(trigger: &str, name: &str, error: &BookmarkError) -> ApiError {
    let message = format!("bookmark trigger {trigger} as {name}: {error}");
    match error {
        BookmarkError::Name => ApiError::bad(&message),
        BookmarkError::There => ApiError::conflict(message)
            .with_hint("choose another name, or delete the old one first"),
        BookmarkError::TooMany => {
            ApiError::conflict(message).with_hint("`shardmill bookmark delete` makes room")
        }
        BookmarkError::Journal(_) | BookmarkError::Damaged(_) => ApiError::failed(message),
    }
}

pub(crate) fn store(rooms: &Rooms) -> Bookmarks {
    Bookmarks::new(Arc::clone(&rooms.journal))
}

fn document(bookmark: &Bookmark) -> Value {
    let shards: Vec<Value> = bookmark
        .shards
        .iter()
        .map(|(shard, row)| {
            json!({ "shard": shard.to_string(), "checkpoint": triggers::checkpoint(row.low) })
        })
        .collect();
    json!({
        "id": format!("{}/{}", bookmark.trigger, bookmark.name),
        "name": bookmark.name,
        "trigger": bookmark.trigger,
        "made_ms": bookmark.made_ms,
        "automatic": bookmark.is_automatic(),
        "values": bookmark.values,
        "stream": bookmark.stream.name,
        "shards": shards,
    })
}
