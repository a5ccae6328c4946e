//! A guest's backtrace as its author wants to read it: names without hashes, without the frames of the language's runtime.
//!
//! Pure: wasmtime's text goes in. What cannot be read is left as it is.

use std::collections::BTreeSet;

use crate::limits::BACKTRACE_FRAMES_MAX;

/// Frames of a full stack that are the same few functions again and again.
const RECURSION_FRAMES_MIN: usize = 16;
const RECURSION_NAMES_MAX: usize = 4;

/// The names in a backtrace, innermost first; those of the language's runtime only when nothing else is there.
pub(crate) fn own_frames(backtrace: &str) -> Vec<String> {
    let names = names(backtrace);
    let (runtime, own): (Vec<_>, Vec<_>) = names.partition(|function| is_runtime(function));
    let mut frames = if own.is_empty() { runtime } else { own };
    frames.truncate(BACKTRACE_FRAMES_MAX);
    frames
}

/// Whether the innermost functions call each other without end. Languages that keep their stack in the guest's memory
/// end then with an access out of bounds.
pub(crate) fn is_recursion(backtrace: &str) -> bool {
    let frames: Vec<String> = names(backtrace).take(RECURSION_FRAMES_MIN).collect();
    let different: BTreeSet<&String> = frames.iter().collect();
    frames.len() == RECURSION_FRAMES_MIN && different.len() <= RECURSION_NAMES_MAX
}

fn names(backtrace: &str) -> impl Iterator<Item = String> {
    let named = backtrace.lines().filter_map(|line| line.split_once('!'));
    named.map(|(_, function)| plain(function))
}

/// Without the hashes that compilers put into names: `krate[1f2e..]::name` and `krate::name::h1f2e..`.
fn plain(function: &str) -> String {
    let mut name = String::with_capacity(function.len());
    let mut rest = function;
    while let Some((before, after)) = rest.split_once('[') {
        name.push_str(before);
        rest = match after.split_once(']') {
            Some((hash, after)) if is_hash(hash) => after,
            _ => {
                name.push('[');
                after
            }
        };
    }
    name.push_str(rest);
    if let Some((path, hash)) = name.rsplit_once("::h")
        && is_hash(hash)
    {
        name.truncate(path.len());
    }
    name
}

fn is_hash(text: &str) -> bool {
    (15..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_runtime(function: &str) -> bool {
    let path = function.trim_start_matches(['<', '_']);
    let roots = [
        "std::",
        "core::",
        "alloc::",
        "rustc::",
        "rust_",
        "dlmalloc::",
    ];
    path == "abort" || roots.iter().any(|root| path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_runtime_frames_are_left_out() {
        let text = "error while executing at wasm backtrace:\n    \
            0: 0x1a2b - guest.wasm!std[d123b7a1a2ed1472]::process::abort\n    \
            1: 0x1a2c - guest.wasm!<core[6d9e98711c484d2e]::fmt::Arguments>::new\n    \
            2: 0x1a2d - guest.wasm!gates::lookup::hac259798ba4a9e01\n    \
            3: 0x1a2e - guest.wasm!gates::first::<[u8; 4]>";
        assert_eq!(
            own_frames(text),
            ["gates::lookup", "gates::first::<[u8; 4]>"]
        );
        let only_runtime: String = text
            .lines()
            .take(2)
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(own_frames(&only_runtime), ["std::process::abort"]);
    }

    #[test]
    fn recursion_is_few_names_many_times() {
        let stack = |names: &[&str]| -> String {
            let frames = (0..20).map(|depth| names[depth % names.len()]);
            frames.map(|name| format!("0x1 - m!{name}\n")).collect()
        };
        assert!(is_recursion(&stack(&["a::down"])));
        assert!(is_recursion(&stack(&["a::odd", "a::even"])));
        assert!(!is_recursion(&stack(&["a", "b", "c", "d", "e"])));
        assert!(!is_recursion("0x1 - m!a::down\n0x1 - m!a::down"));
    }
}
