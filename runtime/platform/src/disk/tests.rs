//! What holds for a real disk, and that the simulated one answers as the real one does.

use std::io;
use std::path::Path;

use bytes::Bytes;

use super::{Disk, LockError, NotDurable, OpenMode, SyncMethod};

#[tokio::test]
async fn more_buffers_than_one_call_takes_land_in_order() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let file = Disk::real()
        .open(&dir.path().join("a"), OpenMode::CreateNew)
        .await?;
    let bufs: Vec<Bytes> = (0..2_500_u32)
        .map(|n| match n % 5 {
            0 => Bytes::new(),
            _ => Bytes::copy_from_slice(&n.to_be_bytes()),
        })
        .collect();
    file.write_all_at(&bufs, 10).await?;
    let mut expected = vec![0; 10];
    expected.extend(bufs.concat());
    assert_eq!(file.len().await?, expected.len() as u64);
    assert_eq!(file.read_at(expected.len() + 1, 0).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_private_file_is_its_owners_from_the_first_byte_on_and_made_so_again() -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("key");
    let mode = || Ok::<_, io::Error>(std::fs::metadata(&path)?.permissions().mode() & 0o777);
    let disk = Disk::real();
    disk.replace(&path, b"known to all").await?;
    assert_ne!(mode()?, 0o600);
    assert!(disk.make_private(&path).await?);
    assert_eq!(mode()?, 0o600);
    assert!(!disk.make_private(&path).await?);
    disk.replace(&path, b"known to all").await?;
    // What an interrupted write has left may be open to others.
    disk.replace(&dir.path().join("key.tmp"), b"left").await?;
    disk.replace_private(&path, b"secret").await?;
    assert_eq!(
        (mode()?, disk.read(&path).await?.as_ref()),
        (0o600, &b"secret"[..])
    );
    Ok(())
}

#[tokio::test]
async fn durable_writes_land_in_order_with_the_ring_and_without() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    for (name, disk) in [("ring", Disk::real()), ("calls", Disk::real_portable())] {
        let file = disk
            .open(&dir.path().join(name), OpenMode::CreateNew)
            .await?;
        let mut expected = vec![0; 7];
        // The first few go through the ring wherever there is one.
        for count in [1_001_u32, 0, 2_500, 3, 999, 1_000, 1] {
            let bufs: Vec<Bytes> = (0..count)
                .map(|n| Bytes::copy_from_slice(&n.to_be_bytes()))
                .collect();
            let written = file.write_durably(&bufs, expected.len() as u64).await;
            assert!(written.is_ok(), "{name} {count}: {written:?}");
            expected.extend(bufs.concat());
            let read = file.read_at(expected.len() + 4096, 0).await?;
            let (read, behind) = read.split_at(expected.len());
            assert!(read == expected, "{name} {count}");
            assert!(behind.iter().all(|byte| *byte == 0), "{name} {count}");
        }
    }
    assert_eq!(Disk::real_portable().sync_method(), SyncMethod::Calls);
    Ok(())
}

#[tokio::test]
async fn writes_through_the_cache_and_past_it_meet_in_one_page() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let disk = Disk::real();
    let file = disk
        .open(&dir.path().join("a"), OpenMode::CreateNew)
        .await?;
    let mut expected = Vec::new();
    for (round, byte) in (1..=40_u8).enumerate() {
        let bytes = Bytes::from(vec![byte; 700 * (round % 7)]);
        let at = expected.len() as u64;
        if round % 3 == 0 {
            file.write_all_at(std::slice::from_ref(&bytes), at).await?;
        } else {
            let written = file.write_durably(std::slice::from_ref(&bytes), at).await;
            assert!(written.is_ok(), "{written:?}");
        }
        expected.extend(bytes);
        assert!(
            file.read_at(expected.len(), 0).await? == expected,
            "{round}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn zeroes_cover_what_was_there_whole_pages_or_not() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    for (len, at) in [(3 << 20, 4096), (5000, 0), (4096, 7), (0, 4096)] {
        let disk = Disk::real();
        let path = dir.path().join("a");
        std::fs::write(&path, vec![1; 4 << 20])?;
        let file = disk.open(&path, OpenMode::ReadWrite).await?;
        file.write_zeroes(len, at).await?;
        let mut expected = vec![1; 4 << 20];
        expected[usize::try_from(at).unwrap_or(0)..][..len].fill(0);
        assert!(disk.read(&path).await? == expected, "{len} at {at}");
    }
    Ok(())
}

#[tokio::test]
async fn a_write_that_cannot_be_is_told_from_a_sync_that_failed() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("a");
    std::fs::write(&path, "old")?;
    for disk in [Disk::real(), Disk::real_portable()] {
        let file = disk.open(&path, OpenMode::Read).await?;
        let written = file.write_durably(&[Bytes::from("new")], 0).await;
        assert!(matches!(written, Err(NotDurable::Write(_))), "{written:?}");
        assert_eq!(disk.read(&path).await?, "old");
    }
    Ok(())
}

