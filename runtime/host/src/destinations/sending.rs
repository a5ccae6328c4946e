//! One document to one destination: which form it takes there, and what an answer means.
//!
//! In: what is owed and its dead letters. Out: what is to be committed when it is paid, or why it was not taken. Nothing
//! is tried twice here.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use dispatch::{DeadLetter, Owed};
use model::{NewRecord, Region, StreamKey, Transaction};
use platform::Platform;
use uuid::Uuid;

use super::{
    Address, Destination, Target,
    aws::{Credentials, publish, put_object, send_message},
    client::{Answered, Outgoing, send},
    document::{Document, id, object_key},
};
use crate::{
    functions::Functions,
    limits::{OBJECT_EVENT_BYTES_MAX, POSTED_EVENT_BYTES_MAX},
};

/// Why a document was not taken, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// No other document would be taken either.
    Down(String),
    /// It is about this document: others may be tried meanwhile.
    Document(String),
}

/// What documents and keys of objects name besides the facts of the failure.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Of the project: with the name of a trigger it gives the id that its mapping has.
    pub(crate) app: String,
    /// Where buckets are.
    pub(crate) region: Region,
}

impl Names {
    /// Of the mapping that a trigger is; one that was made by the Lambda API bears its id as its name.
    pub(crate) fn mapping(&self, trigger: &str) -> Uuid {
        Uuid::parse_str(trigger).unwrap_or_else(|_| {
            let app = Uuid::new_v5(&Uuid::NAMESPACE_OID, self.app.as_bytes());
            Uuid::new_v5(&app, trigger.as_bytes())
        })
    }
}

#[derive(Debug)]
pub(crate) struct Sender {
    platform: Platform,
    names: Names,
    /// The function that failed may have a role, which its event names.
    functions: Arc<Functions>,
    credentials: Credentials,
    /// Folders whose own names this process has seen synced: one that is merely there may be gone after a power loss.
    named: Mutex<BTreeSet<PathBuf>>,
}

/// The dead letters of a document, and the role of the function that did not take their records.
type Given<'a> = (&'a [DeadLetter], Option<&'a str>);

