//! What an input may look like: the vocabulary in which the generated tables are written, those of Lambda too.
//!
//! In: nothing, these are constants. Out: shapes that `decode` (types) and `validate` (bounds) walk over.
//! A shape says nothing about meaning: whether a stream exists is not a question of shape.

use super::generated::{ACTIONS, Action, TARGET_PREFIX};

/// One action: its name on the wire and the shape of its input.
#[derive(Debug)]
pub(super) struct ActionRow {
    pub(super) action: Action,
    pub(super) name: &'static str,
    pub(super) input: &'static Shape,
}

/// The type of a value, with its bounds.
#[derive(Debug)]
pub(crate) enum Shape {
    Boolean,
    /// Seconds since 1970, with a fraction.
    Timestamp,
    Integer {
        value: Bounds,
    },
    /// Base64 on the wire; the bounds count decoded bytes.
    Blob {
        length: Bounds,
    },
    /// `pattern` is the text that AWS prints; it must match the whole value. An empty `one_of` allows anything.
    Text {
        length: Bounds,
        pattern: Option<&'static str>,
        one_of: &'static [&'static str],
    },
    List {
        length: Bounds,
        member: &'static Self,
    },
    Map {
        length: Bounds,
        key: &'static Self,
        value: &'static Self,
    },
    Structure {
        name: &'static str,
        members: &'static [Member],
    },
}

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) need: Need,
    pub(crate) shape: &'static Shape,
}

/// Whether a member may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Optional,
    Required,
    /// A stream's name, needed where its ARN is not given.
    UnlessArn,
    /// A record's partition key, needed where the stream does not spread records by itself.
    UnlessSpread,
}

/// Inclusive bounds of a value or a length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

impl ActionRow {
    pub(super) const fn new(action: Action, name: &'static str, input: &'static Shape) -> Self {
        Self {
            action,
            name,
            input,
        }
    }

    /// The action that an `X-Amz-Target` names, if it is one of ours.
    pub(super) fn targeted(target: &str) -> Option<&'static Self> {
        let (prefix, name) = target.split_once('.')?;
        if prefix != TARGET_PREFIX {
            return None;
        }
        let index = ACTIONS.binary_search_by(|row| row.name.cmp(name)).ok()?;
        ACTIONS.get(index)
    }
}

pub(crate) const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        need: Need::Required,
        shape,
    }
}

pub(crate) const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        need: Need::Optional,
        shape,
    }
}

pub(crate) const fn unless_arn(name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        need: Need::UnlessArn,
        shape,
    }
}

pub(crate) const fn unless_spread(name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        need: Need::UnlessSpread,
        shape,
    }
}

pub(crate) const fn input(members: &'static [Member]) -> Shape {
    structure("", members)
}

pub(crate) const fn structure(name: &'static str, members: &'static [Member]) -> Shape {
    Shape::Structure { name, members }
}

pub(crate) const fn list(length: Bounds, member: &'static Shape) -> Shape {
    Shape::List { length, member }
}

pub(crate) const fn map(length: Bounds, key: &'static Shape, value: &'static Shape) -> Shape {
    Shape::Map { length, key, value }
}

pub(crate) const fn integer(value: Bounds) -> Shape {
    Shape::Integer { value }
}

pub(crate) const fn blob(length: Bounds) -> Shape {
    Shape::Blob { length }
}

pub(crate) const fn text(length: Bounds) -> Shape {
    Shape::Text {
        length,
        pattern: None,
        one_of: &[],
    }
}

pub(crate) const fn pattern(length: Bounds, printed: &'static str) -> Shape {
    Shape::Text {
        length,
        pattern: Some(printed),
        one_of: &[],
    }
}

pub(crate) const fn one_of(values: &'static [&'static str]) -> Shape {
    Shape::Text {
        length: unbounded(),
        pattern: None,
        one_of: values,
    }
}

/// Of a member whose values are held elsewhere.
pub(crate) const fn anything() -> Shape {
    text(unbounded())
}

pub(crate) const fn between(min: i64, max: i64) -> Bounds {
    Bounds {
        min: Some(min),
        max: Some(max),
    }
}

pub(crate) const fn at_least(min: i64) -> Bounds {
    Bounds {
        min: Some(min),
        max: None,
    }
}

pub(crate) const fn unbounded() -> Bounds {
    Bounds {
        min: None,
        max: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_actions_are_found_by_their_target() {
        assert_eq!(ACTIONS.len(), 57);
        for row in &ACTIONS {
            let found = ActionRow::targeted(&format!("{TARGET_PREFIX}.{}", row.name));
            assert_eq!(found.map(|found| found.action), Some(row.action));
        }
        for stranger in [
            "",
            "Kinesis_20131202",
            "Kinesis_20131202.ListStream",
            "Other.ListStreams",
        ] {
            assert!(ActionRow::targeted(stranger).is_none(), "{stranger}");
        }
    }
}
