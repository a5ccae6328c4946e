//! Spans of one attempt at a batch, as OTLP writes them in JSON. Pure.
//!
//! A batch goes on with the trace that its first record names, and links to those that its others name. Where it names none, the
//! id comes from its stream, shard and position, so that all attempts at a batch are one trace and whoever knows a sequence number
//! finds it.

use std::{collections::BTreeMap, sync::Arc};

use model::{Invocation, Outcome, Position, ShardId, Timestamp, TraceParent, UserRecord};
use serde_json::{Value, json};

/// Kinds of spans.
const PRODUCER: u8 = 4;
const CONSUMER: u8 = 5;
pub(super) const ERROR: u8 = 2;
/// Records of a batch whose traces its span links to.
const LINKS_MAX: usize = 32;

#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    stream: String,
    shard: ShardId,
    first: Position,
    arrived: Timestamp,
    began: Timestamp,
    trigger: String,
    function: String,
    version: String,
    request_id: String,
    attempt: u32,
    parent: Option<TraceParent>,
    records: Arc<[UserRecord]>,
}

impl Attempt {
    /// None where there is no record.
    pub(super) fn of(invocation: &Invocation, began: Timestamp) -> Option<Self> {
        let first = invocation.records.first()?;
        Some(Self {
            stream: invocation.stream.name.to_string(),
            shard: invocation.shard,
            first: first.position,
            arrived: first.arrived,
            began,
            trigger: invocation.trigger.to_string(),
            function: invocation.function.to_string(),
            version: invocation.version.to_string(),
            request_id: invocation.request_id.clone(),
            attempt: invocation.attempt,
            parent: invocation.trace_parent.clone(),
            records: Arc::clone(&invocation.records),
        })
    }

    fn id(&self, what: &str, digits: usize) -> String {
        let (stream, shard, first) = (&self.stream, self.shard, self.first);
        let text = format!(
            "{what}\0{stream}\0{shard}\0{}\0{}",
            first.sequence, first.sub_sequence
        );
        let digest = sandbox::digest_of(text.as_bytes()).to_string();
        digest.get(..digits).unwrap_or_default().to_owned()
    }

    /// Traces of the other records.
    fn links(&self) -> Vec<Value> {
        let others = self.records.iter().skip(1);
        let named = others.filter_map(|record| TraceParent::of_data(&record.data));
        let mut parents: Vec<TraceParent> = Vec::new();
        for parent in named.take(LINKS_MAX) {
            if Some(&parent) != self.parent.as_ref() && !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        let link = |it: &TraceParent| json!({ "traceId": it.trace_id(), "spanId": it.span_id() });
        parents.iter().map(link).collect()
    }

    pub(super) fn spans(&self, outcome: &Outcome, ended: Timestamp) -> Vec<Value> {
        let parent = self.parent.as_ref();
        let trace = parent.map_or_else(|| self.id("trace", 32), |it| it.trace_id().to_owned());
        let put = self.id("put", 16);
        let invoke = self.id(&format!("invoke {} {}", self.trigger, self.attempt), 16);
        let mut spans = Vec::new();
        if self.attempt == 1 {
            let mut put = json!({
                "traceId": trace, "spanId": put, "kind": PRODUCER, "name": format!("put {}", self.stream),
                "startTimeUnixNano": nanos(self.arrived), "endTimeUnixNano": nanos(self.arrived),
                "attributes": [text("messaging.system", "aws_kinesis"), text("messaging.destination.name", &self.stream),
                    text("shardmill.shard", &self.shard.to_string()), text("shardmill.sequence", &self.first.sequence.to_string())],
            });
            if let Some(parent) = parent {
                put["parentSpanId"] = json!(parent.span_id());
            }
            spans.push(put);
        }
        let mut span = json!({
            "traceId": trace, "spanId": invoke, "parentSpanId": put, "kind": CONSUMER, "name": format!("invoke {}", self.function),
            "startTimeUnixNano": nanos(self.began), "endTimeUnixNano": nanos(ended),
            "attributes": [text("shardmill.trigger", &self.trigger), text("faas.name", &self.function), text("faas.version", &self.version),
                text("faas.invocation_id", &self.request_id), number("shardmill.attempt", self.attempt.into()),
                number("messaging.batch.message_count", self.records.len() as u64)],
        });
        let links = self.links();
        if !links.is_empty() {
            span["links"] = Value::from(links);
        }
        match outcome {
            Outcome::Failed(fault) => {
                let first = fault.message.lines().next().unwrap_or_default();
                span["status"] =
                    json!({ "code": ERROR, "message": format!("{}: {first}", fault.kind) });
                spans.push(span);
            }
            Outcome::Answered(answer) => {
                spans.push(span);
                let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
                for emitted in &answer.outputs {
                    *counts.entry(&emitted.output).or_default() += 1;
                }
                for (output, count) in counts {
                    let id = self.id(
                        &format!("output {} {} {output}", self.trigger, self.attempt),
                        16,
                    );
                    spans.push(json!({
                        "traceId": trace, "spanId": id, "parentSpanId": invoke, "kind": PRODUCER, "name": format!("output {output}"),
                        "startTimeUnixNano": nanos(ended), "endTimeUnixNano": nanos(ended),
                        "attributes": [number("messaging.batch.message_count", count)],
                    }));
                }
            }
        }
        spans
    }
}

/// 64 bits are text in this JSON.
pub(super) fn nanos(at: Timestamp) -> String {
    (u128::from(at.as_millis()) * 1_000_000).to_string()
}

pub(super) fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

pub(super) fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

#[cfg(test)]
mod tests {
    use model::{Answer, Emitted, Fault, FaultClass, SequenceNumber, outcome::Usage};

