//! What a crash of the simulated disk leaves.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Disk, DiskFault, LockError, OpenMode, Survival};

const DIR: &str = "/data";
const A: &str = "/data/a";
const B: &str = "/data/b";

async fn disk_with(name: &str, contents: &'static str) -> io::Result<Disk> {
    let disk = Disk::simulated();
    disk.create_dir_all(Path::new(DIR)).await?;
    disk.replace(Path::new(name), contents.as_bytes()).await?;
    Ok(disk)
}

async fn overwrite(disk: &Disk, name: &str, contents: &'static str) -> io::Result<super::DiskFile> {
    let file = disk.open(Path::new(name), OpenMode::ReadWrite).await?;
    file.write_all_at(&[Bytes::from(contents)], 0).await?;
    Ok(file)
}

async fn listed(disk: &Disk) -> io::Result<Vec<String>> {
    disk.list(Path::new(DIR)).await
}

#[tokio::test]
async fn bytes_stay_when_they_were_synced() -> io::Result<()> {
    let disk = disk_with(A, "old").await?;
    overwrite(&disk, A, "synced").await?.sync_data().await?;
    overwrite(&disk, A, "unsynced").await?;
    assert_eq!(disk.read(Path::new(A)).await?, "unsynced");
    disk.clone().crash();
    assert_eq!(disk.read(Path::new(A)).await?, "synced");
    Ok(())
}

#[tokio::test]
async fn a_synced_file_is_gone_when_its_directory_was_not_synced() -> io::Result<()> {
    let disk = disk_with(A, "old").await?;
    overwrite(&disk, B, "new").await?.sync_all().await?;
    disk.crash();
    assert_eq!(listed(&disk).await?, ["a"]);
    Ok(())
}

#[tokio::test]
async fn a_file_in_a_synced_directory_is_empty_when_it_was_not_synced() -> io::Result<()> {
    let disk = disk_with(A, "old").await?;
    overwrite(&disk, B, "new").await?;
    disk.sync_dir(Path::new(DIR)).await?;
    disk.crash();
    assert_eq!(listed(&disk).await?, ["a", "b"]);
    assert_eq!(disk.read(Path::new(B)).await?, "");
    Ok(())
}

#[tokio::test]
async fn a_removal_and_a_rename_revert_unless_the_directory_was_synced() -> io::Result<()> {
    for (synced, after_rename, after_removal) in [(false, "a", "a"), (true, "b", "")] {
        let disk = disk_with(A, "old").await?;
        disk.rename(Path::new(A), Path::new(B)).await?;
        if synced {
            disk.sync_dir(Path::new(DIR)).await?;
        }
        disk.crash();
        assert_eq!(listed(&disk).await?.concat(), after_rename);

        let disk = disk_with(A, "old").await?;
        disk.remove_file(Path::new(A)).await?;
        if synced {
            disk.sync_dir(Path::new(DIR)).await?;
        }
        disk.crash();
        assert_eq!(listed(&disk).await?.concat(), after_removal);
    }
    Ok(())
}

#[tokio::test]
async fn a_directory_below_needs_the_sync_of_the_one_that_holds_it() -> io::Result<()> {
    let below = Path::new("/data/x/y");
    let disk = disk_with(A, "old").await?;
    disk.create_dir_all(below).await?;
    disk.sync_dir(below).await?;
    disk.crash();
    assert!(!disk.exists(below).await);
    disk.create_dir_all(below).await?;
    overwrite(&disk, "/data/x/y/file", "new").await?;
    disk.sync_tree(Path::new(DIR))?;
    disk.crash();
    assert_eq!(disk.read(&below.join("file")).await?, "new");
    Ok(())
}