impl Sender {
    pub(crate) fn new(
        platform: Platform,
        (names, functions): (Names, Arc<Functions>),
        environment: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            platform,
            names,
            functions,
            credentials: Credentials::of(environment),
            named: Mutex::default(),
        }
    }

    /// The document was taken, or is taken with the transaction that removes it.
    pub(super) async fn send(
        &self,
        owed: &Owed,
        letters: &[DeadLetter],
        to: &Destination,
    ) -> Result<Transaction, Refused> {
        let endpoint = to.endpoint.as_ref();
        let now = self.platform.clock.unshifted_wall();
        let bare = || Document::of(owed).to_bytes();
        let none = BTreeMap::new();
        let role = self.functions.role(&owed.function, owed.version);
        let given = (letters, role.as_deref());
        let outgoing = match &to.target {
            Target::Queue {
                region,
                account,
                name,
                ..
            } => {
                let queue = (account.as_str(), name.as_str());
                let document = bare();
                let message = (document.as_slice(), &none, now);
                send_message(&self.credentials, endpoint, region, queue, message)
            }
            Target::Topic { arn, region } => {
                let document = bare();
                let message = (document.as_slice(), &none, now);
                publish(&self.credentials, endpoint, region, arn, message)
            }
            Target::Bucket { bucket, prefix } => {
                let mapping = self.names.mapping(owed.trigger.as_str());
                let key = format!("{prefix}{}", object_key(owed, mapping));
                let whole = Document::with_records(owed, given, OBJECT_EVENT_BYTES_MAX);
                let object = (bucket.as_str(), key.as_str());
                let region = self.names.region.as_str();
                let document = (whole.to_bytes(), now);
                put_object(&self.credentials, endpoint, region, object, document)
            }
            Target::Http(address) => post(owed, given, address),
            Target::Stream(name) => return Ok(record(owed, name)),
            Target::Directory(folder) => {
                self.file(owed, given, folder).await?;
                return Ok(Transaction::default());
            }
        };
        let answered = send(&self.platform, outgoing)
            .await
            .map_err(Refused::Down)?;
        meaning(&answered).map(|()| Transaction::default())
    }

    /// A document that is about no batch, to a queue, a topic or a bucket.
    pub(super) async fn tell(
        &self,
        to: &Destination,
        name: &str,
        (document, attributes): (&[u8], &BTreeMap<String, String>),
    ) -> Result<(), Refused> {
        let endpoint = to.endpoint.as_ref();
        let now = self.platform.clock.unshifted_wall();
        let message = (document, attributes, now);
        let outgoing = match &to.target {
            Target::Queue {
                region,
                account,
                name,
                ..
            } => {
                let queue = (account.as_str(), name.as_str());
                send_message(&self.credentials, endpoint, region, queue, message)
            }
            Target::Topic { arn, region } => {
                publish(&self.credentials, endpoint, region, arn, message)
            }
            Target::Bucket { bucket, prefix } => {
                let time = now.to_string();
                let day = time.get(..10).unwrap_or_default().replace('-', "/");
                let key = format!("{prefix}aws/lambda/async/{day}/{name}");
                let object = (bucket.as_str(), key.as_str());
                let region = self.names.region.as_str();
                put_object(
                    &self.credentials,
                    endpoint,
                    region,
                    object,
                    (document.to_vec(), now),
                )
            }
            Target::Http(_) | Target::Stream(_) | Target::Directory(_) => {
                return Err(Refused::Document(
                    "it takes documents of triggers alone".to_owned(),
                ));
            }
        };
        let answered = send(&self.platform, outgoing)
            .await
            .map_err(Refused::Down)?;
        meaning(&answered)
    }

    /// `FOLDER/TRIGGER/SHARD-POSITION.json`; written again it is the same file.
    async fn file(&self, owed: &Owed, given: Given<'_>, folder: &Path) -> Result<(), Refused> {
        let folder = folder.join(owed.trigger.as_str());
        let position = owed.first.to_string().replace(':', ".");
        let path = folder.join(format!("{}-{position}.json", owed.shard));
        let document = Document::with_records(owed, given, OBJECT_EVENT_BYTES_MAX);
        let written = async {
            self.make(&folder).await?;
            self.platform
                .disk
                .replace(&path, &document.to_bytes())
                .await
        };
        written
            .await
            .map_err(|error| Refused::Down(format!("write {}: {error}", path.display())))
    }

    /// The folder of a trigger, and the one that it lies in, so that no power loss takes them with what is in them.
    async fn make(&self, folder: &Path) -> io::Result<()> {
        let disk = &self.platform.disk;
        let named = || self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let is_named = named().contains(folder);
        if is_named && disk.exists(folder).await {
            return Ok(());
        }
        disk.create_dir_all(folder).await?;
        for above in folder.ancestors().skip(1).take(2) {
            let is_here = above.as_os_str().is_empty();
            disk.sync_dir(if is_here { Path::new(".") } else { above })
                .await?;
        }
        named().insert(folder.to_owned());
        Ok(())
    }
}

fn post(owed: &Owed, given: Given<'_>, address: &Address) -> Outgoing {
    let document = Document::with_records(owed, given, POSTED_EVENT_BYTES_MAX).to_bytes();
    let header = |name: &str, value: String| (name.to_owned(), value);
    Outgoing {
        method: "POST",
        to: address.clone(),
        headers: vec![
            header("host", address.authority()),
            header("content-type", "application/json".to_owned()),
            header("x-shardmill-trigger", owed.trigger.to_string()),
            header("x-shardmill-document", id(owed).to_string()),
        ],
        body: document,
    }
}

/// A record of another stream, by the shard that the failed ones came from.
fn record(owed: &Owed, stream: &model::StreamName) -> Transaction {
    let to = StreamKey {
        name: stream.clone(),
        ..owed.stream.clone()
    };
    let record = NewRecord {
        partition_key: format!("{}/{}", owed.trigger, owed.shard).into(),
        explicit_hash_key: None,
        data: Document::of(owed).to_bytes().into(),
    };
    Transaction {
        outputs: vec![(to, record)],
        ..Transaction::default()
    }
}

fn meaning(answered: &Answered) -> Result<(), Refused> {
    let Answered { status, body } = answered;
    let said: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = if said.is_empty() {
        format!("it answered {status}")
    } else {
        format!("it answered {status}: {said}")
    };
    match status {
        200..=299 => Ok(()),
        400 | 413 | 422 => Err(Refused::Document(reason)),
        _ => Err(Refused::Down(reason)),
    }
}
