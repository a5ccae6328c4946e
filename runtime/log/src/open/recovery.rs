//! What the disk really holds: segments are scanned, every checksum and the chain of commits compared; a sealed segment
//! that the view has seen is taken over from its index instead.
//!
//! An invalid frame at the very end, with no trace of a later commit behind it, is a write that was never acknowledged:
//! it is left behind and a new segment begins. Anything else that does not fit is damage, and nothing is opened.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use platform::{OpenMode, Platform};

use crate::{
    Recovered, Settings,
    append::queue::State,
    clean::{seal, spares},
    errors::OpenError,
    layout::segment::{SEGMENT_HEADER_BYTES, Segment, base_of},
    open::scan::{Scan, damaged},
    view::View,
};

pub(crate) const OLDEST_MISSING: &str = "the oldest segments are missing";

/// A log ready to be written again.
#[derive(Debug)]
pub(crate) struct Found {
    pub state: State,
    pub active: Option<Arc<Segment>>,
    pub log_id: u128,
    pub previous: u64,
    pub recovered: Recovered,
}

/// Scans `dir/log`; `clean_end` is where the last run stopped cleanly, if it did.
pub(crate) async fn recover(
    platform: &Platform,
    dir: &Path,
    settings: &Settings,
    view: &dyn View,
    clean_end: Option<u64>,
) -> Result<Found, OpenError> {
    let log_dir = dir.join("log");
    let mut scan = Scan::new(view, settings, clean_end.is_some())?;
    scan.state.spares = spares::find(platform, &log_dir, settings.segment_bytes).await?;
    let segments = open_segments(platform, &log_dir).await?;
    seal::remove_strays(platform, &log_dir, &segments).await?;
    let log_id = segments.first().map_or_else(
        || u128::from(platform.rng.u64()) << 64 | u128::from(platform.rng.u64()),
        |first| first.log_id,
    );
    let named = view.log()?;
    if scan.applied > 0 && named.is_some_and(|named| named != log_id) {
        return Err(OpenError::View("it is a view of another log".to_owned()));
    }
    if named != Some(log_id) {
        view.adopt(log_id)?;
    }
    let begins = segments.first().map_or(0, |first| first.base);
    if (1..begins).contains(&scan.applied) {
        return Err(OpenError::View("it is older than the log".to_owned()));
    }
    for (at, segment) in segments.iter().enumerate() {
        let expected = segments.get(at + 1).map(|next| next.base).or(clean_end);
        if at + 1 < segments.len()
            && let Some(end) = expected
            && let Some(contents) = seal::contents(platform, segment).await
            && scan.sealed(segment, end, &contents)?
        {
            continue;
        }
        scan.segment(segment, expected)?;
    }
    if segments.is_empty() && clean_end.is_some_and(|end| end > 0) {
        return Err(damaged(&log_dir, 0, "the segments are missing"));
    }
    scan.apply()?;
    if scan.applied > scan.state.next {
        // Nothing is applied before it is durable.
        let what = "acknowledged frames that the view has seen are missing";
        return Err(damaged(&log_dir, scan.state.next, what));
    }
    if !segments.is_empty() && !scan.reaches_back(begins)? {
        return Err(damaged(&log_dir, 0, OLDEST_MISSING));
    }
    let mut active = None;
    if let Some(last) = segments.last() {
        if clean_end.is_some() {
            let used = last.offset(scan.state.next);
            scan.state.room = settings.segment_bytes.saturating_sub(used);
            active = Some(Arc::clone(last));
        } else if scan.state.next == last.base {
            platform.disk.remove_file(&last.path).await?;
            platform.disk.sync_dir(&log_dir).await?;
            scan.state.segments.remove(&last.base);
        } else {
            // What we just read may be in the page cache alone, and what a sync failed to write before is not written by
            // the next one: the last group is written anew.
            let group = scan.last_commit.unwrap_or_default();
            last.write_again(group, scan.state.next).await?;
        }
    }
    scan.restore()?;
    Ok(Found {
        active,
        log_id,
        previous: scan.last_commit.unwrap_or_default(),
        recovered: scan.recovered,
        state: scan.state,
    })
}

/// In log order. A last file whose header never became durable holds nothing and is removed.
async fn open_segments(platform: &Platform, dir: &Path) -> Result<Vec<Arc<Segment>>, OpenError> {
    let mut bases: Vec<(u64, PathBuf)> = Vec::new();
    for name in platform.disk.list(dir).await? {
        bases.extend(base_of(&name).map(|base| (base, dir.join(name))));
    }
    bases.sort();
    let last = bases.last().map(|(base, _)| *base);
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for (base, path) in bases {
        let file = platform.disk.open(&path, OpenMode::ReadWrite).await?;
        let header_len = usize::try_from(SEGMENT_HEADER_BYTES).map_err(io::Error::other)?;
        let header = file.read_at(header_len, 0).await?;
        let len = file.len().await?;
        let Some(segment) = Segment::parse(base, path.clone(), file, &header) else {
            if Some(base) == last && len <= SEGMENT_HEADER_BYTES {
                platform.disk.remove_file(&path).await?;
                platform.disk.sync_dir(dir).await?;
                continue;
            }
            return Err(damaged(&path, 0, "the segment header is invalid"));
        };
        if segments
            .first()
            .is_some_and(|first| first.log_id != segment.log_id)
        {
            return Err(damaged(&path, 12, "the segment belongs to another log"));
        }
        segments.push(Arc::new(segment));
    }
    Ok(segments)
}
