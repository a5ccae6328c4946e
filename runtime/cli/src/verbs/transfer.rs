//! `stream export` and `stream import`: all records of a stream as a file, a record a line or in a binary form, and back.
//!
//! A line is what `tail -o ndjson` shows: shard, sequence number, time of arrival, partition key, explicit hash key where
//! there was one, data in base64. A file is there once it is whole. An import keeps keys, hash keys and the order of the
//! file; sequence numbers and times are given anew. It notes how far it came, so that a repeated import of a file into a
//! stream stores no record twice.

mod binary;

use std::{
    cell::Cell,
    io::{self, BufRead as _, BufReader, BufWriter, Read, Write},
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
use crate::moment::shown;
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
    (file, form): (&Path, Form),
) -> Result<(), Failure> {
    if file == Path::new("-") {
        let records = copy(client, output, name, &mut io::stdout().lock(), form).await?;
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
    let records = copy(client, output, name, &mut written, form).await?;
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

/// How records lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A record a line, as JSON.
    Lines,
    Binary,
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
    form: Form,
) -> Result<u64, Failure> {
    let path = format!("streams/{}/records", percent_encoded(name));
    let bar = output.spinner();
    let unwritten = |error: io::Error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::new(Exit::ReaderLeft, "");
        }
        Failure::failed(format!("export {name}: {error}"))
    };
    let mut after: Option<String> = None;
    let (mut copied, mut reached) = (0, 0);
    if form == Form::Binary {
        file.write_all(binary::MAGIC).map_err(unwritten)?;
    }
    loop {
        let parameters = [
            ("from", after.is_none().then(|| "oldest".to_owned())),
            ("limit", Some(PAGE_ITEMS_MAX.to_string())),
            ("after", after.take()),
        ];
        let page = client.get(&format!("{path}{}", query(&parameters))).await?;
        for record in items(&page, "records") {
            match form {
                Form::Lines => writeln!(file, "{record}"),
                Form::Binary => binary::put(file, &record),
            }
            .map_err(unwritten)?;
            copied += 1;
            reached = record["arrived_ms"].as_i64().unwrap_or(reached);
        }
        let until = shown(reached);
        bar.set_message(format!("{copied} records of {name}, put until {until}"));
        bar.tick();
        if page.get("at_tip").and_then(Value::as_bool) != Some(false) {
            break;
        }
        after = Some(text(&page, "/after"));
    }
    bar.finish_and_clear();
    if form == Form::Binary {
        binary::end(file, copied).map_err(unwritten)?;
    }
    file.flush().map_err(unwritten)?;
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
    let all = opened.metadata().map_err(unread)?.len();
    let begun = put::begin(client, name, Some(&run_of(name, &whole))).await?;
    let progress = put::Progress {
        read: Rc::default(),
        all,
    };
    let mut input = BufReader::new(Counting {
        input: opened,
        read: Rc::clone(&progress.read),
    });
    let records = records(&mut input, file.display().to_string().into()).map_err(unread)?;
    put::send_all(client, output, name, begun, records, Some(&progress)).await
}

