//! What a key of the file can be: something measured, one of a few words, or anything else. Each kind knows its default
//! and prints its row of the guide; which keys there are is in `defaults`.

use super::units::Measure;

/// A key that holds a number, a size or a duration.
#[derive(Debug)]
pub(super) struct Measured<M> {
    pub(super) name: &'static str,
    pub(super) default: M,
    pub(super) min: M,
    pub(super) max: M,
    pub(super) meaning: &'static str,
}

/// A key that holds one of a few words.
#[derive(Debug)]
pub(super) struct Choice<T: 'static> {
    pub(super) name: &'static str,
    pub(super) default: T,
    pub(super) words: &'static [(&'static str, T)],
    /// Words of the format that this version does not read.
    pub(super) later: &'static [&'static str],
    pub(super) meaning: &'static str,
}

/// A key whose value is read by a function of its own: a name, a map, a time.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) default: &'static str,
    pub(super) range: &'static str,
    pub(super) meaning: &'static str,
}

/// One row of the guide's table.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) default: String,
    pub(super) range: String,
    pub(super) meaning: &'static str,
}

/// Any of the three kinds of keys.
pub(super) trait Documented: Sync {
    fn row(&self) -> Row;
}

/// A map of the file: the keys it may hold.
pub(super) struct Place {
    /// Where it stands, with capitals for names that the file gives.
    pub(super) path: &'static str,
    pub(super) keys: &'static [&'static dyn Documented],
    /// Keys of the format that this version does not read.
    pub(super) later: &'static [&'static str],
}

impl<M: Measure + Sync> Documented for Measured<M> {
    fn row(&self) -> Row {
        Row {
            name: self.name,
            kind: M::KIND,
            default: self.default.print(),
            range: format!("{} to {}", self.min.print(), self.max.print()),
            meaning: self.meaning,
        }
    }
}

impl<T: PartialEq + Sync> Documented for Choice<T> {
    fn row(&self) -> Row {
        let words: Vec<&str> = self.words.iter().map(|(word, _)| *word).collect();
        let default = self.words.iter().find(|(_, value)| *value == self.default);
        Row {
            name: self.name,
            kind: "word",
            default: default.map_or_else(String::new, |(word, _)| (*word).to_owned()),
            range: words.join(", "),
            meaning: self.meaning,
        }
    }
}

impl Documented for Plain {
    fn row(&self) -> Row {
        Row {
            name: self.name,
            kind: self.kind,
            default: self.default.to_owned(),
            range: self.range.to_owned(),
            meaning: self.meaning,
        }
    }
}

impl Place {
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.row().name).collect()
    }
}
