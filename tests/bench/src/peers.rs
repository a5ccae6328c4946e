//! Other servers, driven in the same run: those of the same API by the same load with the same bodies, NATS by its own.
//!
//! What is installed, and how it is started, comes from the file that `cargo xtask bench --peers` writes. A peer that is
//! not there, or does not answer as it should, is said to be not run, with the reason: it never ends the bench.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    load::{self, Call},
    nats,
    report::{Report, Row, Target, say},
    requests::{RECORDS_PER_PUT, put_record, put_records},
    server::{Project, Ready, Server, free_address},
    streams::Page,
};

const KIB: usize = 1 << 10;
const STREAM: &str = "puts";
const SHARDS: u32 = 4;
const PAGE_RECORDS: usize = 100;
/// So many bodies are there to be read.
const BODIES_READ: usize = 4;
const ACTIVE_MAX: Duration = Duration::from_secs(30);
const ACTIVE_LOOK: Duration = Duration::from_millis(50);
/// Durable against what others do in memory.
const PUT_RATIO_MIN: f64 = 4.0;
const GET_RATIO_MIN: f64 = 3.0;

/// One way to run a peer, or why there is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// `{port}`, `{data}` and `{guests}` stand for what is picked for this run.
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) protocol: Protocol,
    pub(crate) not_run: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    #[default]
    Kinesis,
    Nats,
    /// It answers requests with the component `greets`.
    Component,
    /// The same in JavaScript.
    Javascript,
    /// Functions of the Lambda API.
    Lambda,
}

/// One kind of load, on a server of its own: some peers get slower with everything that they keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    PutRecords,
    PutRecord,
    GetRecords,
}

impl Kind {
    const ALL: [Self; 3] = [Self::PutRecords, Self::PutRecord, Self::GetRecords];
}

/// Processor time that a server of the Kinesis API takes for a record.
struct Cost {
    server: String,
    kind: Kind,
    us: f64,
}

/// `installed` is the file that says which peers there are.
pub(crate) async fn measure(
    report: &mut Report,
    project: &Project,
    installed: &Path,
) -> Result<()> {
    say("peers");
    let mut peers = listed(installed)?;
    peers.retain(|peer| matches!(peer.protocol, Protocol::Kinesis | Protocol::Nats));
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let server = project
            .start(&format!("peers-{kind:?}"), "version: 1\n")
            .await
            .context("start our own server")?;
        ours.extend(drive(report, &server, "shardmill", Protocol::Kinesis, kind).await?);
    }
    for peer in &peers {
        if let Some(why) = &peer.not_run {
            report.not_run(&peer.name, why);
            continue;
        }
        for kind in Kind::ALL {
            let measured = async {
                let server = start(project, peer, &format!("{kind:?}")).await?;
                drive(report, &server, &peer.name, peer.protocol, kind).await
            };
            match measured.await {
                Ok(cost) => others.extend(cost),
                Err(error) => {
                    let what = format!("{}: {kind:?}", peer.name);
                    report.not_run(&what, &format!("{error:#}"));
                }
            }
        }
    }
    compare(report, &ours, &others);
    Ok(())
}

/// Us, durable, against the cheapest of those that keep everything in memory.
fn compare(report: &mut Report, ours: &[Cost], others: &[Cost]) {
    for (kind, of, whom, least) in [
        (
            Kind::PutRecords,
            "",
            "the fastest of the others in memory",
            PUT_RATIO_MIN,
        ),
        (
            Kind::GetRecords,
            "ferrokinesis",
            "ferrokinesis",
            GET_RATIO_MIN,
        ),
    ] {
        let in_memory = |cost: &&Cost| {
            cost.kind == kind && cost.server.starts_with(of) && cost.server.ends_with("in memory")
        };
        let costs = others.iter().filter(in_memory).map(|cost| cost.us);
        let cheapest = costs.fold(f64::INFINITY, f64::min);
        let what = format!(
            "{kind:?} of 1 KiB, durable, against {whom}, records for each second of server CPU"
        );
        match ours.iter().find(|cost| cost.kind == kind) {
            Some(own) if cheapest.is_finite() => {
                let row = Row::new(what, cheapest / own.us, "x");
                report.add(row.target(Target::AtLeast(least)));
            }
            Some(_) | None => report.not_run(&what, "none of them was measured"),
        }
    }
}

/// What the file says.
pub(crate) fn listed(installed: &Path) -> Result<Vec<Peer>> {
    let text = std::fs::read_to_string(installed)
        .with_context(|| format!("read {}", installed.display()))?;
    serde_json::from_str(&text).context("read which peers there are")
}

/// `part` is what is measured, for the name of its folder.
pub(crate) async fn start(project: &Project, peer: &Peer, part: &str) -> Result<Server> {
    let name = format!("{}-{part}", peer.name.replace(' ', "-"));
    let folder = project.folder.join(name);
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let address = free_address()?;
    let filled = |text: &String| {
        text.replace("{port}", &address.port().to_string())
            .replace("{data}", &data.to_string_lossy())
            .replace("{guests}", &project.guests.to_string_lossy())
    };
    let words: Vec<String> = peer.command.iter().map(filled).collect();
    let [program, arguments @ ..] = words.as_slice() else {
        bail!("the command that starts it is empty");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, value) in &peer.environment {
        command.env(name, filled(value));
    }
    let ready = match peer.protocol {
        Protocol::Kinesis => Ready::Action("ListStreams"),
        Protocol::Nats => Ready::Greeting(b"INFO "),
        Protocol::Component | Protocol::Javascript => Ready::Path("/greets"),
        Protocol::Lambda => Ready::Path("/2015-03-31/functions"),
    };
    Server::start(command, &folder, address, ready).await
}

