//! Other hosts of functions, in the same run: `wasmtime serve` and workerd for requests of the web, ministack for Invoke.
//!
//! The component is the very one that our route runs, the JavaScript has the same line in it. What is installed comes from the
//! file of [`crate::peers`]; one that is not there, or does not answer as it should, is said to be not run.

use std::{
    path::Path,
    process::Command,
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
    let zip = zip("app.py", "def handler(event, context):\n    return event\n")?;
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

/// Writes a zip of one file to standard output: the language of the peer has it, and so it is there.
const ZIP: &str = "import sys, zipfile
with zipfile.ZipFile(sys.stdout.buffer, 'w') as packed: packed.writestr(*sys.argv[1:])";

fn zip(name: &str, text: &str) -> Result<Vec<u8>> {
    let made = Command::new("python3")
        .args(["-c", ZIP, name, text])
        .output();
    let made = made.context("make a zip")?;
    if !made.status.success() {
        bail!("make a zip: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(made.stdout)
}
