//! What the system has little of, and what it lets a server ask for: open files, and room on the disk. What a server does
//! whose disk becomes full is shown on simulated disks, by `runtime/log/src/tests/full.rs`.

use std::{fs, process::Command};

use serde_json::json;
use shardmill_end_to_end::{Project, Server, run};

const STREAM: &str = "version: 1\nstreams: { flights: {} }\n";

#[test]
fn a_server_asks_for_all_the_open_files_that_it_may_have() {
    let project = Project::new(STREAM);
    let server = project.up_through(&[], "ulimit -Sn 64 && ulimit -Hn 4096 && exec \"$@\"");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("it runs");
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let files: Vec<&str> = files
        .expect("there is a limit")
        .split_whitespace()
        .collect();
    assert_eq!(files[..2], ["4096", "4096"]);
}

#[test]
fn a_log_with_more_segments_than_files_may_be_open_says_so() {
    let project = Project::new(STREAM);
    for _ in 0..40 {
        // Each start after a kill begins a segment.
        assert_eq!(put(&project.up(), 3).0, 200);
    }
    let script = "ulimit -n 40 && exec \"$@\"";
    let said = run(&mut project.command_through(&[], script));
    assert_eq!(said.code, Some(1));
    let sentence = "error: open the log: each of its segments takes an open file, and this process may not have so many; \
                    nothing was changed\nhint: `ulimit -n 65536` before the start";
    assert!(said.err.starts_with(sentence), "{}", said.err);
    drop(project.up());
}

/// What makes a small disk for the data of a project that nobody else sees; `None` where this user may make none.
fn small_disk(project: &Project, mib: u32) -> Option<([&'static str; 3], String)> {
    let within = ["unshare", "--map-root-user", "--mount"];
    let mount = format!("mkdir -p .shardmill && mount -t tmpfs -o size={mib}m none .shardmill");
    let mut tried = Command::new(within[0]);
    tried.args(&within[1..]).args(["sh", "-c", &mount]);
    tried.current_dir(project.folder());
    (run(&mut tried).code == Some(0)).then_some((within, mount))
}

fn put(server: &Server, bytes: usize) -> (u16, String) {
    let data = "QUJD".repeat(bytes / 3);
    let body = json!({ "StreamName": "flights", "PartitionKey": "k", "Data": data });
    let answer = server.kinesis("PutRecord", &body.to_string());
    (answer.status, answer.body)
}

#[test]
fn a_disk_that_is_full_at_the_start() {
    let project = Project::new(STREAM);
    let Some((within, mount)) = small_disk(&project, 1) else {
        return;
    };
    let script = format!(
        "{mount} && mkdir -p .shardmill/dev/data && ! dd if=/dev/zero of=.shardmill/other bs=4k && exec \"$@\""
    );
    let said = run(&mut project.command_through(&within, &script));
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .contains("its disk is full; nothing that was acknowledged is lost"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("hint: free some space and start again"),
        "{}",
        said.err
    );
}
