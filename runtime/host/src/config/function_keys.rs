//! The keys of a function, with their ranges: where its code is, what it may use and what it is granted.

use std::time::Duration;

use model::ByteSize;

use super::keys::{Choice, Measured, Place, Plain};
use super::project::SandboxPolicy;
use super::secret_keys::SECRETS;

pub(super) const SOURCE: Plain = Plain {
    name: "source",
    kind: "path",
    default: "required",
    range: "a folder; a file ending in .wasm or .bundle; `app.py`, `index.mjs`, `app.py:handler`, `src:handlers.main.handler`; `oci://FOLDER@sha256:DIGEST`",
    meaning: "relative to the file",
};
pub(super) const ENV: Plain = Plain {
    name: "env",
    kind: "map of text",
    default: "none",
    range: "",
    meaning: "the environment of the function: nothing else is in it",
};
pub(super) const MEMORY: Measured<ByteSize> = Measured {
    name: "memory",
    default: ByteSize::mib(128),
    min: ByteSize::mib(1),
    max: ByteSize::gib(1),
    meaning: "of one sandbox",
};
pub(super) const TIMEOUT: Measured<Duration> = Measured {
    name: "timeout",
    default: Duration::from_secs(3),
    min: Duration::from_millis(1),
    max: Duration::from_secs(900),
    meaning: "of one invocation",
};
pub(super) const LOG: Measured<ByteSize> = Measured {
    name: "log",
    default: ByteSize::kib(64),
    min: ByteSize(0),
    max: ByteSize::mib(1),
    meaning: "text kept of one invocation",
};
pub(super) const SANDBOX: Choice<Option<SandboxPolicy>> = Choice {
    name: "sandbox",
    default: None,
    words: &[
        ("fresh", Some(SandboxPolicy::Fresh)),
        ("warm", Some(SandboxPolicy::Warm)),
    ],
    later: &[],
    meaning: "warm keeps globals between batches: for Python and JavaScript unless fresh is said, for others where warm is said",
};
pub(super) const CONCURRENCY: Measured<u32> = Measured {
    name: "concurrency",
    default: 64,
    min: 1,
    max: 1000,
    meaning: "invocations at the same time",
};
pub(super) const NETWORK: Plain = Plain {
    name: "network",
    kind: "list of `HOST:PORT`",
    default: "none",
    range: "names, `*.NAME`, addresses, `ADDRESS/BITS`, `*`; a port or `*`",
    meaning: "servers it may ask over HTTP; addresses that are not of the public network only where they are named as addresses; not for programs of preview 1",
};
pub(super) const SCRATCH: Measured<ByteSize> = Measured {
    name: "scratch",
    default: ByteSize(0),
    min: ByteSize(0),
    max: ByteSize::mib(512),
    meaning: "files of its own under `/tmp`, in memory, gone after the invocation",
};
pub(super) static FUNCTION: Place = Place {
    path: "functions.NAME",
    keys: &[
        &SOURCE,
        &ENV,
        &MEMORY,
        &TIMEOUT,
        &LOG,
        &SANDBOX,
        &CONCURRENCY,
        &SECRETS,
        &NETWORK,
        &SCRATCH,
    ],
    later: &[],
};
