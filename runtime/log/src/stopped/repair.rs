//! The repair of a damaged log: what is not right goes, what is known of it is kept, and the log opens again.
//!
//! The bytes that go are first written to a file of their own in `DATA/repair`. A part in the middle is replaced by
//! frames that carry on the chain of commits, with the coordination keys that the view still has; an end is cut off.
//! A repair that is interrupted is done again. The clean-stop marker goes first and the view last, so that the next start
//! reads everything, and gives no sequence number twice.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::ViewWrite;
use platform::{Disk, OpenMode};

use super::{
    Directory, FormatFound, Hole, Survey,
    gap::{self, Piece},
};
use crate::{
    append::queue::counter_write,
    clean::{apply::view_dir, seal::index_path},
    layout::{
        format::FORMAT,
        segment::{Segment, header},
    },
    limits::COUNTERS_UNSEEN,
    open::MARKER,
};

/// Bytes of a damaged part that are copied aside at a time.
const COPY_BYTES: usize = 4 << 20;
/// No record takes less.
const RECORD_BYTES_MIN: u64 = 9;

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// Where what was taken out is now.
    pub aside: Vec<PathBuf>,
    pub dropped_bytes: u64,
    /// Objects of the archive that now hold what was right in them.
    pub archive_mended: u64,
    /// Coordination keys whose value was saved from the view.
    pub keys_kept: u64,
}

/// Carries out what the survey of this same directory found to be needed; nothing for a log without damage.
pub async fn repair(directory: &Directory, survey: &Survey) -> io::Result<Repaired> {
    let mut done = Repaired::default();
    if matches!(survey.format, FormatFound::Newer(_)) {
        return Err(io::Error::other("its format is newer than this shardmill"));
    }
    if !survey.log_is_damaged() {
        return Ok(done);
    }
    let disk = &directory.platform.disk;
    let aside = directory.dir.join("repair");
    disk.create_dir_all(&aside).await?;
    disk.sync_dir(&directory.dir).await?;
    for hole in &survey.holes {
        if let Some(segment) = segment_of(survey, hole) {
            done.aside
                .extend(set_bytes_aside(disk, &aside, segment, hole).await?);
        }
    }
    let marker = directory.dir.join(MARKER);
    if disk.exists(&marker).await {
        disk.remove_file(&marker).await?;
        disk.sync_dir(&directory.dir).await?;
    }
    for stranger in &survey.strangers {
        done.aside
            .push(move_aside(disk, &aside, &stranger.path).await?);
    }
    for segment in &survey.segments {
        let damaged = |path: &Path| survey.headers.iter().any(|fault| fault.path == path);
        if damaged(&segment.path) {
            let created = directory.platform.clock.wall().as_millis();
            let page = header(segment.base, segment.log_id, segment.salt, created);
            let file = disk.open(&segment.path, OpenMode::ReadWrite).await?;
            file.write_all_at(&[page.into()], 0).await?;
            file.sync_all().await?;
        }
    }
    for damaged in survey.archive.iter().filter(|object| !object.is_right()) {
        let set_aside = damaged.mend(directory, &aside).await?;
        done.aside.extend(set_aside);
        done.archive_mended += 1;
    }
    for hole in &survey.holes {
        done.dropped_bytes += hole.until - hole.from;
        done.keys_kept += mend(directory, survey, hole).await?;
    }
    disk.sync_dir(&directory.log_dir()).await?;
    if survey.format == FormatFound::Unreadable {
        let format = format!("{FORMAT}\n");
        disk.replace(&directory.dir.join("FORMAT"), format.as_bytes())
            .await?;
    }
    let view = view_dir(&directory.dir);
    if disk.exists(&view).await {
        disk.remove_dir_all(&view).await?;
    }
    disk.sync_dir(&directory.dir).await?;
    Ok(done)
}

fn segment_of<'a>(survey: &'a Survey, hole: &Hole) -> Option<&'a Arc<Segment>> {
    let mut segments = survey.segments.iter().rev();
    segments.find(|segment| segment.base <= hole.from)
}

