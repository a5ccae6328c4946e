//! Core modules as text: commands of preview 1, and a handler that knows no component tools.

use super::*;

/// Prints `text` and ends with `code`; `before` runs first.
fn command(text: &str, before: &str, code: u32) -> Vec<u8> {
    let length = text.len();
    let text = text.replace('"', "\\\"");
    let module = format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 64) "{text}")
  (func $print (param $file i32) (param $from i32) (param $bytes i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $bytes))
    (drop (call $write (local.get $file) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    {before}
    (call $print (i32.const 1) (i32.const 64) (i32.const {length}))
    (call $exit (i32.const {code}))))"#
    );
    wat::parse_str(module).unwrap()
}

async fn called(module: &[u8], outputs: &[&str], limits: FunctionLimits) -> crate::Called {
    let function = engine(false).load(module, limits).await.unwrap();
    assert_eq!(function.kind(), Kind::Command);
    let event = Some(b"{}".to_vec());
    function.call(invocation(outputs), event).await
}

fn generous() -> FunctionLimits {
    FunctionLimits {
        timeout: Duration::from_secs(10),
        ..limits()
    }
}

#[tokio::test]
async fn a_command_answers_with_what_it_prints() {
    let answer = r#"{"outputs":{"default":[{"key":"k","data":"v"}]},"batchItemFailures":[{"itemIdentifier":"8"}]}"#;
    let called = called(&command(answer, "", 0), &["default"], generous()).await;
    assert_eq!(called.document.as_deref(), Some(answer.as_bytes()));
    match called.outcome {
        Outcome::Answered(answer) => {
            assert_eq!(answer.outputs[0].partition_key, "k");
            assert!(!answer.effects_attributed);
            assert_eq!(answer.failures[0].index, 1);
        }
        Outcome::Failed(fault) => panic!("failed {fault:?}"),
    }
}

#[tokio::test]
async fn each_way_a_command_fails_has_its_own_kind() {
    let prints_much = "(call $print (i32.const 1) (i32.const 0) (i32.const 2000))";
    let ungranted = r#"{"outputs":{"other":[{"key":"k","data":1}]}}"#;
    let says = "(call $print (i32.const 2) (i32.const 64) (i32.const 4))";
    let cases = [
        (
            command("oops", says, 3),
            "ExitError",
            "exit code 3; its last words: oops",
        ),
        (command("x", "(unreachable)", 0), "Trap", "unreachable"),
        (
            command("x", prints_much, 0),
            "OutputTooLarge",
            "the answer has 2001 bytes",
        ),
        (
            command(ungranted, "", 0),
            "MalformedOutput",
            "no output `other`",
        ),
        (
            command(r#"{"outputs":1}"#, "", 0),
            "MalformedOutput",
            "`outputs` of its answer",
        ),
    ];
    for (module, kind, fact) in cases {
        let called = called(&module, &["default"], generous()).await;
        let (found, message) = fault(called.outcome);
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(fact), "{message}");
    }
    let loops = command("x", "(loop $again (br $again))", 0);
    assert_eq!(
        fault(called(&loops, &[], limits()).await.outcome).0,
        "Timeout"
    );
}

#[tokio::test]
async fn what_is_printed_need_not_be_json() {
    for text in ["", "done: 3 records", "\\00\\ff"] {
        let called = called(&command(text, "", 0), &[], generous()).await;
        assert!(matches!(called.outcome, Outcome::Answered(_)), "{text}");
    }
}

/// As clang and zig make it: the handler's full name on an export, no section with types.
#[tokio::test]
async fn a_core_module_with_a_handler_needs_no_component_tools() {
    let module = r#"(module
  (import "shardmill:function/host@0.1.0" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "hello")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "shardmill:function/stream-handler@0.1.0#handle") (param i32 i32) (result i32)
    (call $log (i32.const 2) (i32.const 100) (i32.const 5))
    (i32.const 512)))"#;
    let said = Arc::new(Said::default());
    let engine = engine_with(EngineSettings::default(), &said);
    let module = wat::parse_str(module).unwrap();
    let function = engine.load(&module, generous()).await.unwrap();
    assert_eq!(function.kind(), Kind::Stream);
    let outcome = function.invoke(invocation(&[])).await;
    assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
    assert_eq!(*said.0.lock().unwrap(), ["2 hello"]);
}

#[tokio::test]
async fn a_file_that_fits_nowhere_says_what_it_has_and_what_was_expected() {
    let cases = [
        (
            r#"(module (func (export "main")))"#,
            "it exports main, where a trigger needs shardmill:function/stream-handler@0.1.0",
        ),
        (
            r#"(module (import "env" "fork" (func)) (func (export "_start")))"#,
            "it imports env, which this host does not have",
        ),
        (
            r#"(component (import "acme:db/query@1.0.0" (instance)) (instance $x) (export "wasi:cli/run@0.2.0" (instance $x)))"#,
            "it imports acme:db/query@1.0.0, which this host does not have",
        ),
    ];
    for (text, expect) in cases {
        let bytes = wat::parse_str(text).unwrap();
        let error = engine(false).load(&bytes, limits()).await.unwrap_err();
        assert!(error.to_string().starts_with(expect), "{error}");
    }
    let large = vec![0; 65 << 20];
    let error = engine(false).load(&large, limits()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "it has 68157440 bytes, at most 67108864 are accepted"
    );
}

/// Code of a language whose runtime is nowhere.
fn bundle() -> Vec<u8> {
    let bundle = crate::Bundle {
        runtime: model::Digest([7; 32]),
        language: "python".to_owned(),
        entry: "app.py:handler".to_owned(),
        files: Vec::new(),
    };
    bundle.encode().unwrap()
}

#[tokio::test]
async fn a_bundle_without_its_runtime_is_refused() {
    let error = engine(false).load(&bundle(), limits()).await.unwrap_err();
    assert!(matches!(error, LoadError::NoRuntime { .. }), "{error}");
}

#[tokio::test]
async fn a_program_of_preview_1_is_refused_the_network() {
    let limits = FunctionLimits {
        network: crate::Network::new(&["a.example:443".to_owned()]),
        ..generous()
    };
    let refused = engine(false).load(&command("{}", "", 0), limits).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "it is a program of preview 1, which cannot use `network`: leave that out, or build it for wasm32-wasip2"
    );
}

/// Opens a file below its first folder and writes to it until that fails; ends with the number of what failed, or 100 where nothing
/// could be opened.
const FILLS: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\04\00\00\00\10\00\00")
  (data (i32.const 64) "a")
  (func (export "_start") (local $failed i32)
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16))
      (then (call $exit (i32.const 100))))
    (loop $more
      (local.set $failed (call $write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $more (i32.eqz (local.get $failed))))
    (call $exit (local.get $failed))))"#;

#[tokio::test]
async fn a_program_of_preview_1_has_the_files_that_it_is_granted_and_no_more() {
    let module = wat::parse_str(FILLS).unwrap();
    for (scratch, code) in [(ByteSize(0), 100), (ByteSize::mib(1), 51)] {
        let limits = FunctionLimits {
            scratch,
            ..generous()
        };
        let called = called(&module, &[], limits).await;
        let Outcome::Failed(fault) = called.outcome else {
            panic!("it ends with a number");
        };
        let expect = format!("exit code {code}");
        assert!(fault.message.contains(&expect), "{}", fault.message);
    }
}
