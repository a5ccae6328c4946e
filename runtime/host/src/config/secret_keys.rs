//! The keys that are about secrets, with their ranges.

use super::keys::{Place, Plain};

pub(super) const SECRETS: Plain = Plain {
    name: "secrets",
    kind: "list of names",
    default: "none",
    range: "secrets of the file",
    meaning: "granted as variables `name` and `NAME`; hidden wherever text is kept",
};
pub(super) const SECRET_ENV: Plain = Plain {
    name: "env",
    kind: "name",
    default: "none",
    range: "a variable of the server's environment",
    meaning: "where the value is; one of the two",
};
pub(super) const SECRET_FILE: Plain = Plain {
    name: "file",
    kind: "path",
    default: "none",
    range: "",
    meaning: "where the value is, a line break at its end left out; relative to the file",
};
pub(super) static SECRET: Place = Place {
    path: "secrets.NAME",
    keys: &[&SECRET_ENV, &SECRET_FILE],
    later: &[],
};