async fn set_bytes_aside(
    disk: &Disk,
    aside: &Path,
    segment: &Segment,
    hole: &Hole,
) -> io::Result<Option<PathBuf>> {
    let len = segment.file.len().await?;
    let begins = segment.offset(hole.from);
    let ends = if hole.bridged {
        segment.offset(hole.until).min(len)
    } else {
        len
    };
    if begins >= ends {
        return Ok(None);
    }
    let path = aside.join(format!("{:020}-{:020}.bytes", hole.from, hole.until));
    let file = disk.open(&path, OpenMode::ReadWrite).await?;
    let mut at = begins;
    while at < ends {
        let left = usize::try_from(ends - at).unwrap_or(COPY_BYTES);
        let bytes = segment.file.read_at(left.min(COPY_BYTES), at).await?;
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len() as u64;
        file.write_all_at(&[bytes], at - begins).await?;
        at += len;
    }
    file.sync_all().await?;
    disk.sync_dir(aside).await?;
    Ok(Some(path))
}

pub(super) async fn move_aside(disk: &Disk, aside: &Path, path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default();
    let to = aside.join(name);
    disk.rename(path, &to).await?;
    disk.sync_dir(aside).await?;
    Ok(to)
}

/// Replaces a part, or cuts off an end; how many keys were saved.
async fn mend(directory: &Directory, survey: &Survey, hole: &Hole) -> io::Result<u64> {
    let disk = &directory.platform.disk;
    let segment = match (segment_of(survey, hole), survey.segments.first()) {
        (Some(segment), _) => Arc::clone(segment),
        // A segment that is missing at the beginning gets one in its place.
        (None, Some(first)) => {
            let (dir, id) = (directory.log_dir(), first.log_id);
            Arc::new(Segment::create(&directory.platform, &dir, hole.from, id).await?)
        }
        (None, None) => return Ok(0),
    };
    let index = index_path(&segment);
    if disk.exists(&index).await {
        disk.remove_file(&index).await?;
    }
    let file = disk.open(&segment.path, OpenMode::ReadWrite).await?;
    let kept = hole.kept.iter().map(|(key, value)| ViewWrite {
        key: key.clone(),
        value: Some(value.clone()),
    });
    let mut writes: Vec<ViewWrite> = kept.collect();
    let before = writes.len();
    if hole.bridged {
        for piece in gap::pieces(hole.from, hole.until, hole.before, hole.link) {
            let seal = segment.seal(piece.from);
            let Some(frame) = gap::fill(piece, &mut writes, seal) else {
                let what = "the frames around the damage do not fit together: restore a backup";
                return Err(io::Error::other(what));
            };
            file.write_all_at(&[frame], seal.offset).await?;
        }
        let saved = before - writes.len();
        file.sync_all().await?;
        return Ok(saved as u64);
    }
    file.set_len(segment.offset(hole.from)).await?;
    writes.extend(counters(survey, hole));
    let seal = segment.seal(hole.from);
    let piece = Piece {
        from: hole.from,
        until: hole.from,
        commit: hole.from,
        previous: hole.before.unwrap_or(hole.from),
    };
    file.write_all_at(&[gap::ending(piece, &writes, seal)], seal.offset)
        .await?;
    file.sync_all().await?;
    Ok(before as u64)
}

/// However many records the end held, none of their numbers is given again.
fn counters(survey: &Survey, hole: &Hole) -> Vec<ViewWrite> {
    let most = (hole.until - hole.from) / RECORD_BYTES_MIN;
    let unseen = (COUNTERS_UNSEEN, most);
    let known = survey
        .counters
        .iter()
        .filter(|(counter, _)| **counter != COUNTERS_UNSEEN);
    let known = known.map(|(counter, next)| (*counter, next + most));
    let all = known.chain([unseen]);
    all.map(|(counter, next)| counter_write(counter, next))
        .collect()
}
