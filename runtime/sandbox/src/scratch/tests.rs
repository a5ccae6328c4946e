//! Scratch space as programs use it: files that grow, shrink and move, and bounds that hold.

use std::sync::{Arc, atomic::AtomicU64};

use proptest::prelude::*;

use super::*;

const WRITES: Opening = Opening {
    create: true,
    exclusive: false,
    truncate: false,
    folder: false,
    writes: true,
};

fn scratch(pages: u64) -> (Scratch, Arc<AtomicU64>) {
    let all = Arc::new(AtomicU64::new(0));
    (Scratch::new(pages * PAGE as u64, 5, &all), all)
}

#[test]
fn a_file_holds_what_was_written_where_it_was_written() {
    let (scratch, _) = scratch(16);
    let root = scratch.root();
    root.make_folder("a").unwrap();
    let file = root.open("a/b", WRITES).unwrap();
    file.write(None, b"end").unwrap();
    file.write(Some(5000), b"far").unwrap();
    file.write(Some(1), b"N").unwrap();
    assert_eq!(file.known(None).unwrap().bytes, 5003);
    assert_eq!(file.read(0, 4).unwrap(), b"eNd\0");
    assert_eq!(root.known(Some("a/./b")).unwrap().bytes, 5003);
    assert_eq!(file.read(4999, 100).unwrap(), b"\0far");
    file.set_len(2).unwrap();
    file.set_len(4).unwrap();
    assert_eq!(file.read(0, 100).unwrap(), b"eN\0\0");
    assert_eq!(root.entries().unwrap(), [("a".to_owned(), true)]);
}

#[test]
fn no_path_leads_out() {
    let (scratch, _) = scratch(16);
    let root = scratch.root();
    root.make_folder("a").unwrap();
    let inner = root.open("a", Opening::default()).unwrap();
    for path in ["/etc/passwd", "..", "../a", "a/../../x"] {
        assert_eq!(
            root.known(Some(path)),
            Err(ErrorCode::NotPermitted),
            "{path}"
        );
        assert!(root.open(path, WRITES).is_err(), "{path}");
    }
    // A folder that is open is all that is seen from it.
    assert_eq!(inner.known(Some("../a")), Err(ErrorCode::NotPermitted));
    assert_eq!(root.known(Some("a/../a")).unwrap().id, inner.id);
    let long = "x".repeat(SCRATCH_NAME_BYTES_MAX + 1);
    assert_eq!(root.make_folder(&long), Err(ErrorCode::NameTooLong));
}

#[test]
fn what_is_full_takes_nothing_more_and_gives_back_what_goes() {
    let (scratch, all) = scratch(4);
    let root = scratch.root();
    let file = root.open("a", WRITES).unwrap();
    file.write(None, &[1; 3 * PAGE]).unwrap();
    assert_eq!(file.write(None, b"x"), Err(ErrorCode::InsufficientSpace));
    assert_eq!(root.make_folder("b"), Err(ErrorCode::InsufficientSpace));
    assert_eq!(file.set_len(u64::MAX), Err(ErrorCode::InsufficientSpace));
    assert_eq!(all.load(Ordering::Relaxed), 4 * PAGE as u64);
    root.remove_file("a").unwrap();
    // Open still, and as it was.
    assert_eq!(file.read(0, 1).unwrap(), [1]);
    assert_eq!(root.make_folder("b"), Err(ErrorCode::InsufficientSpace));
    drop(file);
    root.make_folder("b").unwrap();
    drop((root, scratch));
    assert_eq!(all.load(Ordering::Relaxed), 0);
}

#[test]
fn all_sandboxes_together_have_a_bound_too() {
    let all = Arc::new(AtomicU64::new(SCRATCH_ALL_BYTES_MAX - PAGE as u64));
    let scratch = Scratch::new(u64::MAX, 5, &all);
    let root = scratch.root();
    let file = root.open("a", WRITES).unwrap();
    assert_eq!(file.write(None, b"x"), Err(ErrorCode::InsufficientSpace));
}

#[test]
fn the_next_invocation_finds_nothing() {
    let (scratch, all) = scratch(16);
    let root = scratch.root();
    root.make_folder("a").unwrap();
    let file = root.open("a/b", WRITES).unwrap();
    file.write(None, b"secret").unwrap();
    scratch.empty(9);
    assert_eq!(root.entries().unwrap(), []);
    assert_eq!(file.read(0, 100).unwrap(), b"");
    assert_eq!(all.load(Ordering::Relaxed), NODE_BYTES);
    drop(file);
    assert_eq!(all.load(Ordering::Relaxed), 0);
    assert_eq!(root.now_ms(), 9);
}

