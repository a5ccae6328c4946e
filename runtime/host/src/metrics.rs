//! `/metrics`: what streams, shards, functions and triggers count, as Prometheus reads it. Every name of a metric stands here, beside the name
//! that AWS's CloudWatch has for it; `docs/metrics.md` shows the same table, and a test compares the two.
//!
//! In: what the meters say. Out: text. Shards are shown only with the metrics that were enabled for their stream, as
//! CloudWatch does it, so that the text grows with streams and not with shards.

mod work;

use std::fmt::Write as _;

use streams::{Counted, Operation, StreamFacts, StreamTraffic, Streams, Totals};

use crate::{assemble::Rooms, limits::METRIC_STREAMS_MAX};

mod triggers;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

/// A metric of a stream or of a shard.
struct Metric<T> {
    /// As CloudWatch calls it.
    aws: &'static str,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    value: fn(&T) -> f64,
}

const STREAM: &[Metric<StreamTraffic>] = &[
    Metric {
        aws: "IncomingBytes",
        name: "shardmill_stream_incoming_bytes_total",
        kind: Kind::Counter,
        help: "data and partition keys that were stored",
        value: |stream| number(stream.totals.in_bytes),
    },
    Metric {
        aws: "IncomingRecords",
        name: "shardmill_stream_incoming_records_total",
        kind: Kind::Counter,
        help: "records that were stored",
        value: |stream| number(stream.totals.in_records),
    },
    Metric {
        aws: "WriteProvisionedThroughputExceeded",
        name: "shardmill_stream_writes_throttled_total",
        kind: Kind::Counter,
        help: "records that full shards refused",
        value: |stream| number(stream.totals.writes_refused),
    },
    Metric {
        aws: "ReadProvisionedThroughputExceeded",
        name: "shardmill_stream_reads_throttled_total",
        kind: Kind::Counter,
        help: "reads that were refused because a shard was read too much",
        value: |stream| number(stream.totals.reads_refused),
    },
    Metric {
        aws: "GetRecords.IteratorAgeMilliseconds",
        name: "shardmill_stream_iterator_age_milliseconds",
        kind: Kind::Gauge,
        help: "how far the last read was behind the newest record",
        value: |stream| number(stream.totals.age_ms),
    },
    Metric {
        aws: "PutRecord.Bytes",
        name: "shardmill_put_record_bytes_total",
        kind: Kind::Counter,
        help: "bytes that PutRecord brought",
        value: |stream| number(counted(stream, Operation::PutRecord).bytes),
    },
    Metric {
        aws: "PutRecord.Success",
        name: "shardmill_put_record_successes_total",
        kind: Kind::Counter,
        help: "calls of PutRecord that succeeded",
        value: |stream| number(counted(stream, Operation::PutRecord).succeeded),
    },
    Metric {
        aws: "PutRecord.Latency",
        name: "shardmill_put_record_seconds",
        kind: Kind::Counter,
        help: "time that calls of PutRecord took",
        value: |stream| seconds(counted(stream, Operation::PutRecord)),
    },
    Metric {
        aws: "PutRecords.Bytes",
        name: "shardmill_put_records_bytes_total",
        kind: Kind::Counter,
        help: "bytes that PutRecords brought",
        value: |stream| number(counted(stream, Operation::PutRecords).bytes),
    },
    Metric {
        aws: "PutRecords.Success",
        name: "shardmill_put_records_successes_total",
        kind: Kind::Counter,
        help: "calls of PutRecords in which a record was stored",
        value: |stream| number(counted(stream, Operation::PutRecords).succeeded),
    },
    Metric {
        aws: "PutRecords.Latency",
        name: "shardmill_put_records_seconds",
        kind: Kind::Counter,
        help: "time that calls of PutRecords took",
        value: |stream| seconds(counted(stream, Operation::PutRecords)),
    },
    Metric {
        aws: "PutRecords.TotalRecords",
        name: "shardmill_put_records_records_total",
        kind: Kind::Counter,
        help: "records that PutRecords brought",
        value: |stream| number(counted(stream, Operation::PutRecords).records),
    },
    Metric {
        aws: "PutRecords.ThrottledRecords",
        name: "shardmill_put_records_throttled_records_total",
        kind: Kind::Counter,
        help: "of them, those that full shards refused",
        value: |stream| number(counted(stream, Operation::PutRecords).throttled),
    },
    Metric {
        aws: "GetRecords.Bytes",
        name: "shardmill_get_records_bytes_total",
        kind: Kind::Counter,
        help: "bytes that GetRecords gave",
        value: |stream| number(counted(stream, Operation::GetRecords).bytes),
    },
    Metric {
        aws: "GetRecords.Records",
        name: "shardmill_get_records_records_total",
        kind: Kind::Counter,
        help: "records that GetRecords gave",
        value: |stream| number(counted(stream, Operation::GetRecords).records),
    },
    Metric {
        aws: "GetRecords.Success",
        name: "shardmill_get_records_successes_total",
        kind: Kind::Counter,
        help: "calls of GetRecords that succeeded",
        value: |stream| number(counted(stream, Operation::GetRecords).succeeded),
    },
    Metric {
        aws: "GetRecords.Latency",
        name: "shardmill_get_records_seconds",
        kind: Kind::Counter,
        help: "time that calls of GetRecords took",
        value: |stream| seconds(counted(stream, Operation::GetRecords)),
    },
    Metric {
        aws: "SubscribeToShard.Success",
        name: "shardmill_subscribe_successes_total",
        kind: Kind::Counter,
        help: "subscriptions that were granted",
        value: |stream| number(counted(stream, Operation::SubscribeToShard).succeeded),
    },
    Metric {
        aws: "SubscribeToShard.RateExceeded",
        name: "shardmill_subscribe_rate_exceeded_total",
        kind: Kind::Counter,
        help: "subscriptions that were refused because they came too fast",
        value: |stream| number(counted(stream, Operation::SubscribeToShard).throttled),
    },
    Metric {
        aws: "SubscribeToShardEvent.Success",
        name: "shardmill_subscription_events_total",
        kind: Kind::Counter,
        help: "events that were sent to subscribers, empty ones included",
        value: |stream| number(counted(stream, Operation::Event).succeeded),
    },
    Metric {
        aws: "SubscribeToShardEvent.Bytes",
        name: "shardmill_subscription_bytes_total",
        kind: Kind::Counter,
        help: "bytes in these events",
        value: |stream| number(counted(stream, Operation::Event).bytes),
    },
    Metric {
        aws: "SubscribeToShardEvent.Records",
        name: "shardmill_subscription_records_total",
        kind: Kind::Counter,
        help: "records in these events",
        value: |stream| number(counted(stream, Operation::Event).records),
    },
];