async fn one_holder_at_a_time(disk: &Disk, dir: &Path, pid: u32) -> Result<(), LockError> {
    let path = dir.join("lock");
    let held = disk.lock(&path).await?;
    let second = disk.lock(&path).await;
    assert!(
        matches!(second, Err(LockError::HeldBy { pid: Some(holder) }) if holder == pid),
        "{second:?}"
    );
    assert_eq!(disk.read(&path).await?, pid.to_string());
    drop(held);
    disk.lock(&path).await.map(drop)
}

#[tokio::test]
async fn a_real_lock_has_one_holder_at_a_time() -> Result<(), LockError> {
    let dir = tempfile::tempdir()?;
    one_holder_at_a_time(&Disk::real(), dir.path(), std::process::id()).await
}

#[cfg(feature = "simulation")]
mod alike {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        CreateDirs(&'static str),
        Create(&'static str),
        Write(&'static str, u64, u8),
        SetLen(&'static str, u64),
        Replace(&'static str),
        Rename(&'static str, &'static str),
        RemoveFile(&'static str),
        RemoveDirs(&'static str),
        List(&'static str),
        Read(&'static str),
    }

    fn step() -> impl Strategy<Value = Step> {
        let path = || {
            let paths = ["a", "b", "d", "d/a", "d/e", "d/e/b", "a/b"];
            prop::sample::select(paths.to_vec())
        };
        prop_oneof![
            path().prop_map(Step::CreateDirs),
            path().prop_map(Step::Create),
            (path(), 0..20_u64, any::<u8>()).prop_map(|(p, at, byte)| Step::Write(p, at, byte)),
            (path(), 0..20_u64).prop_map(|(p, len)| Step::SetLen(p, len)),
            path().prop_map(Step::Replace),
            (path(), path()).prop_map(|(from, to)| Step::Rename(from, to)),
            path().prop_map(Step::RemoveFile),
            path().prop_map(Step::RemoveDirs),
            path().prop_map(Step::List),
            path().prop_map(Step::Read),
        ]
    }

    async fn run(disk: &Disk, root: &Path, step: &Step) -> io::Result<String> {
        let at = |p: &str| root.join(p);
        match step {
            Step::CreateDirs(p) => disk.create_dir_all(&at(p)).await?,
            Step::Create(p) => drop(disk.open(&at(p), OpenMode::CreateNew).await?),
            Step::Write(p, offset, byte) => {
                let file = disk.open(&at(p), OpenMode::ReadWrite).await?;
                let bufs = [Bytes::new(), Bytes::from(vec![*byte; 3])];
                file.write_all_at(&bufs, *offset).await?;
            }
            Step::SetLen(p, len) => {
                let file = disk.open(&at(p), OpenMode::ReadWrite).await?;
                file.set_len(*len).await?;
                return Ok(format!("{:?}", file.read_at(9, 4).await?));
            }
            Step::Replace(p) => disk.replace(&at(p), b"new").await?,
            Step::Rename(from, to) => disk.rename(&at(from), &at(to)).await?,
            Step::RemoveFile(p) => disk.remove_file(&at(p)).await?,
            Step::RemoveDirs(p) => disk.remove_dir_all(&at(p)).await?,
            Step::List(p) => return Ok(format!("{:?}", disk.list(&at(p)).await?)),
            Step::Read(p) => return Ok(format!("{:?}", disk.read(&at(p)).await?)),
        }
        Ok(format!("{:?}", disk.list(root).await?))
    }

    proptest! {
        #[test]
        fn the_simulated_disk_answers_as_the_real_one(
            steps in prop::collection::vec(step(), 1..40)
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            let dir = tempfile::tempdir()?;
            let (real, simulated) = (Disk::real(), Disk::simulated());
            let root = Path::new("/data");
            runtime.block_on(simulated.create_dir_all(root))?;
            for step in &steps {
                let expected = runtime.block_on(run(&real, dir.path(), step));
                let got = runtime.block_on(run(&simulated, root, step));
                prop_assert_eq!(
                    got.map_err(|error| error.kind()),
                    expected.map_err(|error| error.kind()),
                    "{:?}", step
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_lock_has_one_holder_at_a_time() -> Result<(), LockError> {
        one_holder_at_a_time(&Disk::simulated(), Path::new("/"), 1).await
    }
}

#[cfg(target_os = "linux")]
#[test]
fn network_file_systems_are_known_by_their_numbers() {
    let (nfs, smb, ext4, xfs, tmpfs) = (0x6969, 0xff53_4d42, 0xef53, 0x5846_5342, 0x0102_1994);
    for (kind, name) in [
        (nfs, Some("NFS")),
        (smb, Some("SMB")),
        (ext4, None),
        (xfs, None),
        (tmpfs, None),
    ] {
        assert_eq!(super::paths::network_name(kind), name);
    }
    let disk = crate::Platform::real().disk;
    assert_eq!(disk.network_file_system(Path::new("/proc")), None);
}
