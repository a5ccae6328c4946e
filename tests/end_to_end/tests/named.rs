//! Servers with names: a verb of another folder finds one, and signs for it; AWS's tools are led there.

use shardmill_end_to_end::Project;

const KEYS: &str = "[default]\naws_access_key_id = dev\naws_secret_access_key = secret\n";

#[test]
fn a_named_server_is_asked_from_anywhere_and_signed_for() {
    let owner = Project::new("version: 1\nstreams: { flights: {} }\n");
    owner.write("keys", KEYS);
    let server = owner.up_with(&["--auth", "keys"]);
    let other = Project::new("version: 1\n");
    other.write("keys", KEYS);
    other.done(&["server", "add", "plain", &server.address]);
    other.done(&[
        "server",
        "add",
        "box",
        &server.address,
        "--credentials",
        "keys",
    ]);
    let unsigned = other.verb(&["put", "flights", "a", "--server", "plain"]);
    assert_ne!(unsigned.code, Some(0));
    other.done(&["put", "flights", "a", "--server", "box"]);
    other.done(&["server", "use", "box"]);
    other.done(&["put", "flights", "b"]);
    assert_eq!(other.records("flights").len(), 2);

    let env = other.done(&["server", "env"]);
    let expected = format!("export AWS_ENDPOINT_URL='http://{}'\n", server.address);
    assert!(env.starts_with(&expected), "{env}");
    assert!(
        env.contains("export AWS_SECRET_ACCESS_KEY='secret'\n"),
        "{env}"
    );

    let twice = other.verb(&["server", "add", "box", "localhost:1"]);
    assert_eq!(twice.code, Some(6), "{}", twice.err);
    other.done(&["server", "remove", "box"]);
    assert_eq!(other.verb(&["server", "use", "box"]).code, Some(3));
    let left = other.json(&["server", "list"]);
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
}
