//! Stories of a server with a handler that fails, and of endpoints that come and go, in virtual time.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use dispatch::{OwedDocuments, OwedTo, TriggerRunner};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use leases::LeaseBook;
use model::{
    Fault, FaultClass, FunctionVersion, Invocation, NewRecord, Outcome, StreamKey, TriggerName,
    UserRecord,
    seams::{BoxFuture, Handler, LogTail, Source},
};
use platform::{Platform, Stop, Task};
use serde_json::{Value, json};

use crate::{
    api::{deliveries, streams::key},
    assemble::{Rooms, assemble},
    config,
    destinations::Held,
    options::UpOptions,
    plan,
};

const STREAMS: &str = "
version: 1
streams: { flights: {}, failures: {} }
destinations:
  queue: { sqs: 'arn:aws:sqs:us-east-1:000000000000:failed', endpoint: 'http://127.0.0.1:4100' }
  topic: { sns: 'arn:aws:sns:us-east-1:000000000000:failed', endpoint: 'http://127.0.0.1:4100' }
  bucket: { s3: 's3://acme-failed/late', endpoint: 'http://127.0.0.1:4100' }
  hook: { http: 'http://127.0.0.1:4100/hook' }
  folder: { directory: failed }
  other: { stream: failures }
";

fn settings(on_failure: &str) -> String {
    format!(
        "{STREAMS}
functions: {{ late: {{ source: late.wasm }} }}
triggers:
  late:
    stream: flights
    function: late
    retry: {{ attempts: 2, breaker: 'off' }}
    on_failure: {on_failure}
"
    )
}

/// Throws at everything.
#[derive(Debug)]
struct Thrower;

impl Handler for Thrower {
    fn version(&self, _: Option<FunctionVersion>, _: f64) -> FunctionVersion {
        FunctionVersion(1)
    }

    fn invoke(&self, _: Invocation) -> BoxFuture<'_, Outcome> {
        let fault = Fault {
            class: FaultClass::Function,
            kind: "BadDate".to_owned(),
            message: "24:10".to_owned(),
            retry_after: None,
            usage: model::outcome::Usage::default(),
        };
        Box::pin(async { Outcome::Failed(fault) })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        model::lambda::encoded_len(stream, record)
    }
}

/// A server with one trigger, whose handler throws.
struct World {
    platform: Platform,
    rooms: Arc<Rooms>,
    runner: TriggerRunner,
    delivering: Task<()>,
    stop: Stop,
}

