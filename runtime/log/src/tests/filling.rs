//! Frames that reach to the end of a page, so that no page is written twice: which do, and that nothing else notices.

use super::*;
use crate::limits::PAGE_BYTES;

fn in_page(placed: &Placed, base: u64) -> u64 {
    (placed.at.0 - base) % PAGE_BYTES as u64
}

#[tokio::test]
async fn large_frames_end_with_a_page_and_small_ones_where_they_end() {
    let mut world = World::new();
    world.settings.segment_bytes = 1 << 20;
    world.settings.view = ViewKind::Sled;
    let log = world.open().await;
    // The first frame of a segment stands behind a header of one page.
    let base = log.status().placed.0;
    let large = "x".repeat(1_020);
    let ten = vec![large.as_str(); 10];
    let two_shards = || Commit {
        appends: [A, B]
            .map(|slot| Append {
                slot,
                records: records(&ten),
            })
            .into(),
        ..sets("key", Some("value"))
    };
    for (commit, filled) in [
        (puts(A, &ten), true),
        (puts(A, &["small"]), false),
        (puts(A, &ten), true),
        (two_shards(), true),
        (sets("key", Some("other")), false),
    ] {
        let placed = durably(&log, commit).await;
        assert_eq!(in_page(&placed, base) == 0, filled, "{placed:?}");
    }
    let before = (texts(&log, A).await, texts(&log, B).await);
    assert_eq!((before.0.len(), before.1.len()), (31, 10));
    drop(log);
    let found = stopped::surveyed(&world).await;
    assert!(!found.log_is_damaged(), "{found:?}");
    let log = world.open().await;
    assert_eq!((texts(&log, A).await, texts(&log, B).await), before);
    assert_eq!(log.get(b"key").unwrap(), Some(Bytes::from("other")));
    log.stop().await;
}
