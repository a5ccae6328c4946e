//! A `triggers.yaml` with a mistake: `check` and `up` refuse it with exit 7 and the same words, at the place where it
//! is wrong, before anything is created.

use shardmill_end_to_end::Project;

fn refused(text: &str) -> String {
    let project = Project::new(text);
    let check = project.verb(&["check"]);
    let up = project.verb(&["up", "--port", "0"]);
    assert_eq!((check.code, up.code), (Some(7), Some(7)), "{}", up.err);
    assert_eq!(check.err, up.err);
    assert_eq!(check.out, "");
    assert!(
        !project.folder().join(".shardmill").exists(),
        "nothing was created"
    );
    check.err
}

#[test]
fn an_unknown_key() {
    let text = "\
version: 1
streams: { flights: {} }
functions: { late: { source: late.wasm } }
triggers:
  late-flights:
    stream: flights
    functon: late
";
    insta::assert_snapshot!(refused(text), @r"
    error: triggers.yaml:7:5: unknown key `functon` in trigger `late-flights`
        7 |     functon: late
          |     ^^^^^^^
    hint: did you mean `function`?
    ");
}

#[test]
fn a_wrong_unit() {
    insta::assert_snapshot!(refused("version: 1\nstreams: { flights: { retention: 7 days } }\n"), @r"
    error: triggers.yaml:2:34: `retention` of stream `flights` must be a duration, found `7 days`
        2 | streams: { flights: { retention: 7 days } }
          |                                  ^^^^^^
    hint: write a duration such as 500ms, 3s, 6h or 7d
    ");
}

#[test]
fn a_stream_that_does_not_exist() {
    let text = "\
version: 1
streams: { flights: {} }
functions: { late: { source: late.wasm } }
triggers:
  late-flights: { stream: flihgts, function: late }
";
    insta::assert_snapshot!(refused(text), @r"
    error: triggers.yaml:5:27: `stream` of trigger `late-flights` names `flihgts`, which is not a stream of the file
        5 |   late-flights: { stream: flihgts, function: late }
          |                           ^^^^^^^
    hint: did you mean `flights`?
    ");
}

#[test]
fn a_key_of_the_format_that_this_version_does_not_read() {
    let text = "version: 1\nstreams: { board: { attach: {} } }\n";
    insta::assert_snapshot!(refused(text), @r"
    error: triggers.yaml:2:21: `attach` in stream `board` is not supported yet
        2 | streams: { board: { attach: {} } }
          |                     ^^^^^^
    hint: remove it: this version would not act on it
    ");
}
