//! Code that is none, or none that can be built or run: one clear sentence each, in front of whoever handed it in.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use shardmill_end_to_end::{Project, Running, guest, root};

fn project(source: &str) -> Project {
    Project::new(&format!(
        "version: 1\nstreams: {{ a: {{}}, b: {{}} }}\nfunctions: {{ f: {{ source: \"{source}\", timeout: 20s }} }}\n\
         triggers: {{ t: {{ stream: a, function: f, outputs: b }} }}\n"
    ))
}

/// `check` and `up` say the same, with exit 7 and 1.
fn refused(project: &Project, sentence: &str) {
    for (verb, code) in [(&["check"][..], 7), (&["up", "--port", "0"], 1)] {
        let said = project.verb(verb);
        assert_eq!(said.code, Some(code), "{}", said.err);
        assert!(said.err.contains(sentence), "{verb:?}: {}", said.err);
        let errors = said
            .err
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count();
        assert_eq!(errors, 1, "one sentence: {}", said.err);
    }
}

#[test]
fn a_component_for_another_world() {
    refused(
        &project(&guest("wrong_interface")),
        "it exports guests:other/greeter@1.0.0, where a trigger needs shardmill:function/stream-handler@0.1.0",
    );
}

/// A module that exports `_start` and wants `env.launch` of its host.
const UNKNOWN_IMPORT: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0e\x01\x03env\x06launch\0\0\
    \x03\x02\x01\0\x05\x03\x01\0\x01\x07\x13\x02\x06_start\0\x01\x06memory\x02\0\x0a\x04\x01\x02\0\x0b";

#[test]
fn a_module_with_an_unknown_import() {
    let project = project("f.wasm");
    std::fs::write(project.folder().join("f.wasm"), UNKNOWN_IMPORT)
        .expect("the folder can be written");
    refused(&project, "it imports env");
}

#[test]
fn a_file_of_200_mib_and_one_that_is_no_code() {
    let large = project("f.wasm");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(large.folder().join("f.wasm"));
    file.and_then(|file| file.set_len(200 << 20))
        .expect("a sparse file");
    refused(&large, "it has 209715200 bytes, at most ");
    let text = project("f.wasm");
    text.write("f.wasm", "hello");
    refused(
        &text,
        "it is not WebAssembly: a module begins with the bytes 00 61 73 6d",
    );
}

#[test]
fn a_tool_that_is_missing_is_named_with_the_way_to_get_it() {
    let cases = [
        (
            "Cargo.toml",
            "[package]\nname = \"f\"\n",
            "Rust is not there",
            "install Rust from https://rustup.rs",
        ),
        (
            "go.mod",
            "module f\n",
            "go does not start",
            "install Go 1.21 or later from https://go.dev/dl",
        ),
        (
            "app.py",
            "def handler(event, context): pass\n",
            "python3 does not start",
            "install python3 with pip",
        ),
        (
            "index.mjs",
            "export const handler = 1;\n",
            "npm does not start",
            "install Node.js 20 or later with npm",
        ),
        (
            "f.c",
            "int main;\n",
            "python3 does not start",
            "install python3 with pip",
        ),
    ];
    for (file, text, sentence, hint) in cases {
        let project = project(".");
        project.write(file, text);
        let mut build = project.command(&["build", "f"]);
        build
            .env("PATH", project.folder())
            .env("SHARDMILL_CACHE", project.folder().join("cache"));
        let said = shardmill_end_to_end::run(&mut build);
        assert_eq!(said.code, Some(1), "{file}: {}", said.err);
        assert!(said.err.contains(sentence), "{file}: {}", said.err);
        assert!(
            said.err.contains(&format!("hint: {hint}")),
            "{file}: {}",
            said.err
        );
    }
}

