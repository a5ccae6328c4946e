//! Functions in JavaScript and Python: what 100 records of 100 B cost as a batch of a stream and as an event of Invoke, beside the
//! same records as one packed text.
//!
//! All run in a sandbox that is kept; counted is the processor time of the handlers' threads. The packed figure is what the same
//! runtime needs for the same bytes when they cross its border as one value: what is left of the difference is the price of
//! Lambda's shape.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    functions::{Routes, greeted, rate},
    load::{self, Call},
    report::{Report, Row, Target, say},
    requests::{RECORDS_PER_PUT, put_made},
    server::{Project, Server},
};

const RECORDS: usize = 100;
const RECORD_BYTES: usize = 100;
const PACKED_RATIO_MAX: f64 = 2.0;
/// Of the stream, worked off at once.
const BATCHES: usize = 500;

/// A language, its file, and how its functions are called.
struct Language {
    name: &'static str,
    file: &'static str,
    code: &'static str,
    events: &'static str,
    packed: &'static str,
    /// Of the row that a peer stands beside.
    greets: &'static str,
}

pub(crate) const GREETS_JAVASCRIPT: &str = "route, JavaScript function, 32 connections";

const LANGUAGES: [Language; 2] = [
    Language {
        name: "JavaScript",
        file: "touch.mjs",
        code: r#"
export const events = (event) => {
  let sum = 0;
  for (const record of event.Records) sum += Buffer.from(record.kinesis.data, "base64")[0];
  return sum;
};
export const batches = (event) => void events(event);
export const packed = (event) => {
  const bytes = Buffer.from(event.packed, "base64");
  let sum = 0;
  for (let at = 0; at < bytes.length; at += event.each) sum += bytes.subarray(at, at + event.each)[0];
  return sum;
};
export const greets = () => ({ statusCode: 200, body: "hello\n" });
"#,
        events: "/2015-03-31/functions/javascript-events/invocations",
        packed: "/2015-03-31/functions/javascript-packed/invocations",
        greets: GREETS_JAVASCRIPT,
    },
    Language {
        name: "Python",
        file: "touch.py",
        code: r#"
from base64 import b64decode

def events(event, context):
    return sum(b64decode(record["kinesis"]["data"])[0] for record in event["Records"])

def batches(event, context):
    events(event, context)

def packed(event, context):
    data, each = b64decode(event["packed"]), event["each"]
    return sum(data[at:at + each][0] for at in range(0, len(data), each))

def greets(event, context):
    return {"statusCode": 200, "body": "hello\n"}
"#,
        events: "/2015-03-31/functions/python-events/invocations",
        packed: "/2015-03-31/functions/python-packed/invocations",
        greets: "route, Python function, 32 connections",
    },
];

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("functions in JavaScript and Python");
    for language in LANGUAGES {
        if let Err(error) = language.measure(report, project).await {
            let what = format!("functions in {}", language.name);
            report.not_run(&what, &format!("{error:#}"));
        }
    }
    Ok(())
}

impl Language {
    fn project(&self) -> Result<String> {
        let name = self.name.to_lowercase();
        let file = self.file;
        let mut text = "version: 1\nstreams: { touched: { shards: 1 } }\nfunctions:\n".to_owned();
        for function in ["events", "batches", "packed", "greets"] {
            writeln!(
                text,
                "  {name}-{function}: {{ source: \"{file}:{function}\" }}"
            )?;
        }
        writeln!(
            text,
            "triggers:\n  greets: {{ http: \"GET /greets\", function: {name}-greets }}\n  \
             touches: {{ stream: touched, function: {name}-batches, batch: {{ records: {RECORDS} }} }}"
        )?;
        Ok(text)
    }

