//! What may be done with versions and aliases, and what that leaves.

use super::*;
use crate::row::Settings;

fn revision(code: u8, memory: u64) -> Revision {
    Revision {
        code: Code {
            digest: Digest([code; 32]),
            kind: "stream".to_owned(),
            package: None,
        },
        settings: Settings {
            memory_bytes: memory,
            ..Settings::default()
        },
        ..Revision::default()
    }
}

fn declared(codes: &[u8]) -> Entry {
    let mut entry = Entry::new(Origin::File, Revision::default());
    for code in codes {
        entry.declare(revision(*code, 1), Told::default());
    }
    entry
}

fn current(entry: &Entry) -> u64 {
    entry.route(None).unwrap().version.0
}

#[test]
fn the_same_code_and_settings_keep_their_number() {
    let mut entry = declared(&[1, 2, 1]);
    assert_eq!((current(&entry), entry.versions.len()), (1, 2));
    let before = entry.clone();
    entry.declare(revision(1, 1), Told::default());
    assert_eq!(entry, before);
    let other = entry.declare(revision(1, 2), Told::default());
    assert_eq!(other, FunctionVersion(3));
    assert_eq!(current(&entry), 3);
}

#[test]
fn versions_of_which_only_the_digest_was_kept_are_found_again() {
    let old = [1, 2].map(|code| Digest([code; 32]).to_string());
    let mut entry = Entry::of_digests(&old).unwrap();
    assert_eq!(entry.declare(revision(2, 5), Told::default()).0, 2);
    assert_eq!(entry.declare(revision(3, 5), Told::default()).0, 3);
    let known = entry.revision(FunctionVersion(2)).unwrap();
    assert_eq!(known.settings.memory_bytes, 5);
    assert!(Entry::of_digests(&["x".to_owned()]).is_err());
}

#[test]
fn what_was_rolled_back_stays_so_until_the_file_says_something_new() {
    let mut entry = declared(&[1, 2, 3]);
    let back = |from, version| {
        Ok(RolledBack {
            from: FunctionVersion(from),
            version: FunctionVersion(version),
        })
    };
    assert_eq!(entry.roll_back(false), back(3, 2));
    assert_eq!(entry.roll_back(false), back(2, 1));
    assert_eq!(entry.roll_back(false), Err(Unchanged::NothingBefore));
    entry.declare(revision(3, 1), Told::default());
    assert_eq!(current(&entry), 1);
    let anyway = Told {
        anyway: true,
        ..Told::default()
    };
    entry.declare(revision(3, 1), anyway);
    assert_eq!(current(&entry), 3);
    entry.roll_back(false).unwrap();
    entry.declare(revision(4, 1), Told::default());
    assert_eq!(current(&entry), 4);
}

#[test]
fn a_rollback_takes_the_share_before_it_takes_the_version() {
    let mut entry = declared(&[1, 2, 3]);
    let share = |weight| Route {
        version: FunctionVersion(3),
        other: Some(Share {
            version: FunctionVersion(1),
            weight,
        }),
    };
    entry.promote(share(0.5), false).unwrap();
    let (one, two, three) = (FunctionVersion(1), FunctionVersion(2), FunctionVersion(3));
    let rolled = |from, version| Ok(RolledBack { from, version });
    assert_eq!(entry.roll_back(false), rolled(one, three));
    assert_eq!(entry.head.current, Some(Route::to(three)));
    assert_eq!(entry.roll_back(false), rolled(three, two));

    // One that was taken back already runs nothing.
    entry.promote(share(0.0), false).unwrap();
    assert_eq!(entry.roll_back(false), rolled(three, two));

    let mut first = declared(&[1]);
    first.declare(revision(2, 1), Told::default());
    first.head.before.clear();
    let route = Route {
        version: two,
        other: Some(Share {
            version: one,
            weight: 0.1,
        }),
    };
    first.promote(route, false).unwrap();
    assert_eq!(first.roll_back(true), rolled(one, two));
    assert!(first.head.left.contains(&one));
    assert_eq!(first.roll_back(true), Err(Unchanged::NothingBefore));
}

#[test]
fn what_is_deployed_goes_where_it_is_told() {
    let told = |place| Told {
        anyway: true,
        place,
        roll_back: Some(0.02),
        ..Told::default()
    };
    let mut entry = Entry::new(Origin::File, Revision::default());
    // Beside nothing there is no share.
    entry.declare(revision(1, 1), told(Place::Share(0.05)));
    assert_eq!(entry.head.current, Some(Route::to(FunctionVersion(1))));
    entry.declare(revision(2, 1), told(Place::Nowhere));
    assert_eq!(entry.head.current, Some(Route::to(FunctionVersion(1))));
    entry.declare(revision(2, 1), told(Place::Share(0.05)));
    let route = entry.head.current.unwrap();
    let other = route.other.unwrap();
    assert_eq!((route.version.0, other.version.0), (1, 2));
    assert_eq!(entry.head.roll_back, Some(0.02));
    // What runs already goes on as it does.
    entry.declare(revision(1, 1), told(Place::Share(0.5)));
    assert_eq!(entry.head.current, Some(route));
    entry.declare(revision(2, 1), told(Place::Instead));
    assert_eq!(entry.head.current, Some(Route::to(FunctionVersion(2))));
    assert_eq!(entry.head.roll_back, None);
}

