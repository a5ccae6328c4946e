//! The repository held against every house rule. A failing test names each place and what to do there.

use std::sync::LazyLock;

use shardmill_tidy::{Complaint, Repository, links, machine, manifests, order, sources};

macro_rules! rules {
    ($($rule:ident: $check:path;)*) => {$(
        #[test]
        fn $rule() {
            hold($check);
        }
    )*};
}

rules! {
    crates_use_only_what_stands_to_their_right: order::one_way;
    every_room_has_a_place: order::every_room_has_a_place;
    sled_and_wasmtime_have_one_door: order::one_door;
    heavy_crates_come_once: manifests::heavy_crates_come_once;
    lints_are_shared: manifests::lints_are_shared;
    versions_are_shared: manifests::versions_are_shared;
    the_lock_is_committed: manifests::the_lock_is_committed;
    the_toolchain_is_pinned: manifests::the_toolchain_is_pinned;
    files_begin_with_their_purpose: sources::files_begin_with_their_purpose;
    files_are_short: sources::files_are_short;
    nothing_is_unfinished: sources::nothing_is_unfinished;
    tests_run_and_do_not_wait: sources::tests_run_and_do_not_wait;
    names_say_something: sources::names_say_something;
    unsafe_stays_in_its_rooms: sources::unsafe_stays_in_its_rooms;
    no_folder_of_one_machine: machine::no_folder_of_one_machine;
    packages_come_from_public_registries: machine::packages_come_from_public_registries;
    links_lead_somewhere: links::links_lead_somewhere;
    named_code_is_there: links::named_code_is_there;
}

static OURS: LazyLock<Repository> = LazyLock::new(Repository::ours);

fn hold(rule: fn(&Repository) -> Vec<Complaint>) {
    let complaints = rule(&OURS);
    let lines: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}
