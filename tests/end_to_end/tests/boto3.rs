//! boto3, unmodified, against the real binary: every action it serves, and the errors it must see.

use shardmill_end_to_end::Server;

#[test]
fn boto3_puts_and_reads() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("triggers.yaml"),
        "version: 1\nstreams: { flights: { shards: 4 } }\n",
    )
    .unwrap();
    let server = Server::start(directory.path());
    let Some(output) = server.python("kinesis.py") else {
        return;
    };
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