#[test]
fn the_numbers_of_a_deleted_function_are_not_given_again() {
    let mut entry = Entry::new(Origin::Api, revision(1, 1));
    assert_eq!(entry.remains(), None);
    entry.publish(None);
    let remains = entry.remains().unwrap();
    assert!(remains.versions.is_empty() && remains.newest().is_none());
    let mut again = Entry::new(Origin::Api, revision(1, 1)).from_number(remains.head.next);
    assert_eq!(again.publish(None).0, 2);
    let mut of_file = remains;
    assert_eq!(of_file.declare(revision(1, 1), Told::default()).0, 2);
}

#[test]
fn an_attempt_keeps_its_version_unless_that_was_left_or_is_gone() {
    let mut entry = declared(&[1, 2]);
    let of = |entry: &Entry, before: Option<u64>| {
        let before = before.map(FunctionVersion);
        entry.of_attempt(None, before, 0.5).unwrap().0
    };
    assert_eq!(of(&entry, None), 2);
    assert_eq!(of(&entry, Some(1)), 1);
    assert_eq!(of(&entry, Some(9)), 2);
    entry.promote(Route::to(FunctionVersion(2)), true).unwrap();
    assert_eq!(of(&entry, Some(1)), 2);
    entry.promote(Route::to(FunctionVersion(1)), true).unwrap();
    assert_eq!(of(&entry, Some(2)), 1);
    assert_eq!(of(&entry, Some(1)), 1);
}

#[test]
fn publishing_what_is_published_makes_no_version() {
    let mut entry = Entry::new(Origin::Api, revision(1, 1));
    assert_eq!(entry.publish(Some("first".to_owned())).0, 1);
    assert_eq!(entry.publish(None).0, 1);
    entry.head.latest = revision(1, 2);
    assert_eq!(entry.publish(None).0, 2);
    entry.remove_version(FunctionVersion(2)).unwrap();
    entry.head.latest = revision(1, 3);
    assert_eq!(entry.publish(None).0, 3);
    assert_eq!(entry.route(None).unwrap().version, FunctionVersion::LATEST);
}

#[test]
fn what_is_taken_back_takes_nothing_more_until_it_is_let_in_again() {
    let mut entry = declared(&[1, 2]);
    let route = Route {
        version: FunctionVersion(2),
        other: Some(Share {
            version: FunctionVersion(1),
            weight: 0.5,
        }),
    };
    let told = |version| TakenBack {
        version: FunctionVersion(version),
        at_ms: 7,
        because: "half of it failed".to_owned(),
    };
    entry.promote(route, false).unwrap();
    assert!(!entry.take_back(Some("live"), told(1)));
    assert!(!entry.take_back(None, told(2)));
    assert!(entry.take_back(None, told(1)));
    assert!(!entry.take_back(None, told(1)));
    let canary = Some(FunctionVersion(1));
    assert_eq!(entry.of_attempt(None, canary, 0.0).unwrap().0, 2);
    assert_eq!(entry.head.taken_back[BARE], told(1));
    assert_eq!(entry.route(None).unwrap().other.unwrap().weight, 0.0);

    entry.promote(route, false).unwrap();
    assert!(entry.head.taken_back.is_empty());
    assert_eq!(entry.of_attempt(None, canary, 0.9).unwrap().0, 1);

    let alias = Alias {
        route,
        description: String::new(),
        id: String::new(),
    };
    entry.set_alias("live", alias.clone()).unwrap();
    assert!(entry.take_back(Some("live"), told(1)));
    assert_eq!(entry.of_attempt(Some("live"), None, 0.0).unwrap().0, 2);
    entry.set_alias("live", alias).unwrap();
    assert!(entry.head.taken_back.is_empty() && entry.head.left.is_empty());
}

#[test]
fn aliases_route_to_what_is_there_and_hold_it() {
    let mut entry = declared(&[1, 2]);
    let alias = |version, other: Option<(u64, f64)>| Alias {
        route: Route {
            version: FunctionVersion(version),
            other: other.map(|(version, weight)| Share {
                version: FunctionVersion(version),
                weight,
            }),
        },
        description: String::new(),
        id: String::new(),
    };
    entry.set_alias("live", alias(1, Some((2, 0.25)))).unwrap();
    let pick = |fraction| entry.of_attempt(Some("live"), None, fraction).unwrap().0;
    assert_eq!((pick(0.2), pick(0.3)), (2, 1));
    let held = entry.clone().remove_version(FunctionVersion(1));
    assert!(matches!(held, Err(Unchanged::InUse { .. })), "{held:?}");
    for (refused, why) in [
        (alias(9, None), "there is no version 9"),
        (
            alias(1, Some((1, 0.5))),
            "the versions that share what comes are two, found version 1 twice",
        ),
        (alias(1, Some((2, 1.5))), "a weight is 0 to 1, found 1.5"),
        (alias(0, Some((2, 0.5))), "there is no version $LATEST"),
    ] {
        let said = entry.clone().set_alias("next", refused).unwrap_err();
        assert_eq!(said.to_string(), why);
    }
    assert_eq!(entry.route(Some("$LATEST")).unwrap().version.0, 2);
    assert!(entry.route(Some("7")).is_err());
    assert!(entry.route(Some("none")).is_err());
}
