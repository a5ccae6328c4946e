//! The data folder without a server: check and repair of one that is stopped, restore of a backup into an empty one.
//!
//! What the log found comes out in words, with streams, shards and sequence numbers in place of slots and indexes.

use std::path::Path;

use log::{
    OpenError,
    stopped::{self, Directory, FormatFound, Found, Hole, Lost, Survey},
};
use platform::Platform;
use serde_json::{Value, json};
use streams::Atlas;

/// A data folder that no server holds, read whole.
#[derive(Debug)]
pub struct DataFolder {
    directory: Directory,
    survey: Survey,
    atlas: Atlas,
}

/// What a check says: sentences, and whether something is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub facts: Value,
    pub sentences: Vec<String>,
    pub log_is_damaged: bool,
    pub cache_is_damaged: bool,
    pub too_new: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{0}")]
    Held(OpenError),
    #[error("read {dir}: there is no data of a server in it")]
    Missing { dir: String },
    #[error("restore {file}: {reason}")]
    Unrestored { file: String, reason: String },
    #[error("read {dir}: {reason}")]
    Failed { dir: String, reason: String },
}

pub use log::{
    FORMAT,
    backup::Page,
    stopped::{BackupFile, Restored},
};

/// Writes the data of a backup into the empty folder `dir` and reads it again.
pub async fn restore(
    platform: &Platform,
    file: &Path,
    dir: &Path,
    scratch: &Path,
) -> Result<Restored, DataError> {
    let restored = stopped::restore(platform, file, dir, scratch).await;
    restored.map_err(|error| DataError::Unrestored {
        file: file.display().to_string(),
        reason: error.to_string(),
    })
}

/// Reads everything in `dir` and changes nothing; `scratch` is made and removed again.
pub async fn read_data(
    platform: &Platform,
    dir: &Path,
    scratch: &Path,
) -> Result<DataFolder, DataError> {
    let shown = || dir.display().to_string();
    if !platform.disk.exists(&dir.join("log")).await {
        return Err(DataError::Missing { dir: shown() });
    }
    let failed = |reason: String| DataError::Failed {
        dir: shown(),
        reason,
    };
    let directory = Directory::hold(platform, dir).await;
    let directory = directory.map_err(|error| match error {
        OpenError::Locked { .. } => DataError::Held(error),
        OpenError::Newer { .. }
        | OpenError::Damaged { .. }
        | OpenError::Unwritable { .. }
        | OpenError::Full { .. }
        | OpenError::OutOfFiles
        | OpenError::View(_)
        | OpenError::Archive(_)
        | OpenError::Io(_) => failed(error.to_string()),
    })?;
    let survey = stopped::survey(&directory, scratch).await;
    let survey = survey.map_err(|error| failed(error.to_string()))?;
    Ok(DataFolder {
        atlas: Atlas::of(&survey.registry),
        directory,
        survey,
    })
}

impl DataFolder {
    #[must_use]
    pub fn checked(&self) -> Checked {
        let survey = &self.survey;
        let totals = survey.totals;
        let too_new = matches!(survey.format, FormatFound::Newer(_));
        let mut sentences = vec![
            self.format(),
            format!(
                "log      {} segments, {} frames, {} records, {} writes of coordination keys, positions {} to {}",
                totals.segments,
                totals.frames,
                totals.records,
                totals.writes,
                survey.begins,
                survey.end
            ),
            match survey.clean_end {
                Some(_) => "stopped  cleanly".to_owned(),
                None => "stopped  without a clean stop: the next start reads it all".to_owned(),
            },
        ];
        if survey.torn_bytes > 0 {
            sentences.push(format!(
                "end      {} bytes of a last write that was never acknowledged; the next start leaves them behind",
                survey.torn_bytes
            ));
        }
        sentences.extend(self.keys());
        sentences.extend(self.archive());
        sentences.extend(self.caches());
        sentences.extend(self.damage());
        Checked {
            facts: json!({
                "format": match survey.format {
                    FormatFound::Known(number) | FormatFound::Newer(number) => Some(number),
                    FormatFound::Unreadable => None,
                },
                "segments": totals.segments,
                "frames": totals.frames,
                "records": totals.records,
                "coordination_writes": totals.writes,
                "bytes": totals.bytes,
                "begins": survey.begins,
                "end": survey.end,
                "clean": survey.clean_end.is_some(),
                "torn_bytes": survey.torn_bytes,
                "log_is_damaged": survey.log_is_damaged(),
                "cache_is_damaged": survey.cache_is_damaged(),
                "archived_objects": survey.archive.len(),
                "archived_records": survey.archive.iter().map(|object| object.records).sum::<u64>(),
                "archived_bytes": survey.archive.iter().map(|object| object.bytes).sum::<u64>(),
                "damage": self.damage(),
                "data_keys": streams::stored_keys(&survey.registry).len(),
            }),
            sentences,
            log_is_damaged: survey.log_is_damaged(),
            cache_is_damaged: survey.cache_is_damaged(),
            too_new,
        }
    }

    fn format(&self) -> String {
        match self.survey.format {
            FormatFound::Known(number) => format!("format   {number}"),
            FormatFound::Newer(number) => {
                format!("format   {number}, which this shardmill does not know")
            }
            FormatFound::Unreadable => "damaged  FORMAT: it is missing or no number".to_owned(),
        }
    }