#[tokio::test]
async fn handles_and_locks_from_before_are_void() -> Result<(), LockError> {
    let disk = disk_with(A, "old").await?;
    let file = disk.open(Path::new(A), OpenMode::ReadWrite).await?;
    let lock = disk.lock(Path::new(A)).await?;
    disk.crash();
    assert!(file.write_all_at(&[], 0).await.is_err());
    assert!(file.read_at(1, 0).await.is_err());
    let again = disk.lock(Path::new(A)).await?;
    drop(lock);
    let third = disk.lock(Path::new(A)).await;
    assert!(matches!(third, Err(LockError::HeldBy { .. })), "{third:?}");
    drop(again);
    Ok(())
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Vec<u8>),
    SetLen(usize),
    Sync,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_usize, prop::collection::vec(any::<u8>(), 1..10))
            .prop_map(|(at, bytes)| Step::Write(at, bytes)),
        2 => (0..40_usize).prop_map(Step::SetLen),
        2 => Just(Step::Sync),
        1 => Just(Step::Crash),
    ]
}

async fn run(steps: Vec<Step>) -> io::Result<()> {
    let disk = disk_with(A, "").await?;
    let (mut seen, mut synced) = (Vec::new(), Vec::new());
    for step in steps {
        let file = disk.open(Path::new(A), OpenMode::ReadWrite).await?;
        match step {
            Step::Write(at, bytes) => {
                let end = at + bytes.len();
                seen.resize(seen.len().max(end), 0);
                seen[at..end].copy_from_slice(&bytes);
                file.write_all_at(&[bytes.into()], at as u64).await?;
            }
            Step::SetLen(len) => {
                seen.resize(len, 0);
                file.set_len(len as u64).await?;
            }
            Step::Sync => {
                synced.clone_from(&seen);
                file.sync_data().await?;
            }
            Step::Crash => {
                seen.clone_from(&synced);
                disk.crash();
            }
        }
        assert_eq!(disk.read(Path::new(A)).await?, seen);
    }
    Ok(())
}

/// What a worn disk leaves of "synced" and six more bytes, and how long the sync took.
async fn worn(seed: u64) -> io::Result<(Bytes, std::time::Duration)> {
    let world = crate::Platform::simulated(seed);
    let disk = world.disk;
    disk.create_dir_all(Path::new(DIR)).await?;
    disk.replace(Path::new(A), b"synced").await?;
    disk.wear(world.rng, std::time::Duration::from_millis(100));
    let before = world.clock.monotonic();
    let file = disk.open(Path::new(A), OpenMode::ReadWrite).await?;
    file.sync_data().await?;
    let took = world.clock.monotonic().0 - before.0;
    file.write_all_at(&[Bytes::from("absent")], 6).await?;
    disk.crash();
    Ok((disk.read(Path::new(A)).await?, took))
}

#[tokio::test(start_paused = true)]
async fn a_worn_disk_syncs_slowly_and_size_and_bytes_survive_each_by_itself() -> io::Result<()> {
    let (mut lengths, mut tails) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..100 {
        let (left, took) = worn(seed).await?;
        assert!(left.starts_with(b"synced") && left.len() <= 12);
        let tail = &left[6..];
        assert!(b"absent".starts_with(tail) || tail.iter().all(|byte| *byte == 0));
        assert!(took <= std::time::Duration::from_millis(101));
        assert_eq!(worn(seed).await?, (left.clone(), took));
        lengths.insert(left.len());
        tails.extend(tail.first().copied());
    }
    assert_eq!(lengths, (6..=12).collect());
    assert_eq!(tails, [0, b'a'].into());
    Ok(())
}

proptest! {
    #[test]
    fn a_crash_leaves_the_bytes_of_the_last_sync(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(run(steps))?;
    }
}

