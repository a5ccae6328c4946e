//! The keys of triggers with a route, each with its default and its range.

use std::time::Duration;

use model::ByteSize;

use super::keys::{Measured, Place, Plain};

pub(super) use super::defaults::ENABLED;

pub(super) static ROUTE_TRIGGER: Place = Place {
    path: "triggers.ROUTE",
    keys: &[
        &Plain {
            name: "http",
            kind: "text or map",
            default: "required",
            range: "",
            meaning: "which requests it answers; `TEXT` is short for `{ route: TEXT }`",
        },
        &Plain {
            name: "function",
            kind: "name",
            default: "required",
            range: "a function of the file that takes requests or events",
            meaning: "what is run",
        },
        &Plain {
            name: "outputs",
            kind: "name or map",
            default: "none",
            range: "streams of the file",
            meaning: "what may be written, as for streams: committed before the answer is sent",
        },
        &ENABLED,
    ],
    later: &["was"],
};

pub(super) const BODY: Measured<ByteSize> = Measured {
    name: "body",
    default: ByteSize::mib(1),
    min: ByteSize(0),
    max: ByteSize::gib(1),
    meaning: "of a request; a function that takes events gets 6 MiB at most",
};
pub(super) const CONCURRENCY: Measured<u32> = Measured {
    name: "concurrency",
    default: 64,
    min: 1,
    max: 1_000,
    meaning: "requests at the same time; further ones are answered 429",
};
pub(super) const TIMEOUT: Measured<Duration> = Measured {
    name: "timeout",
    default: Duration::from_secs(30),
    min: Duration::from_millis(1),
    max: Duration::from_secs(900),
    meaning: "how long a client waits for the head of its answer, which is 504 then",
};
pub(super) const CORS: Plain = Plain {
    name: "cors",
    kind: "word or list",
    default: "off",
    range: "off, any, a list of origins",
    meaning: "which web pages of others may ask",
};
pub(super) static ROUTE: Place = Place {
    path: "triggers.ROUTE.http",
    keys: &[
        &Plain {
            name: "route",
            kind: "text",
            default: "required",
            range: "`METHOD /path/{part}/{rest+}`; `ANY` is every method",
            meaning: "the most exact route of a request wins",
        },
        &AUTH,
        &BODY,
        &CONCURRENCY,
        &TIMEOUT,
        &CORS,
    ],
    later: &[],
};

pub(super) const AUTH: Plain = Plain {
    name: "auth",
    kind: "map",
    default: "none",
    range: "",
    meaning: "only requests that carry this are answered, others 401",
};
pub(super) const BEARER: Plain = Plain {
    name: "bearer",
    kind: "name",
    default: "required",
    range: "a secret of the file",
    meaning: "its value stands in `authorization: Bearer VALUE`",
};
pub(super) static ROUTE_AUTH: Place = Place {
    path: "triggers.ROUTE.http.auth",
    keys: &[&BEARER],
    later: &[],
};
