//! `tail --fan-out`: the records of a stream as a registered consumer gets them, pushed over a subscription a shard.
//!
//! Without a name a consumer is registered for as long as the verb runs. A subscription that ends after its five minutes
//! is followed by another one, a shard that ends by its children. Without `--follow` it ends once every shard said that
//! nothing lies behind.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Shown, events::Messages, shard_number};
use crate::arguments::Tail;
use crate::client::{Client, Subscriber, World, percent_encoded};
use crate::failure::{Exit, Failure};
use crate::limits::{
    EVENTS_WAITING_MAX, READY_LOOKS_MAX, READY_PAUSE, SUBSCRIBE_LOOKS_MAX, SUBSCRIBE_PAUSE,
};
use crate::moment::From;
use crate::output::{Output, text};
use crate::verbs::items;
use crate::waiting;

/// What a shard's subscription brings.
#[derive(Debug)]
enum News {
    Event { shard: u64, event: Value },
    Failed(Failure),
}

pub(super) async fn tail(
    client: &mut Client,
    output: Output,
    (tail, from): (&Tail, &From),
    named: Option<&str>,
) -> Result<(), Failure> {
    let name = match named {
        Some(name) => name.to_owned(),
        None => register(client, &tail.stream).await?,
    };
    let read = async {
        let arn = active(client, &tail.stream, &name).await?;
        read(client, output, (tail, from), &arn).await
    };
    let ended = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted")),
        ended = read => ended,
    };
    if named.is_none() {
        let path = consumers(&tail.stream);
        client.reconnect().await?;
        client.delete(&format!("{path}/{name}")).await?;
    }
    ended
}

fn consumers(stream: &str) -> String {
    format!("streams/{}/consumers", percent_encoded(stream))
}

async fn register(client: &mut Client, stream: &str) -> Result<String, Failure> {
    let id = uuid::Uuid::now_v7().simple().to_string();
    let name = format!("tail-{id}");
    let path = consumers(stream);
    client.post(&path, &json!({ "name": name })).await?;
    Ok(name)
}

/// The ARN of a consumer, once it may be used.
async fn active(client: &mut Client, stream: &str, name: &str) -> Result<String, Failure> {
    for _ in 0..READY_LOOKS_MAX {
        let all = client.get(&consumers(stream)).await?;
        let mut all = items(&all, "consumers").into_iter();
        let Some(found) = all.find(|consumer| text(consumer, "/name") == name) else {
            let message = format!("tail {stream}: it has no consumer {name}");
            return Err(Failure::new(Exit::NotFound, message)
                .hint("`shardmill stream consumers NAME --add CONSUMER` registers one; `--fan-out` without a name needs none"));
        };
        if text(&found, "/status") == "ACTIVE" {
            return Ok(text(&found, "/arn"));
        }
        waiting::pause(READY_PAUSE).await;
    }
    let message = format!("tail {stream}: consumer {name} did not become ACTIVE");
    Err(Failure::new(Exit::TimedOut, message))
}

async fn read(
    client: &mut Client,
    output: Output,
    (tail, from): (&Tail, &From),
    arn: &str,
) -> Result<(), Failure> {
    let path = format!("streams/{}", percent_encoded(&tail.stream));
    let facts = client.get(&path).await?;
    let world = World {
        account: text(&facts, "/account"),
        region: text(&facts, "/region"),
    };
    let only = tail.shard.as_deref().map(shard_number).transpose()?;
    let (news, mut heard) = mpsc::channel(EVENTS_WAITING_MAX);
    let subscribe = |shard: u64, position: Value| {
        let subscriber = client.subscriber(&world);
        let follower = Follower {
            subscriber,
            arn: arn.to_owned(),
            shard,
            news: news.clone(),
        };
        waiting::drive(follower.run(position));
    };
    let mut open = BTreeSet::new();
    let shards = items(&facts, "shards");
    for shard in &shards {
        let number = shard_number(&text(shard, "/id"))?;
        let begins = only.is_none() && begins(from, shard, &shards);
        if begins || only == Some(number) {
            open.insert(number);
            subscribe(number, position(from));
        }
    }
    if let (Some(only), true) = (only, open.is_empty()) {
        let message = format!("tail {}: it has no shard {only}", tail.stream);
        return Err(Failure::new(Exit::NotFound, message));
    }
    let mut shown = Shown::new(output, tail);
    let mut known = open.clone();
    while !open.is_empty() {
        let Some(heard) = heard.recv().await else {
            return Ok(());
        };
        let (shard, event) = match heard {
            News::Event { shard, event } => (shard, event),
            News::Failed(failure) => return Err(failure),
        };
        for record in items(&event, "Records") {
            if !shown.record(document(shard, &record))? {
                return Ok(());
            }
        }
        let ended = event["ContinuationSequenceNumber"].is_null();
        let children = items(&event, "ChildShards");
        let children = children.iter().filter(|_| only.is_none());
        for child in children {
            let child = shard_number(&text(child, "/ShardId"))?;
            if known.insert(child) {
                open.insert(child);
                subscribe(child, json!({ "Type": "TRIM_HORIZON" }));
            }
        }
        let at_tip = event["MillisBehindLatest"].as_u64() == Some(0) && !tail.follow;
        if ended || at_tip {
            open.remove(&shard);
        }
    }
    Ok(())
}

