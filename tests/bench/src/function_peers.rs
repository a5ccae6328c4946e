//! Other hosts of functions, in the same run: `wasmtime serve` and workerd for requests of the web, ministack for Invoke.
//!
//! The component is the very one that our route runs, the JavaScript has the same line in it. What is installed comes from the
//! file of [`crate::peers`]; one that is not there, or does not answer as it should, is said to be not run.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde_json::json;

use crate::{
    functions::{CONNECTIONS, GREETS, greeted, rate},
    languages::GREETS_JAVASCRIPT,
    load::{self, Call},
    peers::{Peer, Protocol, listed, start},
    report::{Report, Row, say},
    server::{Project, Server},
};

const INVOKE: &str = "/2015-03-31/functions/echo/invocations";
const EVENT: &str = r#"{"n": 1}"#;
const ACTIVE_MAX: Duration = Duration::from_secs(30);
const ACTIVE_LOOK: Duration = Duration::from_millis(50);

pub(crate) async fn measure(
    report: &mut Report,
    project: &Project,
    installed: &Path,
) -> Result<()> {
    say("other hosts of functions");
    for peer in listed(installed)? {
        let beside = match peer.protocol {
            Protocol::Kinesis | Protocol::Nats => continue,
            Protocol::Component => GREETS,
            Protocol::Javascript => GREETS_JAVASCRIPT,
            Protocol::Lambda => "",
        };
        if let Some(why) = &peer.not_run {
            report.not_run(&peer.name, why);
            continue;
        }
        let measured = async {
            let server = start(project, &peer, "functions").await?;
            match peer.protocol {
                Protocol::Lambda => invoke(&server, &peer).await,
                Protocol::Kinesis | Protocol::Nats | Protocol::Component | Protocol::Javascript => {
                    requests(&server, &peer).await
                }
            }
        };
        match measured.await {
            Ok(row) if beside.is_empty() => report.add(row),
            Ok(row) => {
                let ours = report.value(beside);
                report.add(row.beside("ours", ours));
            }
            Err(error) => report.not_run(&peer.name, &format!("{error:#}")),
        }
    }
    Ok(())
}

async fn requests(server: &Server, peer: &Peer) -> Result<Row> {
    let load = greeted(server, "/greets").await?;
    let what = format!("{}: the same, 32 connections", peer.name);
    Ok(rate(&what, &load))
}

/// Of an echo in Python.
async fn invoke(server: &Server, peer: &Peer) -> Result<Row> {
    let mut connection = server.connect().await?;
    let zip = zip(
        "app.py",
        b"def handler(event, context):\n    return event\n",
    );
    let create = json!({
        "FunctionName": "echo",
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::000000000000:role/bench",
        "Code": {"ZipFile": base64_simd::STANDARD.encode_to_string(zip)},
    });
    let create = Bytes::from(create.to_string());
    connection.lambda("/2015-03-31/functions", create).await?;
    let began = Instant::now();
    loop {
        let answer = connection.lambda(INVOKE, Bytes::from_static(EVENT.as_bytes()));
        match answer.await {
            Ok(answer) if answer == EVENT.as_bytes() => break,
            Ok(answer) if began.elapsed() > ACTIVE_MAX => {
                bail!("Invoke answered {}", String::from_utf8_lossy(&answer))
            }
            Err(error) if began.elapsed() > ACTIVE_MAX => return Err(error).context("Invoke"),
            Ok(_) | Err(_) => tokio::time::sleep(ACTIVE_LOOK).await,
        }
    }
    let bodies = [Bytes::from_static(EVENT.as_bytes())];
    let load = load::run(server, CONNECTIONS, Call::Lambda(INVOKE), &bodies).await?;
    let what = format!("{}: Invoke of a Python echo, 32 connections", peer.name);
    Ok(rate(&what, &load))
}

/// A zip of one file that is stored as it is.
fn zip(name: &str, data: &[u8]) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
    let long = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, data).to_le_bytes();
    let mut facts = [short(20), short(0), short(0), short(0), short(33)].concat();
    facts.extend(&crc[..4]);
    facts.extend([long(data.len()), long(data.len())].concat());
    facts.extend([short(name.len()), short(0)].concat());
    let mut zip = [b"PK\x03\x04".as_slice(), &facts, name.as_bytes(), data].concat();
    let directory = zip.len();
    zip.extend(b"PK\x01\x02\x14\x00");
    zip.extend(&facts);
    zip.extend([0; 14]);
    zip.extend(name.as_bytes());
    let length = zip.len() - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend([long(length), long(directory)].concat());
    zip.extend([0; 2]);
    zip
}
