//! A server that wants signatures: strangers are refused in AWS's words, verbs in the folder sign by themselves.

use shardmill_end_to_end::{Project, Server};

const KEYS: &str = "[default]\naws_access_key_id = KEY\naws_secret_access_key = SECRET\n";

fn guarded(auth: &str) -> (Project, Server) {
    let project = Project::new("version: 1\nstreams: { flights: {} }\n");
    project.write("keys", KEYS);
    let server = project.up_with(&["--auth", auth]);
    (project, server)
}

#[test]
fn a_made_up_signature_is_refused_and_a_verb_in_the_folder_signs() {
    for auth in ["keys", "dev"] {
        let (project, server) = guarded(auth);
        let answer = server.kinesis("ListStreams", "{}");
        assert_eq!(answer.status, 400);
        // The date of the made-up signature is long ago, which is found before the key is looked for.
        assert!(
            answer.body.contains("InvalidSignatureException"),
            "{}",
            answer.body
        );
        project.done(&["put", "flights", r#"{"n":1}"#]);
        assert_eq!(project.data("flights").len(), 1);
        assert_eq!(server.stop().code, Some(0));
    }
}

#[test]
fn a_key_made_for_a_developer_is_kept() {
    let (project, server) = guarded("dev");
    let file = project.folder().join(".shardmill/dev/credentials");
    let made = std::fs::read_to_string(&file).expect("the key was made");
    assert!(made.contains("aws_secret_access_key = "));
    assert_eq!(server.stop().code, Some(0));
    drop(project.up_with(&["--auth", "dev"]));
    assert_eq!(
        std::fs::read_to_string(&file).expect("it is still there"),
        made
    );
}

#[test]
fn keys_that_cannot_be_read_are_a_reason_not_to_start() {
    let project = Project::new("version: 1\nstreams: { flights: {} }\n");
    project.write("keys", "[default]\naws_access_key_id = KEY\n");
    let said = project.verb(&["up", "--port", "0", "--auth", "keys"]);
    assert_eq!(said.code, Some(1));
    let reason = "line 1: the section needs aws_access_key_id and aws_secret_access_key";
    assert!(said.err.contains(reason), "{}", said.err);
}