#[test]
fn a_build_that_fails_shows_the_compilers_message() {
    let cases = [
        (
            "SHARDMILL_TEST_GO",
            "main.go",
            "package main\n\nfunc main() { launch() }\n",
            "undefined: launch",
        ),
        (
            "SHARDMILL_TEST_JAVASCRIPT",
            "index.mjs",
            "import x from \"./none\";\nexport const handler = x;\n",
            "Could not resolve \"./none\"",
        ),
        (
            "SHARDMILL_TEST_JAVASCRIPT",
            "index.js",
            "const AWS = require(\"aws-sdk\");\nexports.handler = async () => new AWS.S3();\n",
            "hint: Lambda brings AWS's SDK along and a sandbox has none",
        ),
        (
            "SHARDMILL_TEST_PYTHON",
            "f.c",
            "#include \"shardmill.h\"\nSM_EACH(launch)\n",
            "use of undeclared identifier 'launch'",
        ),
    ];
    for (toolchain, file, text, words) in cases {
        if std::env::var_os(toolchain).is_none() {
            continue;
        }
        let project = project(".");
        if file == "main.go" {
            project.write("go.mod", "module f\n\ngo 1.21\n");
        }
        project.write(file, text);
        let mut build = project.command(&["build", "f"]);
        build.env("SHARDMILL_CACHE", root().join("target/function-tools"));
        let said = shardmill_end_to_end::run(&mut build);
        assert_eq!(said.code, Some(1), "{file}: {}", said.err);
        assert!(said.err.contains(words), "{file}: {}", said.err);
        assert!(
            said.err.contains("error: build function `f`: "),
            "{file}: {}",
            said.err
        );
    }
}

const PYTHON: &str = "
import sys, os
def handler(event, context):
    how = event['how']
    if how == 'throw': raise ValueError('24:10')
    if how == 'exit': sys.exit(3)
    if how == 'binary':
        sys.stdout.buffer.write(bytes(range(128, 256)) + b'\\n')
        return 'said'
    if how == 'answer': return object()
";

const JAVASCRIPT: &str = "
export const handler = async ({ how }) => {
  if (how === 'throw') throw new RangeError('24:10');
  if (how === 'never') await new Promise(() => {});
  if (how === 'exit') process.exit(3);
  if (how === 'binary') { process.stdout.write(String.fromCharCode(0, 65533, 27)); return 'said'; }
  if (how === 'answer') return { get x() { throw new Error('no') } };
};
";

/// What a handler does and what is said of it; nothing is said of what is no mistake.
fn handlers(toolchain: &str, (file, text): (&str, &str), cases: &[(&str, &str)]) {
    if std::env::var_os(toolchain).is_none() {
        return;
    }
    let project = project(file);
    project.write(file, text);
    let mut up = project.command(&["up", "--port", "0"]);
    up.env("SHARDMILL_CACHE", root().join("target/function-tools"));
    let mut running = Running::of_errors(&mut up);
    running.line(|line| line.starts_with("ready "));
    for (how, sentence) in cases {
        project.write("event.json", &format!("{{\"how\":\"{how}\"}}"));
        let said = project.verb(&["invoke", "f", "--event", "event.json"]);
        assert_eq!(
            said.code,
            Some(i32::from(!sentence.is_empty())),
            "{how}: {}{}",
            said.out,
            said.err
        );
        assert!(said.err.contains(sentence), "{how}: {}", said.err);
    }
    // And the next event finds a sound sandbox.
    project.write("event.json", "{\"how\":\"good\"}");
    assert_eq!(
        project.verb(&["invoke", "f", "--event", "event.json"]).code,
        Some(0)
    );
}

#[test]
fn python_that_throws_exits_prints_binary_or_answers_what_is_no_json() {
    let cases = [
        ("throw", "ValueError: 24:10 (app.py line 5 in handler)"),
        (
            "exit",
            "ExitError: the handler ended itself with exit code 3 (app.py line 6 in handler)",
        ),
        ("binary", ""),
        (
            "answer",
            "Runtime.MarshalError: Unable to marshal response: Object of type object is not JSON serializable",
        ),
    ];
    handlers("SHARDMILL_TEST_PYTHON", ("app.py", PYTHON), &cases);
}

#[test]
fn javascript_that_throws_never_settles_exits_prints_binary_or_answers_what_is_no_json() {
    let cases = [
        ("throw", "RangeError: 24:10"),
        (
            "never",
            "NeverSettled: the handler neither answered nor is anything left that it could wait for",
        ),
        (
            "exit",
            "ExitError: the handler ended itself with exit code 3",
        ),
        ("binary", ""),
        ("answer", "Error: no"),
    ];
    handlers(
        "SHARDMILL_TEST_JAVASCRIPT",
        ("index.mjs", JAVASCRIPT),
        &cases,
    );
}
