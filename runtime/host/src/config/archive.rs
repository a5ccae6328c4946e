//! The reader of `server.archive`: when records move, and where to. Sections go in, a checked place comes out.

use std::path::Path;

use super::project::Archive;
use super::reader::{Reader, Section};
use super::server_keys::{ARCHIVE, ARCHIVE_AFTER, ARCHIVE_DIRECTORY, ARCHIVE_ENDPOINT, ARCHIVE_S3};
use crate::destinations::{Address, Destination, Target};

/// `folder` is that of the file.
pub(super) fn archive(reader: &mut Reader<'_>, server: &mut Section, folder: &Path) -> Archive {
    let mut section = reader.subsection(server, &ARCHIVE, "archive");
    let after = reader.measured(&mut section, &ARCHIVE_AFTER);
    let both = section.has(ARCHIVE_DIRECTORY.name) && section.has(ARCHIVE_S3.name);
    if both {
        let message = format!("{} has both a `directory` and `s3`", section.title);
        let at = section.at_key(ARCHIVE_S3.name);
        reader.note(at, message, "remove one of them: there is one archive");
    }
    let directory = scalar(reader, &mut section, ARCHIVE_DIRECTORY.name);
    let directory = directory.map(|(_, text)| Target::Directory(folder.join(text)));
    let bucket = scalar(reader, &mut section, ARCHIVE_S3.name);
    let bucket = bucket.and_then(|(at, text)| {
        let parsed = Target::bucket(&text);
        if let Err(why) = &parsed {
            let message = format!("`s3: {text}` of {} {why}", section.title);
            reader.note(at, message, "write s3://BUCKET/PREFIX");
        }
        parsed.ok()
    });
    let endpoint_at = section.at_key(ARCHIVE_ENDPOINT.name);
    let endpoint = scalar(reader, &mut section, ARCHIVE_ENDPOINT.name);
    let endpoint = endpoint.and_then(|(at, text)| {
        if bucket.is_none() {
            let message = format!("{} has an `endpoint`, but no `s3`", section.title);
            reader.note(endpoint_at, message, "remove it, or name the bucket");
        }
        let parsed = Address::parse(&text);
        if parsed.is_none() {
            let title = &section.title;
            let message = format!("`endpoint: {text}` of {title} is no address of http or https");
            reader.note(at, message, "write http://127.0.0.1:4100");
        }
        parsed
    });
    let target = bucket.or(directory);
    Archive {
        after,
        to: target.map(|target| Destination { target, endpoint }),
    }
}

fn scalar(
    reader: &mut Reader<'_>,
    section: &mut Section,
    name: &'static str,
) -> Option<(super::diagnostic::At, String)> {
    let (_, node) = section.take(name)?;
    let at = node.at;
    let text = reader.scalar(&section.title, name, node)?;
    Some((at, text))
}