/// Whether a shard is read from the start on; children come after their parents.
fn begins(from: &From, shard: &Value, all: &[Value]) -> bool {
    let is_there = |parent: &Value| all.iter().any(|shard| shard["id"] == *parent);
    match from {
        From::Oldest | From::At(_) | From::Ago(_) => !items(shard, "parents").iter().any(is_there),
        From::Latest => shard["open"] == true,
        From::Sequence(_) => true,
    }
}

fn position(from: &From) -> Value {
    let moment = |ms: i64| json!({ "Type": "AT_TIMESTAMP", "Timestamp": ms / 1000 });
    match from {
        From::Oldest => json!({ "Type": "TRIM_HORIZON" }),
        From::Latest => json!({ "Type": "LATEST" }),
        From::At(at) => moment(at.as_millisecond()),
        From::Ago(ago) => {
            let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
            moment(waiting::now().as_millisecond().saturating_sub(ago))
        }
        From::Sequence(number) => json!({ "Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": number }),
    }
}

/// A record of an event as `tail` shows all of them.
fn document(shard: u64, record: &Value) -> Value {
    let arrived = record["ApproximateArrivalTimestamp"].as_f64();
    let arrived = Duration::try_from_secs_f64(arrived.unwrap_or_default()).unwrap_or_default();
    let arrived_ms = u64::try_from(arrived.as_micros().div_ceil(500) / 2).unwrap_or_default();
    json!({
        "shard": format!("shardId-{shard:012}"),
        "sequence": record["SequenceNumber"],
        "arrived_ms": arrived_ms,
        "key": record["PartitionKey"],
        "data": record["Data"],
    })
}

/// Subscribes to one shard again and again, until it ends or nobody listens.
struct Follower {
    subscriber: Subscriber,
    arn: String,
    shard: u64,
    news: mpsc::Sender<News>,
}

impl Follower {
    async fn run(self, mut position: Value) {
        loop {
            match self.subscription(&position).await {
                Ok(Some(number)) => {
                    position = json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number });
                }
                Ok(None) => return,
                Err(failure) => {
                    // Nobody listens any more when this fails.
                    drop(self.news.send(News::Failed(failure)).await);
                    return;
                }
            }
            waiting::pause(SUBSCRIBE_PAUSE).await;
        }
    }

    /// Waits until an earlier subscription of the same consumer is old enough to be taken over.
    async fn subscribe(&self, body: Bytes) -> Result<Incoming, Failure> {
        let mut looks = 1..SUBSCRIBE_LOOKS_MAX;
        loop {
            match self.subscriber.subscribe(body.clone()).await {
                Err(failure) if failure.exit == Exit::Conflict && looks.next().is_some() => {
                    waiting::pause(SUBSCRIBE_PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    /// Passes on all events of one subscription; where the next one begins, unless the shard has ended.
    async fn subscription(&self, position: &Value) -> Result<Option<String>, Failure> {
        let body = json!({
            "ConsumerARN": self.arn,
            "ShardId": format!("shardId-{:012}", self.shard),
            "StartingPosition": position,
        });
        let mut body = self.subscribe(Bytes::from(body.to_string())).await?;
        let mut messages = Messages::default();
        let mut next = position["SequenceNumber"].as_str().map(str::to_owned);
        while let Some(frame) = body.frame().await {
            // A connection that breaks is as good as one that ended: the next one goes on behind the last event.
            let Ok(frame) = frame else { break };
            if let Some(data) = frame.data_ref() {
                messages.add(data);
            }
            let unread = |what: &str| Failure::failed(format!("read events: {what}"));
            while let Some(message) = messages.take().map_err(unread)? {
                let payload = serde_json::from_slice::<Value>(&message.payload);
                let event = payload.map_err(|error| unread(&error.to_string()))?;
                if let Some(exception) = message.exception() {
                    let said = text(&event, "/message");
                    return Err(Failure::new(Exit::Conflict, format!("{exception}: {said}")));
                }
                if message.event() != "SubscribeToShardEvent" {
                    continue;
                }
                next = event["ContinuationSequenceNumber"]
                    .as_str()
                    .map(str::to_owned);
                let ended = next.is_none();
                let shard = self.shard;
                if self.news.send(News::Event { shard, event }).await.is_err() || ended {
                    return Ok(None);
                }
            }
        }
        next.map(Some).ok_or_else(|| {
            Failure::failed("read events: the subscription ended before its first event")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_begin_is_a_starting_position() {
        for (from, expected) in [
            (From::Oldest, json!({"Type": "TRIM_HORIZON"})),
            (From::Latest, json!({"Type": "LATEST"})),
            (
                From::At("2026-11-23T09:00Z".parse().unwrap()),
                json!({"Type": "AT_TIMESTAMP", "Timestamp": 1_795_424_400}),
            ),
            (
                From::Sequence("49".to_owned()),
                json!({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "49"}),
            ),
        ] {
            assert_eq!(position(&from), expected);
        }
    }

    #[test]
    fn a_record_looks_as_everywhere() {
        let record = json!({"SequenceNumber": "49", "ApproximateArrivalTimestamp": 1_795_424_400.123, "PartitionKey": "k", "Data": "eA=="});
        assert_eq!(
            document(2, &record),
            json!({"shard": "shardId-000000000002", "sequence": "49", "arrived_ms": 1_795_424_400_123_u64, "key": "k", "data": "eA=="})
        );
    }
}