#[test]
fn things_move_as_rename_says() {
    let (scratch, _) = scratch(16);
    let root = scratch.root();
    root.make_folder("a").unwrap();
    root.make_folder("a/b").unwrap();
    root.open("f", WRITES).unwrap().write(None, b"f").unwrap();
    root.open("g", WRITES).unwrap();
    assert_eq!(root.rename("a", &root, "a/b/c"), Err(ErrorCode::Invalid));
    assert_eq!(root.rename("f", &root, "a"), Err(ErrorCode::IsDirectory));
    assert_eq!(root.rename("a", &root, "f"), Err(ErrorCode::NotDirectory));
    root.rename("f", &root, "g").unwrap();
    assert_eq!(root.known(Some("g")).unwrap().bytes, 1);
    root.rename("a/b", &root, "c").unwrap();
    assert_eq!(root.remove_folder("a"), Ok(()));
    assert_eq!(root.remove_file("c"), Err(ErrorCode::IsDirectory));
    assert_eq!(root.remove_folder("g"), Err(ErrorCode::NotDirectory));
}

proptest! {
    /// Against a plain list of bytes.
    #[test]
    fn a_file_is_a_list_of_bytes(steps in proptest::collection::vec((0_u64..20_000, 0_usize..9_000, any::<bool>()), 1..20)) {
        let (scratch, _) = scratch(64);
        let file = scratch.root().open("f", WRITES).unwrap();
        let mut plain: Vec<u8> = Vec::new();
        for (number, (at, len, cuts)) in (1..).zip(steps) {
            let place = usize::try_from(at).unwrap();
            if cuts {
                file.set_len(at).unwrap();
                plain.resize(place, 0);
            } else {
                let bytes = vec![number; len];
                file.write(Some(at), &bytes).unwrap();
                if plain.len() < place + len {
                    plain.resize(place + len, 0);
                }
                plain[place..place + len].copy_from_slice(&bytes);
            }
        }
        prop_assert_eq!(file.read(0, usize::MAX).unwrap(), plain);
    }
}

#[test]
fn files_of_a_bundle_are_read_and_never_changed() {
    let files = [
        ("app.py", "code"),
        ("pkg/data/d.json", "{}"),
        ("../out", "x"),
        ("/abs", "x"),
        ("app.py/below", "x"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let bundle = Bundle {
        runtime: model::Digest([7; 32]),
        language: "python".to_owned(),
        entry: "app.py:handler".to_owned(),
        files: files.to_vec(),
    };
    let root = Scratch::kept(&Arc::new(bundle)).root();
    let names = [("app.py".to_owned(), false), ("pkg".to_owned(), true)];
    assert_eq!(root.entries().unwrap(), names);
    let file = root.open("pkg/./data/d.json", Opening::default()).unwrap();
    assert_eq!(file.read(0, 10).unwrap(), b"{}");
    assert_eq!(file.read(1, 10).unwrap(), b"}");
    assert_eq!(file.read(9, 10).unwrap(), b"");
    assert_eq!(file.known(None).unwrap().bytes, 2);

    let refused = Err(ErrorCode::ReadOnly);
    let writes = Opening {
        truncate: true,
        ..WRITES
    };
    assert_eq!(root.open("app.py", writes).map(drop), refused);
    assert_eq!(root.open("new", WRITES).map(drop), refused);
    assert_eq!(root.make_folder("new"), refused);
    assert_eq!(root.remove_file("app.py"), refused);
    assert_eq!(root.rename("app.py", &root, "b.py"), refused);
    assert_eq!(root.set_times(Some("app.py"), (Some(1), None)), refused);
    let (scratch, _) = scratch(16);
    let other = scratch.root();
    let far = Err(ErrorCode::CrossDevice);
    assert_eq!(root.rename("app.py", &other, "app.py"), far);
    assert_ne!(root.known(None).unwrap().id, other.known(None).unwrap().id);
    assert_eq!(
        root.open("none", Opening::default()).map(drop),
        Err(ErrorCode::NoEntry)
    );
}