const SHARD: &[Metric<Totals>] = &[
    Metric {
        aws: "IncomingBytes",
        name: "shardmill_shard_incoming_bytes_total",
        kind: Kind::Counter,
        help: "data and partition keys that were stored",
        value: |shard| number(shard.in_bytes),
    },
    Metric {
        aws: "IncomingRecords",
        name: "shardmill_shard_incoming_records_total",
        kind: Kind::Counter,
        help: "records that were stored",
        value: |shard| number(shard.in_records),
    },
    Metric {
        aws: "OutgoingBytes",
        name: "shardmill_shard_outgoing_bytes_total",
        kind: Kind::Counter,
        help: "data and partition keys that clients read",
        value: |shard| number(shard.out_bytes),
    },
    Metric {
        aws: "OutgoingRecords",
        name: "shardmill_shard_outgoing_records_total",
        kind: Kind::Counter,
        help: "records that clients read",
        value: |shard| number(shard.out_records),
    },
    Metric {
        aws: "WriteProvisionedThroughputExceeded",
        name: "shardmill_shard_writes_throttled_total",
        kind: Kind::Counter,
        help: "records that the shard refused because it was full",
        value: |shard| number(shard.writes_refused),
    },
    Metric {
        aws: "ReadProvisionedThroughputExceeded",
        name: "shardmill_shard_reads_throttled_total",
        kind: Kind::Counter,
        help: "reads that were refused because the shard was read too much",
        value: |shard| number(shard.reads_refused),
    },
    Metric {
        aws: "IteratorAgeMilliseconds",
        name: "shardmill_shard_iterator_age_milliseconds",
        kind: Kind::Gauge,
        help: "how far the last read was behind the newest record",
        value: |shard| number(shard.age_ms),
    },
];

