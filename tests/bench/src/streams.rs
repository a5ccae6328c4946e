//! Puts that are durable when they are answered, and reads.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    calibration::{BULK_POST, NO_OP_64, WRITE},
    load::{self, Call},
    report::{Report, Row, say},
    requests::{RECORDS_PER_PUT, put_record, put_records},
    server::Server,
};

const KIB: usize = 1 << 10;
const READ_REQUESTS: usize = 20;

pub(crate) async fn puts(report: &mut Report, server: &Server) -> Result<()> {
    say("puts");
    for (record_bytes, size) in [(100, "100 B"), (KIB, "1 KiB")] {
        let bodies = put_records("puts", record_bytes);
        for connections in [1, 4] {
            let load = load::run(server, connections, Call::Kinesis("PutRecords"), &bodies).await?;
            let records = load.per_second() * RECORDS_PER_PUT as f64;
            let name = format!("PutRecords 500 x {size}, {connections} connections");
            let row =
                Row::new(name, records, "records/s").server_us(load.server_us(RECORDS_PER_PUT));
            report.add(if record_bytes == KIB {
                row.beside("the raw write", report.value(WRITE) * 1e6 / KIB as f64)
            } else {
                row.beside(
                    "the body that nobody reads",
                    report.value(BULK_POST) * RECORDS_PER_PUT as f64,
                )
            });
        }
    }
    let bodies = put_record("puts", KIB);
    let load = load::run(server, 64, Call::Kinesis("PutRecord"), &bodies).await?;
    report.add(
        Row::new(
            "PutRecord 1 KiB, 64 connections",
            load.per_second(),
            "requests/s",
        )
        .server_us(load.server_us(1))
        .beside("GET /healthz", report.value(NO_OP_64)),
    );
    Ok(())
}

/// Pages of up to 10 MiB from the beginning of a shard.
pub(crate) async fn gets(report: &mut Report, server: &Server) -> Result<()> {
    say("reads");
    let mut connection = server.connect().await?;
    for body in put_records("gets", KIB) {
        connection.kinesis("PutRecords", body).await?;
    }
    let ask = json!({
        "StreamName": "gets",
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON",
    });
    let answer = connection
        .kinesis("GetShardIterator", Bytes::from(ask.to_string()))
        .await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let iterator = answer["ShardIterator"]
        .as_str()
        .context("find the iterator")?;
    for limit in [100, 5_000] {
        let body = Bytes::from(json!({"ShardIterator": iterator, "Limit": limit}).to_string());
        let page: Value =
            serde_json::from_slice(&connection.kinesis("GetRecords", body.clone()).await?)?;
        let records = page["Records"].as_array().map_or(0, Vec::len);
        let load = load::run(
            server,
            1,
            Call::Kinesis("GetRecords"),
            &vec![body; READ_REQUESTS],
        )
        .await?;
        report.add(
            Row::new(
                format!("GetRecords, {records} x 1 KiB a page, 1 connection"),
                load.per_second() * records as f64,
                "records/s",
            )
            .server_us(load.server_us(records))
            .beside("memcpy", report.value("memcpy of 1 MiB") * 1e6 / KIB as f64),
        );
    }
    Ok(())
}
