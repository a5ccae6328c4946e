//! Tiny components as text: a handler whose core function has the given body.

const TYPES: &str = r#"
  (type $types-shape (instance
    (type $failure-shape (record (field "index" u32) (field "action" u32) (field "kind" string) (field "reason" string)))
    (export "failure" (type $failure (eq $failure-shape)))
    (type $failures (list $failure))
    (type $bytes (list u8))
    (type $maybe-bytes (option $bytes))
    (type $response-shape (record (field "failed" $failures) (field "output" $bytes) (field "window-state" $maybe-bytes)))
    (export "response" (type (eq $response-shape)))
    (type $maybe-ms (option u64))
    (type $fault-shape (record (field "kind" string) (field "message" string) (field "retry-after-ms" $maybe-ms)))
    (export "fault" (type (eq $fault-shape)))))
  (import "shardmill:function/types@0.1.0" (instance $types (type $types-shape)))
  (alias export $types "response" (type $response))
  (alias export $types "fault" (type $fault))
"#;

const MEMORY: &str = r#"
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 8192))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      global.get $next
      global.get $next local.get 3 i32.add i32.const 7 i32.add i32.const -8 i32.and global.set $next)
"#;

fn component(kind: &str, answer: &str, functions: &str, imports: &str, with: &str) -> String {
    format!(
        r#"(component {TYPES} {imports}
  (core module $module {functions})
  (core instance $guest (instantiate $module {with}))
  (func $handle (param "{kind}" (list u8)) (result (result {answer} (error $fault)))
    (canon lift (core func $guest "handle") (memory (core memory $guest "memory")) (realloc (core func $guest "realloc"))))
  (instance $handler (export "handle" (func $handle)))
  (export "shardmill:function/{}-handler@0.1.0" (instance $handler)))"#,
        if kind == "batch" { "stream" } else { "event" }
    )
}

fn stream_with(functions: &str, body: &str) -> String {
    let functions = format!(
        r#"{MEMORY} {functions} (func $handle (export "handle") (param i32 i32) (result i32) {body})"#
    );
    component("batch", "$response", &functions, "", "")
}

/// The body leaves the address of a result; at 512 there is one that says that all went well.
pub(super) fn stream(body: &str) -> String {
    stream_with("", body)
}

/// Answers with a packed output at this place.
pub(super) fn output(at: u32, bytes: u32) -> String {
    format!(
        "(i32.store (i32.const 528) (i32.const {at})) (i32.store (i32.const 532) (i32.const {bytes})) (i32.const 512)"
    )
}

pub(super) fn loops() -> String {
    stream("(loop $again (br $again)) (unreachable)")
}

pub(super) fn traps() -> String {
    stream_with(
        "(func $broken_part (unreachable))",
        "(call $broken_part) (i32.const 512)",
    )
}

pub(super) fn allocates() -> String {
    stream(
        "(loop $again (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable))) (br $again)) (unreachable)",
    )
}

pub(super) fn recurses() -> String {
    stream_with(
        "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))",
        "(call $deep (i32.const 0))",
    )
}

pub(super) fn faults() -> String {
    stream_with(
        r#"(data (i32.const 700) "Flaky")"#,
        "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store (i32.const 520) (i32.const 700)) (i32.store (i32.const 524) (i32.const 5)) (i32.const 512)",
    )
}

pub(super) fn traps_the_second_time() -> String {
    stream_with(
        "(global $calls (mut i32) (i32.const 0))",
        "(if (global.get $calls) (then (unreachable))) (global.set $calls (i32.const 1)) (i32.const 512)",
    )
}

/// Says "twelve bytes" twice, as a warning.
pub(super) fn logs() -> String {
    let line = "(call $log (i32.const 3) (i32.const 700) (i32.const 12))";
    logs_with(&format!("{line} {line}"))
}

pub(super) fn logs_empty_lines(lines: u32) -> String {
    logs_with(&format!(
        r#"(loop $again
        (call $log (i32.const 3) (i32.const 700) (i32.const 0))
        (global.set $said (i32.add (global.get $said) (i32.const 1)))
        (br_if $again (i32.lt_u (global.get $said) (i32.const {lines}))))"#
    ))
}

fn logs_with(body: &str) -> String {
    let imports = r#"
  (import "shardmill:function/host@0.1.0" (instance $host
    (export "log" (func (param "level" u32) (param "message" string)))))
  (core module $memory-module (memory (export "memory") 1) (data (i32.const 700) "twelve bytes"))
  (core instance $memory (instantiate $memory-module))
  (core func $log (canon lower (func $host "log") (memory (core memory $memory "memory"))))
  (core instance $imports (export "log" (func $log)))"#;
    let functions = format!(
        r#"(import "host" "log" (func $log (param i32 i32 i32))) {MEMORY}
    (global $said (mut i32) (i32.const 0))
    (func (export "handle") (param i32 i32) (result i32) {body} (i32.const 512))"#
    );
    let with = r#"(with "host" (instance $imports))"#;
    component("batch", "$response", &functions, imports, with)
}

/// An event function that always gives this answer; quotes escaped.
pub(super) fn event(answer: &str) -> String {
    let bytes = answer.replace('\\', "").len();
    let functions = format!(
        r#"{MEMORY} (data (i32.const 700) "{answer}")
    (func (export "handle") (param i32 i32) (result i32)
      (i32.store (i32.const 520) (i32.const 700)) (i32.store (i32.const 524) (i32.const {bytes}))
      (i32.const 512))"#
    );
    component("event", "(list u8)", &functions, "", "")
}

pub(super) fn exports_something_else() -> &'static str {
    r#"(component
  (core module $module (func (export "shout")))
  (core instance $guest (instantiate $module))
  (func (export "shout") (canon lift (core func $guest "shout"))))"#
}
