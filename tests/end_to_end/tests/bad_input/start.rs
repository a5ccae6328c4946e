//! What stands in the way of a start: a function that is none, a port or a data folder that another process has, data
//! of a newer version. The start ends with a sentence; whoever was there before goes on, and what was stored stays.

use std::net::TcpListener;

use shardmill_end_to_end::{Project, Said, guest};

const STREAM: &str = "version: 1\nstreams: { flights: {} }\n";

fn with_function(source: &str) -> Project {
    Project::new(&format!(
        "{STREAM}functions: {{ late: {{ source: {source} }} }}\n\
         triggers: {{ late-flights: {{ stream: flights, function: late }} }}\n"
    ))
}

fn up(project: &Project) -> Said {
    project.verb(&["up", "--port", "0"])
}

/// `up` ends with exit 1, after what it says of builds; `check` knows it before and says the same.
fn refused(project: &Project) -> String {
    let (check, up) = (project.verb(&["check"]), up(project));
    assert_eq!((check.code, up.code), (Some(7), Some(1)), "{}", up.err);
    assert!(up.err.ends_with(&check.err), "{}\n{}", up.err, check.err);
    check.err
}

#[test]
fn a_function_that_exports_another_interface() {
    let source = guest("wrong_interface");
    let said = refused(&with_function(&source));
    let expected = format!(
        "error: load function `late` from {source}: it exports guests:other/greeter@1.0.0, where a trigger needs \
         shardmill:function/stream-handler@0.1.0, shardmill:function/event-handler@0.1.0, wasi:http/incoming-handler@0.2 or a WASI command \
         (wasi:cli/run@0.2 or _start)\n\
         hint: mark a function with #[handler] and build again\n"
    );
    assert_eq!(said, expected);
}

#[test]
fn a_function_that_is_not_web_assembly() {
    let project = with_function("late.wasm");
    project.write("late.wasm", "def handler(event, context): pass\n");
    insta::assert_snapshot!(refused(&project), @r"
    error: load function `late` from late.wasm: it is not WebAssembly: a module begins with the bytes 00 61 73 6d
    hint: a Rust function becomes one with `cargo build --release --target wasm32-wasip2`
    ");
}

#[test]
fn a_function_that_is_not_there() {
    insta::assert_snapshot!(refused(&with_function("late.wasm")), @r"
    error: load function `late` from late.wasm: it cannot be read: No such file or directory (os error 2)
    hint: `source` of the function must lead to its folder or file
    ");
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let project = Project::new(STREAM);
    let said = project.verb(&["up", "--port", &port]);
    assert_eq!(said.code, Some(6));
    let expected = format!(
        "error: start on 127.0.0.1:{port}: the port is taken by another process\n\
         hint: `shardmill up --port 0` picks a free one; put and tail in this folder will find it\n"
    );
    assert_eq!(said.err, expected);
}

#[test]
fn a_data_folder_that_another_process_uses() {
    let project = Project::new(STREAM);
    let server = project.up();
    let data = project.folder().join(".shardmill/dev/data");
    let elsewhere = Project::new(STREAM);
    let arguments = ["up", "--port", "0", "--data", &data.to_string_lossy()];
    let said = elsewhere.verb(&arguments);
    assert_eq!(said.code, Some(6));
    let expected = format!(
        "error: open the data directory: process {} holds it, stop that one first\n\
         hint: use that server, or start this one with another folder: `--data DIR`\n",
        server.id()
    );
    assert_eq!(said.err, expected);
    // The one that was there first is found as before and takes records.
    project.done(&["put", "flights", "late"]);
    assert_eq!(project.records("flights").len(), 1);
}

#[test]
fn data_of_a_newer_version() {
    let project = Project::new(STREAM);
    let server = project.up();
    project.done(&["put", "flights", "late"]);
    assert_eq!(server.stop().code, Some(0));
    let format = project.folder().join(".shardmill/dev/data/FORMAT");
    let ours = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, "99\n").unwrap();
    let said = up(&project);
    assert_eq!(said.code, Some(1));
    let (error, hint) = said.err.split_once('\n').unwrap();
    assert!(
        error.starts_with("error: open the data directory: it has format 99"),
        "{error}"
    );
    assert_eq!(
        hint,
        "hint: to try this version beside it, give it another folder: `--data DIR`\n"
    );
    std::fs::write(&format, ours).unwrap();
    let _server = project.up();
    assert_eq!(project.records("flights").len(), 1);
}