/// Everything that is measured.
pub(crate) fn text(rooms: &Rooms) -> String {
    let mut text = of_streams(&rooms.streams);
    work::write(&mut text, rooms);
    triggers::write(&mut text, rooms);
    text
}

fn of_streams(streams: &Streams) -> String {
    let measured: Vec<(StreamFacts, StreamTraffic)> = streams
        .known(METRIC_STREAMS_MAX)
        .into_iter()
        .filter_map(|facts| {
            let traffic = streams.traffic(&facts.key).ok()?;
            Some((facts, traffic))
        })
        .collect();
    let mut text = String::new();
    for metric in STREAM {
        head(&mut text, metric);
        for (facts, traffic) in &measured {
            let labels = labels(facts);
            line(&mut text, metric, &labels, traffic);
        }
    }
    for metric in SHARD {
        let enabled = |facts: &StreamFacts| facts.traits.metrics.contains(metric.aws);
        let mut streams = measured
            .iter()
            .filter(|(facts, _)| enabled(facts))
            .peekable();
        if streams.peek().is_some() {
            head(&mut text, metric);
        }
        for (facts, traffic) in streams {
            for shard in &traffic.shards {
                let labels = format!("{},shard=\"{}\"", labels(facts), shard.id);
                line(&mut text, metric, &labels, &shard.totals);
            }
        }
    }
    text
}

/// The names of both worlds, as the page of the documentation shows them.
#[cfg(test)]
fn table() -> String {
    let mut text = String::from("| CloudWatch | here | of | what it counts |\n|---|---|---|---|\n");
    let mut row = |aws, name, of, help| {
        let _ = writeln!(text, "| `{aws}` | `{name}` | {of} | {help} |");
    };
    for metric in STREAM {
        row(metric.aws, metric.name, "stream", metric.help);
    }
    for metric in SHARD {
        row(metric.aws, metric.name, "shard", metric.help);
    }
    for (aws, name, of, help) in work::TABLE {
        row(*aws, *name, *of, *help);
    }
    for metric in triggers::TRIGGER {
        row(metric.aws, metric.name, "trigger", metric.help);
    }
    text
}

fn head<T>(text: &mut String, metric: &Metric<T>) {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {} {}", metric.name, metric.help);
    let _ = writeln!(text, "# TYPE {} {kind}", metric.name);
}

fn line<T>(text: &mut String, metric: &Metric<T>, labels: &str, of: &T) {
    let value = (metric.value)(of);
    let value = if value.is_infinite() {
        "+Inf".to_owned()
    } else {
        value.to_string()
    };
    let _ = writeln!(text, "{}{{{labels}}} {value}", metric.name);
}

/// Names of streams, accounts and regions need no escapes.
fn labels(facts: &StreamFacts) -> String {
    let key = &facts.key;
    format!(
        "account=\"{}\",region=\"{}\",stream=\"{}\"",
        key.account, key.region, key.name
    )
}

fn counted(stream: &StreamTraffic, operation: Operation) -> Counted {
    let found = stream
        .operations
        .iter()
        .find(|(known, _)| *known == operation);
    found.map_or_else(Counted::default, |(_, counted)| *counted)
}

fn seconds(counted: Counted) -> f64 {
    counted.took.as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus keeps all numbers as such"
)]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_shows_the_table_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        let page = std::fs::read_to_string(path).expect("the page is in the repository");
        let (_, after) = page
            .split_once("<!-- metrics -->\n")
            .expect("it has a place for it");
        let (shown, _) = after
            .split_once("<!-- end of metrics -->")
            .expect("and an end of it");
        let expect = table();
        assert!(
            shown == expect,
            "put this between the two comments of docs/metrics.md:\n\n{expect}"
        );
    }

    #[test]
    fn no_two_metrics_have_one_name() {
        let streams = STREAM.iter().map(|metric| metric.name);
        let names: Vec<_> = streams
            .chain(SHARD.iter().map(|metric| metric.name))
            .chain(work::TABLE.iter().map(|(_, name, _, _)| *name))
            .chain(triggers::TRIGGER.iter().map(|metric| metric.name))
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
