//! How far a put has come, so that it can go on: the number of its next request and the records settled before it.
//! With a name it is kept in `.shardmill/put-NAME.json` below the working directory, written before the next request
//! is sent; without one it lives as long as the command. It never knows more than the server has answered, and it
//! knows which stream and which input it is about: another one of either is refused.

use std::path::{Path, PathBuf};

use crc_fast::{CrcAlgorithm, Digest};
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
use crate::records::{Record, Records};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    stream: Target,
    /// Under which the server counts requests: a new one for each name and stream.
    producer: String,
    /// Of the next request; one that is repeated has the same.
    pub(crate) number: u64,
    /// Records of the input that are stored, from its beginning, in whole batches.
    pub(crate) records: usize,
    /// Of those records' data, one after the other.
    checksum: u64,
    /// Of the batch after those: the indices still to be stored. Empty means all.
    pub(crate) left: Vec<usize>,
}

/// A stream, and not its successor of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) created_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Bookkeeping {
    pub(crate) progress: Progress,
    /// Records that earlier runs stored.
    pub(crate) before: usize,
    /// Of what was read so far.
    read: Digest,
    file: Option<PathBuf>,
}

impl Bookkeeping {
    pub(crate) fn open(name: Option<&str>, stream: Target) -> Result<Self, Failure> {
        let file = name.map(file_of).transpose()?;
        let known = match &file {
            Some(file) => read(file)?,
            None => None,
        };
        if let (Some(name), Some(known)) = (name, &known)
            && known.stream != stream
        {
            let why = if known.stream.name == stream.name {
                format!("stream {} was made anew since", stream.name)
            } else {
                format!(
                    "it puts into stream {}, not into {}",
                    known.stream.name, stream.name
                )
            };
            return Err(other_input(name, &why));
        }
        let progress = known.unwrap_or_else(|| Progress {
            stream,
            producer: uuid::Uuid::now_v7().simple().to_string(),
            number: 1,
            records: 0,
            checksum: digest().finalize(),
            left: Vec::new(),
        });
        Ok(Self {
            before: progress.records,
            progress,
            read: digest(),
            file,
        })
    }

    pub(crate) fn producer(&self) -> &str {
        &self.progress.producer
    }

    /// Passes over the records that earlier runs stored, which must be the same ones.
    pub(crate) fn skip(
        &mut self,
        name: Option<&str>,
        records: &mut Records<'_>,
    ) -> Result<(), Failure> {
        let mut skipped = 0;
        for record in records.take(self.before) {
            self.read.update(&record?.data);
            skipped += 1;
        }
        if skipped == self.before && self.read.finalize() == self.progress.checksum {
            return Ok(());
        }
        let why = format!(
            "the input does not begin with the {} records that are stored",
            self.before
        );
        Err(other_input(name.unwrap_or_default(), &why))
    }

    pub(crate) const fn is_resumable(&self) -> bool {
        self.file.is_some()
    }

    /// A request was answered: the next one has the next number. `settled` is the batch once all of it is stored,
    /// `left` what is not.
    pub(crate) fn answered(&mut self, settled: &[Record], left: Vec<usize>) -> Result<(), Failure> {
        for record in settled {
            self.read.update(&record.data);
        }
        self.progress.number += 1;
        self.progress.records += settled.len();
        self.progress.checksum = self.read.finalize();
        self.progress.left = left;
        match &self.file {
            Some(file) => write(file, &self.progress),
            None => Ok(()),
        }
    }
}

fn digest() -> Digest {
    Digest::new(CrcAlgorithm::Crc64Nvme)
}

fn file_of(name: &str) -> Result<PathBuf, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(PathBuf::from(format!(".shardmill/put-{name}.json")));
    }
    Err(Failure::usage(format!(
        "resume `{name}`: a name has 1 to 64 letters, digits, `-` and `_`"
    )))
}