    /// What is encrypted, and what wrapped its keys; nothing where no stream ever was.
    fn keys(&self) -> Vec<String> {
        let keys = streams::stored_keys(&self.survey.registry);
        if keys.is_empty() {
            return Vec::new();
        }
        let mut sentences = vec![format!(
            "keys     {} data keys; the master key was not asked for",
            keys.len()
        )];
        sentences.extend(keys.iter().map(|key| {
            format!(
                "  key    {} of {}, wrapped by {}",
                key.number, key.stream, key.wrapped_by
            )
        }));
        sentences
    }

    fn archive(&self) -> Vec<String> {
        let objects = &self.survey.archive;
        if objects.is_empty() {
            return Vec::new();
        }
        let elsewhere = objects
            .iter()
            .filter(|object| object.found == Found::NotCompared);
        let mut sentence = format!(
            "archive  {} objects, {} records, {} bytes",
            objects.len(),
            objects.iter().map(|object| object.records).sum::<u64>(),
            objects.iter().map(|object| object.bytes).sum::<u64>()
        );
        let elsewhere = elsewhere.count();
        if elsewhere > 0 {
            sentence += &format!("; {elsewhere} of them lie elsewhere and were not read");
        }
        vec![sentence]
    }

    fn caches(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        let mut good = 0;
        for (path, found) in &self.survey.indexes {
            match found {
                Found::Good { .. } => good += 1,
                Found::Missing | Found::NotCompared => {}
                Found::Wrong(what) => sentences.push(format!(
                    "damaged  index {}: {what}; it is only a cache and is made again",
                    path.display()
                )),
            }
        }
        let all = self.survey.indexes.len();
        sentences.insert(
            0,
            format!("indexes  {good} of {all} full segments have a right one"),
        );
        sentences.push(match &self.survey.view {
            Found::Good { entries } => format!("view     {entries} keys, all as the log says"),
            Found::Missing => {
                "view     not there: the next start builds it from the log".to_owned()
            }
            Found::NotCompared => "view     not compared with a damaged log".to_owned(),
            Found::Wrong(what) => {
                format!(
                    "damaged  view: {what}; it is only a cache and the next start builds it again"
                )
            }
        });
        sentences
    }

    /// What a repair would take out, a sentence each.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        let survey = &self.survey;
        let mut sentences = Vec::new();
        for fault in survey.strangers.iter().chain(&survey.headers) {
            sentences.push(format!("damaged  {}: {}", fault.path.display(), fault.what));
        }
        for hole in &survey.holes {
            sentences.extend(self.hole(hole));
        }
        for object in survey.archive.iter().filter(|object| !object.is_right()) {
            let what = match &object.found {
                Found::Wrong(what) => what.as_str(),
                Found::Missing | Found::Good { .. } | Found::NotCompared => "it is missing",
            };
            sentences.push(format!("damaged  {}: {what}", object.path.display()));
            sentences.extend(object.lost.iter().map(|lost| self.lost(lost)));
        }
        sentences
    }

    fn lost(&self, lost: &Lost) -> String {
        let last = lost.first_index + u64::from(lost.count.saturating_sub(1));
        match self.atlas.place(lost.slot) {
            Some(place) => format!(
                "  holds  {} records of stream {} {}: {} to {}",
                lost.count,
                place.stream,
                place.shard,
                place.number(lost.first_index, lost.arrived),
                place.number(last, lost.arrived)
            ),
            None => format!(
                "  holds  {} records of the shard in slot {}, which no stream names: indexes {} to {last}",
                lost.count, lost.slot.0, lost.first_index
            ),
        }
    }

    fn hole(&self, hole: &Hole) -> Vec<String> {
        let bytes = hole.until - hole.from;
        let end = if hole.bridged {
            "good frames follow"
        } else {
            "nothing right follows"
        };
        let mut sentences = vec![format!(
            "damaged  {} at byte {}: {}; {bytes} bytes, positions {} to {}, {end}",
            hole.fault.path.display(),
            hole.fault.offset,
            hole.fault.what,
            hole.from,
            hole.until
        )];
        if hole.frames > 0 {
            let frames = hole.frames;
            sentences.push(format!(
                "  holds  {frames} frames of which something is known"
            ));
        }
        sentences.extend(hole.lost.iter().map(|lost| self.lost(lost)));
        if hole.writes > 0 || !hole.kept.is_empty() {
            sentences.push(format!(
                "  holds  {} writes of coordination keys; the view still has the values of {}",
                hole.writes,
                hole.kept.len()
            ));
        }
        for (key, _) in &hole.kept {
            sentences.push(format!("  keeps  coordination key {}", key.escape_ascii()));
        }
        let unknown = bytes.saturating_sub(hole.known_bytes);
        if unknown > 0 {
            sentences.push(format!(
                "  holds  {unknown} bytes of which nothing is known"
            ));
        }
        sentences
    }

    /// Takes what is damaged out of the log and keeps it aside. Sentences about what was done; none for a log that is not
    /// damaged.
    pub async fn repair(&self) -> Result<Vec<String>, DataError> {
        let done = stopped::repair(&self.directory, &self.survey).await;
        let done = done.map_err(|error| DataError::Failed {
            dir: "the folder".to_owned(),
            reason: error.to_string(),
        })?;
        if !self.survey.log_is_damaged() {
            return Ok(Vec::new());
        }
        let mut sentences = vec![format!(
            "repaired {} bytes taken out of the log, {} coordination keys kept",
            done.dropped_bytes, done.keys_kept
        )];
        if done.archive_mended > 0 {
            sentences.push(format!(
                "archive  {} objects now hold what was right in them",
                done.archive_mended
            ));
        }
        for path in &done.aside {
            sentences.push(format!("aside    {}", path.display()));
        }
        Ok(sentences)
    }
}
