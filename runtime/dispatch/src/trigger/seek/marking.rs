//! Bookmarks of where a trigger stands, and the values that belong to one.
//!
//! In: a trigger and a name. Out: the bookmark, not stored yet; or writes after which every value is what it was then.

use std::sync::Arc;

use model::{
    ViewWrite,
    seams::{CommitError, Journal},
};

use super::standing;
use crate::{
    before,
    bookmarks::{Bookmark, Bookmarks},
    settings::TriggerSettings,
    shard::Rooms,
    trigger::StartError,
};

/// Where every shard of the trigger stands now, under a name.
pub fn bookmark(
    rooms: &Rooms,
    settings: &TriggerSettings,
    name: String,
) -> Result<Bookmark, StartError> {
    let mut shards = Vec::new();
    for shard in rooms.source.shards(&settings.stream)? {
        if let Some(row) = standing(rooms, settings, shard.id)? {
            shards.push((shard.id, row));
        }
    }
    let marks = Bookmarks::new(Arc::clone(&rooms.journal)).marks(&settings.name)?;
    let now = rooms.platform.clock.wall().as_millis();
    Ok(Bookmark {
        name,
        trigger: settings.name.clone(),
        // No two have the same, and later ones have later ones, whatever the clock says.
        made_ms: marks.last().map_or(now, |newest| now.max(newest + 1)),
        stream: settings.stream.clone(),
        created: rooms.source.created(&settings.stream)?,
        values: settings.state.is_some(),
        shards,
    })
}

/// Writes for a seek, after which every value is what it was at the moment of the bookmark.
pub fn restoring(
    journal: &dyn Journal,
    bookmark: &Bookmark,
) -> Result<Vec<ViewWrite>, CommitError> {
    before::restored(journal, &bookmark.trigger, bookmark.made_ms)
}