impl World {
    async fn start(platform: &Platform, on_failure: &str) -> Self {
        let options = UpOptions {
            development: None,
            file: PathBuf::from("triggers.yaml"),
            env: BTreeMap::new(),
            data: PathBuf::from("data"),
            listen: [127, 0, 0, 1].into(),
            port: 0,
            web: crate::options::WebOptions::default(),
            components: BTreeMap::new(),
            environment: "dev".to_owned(),
            packer: None,
            otlp: None,
            allow_native: false,
            insecure: false,
            auth: None,
            aws_limits: false,
            tls: None,
            testing: false,
            segment_bytes: None,
            faults: None,
            transition: None,
            runtimes: None,
            server_json: None,
            master: streams::MasterKeys {
                file: PathBuf::from("master.key"),
                ..streams::MasterKeys::default()
            },
        };
        let read = |text: &str| config::read(&options.file, text, &options.env).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 4566));
        let (stop, running) = Stop::new();
        let project = read(STREAMS);
        let rooms = assemble(platform, &project, &options, address, running.clone());
        let rooms = Arc::new(rooms.await.unwrap());
        let project = read(&settings(on_failure));
        let name = TriggerName::parse("late").unwrap();
        let now = platform.clock.wall();
        let settings = plan::trigger(&rooms.world, &name, &project.triggers[&name], now);
        let log = rooms.log.clone();
        let tokens = Arc::new(move || log.next_fencing_token());
        let journal = Arc::clone(&rooms.journal);
        let shared = dispatch::Rooms {
            platform: platform.clone(),
            journal: Arc::clone(&journal),
            source: Arc::new(rooms.streams.clone()) as Arc<dyn Source>,
            handler: Arc::new(Thrower),
            leases: Arc::new(LeaseBook::open(journal, rooms.node.clone(), tokens)),
            dead_letters: Arc::clone(&rooms.dead_letters),
            logs: Arc::clone(&rooms.logs) as Arc<dyn LogTail>,
        };
        let runner = TriggerRunner::start(shared, settings, false).await.unwrap();
        let delivering = Arc::clone(&rooms.deliveries).run(running);
        Self {
            platform: platform.clone(),
            runner,
            delivering: platform.tasks.spawn("deliveries", delivering),
            rooms,
            stop,
        }
    }

    async fn put(&self, data: &str) {
        let record = NewRecord {
            partition_key: "k".into(),
            explicit_hash_key: None,
            data: data.to_owned().into(),
        };
        let flights = key(&self.rooms, "flights").unwrap();
        let put = self.rooms.streams.put(&flights, vec![record], None);
        put.await.unwrap();
    }

    async fn sleep(&self, seconds: u64) {
        self.platform
            .clock
            .sleep(Duration::from_secs(seconds))
            .await;
    }

    fn held(&self, destination: &str) -> Held {
        let to = to(destination);
        let all = self.rooms.deliveries.all();
        let found = all.into_iter().find(|(found, _)| *found == to);
        found.map(|(_, held)| held).unwrap_or_default()
    }

    fn pending(&self, destination: &str) -> usize {
        self.rooms.deliveries.pending(&to(destination), 10)
    }

    async fn end(self) {
        self.stop.stop();
        self.delivering.await.unwrap();
        self.runner.stop().await;
        self.rooms.log.stop().await;
    }
}

fn to(destination: &str) -> OwedTo {
    OwedTo {
        trigger: TriggerName::parse("late").unwrap(),
        destination: destination.to_owned(),
    }
}

/// What an endpoint was sent.
#[derive(Debug, Clone)]
struct Got {
    method: String,
    path: String,
    target: String,
    authorization: String,
    body: String,
}

type Received = Arc<Mutex<Vec<Got>>>;

/// Answers everything with one status.
async fn endpoint(platform: &Platform, status: StatusCode) -> (Received, Task<()>) {
    let listener = platform.net.listen(([127, 0, 0, 1], 4100).into());
    let listener = listener.await.unwrap();
    let received = Received::default();
    let (seen, own) = (Arc::clone(&received), platform.clone());
    let task = platform.tasks.spawn("endpoint", async move {
        while let Ok((connection, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = Arc::clone(&seen);
                async move {
                    let (parts, body) = request.into_parts();
                    let header = |name: &str| {
                        let value = parts.headers.get(name);
                        value.map_or("", |value| value.to_str().unwrap()).to_owned()
                    };
                    let body = body.collect().await?.to_bytes();
                    let got = Got {
                        method: parts.method.to_string(),
                        path: parts.uri.path().to_owned(),
                        target: header("x-amz-target"),
                        authorization: header("authorization"),
                        body: String::from_utf8(body.to_vec()).unwrap(),
                    };
                    seen.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(got);
                    let mut answer = Response::new(Full::new(Bytes::new()));
                    *answer.status_mut() = status;
                    Ok::<_, hyper::Error>(answer)
                }
            });
            let mut http = http1::Builder::new();
            let served = http.auto_date_header(false);
            let served = served.serve_connection(TokioIo::new(connection), service);
            drop(own.tasks.spawn("endpoint connection", async move {
                drop(served.await);
            }));
        }
    });
    (received, task)
}

