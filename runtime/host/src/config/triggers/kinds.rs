//! Which of its kinds a trigger is: of a stream, of a schedule or of a route.
//!
//! In: the section of a trigger. Out: its driver; none where it has no kind or two, which is noted.

use crate::config::{
    diagnostic::At,
    reader::Reader,
    tree::{Node, Value},
};

/// A trigger has exactly one of these.
const KINDS: &[&str] = &["stream", "schedule", "http"];

/// What drives a trigger.
#[derive(Debug, Clone, Copy)]
pub(super) enum Driver {
    Stream,
    Schedule,
    Route,
}

/// None when the kinds alone make the trigger unreadable.
pub(super) fn one_kind(
    reader: &mut Reader<'_>,
    title: &str,
    at: At,
    node: Node,
) -> Option<(Driver, Node)> {
    let Value::Map(entries) = &node.value else {
        return Some((Driver::Stream, node));
    };
    let mut kinds = entries
        .iter()
        .filter(|(key, _)| KINDS.contains(&key.name.as_str()));
    let Some((first, _)) = kinds.next() else {
        let hint = "add `stream:` with the name of a stream, `schedule:` with an expression, or `http:` with a route";
        reader.note(at, format!("{title} does not say what drives it"), hint);
        return None;
    };
    let Some((second, _)) = kinds.find(|(key, _)| key.name != first.name) else {
        let driver = match first.name.as_str() {
            "schedule" => Driver::Schedule,
            "http" => Driver::Route,
            _ => Driver::Stream,
        };
        return Some((driver, node));
    };
    let message = format!(
        "{title} has two kinds, `{}` and `{}`",
        first.name, second.name
    );
    reader.note(
        second.at,
        message,
        "make two triggers of it: both may run the same function",
    );
    None
}
