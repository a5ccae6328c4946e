//! Reading the server as a person at a terminal does: pages of a stream, values, dead letters.

use std::path::Path;

use platform::Disk;
use serde_json::Value;

use crate::{
    client::{Ask, Client},
    producer::Place,
};

const PAGE_ROWS: usize = 1_000;

/// A record of a stream and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub place: Place,
    pub key: String,
    pub body: String,
}

/// A place in every shard of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    stream: String,
    from: String,
}

impl Pages {
    pub(crate) fn oldest(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            from: "from=oldest".to_owned(),
        }
    }

    /// Nothing once the newest record was read.
    pub(crate) async fn next(&mut self, client: &mut Client) -> Vec<Stored> {
        let Self { stream, from } = self;
        let ask = Ask::get(&format!(
            "streams/{stream}/records?{from}&limit={PAGE_ROWS}"
        ));
        let page = client.ask(&ask).await;
        self.from = format!("after={}", text(&page, "after"));
        rows(&page, "records").iter().map(stored).collect()
    }

    pub(crate) async fn all(mut self, client: &mut Client) -> Vec<Stored> {
        let mut found = Vec::new();
        loop {
            let page = self.next(client).await;
            if page.is_empty() {
                return found;
            }
            found.extend(page);
        }
    }
}

/// The records in the dead-letter store, each with the trigger that gave it up.
pub(crate) async fn dead_letters(client: &mut Client) -> Vec<(String, String)> {
    let letters = client.ask(&Ask::get("dead-letters")).await;
    let mut bodies = Vec::new();
    for letter in rows(&letters, "dead_letters") {
        let id = text(letter, "id");
        let letter = client.ask(&Ask::get(&format!("dead-letters/{id}"))).await;
        let trigger = text(&letter, "trigger");
        let records = rows(&letter, "records").iter().map(body);
        bodies.extend(records.map(|body| (trigger.clone(), body)));
    }
    bodies
}

/// The records in the failure documents that a destination was given.
pub(crate) async fn documents(disk: &Disk, folder: &Path) -> Vec<String> {
    let mut bodies = Vec::new();
    // There is no folder where nothing failed.
    let names = disk.list(folder).await.unwrap_or_default();
    // What was being written when the power went has another name.
    for name in names.iter().filter(|name| name.ends_with(".json")) {
        let document = disk.read(&folder.join(name)).await.expect("it is listed");
        let document: Value = serde_json::from_slice(&document).expect("a whole document");
        let event: Value = serde_json::from_str(&text(&document, "payload")).expect("its event");
        let records = rows(&event, "Records").iter();
        bodies.extend(records.map(|record| body(&record["kinesis"])));
    }
    bodies
}

fn stored(record: &Value) -> Stored {
    let place = Place {
        shard: text(record, "shard"),
        sequence: text(record, "sequence"),
    };
    Stored {
        place,
        key: text(record, "key"),
        body: body(record),
    }
}

fn body(record: &Value) -> String {
    let data = base64_simd::STANDARD
        .decode_to_vec(text(record, "data"))
        .expect("the API shows data as base64");
    String::from_utf8(data).expect("flights and what becomes of them are text")
}

pub(crate) fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
