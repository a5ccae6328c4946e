//! `data check|repair|backup|restore`: the data folder of a server that is stopped, and a copy of one that runs. A check changes nothing and is exit 7 on damage; a
//! repair says first what it takes out, asks, and leaves a log without damage alone.

use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use host::data::{BackupFile, DataError, DataFolder, Page, Restored, read_data};
use platform::Platform;
use serde_json::{Value, json};

use crate::arguments::{DataPlace, DataVerb};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{Output, text};
use crate::server::{self, Found};

/// `server` is where a backup asks.
pub(crate) async fn data(output: Output, server: Found, verb: &DataVerb) -> Result<(), Failure> {
    match verb {
        DataVerb::Backup { file } => {
            let client = &mut server::connect(server, output).await?;
            backup(client, output, file).await
        }
        DataVerb::Restore { file, place } => restore(output, file, place).await,
        DataVerb::Check(place) => check(output, place).await,
        DataVerb::Repair {
            place,
            yes,
            dry_run,
        } => repair(output, place, *yes, *dry_run).await,
    }
}

async fn check(output: Output, place: &DataPlace) -> Result<(), Failure> {
    let dir = place.dir();
    let checked = read(&dir).await?.checked();
    output.one(&checked.facts, |_| checked.sentences.join("\n"))?;
    let shown = dir.display();
    let (what, hint) = if checked.too_new {
        (
            "its format is newer",
            "use the shardmill that wrote it".to_owned(),
        )
    } else if checked.log_is_damaged {
        let hint = format!(
            "restore a backup, or see what could be saved: `shardmill data repair --data {shown} --dry-run`"
        );
        ("the log is damaged", hint)
    } else if checked.cache_is_damaged {
        let hint = "nothing is lost: start the server, which builds it again".to_owned();
        ("the log is whole, but a cache of it is damaged", hint)
    } else {
        return Ok(());
    };
    Err(Failure::new(Exit::CheckFailed, format!("check {shown}: {what}")).hint(hint))
}

async fn repair(
    output: Output,
    place: &DataPlace,
    yes: bool,
    dry_run: bool,
) -> Result<(), Failure> {
    let dir = place.dir();
    let shown = dir.display();
    let folder = read(&dir).await?;
    let checked = folder.checked();
    if !checked.log_is_damaged {
        let nothing = json!({"damage": [], "repaired": false});
        return output.one(&nothing, |_| {
            format!("good     {shown}: the log is whole, nothing to repair")
        });
    }
    if dry_run {
        let facts = json!({"damage": folder.damage(), "repaired": false});
        return output.one(&facts, |_| {
            format!("would take out\n{}", folder.damage().join("\n"))
        });
    }
    output.note(&folder.damage().join("\n"));
    if !yes {
        confirm(output, &dir)?;
    }
    let done = folder.repair().await.map_err(|error| failure(&error))?;
    let facts = json!({"damage": folder.damage(), "repaired": true, "done": done});
    output.one(&facts, |_| done.join("\n"))
}

async fn backup(client: &mut Client, output: Output, file: &Path) -> Result<(), Failure> {
    let begun = client.post("backups", &json!({})).await?;
    let (id, position) = (text(&begun, "/id"), number(&begun, "/position")?);
    let file = if file.is_dir() {
        file.join(format!("shardmill-{position:020}.backup"))
    } else {
        file.to_owned()
    };
    let written = pages(client, output, &file, &begun).await;
    let _given_back = client.delete(&format!("backups/{id}")).await;
    let written = written?;
    let facts = json!({
        "file": file,
        "position": written.position,
        "records": written.records,
        "bytes": written.bytes,
    });
    output.one(&facts, |facts| {
        format!(
            "{} records, {} bytes -> {}, all that was acknowledged before log position {position}",
            facts["records"],
            facts["bytes"],
            file.display()
        )
    })
}