    async fn measure(&self, report: &mut Report, project: &Project) -> Result<()> {
        let folder = format!("language-{}", self.name);
        project.write(&folder, self.file, self.code.as_bytes())?;
        let server = project.start(&folder, &self.project()?).await?;
        let packed = cost(&server, self.packed, &packed()).await?;
        let event = cost(&server, self.events, &events()).await?;
        let batch = batch_cost(&server).await?;
        let what = format!("{} function, 100 x 100 B", self.name);
        report.add(Row::new(format!("{what}, packed, CPU"), packed, "us"));
        for (shape, cost) in [("batch of a stream", batch), ("event of Invoke", event)] {
            report.add(Row::new(format!("{what}, {shape}, CPU"), cost, "us"));
            let row = Row::new(
                format!("{what}, {shape} against packed"),
                cost / packed,
                "x",
            );
            report.add(row.target(Target::AtMost(PACKED_RATIO_MAX)));
        }
        let load = greeted(&Routes::of(&server), "/greets").await?;
        report.add(rate(self.greets, &load));
        Ok(())
    }
}

/// Processor time of the handlers' threads for one call, in microseconds.
async fn cost(server: &Server, path: &'static str, body: &Bytes) -> Result<f64> {
    const ROUNDS: usize = 20;
    let mut connection = server.connect().await?;
    let answer = connection.lambda(path, body.clone()).await?;
    let expected = (RECORDS * usize::from(b'x')).to_string();
    if answer != expected.as_bytes() {
        bail!("{path} answered {}", String::from_utf8_lossy(&answer));
    }
    for _ in 0..ROUNDS {
        connection.lambda(path, body.clone()).await?;
    }
    let bodies = [body.clone()];
    let load = load::run(&Handlers(server), 1, Call::Lambda(path), &bodies).await?;
    Ok(load.server_us(1))
}

/// The same for one batch of a stream's backlog.
async fn batch_cost(server: &Server) -> Result<f64> {
    const TRIGGER: &str = "/_shardmill/api/triggers/touches";
    let mut connection = server.connect().await?;
    let puts = put_made("touched", 1, |_| vec![b'x'; RECORD_BYTES]);
    let wait = Bytes::from(json!({"trigger": "touches", "timeout_ms": 120_000}).to_string());
    let mut before = 0.0;
    // What comes first makes the sandbox.
    for batches in [RECORDS_PER_PUT / RECORDS, BATCHES] {
        connection
            .post(&format!("{TRIGGER}/pause"), Bytes::new())
            .await?;
        for body in puts
            .iter()
            .cycle()
            .take(batches * RECORDS / RECORDS_PER_PUT)
        {
            connection.kinesis("PutRecords", body.clone()).await?;
        }
        before = server.handlers_cpu_seconds()?;
        connection
            .post(&format!("{TRIGGER}/resume"), Bytes::new())
            .await?;
        connection
            .post("/_shardmill/api/wait", wait.clone())
            .await?;
    }
    let seconds = server.handlers_cpu_seconds()? - before;
    let shown: Value = serde_json::from_slice(&connection.get(TRIGGER).await?)?;
    let settled = shown["shards"][0]["settled"].as_u64();
    if settled != Some((BATCHES * RECORDS + RECORDS_PER_PUT) as u64) {
        bail!("the trigger settled {settled:?} records");
    }
    Ok(seconds * 1e6 / BATCHES as f64)
}

/// A server of which only the threads count that run functions.
struct Handlers<'a>(&'a Server);

impl load::Subject for Handlers<'_> {
    fn address(&self) -> std::net::SocketAddr {
        self.0.address()
    }

    fn cpu_seconds(&self) -> Result<f64> {
        self.0.handlers_cpu_seconds()
    }
}

fn packed() -> Bytes {
    let data = base64_simd::STANDARD.encode_to_string([b'x'; RECORDS * RECORD_BYTES]);
    Bytes::from(json!({"packed": data, "each": RECORD_BYTES}).to_string())
}

/// As Lambda sends them.
fn events() -> Bytes {
    let record = |number: usize| {
        let sequence = format!("49590338271490256608559692538361571095921575989136588{number:03}");
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": format!("passenger-{number:06}"),
                "sequenceNumber": sequence,
                "data": base64_simd::STANDARD.encode_to_string([b'x'; RECORD_BYTES]),
                "approximateArrivalTimestamp": 1_545_084_650.987,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("shardId-000000000006:{sequence}"),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::000000000000:role/lambda-role",
            "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/bench",
        })
    };
    let records: Vec<Value> = (0..RECORDS).map(record).collect();
    Bytes::from(json!({ "Records": records }).to_string())
}