/// The same for everybody, through the API alone.
/// What a record costs there, where that is compared.
async fn drive(
    report: &mut Report,
    server: &Server,
    name: &str,
    protocol: Protocol,
    kind: Kind,
) -> Result<Option<Cost>> {
    match protocol {
        Protocol::Kinesis => create(server).await?,
        Protocol::Nats | Protocol::Component | Protocol::Javascript | Protocol::Lambda => {}
    }
    let us = match (protocol, kind) {
        (Protocol::Kinesis, Kind::PutRecords) => put_many(report, server, name).await?,
        (Protocol::Kinesis, Kind::PutRecord) => put_one(report, server, name).await?,
        (Protocol::Kinesis, Kind::GetRecords) => get(report, server, name).await?,
        (Protocol::Nats, Kind::PutRecords) => {
            nats::put_many(report, server, name).await?;
            return Ok(None);
        }
        (Protocol::Nats, Kind::PutRecord) => {
            nats::put_one(report, server, name).await?;
            return Ok(None);
        }
        // It is here for the durable append, and the others for functions.
        (Protocol::Nats, Kind::GetRecords)
        | (Protocol::Component | Protocol::Javascript | Protocol::Lambda, _) => return Ok(None),
    };
    let server = name.to_owned();
    Ok(Some(Cost { server, kind, us }))
}

/// The processor time for a record, with the connections that cost least.
async fn put_many(report: &mut Report, server: &Server, name: &str) -> Result<f64> {
    let bodies = put_records(STREAM, KIB);
    let mut least = f64::INFINITY;
    for connections in [1, 4] {
        let load = load::run(server, connections, Call::Kinesis("PutRecords"), &bodies).await?;
        let what = format!("{name}: PutRecords 500 x 1 KiB, {connections} connections");
        let rate = load.per_second() * RECORDS_PER_PUT as f64;
        let us = load.server_us(RECORDS_PER_PUT);
        report.add(Row::new(what, rate, "records/s").server_us(us));
        least = least.min(us);
    }
    Ok(least)
}

async fn put_one(report: &mut Report, server: &Server, name: &str) -> Result<f64> {
    let bodies = put_record(STREAM, KIB);
    let load = load::run(server, 64, Call::Kinesis("PutRecord"), &bodies).await?;
    let what = format!("{name}: PutRecord 1 KiB, 64 connections");
    let us = load.server_us(1);
    report.add(Row::new(what, load.per_second(), "requests/s").server_us(us));
    Ok(us)
}

async fn get(report: &mut Report, server: &Server, name: &str) -> Result<f64> {
    let mut connection = server.connect().await?;
    for body in put_records(STREAM, KIB).into_iter().take(BODIES_READ) {
        connection.kinesis("PutRecords", body).await?;
    }
    let page = Page::of(server, STREAM, PAGE_RECORDS).await?;
    let load = page.load(server).await?;
    let what = format!("{name}: GetRecords, {} x 1 KiB a page", page.records);
    let rate = load.per_second() * page.records as f64;
    let us = load.server_us(page.records);
    report.add(Row::new(what, rate, "records/s").server_us(us));
    Ok(us)
}

async fn create(server: &Server) -> Result<()> {
    let mut connection = server.connect().await?;
    let body = json!({"StreamName": STREAM, "ShardCount": SHARDS}).to_string();
    connection
        .kinesis("CreateStream", Bytes::from(body))
        .await?;
    let describe = Bytes::from(json!({"StreamName": STREAM}).to_string());
    let began = Instant::now();
    loop {
        let answer = connection
            .kinesis("DescribeStream", describe.clone())
            .await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        if answer["StreamDescription"]["StreamStatus"] == "ACTIVE" {
            return Ok(());
        }
        if began.elapsed() > ACTIVE_MAX {
            bail!("its stream did not become active");
        }
        tokio::time::sleep(ACTIVE_LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_are_compared_with_the_cheapest_in_memory() {
        let cost = |server: &str, kind, us| Cost {
            server: server.to_owned(),
            kind,
            us,
        };
        let ours = [
            cost("shardmill", Kind::PutRecords, 2.0),
            cost("shardmill", Kind::GetRecords, 1.0),
        ];
        let others = [
            cost("ferrokinesis 0.7.0 in memory", Kind::PutRecords, 12.0),
            cost("ferrokinesis 0.7.0 durable", Kind::PutRecords, 3.0),
            cost("kinesalite 3 in memory", Kind::PutRecords, 10.0),
            cost("kinesalite 3 in memory", Kind::GetRecords, 0.5),
        ];
        let mut report = Report::default();
        compare(&mut report, &ours, &others);
        let table = report.table();
        for part in [
            "PutRecords of 1 KiB, durable, against the fastest of the others in memory",
            " 5.00 ",
            ">= 4.00 reached",
            "against ferrokinesis, records for each second of server CPU, because none of them was",
        ] {
            assert!(table.contains(part), "{part}: {table}");
        }
    }
}