/// Counts what was read of a file.
struct Counting<R> {
    input: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

/// Of either form, whatever the file is called.
fn records<'a>(input: &'a mut (impl io::BufRead + 'a), source: Rc<str>) -> io::Result<Records<'a>> {
    if input.fill_buf()?.starts_with(binary::MAGIC) {
        input.consume(binary::MAGIC.len());
        let stored = binary::Reader::new(input).zip(1..);
        return Ok(Box::new(stored.map(move |(stored, number)| {
            let place = Place::record(&source, number);
            let stored = stored.map_err(|error| {
                Failure::failed(format!("read {place}: {error}")).hint(
                    "export the stream again; what came before is stored, and is not stored twice",
                )
            })?;
            Ok(Record {
                key: stored.key,
                hash_key: stored.hash_key,
                data: stored.data,
                place,
            })
        })));
    }
    let lines = input.split(b'\n').zip(1..);
    Ok(Box::new(lines.filter_map(move |(line, number)| {
        let place = Place::line(&source, number);
        match line {
            Ok(line) if line.iter().all(u8::is_ascii_whitespace) => None,
            Ok(line) => Some(record(&line, place)),
            Err(error) => Some(Err(Failure::failed(format!("read {place}: {error}")))),
        }
    })))
}

/// The same for the same file and stream, so that a second import goes on where the first one ended.
fn run_of(stream: &str, file: &Path) -> String {
    let named = format!("{stream} {}", file.display());
    let sum = checksum(CrcAlgorithm::Crc64Nvme, named.as_bytes());
    format!("import-{sum:016x}")
}

/// What of a line is put again; the rest is for people. Streams that spread their records take them without a key.
#[derive(Deserialize)]
struct Line {
    key: Option<String>,
    explicit_hash_key: Option<String>,
    data: String,
}

fn record(line: &[u8], place: Place) -> Result<Record, Failure> {
    let refused = |why: &str| {
        Failure::failed(format!("read {place}: {why}"))
            .hint("an import takes what `shardmill stream export` wrote; other lines are put by `shardmill put`")
    };
    let line: Line = serde_json::from_slice(line).map_err(|error| refused(&within_line(&error)))?;
    let data = base64_simd::STANDARD.decode_to_vec(&line.data);
    let data = data.map_err(|_| refused("its data is not base64"))?;
    Ok(Record {
        key: line.key.unwrap_or_default(),
        hash_key: line.explicit_hash_key,
        data,
        place,
    })
}

/// Which line it is stands before it.
fn within_line(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let what = whole
        .rsplit_once(" at line ")
        .map_or(whole.as_str(), |(what, _)| what);
    format!("{what} at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_record() {
        let check = |line: &str, expected: Result<(&str, Option<&str>), &str>| {
            let read = record(line.as_bytes(), Place::whole("a"));
            let read = read.map(|record| {
                assert_eq!(record.data, b"x");
                (record.key, record.hash_key)
            });
            let read = read.map_err(|failure| failure.message);
            let expected = expected.map(|(key, hash)| (key.to_owned(), hash.map(str::to_owned)));
            assert_eq!(read, expected.map_err(str::to_owned));
        };
        check(r#"{"shard":"s","key":"k","data":"eA=="}"#, Ok(("k", None)));
        check(
            r#"{"key":"k","data":"eA==","explicit_hash_key":"7"}"#,
            Ok(("k", Some("7"))),
        );
        for keyless in ["", r#""key":"","#, r#""key":null,"#] {
            check(&format!(r#"{{{keyless}"data":"eA=="}}"#), Ok(("", None)));
        }
        check("{\"data\":\"eA==\"}\r", Ok(("", None)));
        check(
            r#"{"key":"k","data":"x"}"#,
            Err("read a: its data is not base64"),
        );
        check("{}", Err("read a: missing field `data` at column 2"));
        check("", Err("read a: EOF while parsing a value at column 0"));
        check(
            r#"{"key":7,"data":"eA=="}"#,
            Err("read a: invalid type: integer `7`, expected a string at column 8"),
        );
        check(
            r#"{"key":"k","data":"eA=="} x"#,
            Err("read a: trailing characters at column 27"),
        );
    }

    #[test]
    fn blank_lines_are_none_and_others_keep_their_numbers() {
        let mut file = &b"{\"data\":\"eA==\"}\n\n \t\r\n{\"data\":\"eA==\"}\nbad"[..];
        let read = records(&mut file, "a".into()).unwrap();
        let read: Vec<String> = read
            .map(|read| read.map_or_else(|failure| failure.message, |it| it.place.to_string()))
            .collect();
        assert_eq!(
            read,
            [
                "a line 1",
                "a line 4",
                "read a line 5: expected value at column 1"
            ]
        );
    }

    #[test]
    fn a_run_is_of_one_file_and_stream() {
        let file = Path::new("/a/b.ndjson");
        assert_eq!(run_of("s", file), run_of("s", file));
        assert_ne!(run_of("s", file), run_of("t", file));
        assert_ne!(run_of("s", file), run_of("s", Path::new("/a/c.ndjson")));
    }
}
