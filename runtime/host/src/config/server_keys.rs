//! The keys of the server as one, of what it keeps of failures and of lines, as `defaults` has all others.

use std::time::Duration;

use model::ByteSize;

use super::defaults::{DAY, HOUR};
use super::keys::{Choice, Measured, Place, Plain};
use super::project::{Durability, Limits, WhenFull};

pub(super) const REGION: Plain = Plain {
    name: "region",
    kind: "name",
    default: "us-east-1",
    range: "",
    meaning: "where the streams of the file live",
};
const DURABILITIES: &[(&str, Durability)] = &[
    ("sync", Durability::Sync),
    ("interval", Durability::Interval),
    ("none", Durability::None),
];
pub(super) const DURABILITY: Choice<Durability> = Choice {
    name: "durability",
    default: Durability::Sync,
    words: DURABILITIES,
    later: &[],
    meaning: "after what a put is answered: its sync; its write, synced within 50 ms; its write alone",
};
pub(super) const LIMITS: Choice<Limits> = Choice {
    name: "limits",
    default: Limits::None,
    words: &[("none", Limits::None), ("aws", Limits::Aws)],
    later: &[],
    meaning: "what shards and accounts may take and give: all they can, or as much as AWS lets them",
};
pub(super) const ARCHIVE_AFTER: Measured<Duration> = Measured {
    name: "after",
    default: Duration::from_secs(DAY),
    min: Duration::from_secs(1),
    max: Duration::from_secs(365 * DAY),
    meaning: "how old records are before those with long to live move into the archive",
};
pub(super) const ARCHIVE_DIRECTORY: Plain = Plain {
    name: "directory",
    kind: "path",
    default: "in the data folder",
    range: "",
    meaning: "where the archive is",
};
pub(super) const ARCHIVE_S3: Plain = Plain {
    name: "s3",
    kind: "address",
    default: "none",
    range: "s3://BUCKET/PREFIX",
    meaning: "the archive is in a bucket, in `server.region`",
};
pub(super) const ARCHIVE_ENDPOINT: Plain = Plain {
    name: "endpoint",
    kind: "address",
    default: "AWS",
    range: "http:// or https://",
    meaning: "of a server that stands in for AWS",
};
pub(super) static ARCHIVE: Place = Place {
    path: "server.archive",
    keys: &[
        &ARCHIVE_AFTER,
        &ARCHIVE_DIRECTORY,
        &ARCHIVE_S3,
        &ARCHIVE_ENDPOINT,
    ],
    later: &[],
};

pub(super) const API_NETWORK: Plain = Plain {
    name: "api_network",
    kind: "list of `HOST:PORT`",
    default: "none",
    range: "as `functions.NAME.network`",
    meaning: "servers that functions made by the Lambda API may ask over HTTP; not programs of preview 1",
};
pub(super) static SERVER: Place = Place {
    path: "server",
    keys: &[
        &REGION,
        &DURABILITY,
        &LIMITS,
        &Plain {
            name: "archive",
            kind: "map",
            default: "",
            range: "",
            meaning: "records that outlive the log, compressed",
        },
        &Plain {
            name: "dead_letters",
            kind: "map",
            default: "",
            range: "",
            meaning: "records that could not be handled",
        },
        &Plain {
            name: "logs",
            kind: "map",
            default: "",
            range: "",
            meaning: "what functions print",
        },
        &API_NETWORK,
    ],
    later: &[
        "admin", "alerts", "auth", "data", "hosts", "listen", "store",
    ],
};

pub(super) const DEAD_LETTERS_KEEP: Measured<Duration> = Measured {
    name: "keep",
    default: Duration::from_secs(14 * DAY),
    min: Duration::from_secs(HOUR),
    max: Duration::from_secs(365 * DAY),
    meaning: "how long a dead letter is kept",
};
pub(super) const DEAD_LETTERS_MAX: Measured<ByteSize> = Measured {
    name: "max",
    default: ByteSize::gib(10),
    min: ByteSize::mib(1),
    max: ByteSize::gib(1 << 20),
    meaning: "room for all dead letters",
};
pub(super) const WHEN_FULL: Choice<WhenFull> = Choice {
    name: "when_full",
    default: WhenFull::Block,
    words: &[
        ("block", WhenFull::Block),
        ("drop-oldest", WhenFull::DropOldest),
    ],
    later: &[],
    meaning: "block: the shard waits, with a reason",
};
pub(super) static DEAD_LETTERS: Place = Place {
    path: "server.dead_letters",
    keys: &[&DEAD_LETTERS_KEEP, &DEAD_LETTERS_MAX, &WHEN_FULL],
    later: &[],
};

pub(super) const LOGS_KEEP: Measured<Duration> = Measured {
    name: "keep",
    default: Duration::from_secs(7 * DAY),
    min: Duration::from_secs(HOUR),
    max: Duration::from_secs(365 * DAY),
    meaning: "how long a line is kept",
};
pub(super) const LOGS_MAX: Measured<ByteSize> = Measured {
    name: "max",
    default: ByteSize::gib(1),
    min: ByteSize::mib(1),
    max: ByteSize::gib(1 << 20),
    meaning: "room for all lines; the oldest go first",
};
pub(super) static LOGS: Place = Place {
    path: "server.logs",
    keys: &[&LOGS_KEEP, &LOGS_MAX],
    later: &[],
};