fn all(received: &Received) -> Vec<Got> {
    received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

#[tokio::test(start_paused = true)]
async fn a29_a_destination_that_cannot_be_reached_gets_its_document_once_when_it_can() {
    let platform = Platform::simulated(1);
    let world = World::start(&platform, "[queue, folder]").await;
    world.put("{}").await;
    world.sleep(60).await;
    let down = world.held("queue");
    assert!(down.failures >= 5, "{down:?}");
    let (reason, _) = down.waiting.expect("it waits");
    assert!(reason.contains("127.0.0.1:4100"), "{reason}");
    assert_eq!(world.pending("queue"), 1);
    // Neither the shard nor the other destination waits for it.
    assert_eq!(world.held("folder").delivered, 1);
    let status = world.runner.status();
    assert_eq!(status[0].state, dispatch::ShardState::CaughtUp);
    assert_eq!(status[0].counters.dead_lettered, 1);
    let notes = deliveries::notes(&world.rooms);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("1 failure document waits for destination queue"));

    let (received, serving) = endpoint(&platform, StatusCode::OK).await;
    world.sleep(120).await;
    let got = all(&received);
    assert_eq!(got.len(), 1, "{got:?}");
    let up = world.held("queue");
    assert_eq!((up.delivered, up.waiting), (1, None));
    assert!(up.failures >= down.failures);
    assert_eq!(world.pending("queue"), 0);
    assert_eq!(
        (got[0].target.as_str(), got[0].path.as_str()),
        ("AmazonSQS.SendMessage", "/")
    );
    assert!(got[0].authorization.contains("/us-east-1/sqs/aws4_request"));
    let call: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(
        call["QueueUrl"],
        "http://127.0.0.1:4100/000000000000/failed"
    );
    let document = call["MessageBody"].as_str().unwrap();
    assert!(
        document.starts_with(r#"{"requestContext":{"requestId":""#),
        "{document}"
    );
    let document: Value = serde_json::from_str(document).unwrap();
    assert_eq!(
        document["requestContext"]["condition"],
        "RetryAttemptsExhausted"
    );
    assert_eq!(document["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(
        document["responseContext"],
        json!({ "statusCode": 200, "executedVersion": "1", "functionError": "Unhandled" })
    );
    assert_eq!(document["KinesisBatchInfo"]["batchSize"], 1);
    assert_eq!(document["payload"], Value::Null);
    serving.abort();
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_was_not_sent_before_a_stop_is_sent_after_the_next_start() {
    let platform = Platform::simulated(1);
    let world = World::start(&platform, "hook").await;
    world.put("{}").await;
    world.sleep(10).await;
    world.end().await;

    let (received, serving) = endpoint(&platform, StatusCode::OK).await;
    let world = World::start(&platform, "hook").await;
    world.sleep(1).await;
    let got = all(&received);
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!(got[0].path, "/hook");
    let document: Value = serde_json::from_str(&got[0].body).unwrap();
    let event = document["payload"].as_str().expect("the event is text");
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["Records"][0]["kinesis"]["data"], "e30=");
    serving.abort();
    world.end().await;
}

/// A document that waits in vain, and whose dead letter an operator drops meanwhile.
async fn without_its_letter(platform: &Platform) -> World {
    let world = World::start(platform, "hook").await;
    world.put("{}").await;
    world.sleep(10).await;
    let trigger = TriggerName::parse("late").unwrap();
    let owed = OwedDocuments::new(Arc::clone(&world.rooms.journal));
    let owed = owed.page(&to("hook"), None, 10).unwrap().remove(0);
    let said = crate::api::audit::row(&world.rooms, "test", &trigger, json!({}));
    let removed = world
        .rooms
        .dead_letters
        .remove(&trigger, &owed.letters[0], said);
    assert_eq!(removed.await.unwrap(), dispatch::Removed::Done);
    world
}

#[tokio::test(start_paused = true)]
async fn a_document_whose_dead_letter_is_gone_is_sent_without_the_event() {
    let platform = Platform::simulated(1);
    let world = without_its_letter(&platform).await;
    world.sleep(120).await;
    assert_eq!(world.pending("hook"), 1);
    let (received, serving) = endpoint(&platform, StatusCode::OK).await;
    world.sleep(120).await;
    let got = all(&received);
    assert_eq!(got.len(), 1, "{got:?}");
    let document: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(document["KinesisBatchInfo"]["batchSize"], 1);
    assert_eq!(document["hasBeenTruncated"], true);
    assert_eq!(document["payload"], Value::Null);
    assert_eq!(
        (world.held("hook").delivered, world.pending("hook")),
        (1, 0)
    );
    serving.abort();
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_without_dead_letters_is_given_up_in_the_end_and_that_is_said() {
    let platform = Platform::simulated(1);
    let world = without_its_letter(&platform).await;
    world.sleep(15 * 24 * 3600).await;
    let held = world.held("hook");
    assert_eq!((held.delivered, held.given_up), (0, 1));
    assert_eq!(world.pending("hook"), 0);
    let notes = deliveries::notes(&world.rooms);
    assert!(
        notes[0].starts_with("1 failure document was never taken by destination hook"),
        "{notes:?}"
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_refuses_one_document_is_asked_for_the_others_and_asked_again() {
    let platform = Platform::simulated(1);
    let (received, serving) = endpoint(&platform, StatusCode::PAYLOAD_TOO_LARGE).await;
    let world = World::start(&platform, "hook").await;
    world.put("1").await;
    world.sleep(5).await;
    world.put("2").await;
    world.sleep(60).await;
    let bodies: std::collections::BTreeSet<String> =
        all(&received).into_iter().map(|got| got.body).collect();
    assert_eq!(bodies.len(), 2);
    assert!(all(&received).len() > 4);
    let (reason, _) = world.held("hook").waiting.expect("it waits");
    assert_eq!(reason, "it answered 413");
    assert_eq!(world.pending("hook"), 2);
    serving.abort();
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_destination_gets_the_form_that_it_takes() {
    let platform = Platform::simulated(1);
    let (received, serving) = endpoint(&platform, StatusCode::OK).await;
    let world = World::start(&platform, "[topic, bucket, folder, other]").await;
    world.put("{}").await;
    world.sleep(30).await;
    let got = all(&received);
    let of = |service: &str| {
        let scope = format!("/{service}/aws4_request");
        got.iter()
            .find(|got| got.authorization.contains(&scope))
            .expect("it was sent")
    };
    let topic = of("sns");
    let start = "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A000000000000%3Afailed&Message=%7B%22requestContext%22";
    assert!(topic.body.starts_with(start), "{}", topic.body);
    let object = of("s3");
    assert_eq!(object.method, "PUT");
    let parts: Vec<&str> = object.path.split('/').collect();
    let [
        "",
        "acme-failed",
        "late",
        "aws",
        "lambda",
        mapping,
        shard,
        year,
        _,
        _,
        file,
    ] = parts.as_slice()
    else {
        panic!("{}", object.path);
    };
    assert!(uuid::Uuid::parse_str(mapping).is_ok(), "{mapping}");
    assert_eq!(*shard, "shardId-000000000000");
    assert!(file.starts_with(year) && file.len() == 56, "{file}");
    let document: Value = serde_json::from_str(&object.body).unwrap();
    assert!(document["payload"].is_string());

    let folder = world
        .platform
        .disk
        .list(&PathBuf::from("failed/late"))
        .await
        .unwrap();
    assert_eq!(folder.len(), 1, "{folder:?}");
    for destination in ["topic", "bucket", "folder", "other"] {
        assert_eq!(world.held(destination).delivered, 1, "{destination}");
        assert_eq!(world.pending(destination), 0, "{destination}");
    }
    let failures = key(&world.rooms, "failures").unwrap();
    let from = model::seams::ReadFrom::Oldest;
    let backlog = world
        .rooms
        .streams
        .backlog(&failures, model::ShardId(0), from);
    assert_eq!(backlog.unwrap().records, 1);
    serving.abort();
    world.end().await;
}