    use super::*;

    fn attempt(number: u32) -> Attempt {
        Attempt {
            stream: "flights".to_owned(),
            shard: ShardId(1),
            first: Position {
                sequence: SequenceNumber([0, 0, 7]),
                sub_sequence: 0,
            },
            arrived: Timestamp::from_millis(5),
            began: Timestamp::from_millis(6),
            trigger: "late".to_owned(),
            function: "late".to_owned(),
            version: "3".to_owned(),
            request_id: "r-1".to_owned(),
            attempt: number,
            parent: None,
            records: Arc::default(),
        }
    }

    #[test]
    fn all_attempts_at_a_batch_are_one_trace_that_ends_with_its_outputs() {
        let fault = Fault {
            class: FaultClass::Function,
            kind: "Bad".to_owned(),
            message: "no\nmore".to_owned(),
            retry_after: None,
            usage: Usage::default(),
        };
        let emitted = Emitted {
            output: "default".to_owned(),
            partition_key: "k".into(),
            explicit_hash_key: None,
            data: bytes::Bytes::new(),
            source: None,
        };
        let answer = Answer {
            outputs: vec![emitted.clone(), emitted],
            ..Answer::default()
        };
        let ended = Timestamp::from_millis(9);
        let first = attempt(1).spans(&Outcome::Failed(fault), ended);
        let second = attempt(2).spans(&Outcome::Answered(answer), ended);
        let names = |spans: &[Value]| -> Vec<String> {
            let names = spans
                .iter()
                .map(|span| span["name"].as_str().unwrap_or_default());
            names.map(str::to_owned).collect()
        };
        assert_eq!(names(&first), ["put flights", "invoke late"]);
        assert_eq!(names(&second), ["invoke late", "output default"]);
        assert_eq!(first[1]["status"]["message"], "Bad: no");
        assert_eq!(first[1]["startTimeUnixNano"], "6000000");
        assert_eq!(second[1]["parentSpanId"], second[0]["spanId"]);
        for span in first.iter().chain(&second) {
            assert_eq!(span["traceId"], first[0]["traceId"]);
            assert_eq!(span["traceId"].as_str().map(str::len), Some(32));
            assert_eq!(span["spanId"].as_str().map(str::len), Some(16));
        }
        assert_ne!(first[1]["spanId"], second[0]["spanId"]);
    }
}