fn other_input(name: &str, why: &str) -> Failure {
    Failure::new(Exit::Conflict, format!("resume `{name}`: {why}")).hint(format!(
        "take another name, or remove .shardmill/put-{name}.json to begin again"
    ))
}

fn read(file: &Path) -> Result<Option<Progress>, Failure> {
    let unreadable = |why: String| {
        Failure::failed(format!("resume from {}: {why}", file.display()))
            .hint("remove the file to begin again; records already stored are then stored twice")
    };
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| unreadable(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// Replaces the file as a whole, so that an interruption leaves the old or the new one.
fn write(file: &Path, progress: &Progress) -> Result<(), Failure> {
    let text = serde_json::to_vec(progress)
        .map_err(|error| Failure::failed(format!("note the progress: {error}")))?;
    let next = file.with_extension("json.next");
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&next, text))
        .and_then(|()| std::fs::rename(&next, file))
        .map_err(|error| {
            Failure::failed(format!("note the progress in {}: {error}", file.display()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Place;

    fn target(name: &str, created_ms: u64) -> Target {
        Target {
            name: name.to_owned(),
            created_ms,
        }
    }

    fn record(data: &str) -> Record {
        Record {
            key: "k".to_owned(),
            hash_key: None,
            data: data.into(),
            place: Place::whole("x"),
        }
    }

    fn input(data: &[&str]) -> Records<'static> {
        let records: Vec<_> = data.iter().map(|data| Ok(record(data))).collect();
        Box::new(records.into_iter())
    }

    /// The books of a first run that stored `a` and `b`, as a second run reads them.
    fn second_run(folder: &Path) -> Bookkeeping {
        let file = folder.join("below/put-n.json");
        let mut first = Bookkeeping::open(None, target("s", 7)).unwrap();
        first.file = Some(file.clone());
        first.answered(&[record("a"), record("b")], vec![]).unwrap();
        let progress = read(&file).unwrap().unwrap();
        Bookkeeping {
            before: progress.records,
            progress,
            read: digest(),
            file: Some(file),
        }
    }

    #[test]
    fn a_second_run_goes_on_with_the_same_input() {
        let folder = tempfile::tempdir().unwrap();
        let mut books = second_run(folder.path());
        let mut records = input(&["a", "b", "c"]);
        books.skip(Some("n"), &mut records).unwrap();
        assert_eq!(records.next().unwrap().unwrap(), record("c"));
        assert_eq!(books.progress.number, 2);
        books.answered(&[record("c")], vec![]).unwrap();
        let whole = {
            let mut digest = digest();
            digest.update(b"abc");
            digest.finalize()
        };
        assert_eq!(books.progress.checksum, whole);
    }

    #[test]
    fn another_input_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for other in [&["a", "x", "c"][..], &["a"], &[]] {
            let mut books = second_run(folder.path());
            let refused = books.skip(Some("n"), &mut input(other)).unwrap_err();
            assert_eq!(refused.exit, Exit::Conflict, "{other:?}");
            assert_eq!(
                refused.message,
                "resume `n`: the input does not begin with the 2 records that are stored"
            );
        }
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("put-a.json");
        assert_eq!(read(&file).unwrap(), None);
        std::fs::write(&file, "{").unwrap();
        let hint = read(&file).unwrap_err().hint.unwrap();
        assert!(hint.starts_with("remove the file"), "{hint}");
    }

    #[test]
    fn a_name_is_no_path() {
        for name in ["", "../x", "a b", &"x".repeat(65)] {
            let refused = Bookkeeping::open(Some(name), target("s", 7)).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage, "{name}");
        }
    }

    #[test]
    fn each_answer_takes_a_number() {
        let mut books = Bookkeeping::open(None, target("s", 7)).unwrap();
        books.answered(&[], vec![1]).unwrap();
        books.answered(&[record("a"), record("b")], vec![]).unwrap();
        assert_eq!((books.progress.number, books.progress.records), (3, 2));
    }
}