#[tokio::test]
async fn a_power_loss_leaves_any_subset_of_sectors_and_of_renames() -> io::Result<()> {
    let rng = crate::Rng::simulated(1);
    let disk = disk_with(A, "").await?;
    let file = disk.open(Path::new(A), OpenMode::ReadWrite).await?;
    file.write_all_at(&[vec![1; 4 * 512].into()], 0).await?;
    file.sync_all().await?;
    file.write_all_at(&[vec![2; 3 * 512].into()], 512).await?;
    disk.rename(Path::new(A), Path::new(B)).await?;
    let (mut patterns, mut names) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..200 {
        let left = disk.after_power_loss(Survival::Some(&rng));
        let listed = listed(&left).await?.concat();
        let path = Path::new(DIR).join(&listed);
        let bytes = left.read(&path).await?;
        let sectors: Vec<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
        assert!(
            bytes
                .chunks(512)
                .all(|sector| sector.iter().all(|byte| *byte == sector[0]))
        );
        patterns.insert(sectors);
        names.insert(listed);
    }
    assert_eq!(patterns.len(), 8);
    assert!(patterns.iter().all(|sectors| sectors[0] == 1));
    assert_eq!(names, ["a".to_owned(), "b".to_owned()].into());
    assert_eq!(disk.read(Path::new(B)).await?.len(), 4 * 512);
    Ok(())
}

#[tokio::test]
async fn operations_go_wrong_as_planned() -> io::Result<()> {
    let disk = disk_with(A, "old").await?;
    let file = disk.open(Path::new(A), OpenMode::ReadWrite).await?;
    let first = disk.operations();
    for (fault, code, left) in [
        (DiskFault::Fails, 5, "old"),
        (DiskFault::Full, 28, "old"),
        (DiskFault::Short, 5, "ned"),
    ] {
        disk.fault(disk.operations(), fault);
        let written = file.write_all_at(&[Bytes::from("new!")], 0).await;
        assert_eq!(written.unwrap_err().raw_os_error(), Some(code));
        assert_eq!(disk.read(Path::new(A)).await?, left);
    }
    assert_eq!(disk.operations(), first + 3);
    Ok(())
}

#[tokio::test]
async fn what_a_failed_sync_held_is_never_synced_again() -> io::Result<()> {
    let disk = disk_with(A, "old").await?;
    let file = overwrite(&disk, A, "new").await?;
    disk.fault(disk.operations(), DiskFault::Fails);
    assert!(file.sync_data().await.is_err());
    file.sync_data().await?;
    assert_eq!(disk.read(Path::new(A)).await?, "new");
    disk.crash();
    assert_eq!(disk.read(Path::new(A)).await?, "old");
    Ok(())
}

#[tokio::test]
async fn without_power_nothing_works_until_the_crash_is_over() -> io::Result<()> {
    let disk = disk_with(A, "old").await?;
    let file = disk.open(Path::new(A), OpenMode::ReadWrite).await?;
    disk.fault(disk.operations(), DiskFault::PowerLoss);
    assert!(file.write_all_at(&[Bytes::from("new")], 0).await.is_err());
    assert!(file.read_at(1, 0).await.is_err());
    assert!(disk.read(Path::new(A)).await.is_err());
    assert!(disk.list(Path::new(DIR)).await.is_err());
    assert_eq!(
        disk.after_power_loss(Survival::Everything)
            .read(Path::new(A))
            .await?,
        "new"
    );
    disk.crash();
    assert_eq!(disk.read(Path::new(A)).await?, "old");
    Ok(())
}

#[tokio::test]
async fn a_full_disk_refuses_to_grow_but_takes_what_it_has_room_for() -> io::Result<()> {
    let disk = disk_with(A, "old").await?;
    disk.limit(5);
    assert_eq!(disk.free_bytes(Path::new(DIR)).await?, 2);
    let file = disk.open(Path::new(A), OpenMode::ReadWrite).await?;
    file.write_all_at(&[Bytes::from("new")], 0).await?;
    file.write_all_at(&[Bytes::from("er")], 3).await?;
    let refused = file.write_all_at(&[Bytes::from("r")], 5).await;
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.read(Path::new(A)).await?, "newer");
    Ok(())
}
