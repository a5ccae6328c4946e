//! How far a put has come, so that it can go on: the number of its next request and the records settled before it.
//! With a name it is kept in `.shardmill/put-NAME.json` below the working directory, written before the next request
//! is sent; without one it lives as long as the command. It never knows more than the server has answered.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    stream: String,
    /// Of the next request; one that is repeated has the same.
    pub(crate) number: u64,
    /// Records of the input that are stored, from its beginning, in whole batches.
    pub(crate) records: usize,
    /// Of the batch after those: the indices still to be stored. Empty means all.
    pub(crate) left: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Bookkeeping {
    pub(crate) producer: String,
    pub(crate) progress: Progress,
    /// Records that earlier runs stored.
    pub(crate) before: usize,
    file: Option<PathBuf>,
}

impl Bookkeeping {
    pub(crate) fn open(name: Option<&str>, stream: &str) -> Result<Self, Failure> {
        let fresh = Progress {
            stream: stream.to_owned(),
            number: 1,
            records: 0,
            left: Vec::new(),
        };
        let Some(name) = name else {
            let producer = uuid::Uuid::now_v7().simple().to_string();
            return Ok(Self {
                producer,
                progress: fresh,
                before: 0,
                file: None,
            });
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(Failure::usage(format!(
                "resume `{name}`: a name has 1 to 64 letters, digits, `-` and `_`"
            )));
        }
        let file = PathBuf::from(format!(".shardmill/put-{name}.json"));
        let progress = read(&file)?.unwrap_or(fresh);
        if progress.stream != stream {
            let message = format!(
                "resume `{name}`: it puts into stream {}, not into {stream}",
                progress.stream
            );
            return Err(Failure::new(Exit::Conflict, message).hint("take another name"));
        }
        let before = progress.records;
        Ok(Self {
            producer: name.to_owned(),
            progress,
            before,
            file: Some(file),
        })
    }

    pub(crate) const fn is_resumable(&self) -> bool {
        self.file.is_some()
    }

    /// A request was answered: the next one has the next number.
    pub(crate) fn answered(&mut self, records: usize, left: Vec<usize>) -> Result<(), Failure> {
        self.progress.number += 1;
        self.progress.records = records;
        self.progress.left = left;
        match &self.file {
            Some(file) => write(file, &self.progress),
            None => Ok(()),
        }
    }
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

    #[test]
    fn progress_is_what_was_written_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("below/put-a.json");
        assert_eq!(read(&file).unwrap(), None);
        for number in 1..3 {
            let progress = Progress {
                stream: "s".to_owned(),
                number,
                records: 500,
                left: vec![3, 4],
            };
            write(&file, &progress).unwrap();
            assert_eq!(read(&file).unwrap(), Some(progress));
        }
        std::fs::write(&file, "{").unwrap();
        assert!(
            read(&file)
                .unwrap_err()
                .hint
                .unwrap()
                .starts_with("remove the file")
        );
    }

    #[test]
    fn a_name_is_no_path() {
        for name in ["", "../x", "a b", &"x".repeat(65)] {
            assert_eq!(
                Bookkeeping::open(Some(name), "s").unwrap_err().exit,
                Exit::Usage,
                "{name}"
            );
        }
    }

    #[test]
    fn each_answer_takes_a_number() {
        let mut books = Bookkeeping::open(None, "s").unwrap();
        books.answered(0, vec![1]).unwrap();
        books.answered(2, vec![]).unwrap();
        assert_eq!((books.progress.number, books.progress.records), (3, 2));
    }
}