async fn pages(
    client: &mut Client,
    output: Output,
    file: &Path,
    begun: &Value,
) -> Result<Restored, Failure> {
    let unwritten = |error: io::Error| {
        let there = error.kind() == io::ErrorKind::AlreadyExists;
        let exit = if there { Exit::Conflict } else { Exit::Failed };
        Failure::new(exit, format!("write {}: {error}", file.display()))
    };
    let id = text(begun, "/id");
    let (begins, position) = (number(begun, "/begins")?, number(begun, "/position")?);
    // Behind the log follows the archive; an older server has none.
    let end = number(begun, "/end").unwrap_or(position);
    let platform = Platform::real();
    let mut backup = BackupFile::create(&platform, file)
        .await
        .map_err(unwritten)?;
    let spinner = output.spinner();
    let mut from = begins;
    while from < end {
        let page = client.get(&format!("backups/{id}/{from}")).await?;
        let data = base64_simd::STANDARD.decode_to_vec(text(&page, "/data"));
        let page = Page {
            segment: number(&page, "/segment")?,
            offset: number(&page, "/offset")?,
            bytes: data.map_err(|_| unread())?.into(),
            records: number(&page, "/records")?,
            next: number(&page, "/next")?,
        };
        if page.next <= from {
            return Err(unread());
        }
        backup.add(&page).await.map_err(unwritten)?;
        from = page.next;
        let (done, all) = (from - begins, end - begins);
        spinner.set_message(format!("{done} of {all} bytes"));
        spinner.tick();
    }
    spinner.finish_and_clear();
    backup.finish(position).await.map_err(unwritten)
}

fn number(value: &Value, pointer: &str) -> Result<u64, Failure> {
    let number = value.pointer(pointer).and_then(Value::as_u64);
    number.ok_or_else(unread)
}

fn unread() -> Failure {
    Failure::failed("read a page of the backup: the answer is not one")
}

async fn restore(output: Output, file: &Path, place: &DataPlace) -> Result<(), Failure> {
    let dir = place.dir();
    let restored = host::data::restore(&Platform::real(), file, &dir, &scratch()).await;
    let restored = restored.map_err(|error| failure(&error))?;
    let facts = json!({
        "data": dir,
        "position": restored.position,
        "records": restored.records,
        "bytes": restored.bytes,
    });
    output.one(&facts, |facts| {
        format!(
            "restored {} records, {} bytes -> {}, up to log position {}",
            facts["records"],
            facts["bytes"],
            dir.display(),
            facts["position"]
        )
    })
}

/// A folder for the copy of a view.
fn scratch() -> PathBuf {
    let name = format!("shardmill-check-{}", std::process::id());
    std::env::temp_dir().join(name)
}

async fn read(dir: &Path) -> Result<DataFolder, Failure> {
    let folder = read_data(&Platform::real(), dir, &scratch()).await;
    folder.map_err(|error| failure(&error))
}

fn failure(error: &DataError) -> Failure {
    let failure = |exit| Failure::new(exit, error.to_string());
    match error {
        DataError::Held(_) => failure(Exit::Conflict).hint("stop the server of this folder first"),
        DataError::Missing { .. } => failure(Exit::NotFound)
            .hint("go to the folder of your project, or name the data with `--data DIR`"),
        DataError::Unrestored { .. } => failure(Exit::Failed)
            .hint("name a folder that is not there yet with `--data DIR`, or take another backup"),
        DataError::Failed { .. } => failure(Exit::Failed),
    }
}

/// Asks a person; off a terminal nobody can answer.
fn confirm(output: Output, dir: &Path) -> Result<(), Failure> {
    let what = format!("repair {}", dir.display());
    if !io::stdin().is_terminal() {
        return Err(
            Failure::usage(format!("{what}: nobody is here to be asked"))
                .hint("add `--yes` when you are sure, or `--dry-run` to see what would go"),
        );
    }
    output.note("take all this out of the log? the bytes are kept aside in `repair` [y/N]");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::failed(format!("read the answer: {error}")))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::failed(format!("{what}: not done, as you said")))
}

impl DataPlace {
    fn dir(&self) -> PathBuf {
        let default = || PathBuf::from(".shardmill/dev/data");
        self.data.clone().unwrap_or_else(default)
    }
}
