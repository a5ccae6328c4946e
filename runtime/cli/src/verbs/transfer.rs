//! `stream export` and `stream import`: all records of a stream as a file, a record a line, and back.
//!
//! A line is what `tail -o ndjson` shows: shard, sequence number, time of arrival, partition key, explicit hash key where
//! there was one, data in base64. A file is there once it is whole. An import keeps keys, hash keys and the order of the
//! file; sequence numbers and times are given anew. It notes how far it came, so that a repeated import of a file into a
//! stream stores no record twice.

use std::{
    io::{self, BufRead as _, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    rc::Rc,
};

use crc_fast::{CrcAlgorithm, checksum};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{items, put, query};
use crate::client::{Client, percent_encoded};
use crate::failure::{Exit, Failure};
use crate::limits::PAGE_ITEMS_MAX;
use crate::output::{Output, text};
use crate::records::{Place, Record, Records};

#[expect(
    clippy::disallowed_types,
    reason = "a file of the person who asks, in no simulation"
)]
pub(crate) async fn export(
    client: &mut Client,
    output: Output,
    name: &str,
    file: &Path,
) -> Result<(), Failure> {
    if file == Path::new("-") {
        let records = copy(client, output, name, &mut io::stdout().lock()).await?;
        output.note(&format!("{records} records of {name}"));
        return Ok(());
    }
    let unwritten =
        |error: io::Error| Failure::failed(format!("export {name} to {}: {error}", file.display()));
    if file.exists() {
        let message = format!("export {name}: {} is there already", file.display());
        return Err(Failure::new(Exit::Conflict, message).hint("name a file that is not there yet"));
    }
    let part = part_of(file);
    let mut written = BufWriter::new(std::fs::File::create(&part).map_err(unwritten)?);
    let records = copy(client, output, name, &mut written).await?;
    written
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|whole| whole.sync_all())
        .and_then(|()| std::fs::rename(&part, file))
        .map_err(unwritten)?;
    let done = json!({"stream": name, "records": records, "file": file.display().to_string()});
    output.one(&done, |_| {
        format!("{records} records of {name} -> {}", file.display())
    })
}

/// Beside the file, until it is whole.
fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Writes every record from the oldest on until all shards are at their tip.
async fn copy(
    client: &mut Client,
    output: Output,
    name: &str,
    file: &mut impl Write,
) -> Result<u64, Failure> {
    let path = format!("streams/{}/records", percent_encoded(name));
    let bar = output.spinner();
    let mut after: Option<String> = None;
    let mut copied = 0;
    loop {
        let parameters = [
            ("from", after.is_none().then(|| "oldest".to_owned())),
            ("limit", Some(PAGE_ITEMS_MAX.to_string())),
            ("after", after.take()),
        ];
        let page = client.get(&format!("{path}{}", query(&parameters))).await?;
        for record in items(&page, "records") {
            writeln!(file, "{record}")
                .map_err(|error| Failure::failed(format!("export {name}: {error}")))?;
            copied += 1;
        }
        bar.set_message(format!("{copied} records of {name}"));
        if page.get("at_tip").and_then(Value::as_bool) != Some(false) {
            break;
        }
        after = Some(text(&page, "/after"));
    }
    bar.finish_and_clear();
    file.flush()
        .map_err(|error| Failure::failed(format!("export {name}: {error}")))?;
    Ok(copied)
}

#[expect(
    clippy::disallowed_types,
    reason = "a file of the person who asks, in no simulation"
)]
pub(crate) async fn import(
    client: &mut Client,
    output: Output,
    name: &str,
    file: &Path,
) -> Result<(), Failure> {
    let unread = |error: io::Error| Failure::failed(format!("import {}: {error}", file.display()));
    let whole = std::fs::canonicalize(file).map_err(unread)?;
    let opened = std::fs::File::open(&whole).map_err(unread)?;
    let begun = put::begin(client, name, Some(&run_of(name, &whole))).await?;
    let source: Rc<str> = file.display().to_string().into();
    let lines = BufReader::new(opened).split(b'\n').zip(1..);
    let records: Records<'_> = Box::new(lines.map(move |(line, number)| {
        let place = Place::line(&source, number);
        let line = line.map_err(|error| Failure::failed(format!("read {place}: {error}")))?;
        record(&line, place)
    }));
    put::send_all(client, output, name, begun, records).await
}

/// The same for the same file and stream, so that a second import goes on where the first one ended.
fn run_of(stream: &str, file: &Path) -> String {
    let named = format!("{stream} {}", file.display());
    let sum = checksum(CrcAlgorithm::Crc64Nvme, named.as_bytes());
    format!("import-{sum:016x}")
}

/// What of a line is put again; the rest is for people.
#[derive(Deserialize)]
struct Line {
    key: String,
    explicit_hash_key: Option<String>,
    data: String,
}

fn record(line: &[u8], place: Place) -> Result<Record, Failure> {
    let refused = |why: &str| {
        Failure::failed(format!("read {place}: {why}"))
            .hint("an import takes what `shardmill stream export` wrote; other lines are put by `shardmill put`")
    };
    let line: Line = serde_json::from_slice(line).map_err(|error| refused(&error.to_string()))?;
    let data = base64_simd::STANDARD.decode_to_vec(&line.data);
    let data = data.map_err(|_| refused("its data is not base64"))?;
    Ok(Record {
        key: line.key,
        hash_key: line.explicit_hash_key,
        data,
        place,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_record() {
        let check = |line: &str, expected: Result<Option<&str>, &str>| {
            let read = record(line.as_bytes(), Place::whole("a"));
            let read = read.map(|record| {
                assert_eq!(
                    (record.key.as_str(), record.data.as_slice()),
                    ("k", &b"x"[..])
                );
                record.hash_key
            });
            let read = read.map_err(|failure| failure.message);
            let expected = expected.map(|key| key.map(str::to_owned));
            assert_eq!(read, expected.map_err(str::to_owned));
        };
        check(r#"{"shard":"s","key":"k","data":"eA=="}"#, Ok(None));
        check(
            r#"{"key":"k","data":"eA==","explicit_hash_key":"7"}"#,
            Ok(Some("7")),
        );
        check(
            r#"{"key":"k","data":"x"}"#,
            Err("read a: its data is not base64"),
        );
        check("{}", Err("read a: missing field `key` at line 1 column 2"));
    }

    #[test]
    fn a_run_is_of_one_file_and_stream() {
        let file = Path::new("/a/b.ndjson");
        assert_eq!(run_of("s", file), run_of("s", file));
        assert_ne!(run_of("s", file), run_of("t", file));
        assert_ne!(run_of("s", file), run_of("s", Path::new("/a/c.ndjson")));
    }
}
