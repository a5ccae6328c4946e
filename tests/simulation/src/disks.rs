//! A server on a disk that is full or fails once, at one of the operations of its life: how it ends and what it says.
//!
//! The next start finds everything that was acknowledged; that is asserted here, the words are the caller's to judge.

use std::time::Duration;

use host::StartError;
use platform::{DiskFault, Platform};
use serde_json::json;

use crate::{
    client::{Ask, Client},
    compiled::compiled,
    pages::Pages,
    server::{Server, furnish},
    story::simulated,
    trace::Trace,
};

/// Of a disk without a limit.
const ROOM: u64 = 1 << 40;
const PUTS: u64 = 12;
/// A server that still serves after so long does so for good.
const LIFE: Duration = Duration::from_secs(20);

/// What a server said that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub message: String,
    pub hint: Option<&'static str>,
}

impl Said {
    fn of(error: &StartError) -> Self {
        Self {
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}

/// With one fault at an operation of the first life, counted from its start.
#[must_use]
pub fn with_fault(operation: u64, fault: DiskFault) -> Option<Said> {
    played(one_fault(operation, fault))
}

/// With so little room from the start.
#[must_use]
pub fn with_room(bytes: u64) -> Option<Said> {
    played(async {
        let (world, trace) = world().await;
        let free = world.disk.free_bytes("/".as_ref()).await;
        let used = ROOM - free.expect("the root is there");
        world.disk.limit(used + bytes);
        let (ended, _) = life(&world, &trace).await;
        ended.as_ref().map(Said::of)
    })
}

/// What is said in the trace of a server that was asked to stop.
#[must_use]
pub fn stopped() -> Option<String> {
    played(async {
        let (world, trace) = world().await;
        let server = Server::start(&world, &trace, None);
        let mut client = Client::new(&world, "client", &trace);
        client.ask(&Ask::get("status")).await;
        server.stop().await;
        let mut lines = trace.lines().into_iter();
        lines.find(|line| line.contains("ended: "))
    })
}

fn played<T>(told: impl Future<Output = T>) -> T {
    // Made in a world of its own, before there is one here.
    compiled();
    simulated(told)
}

async fn world() -> (Platform, Trace) {
    let (world, trace) = (Platform::simulated(1), Trace::default());
    trace.follow(&world.clock);
    let furnished = furnish(&world.disk, compiled()).await;
    furnished.expect("a disk that is empty");
    world.disk.sync_tree("/".as_ref()).expect("a sound disk");
    (world, trace)
}

/// How one life ended by itself, if it did, and how many puts were acknowledged in it.
async fn life(world: &Platform, trace: &Trace) -> (Option<StartError>, u64) {
    let mut server = Server::start(world, trace, None);
    let mut client = Client::new(world, "client", trace);
    let mut acknowledged = 0;
    for number in 0..PUTS {
        let record = json!({ "PartitionKey": "k", "Data": "e30=" });
        let body = json!({ "StreamName": "flights", "Records": [record] });
        let ask = Ask::put_records(&body, "client", number);
        let put = world.clock.timeout(LIFE / 10, client.once(&ask)).await;
        if let Ok(Some((status, _))) = put
            && status.is_success()
        {
            acknowledged += 1;
        } else {
            // It may be starting, or gone.
            client.hang_up();
            world.clock.sleep(Duration::from_millis(50)).await;
        }
    }
    let ended = world.clock.timeout(LIFE, server.ended()).await;
    let ended = ended.ok().and_then(Result::err);
    server.kill().await;
    (ended, acknowledged)
}

/// Everything that was acknowledged before is there when the disk is sound again.
async fn all_is_there(world: &Platform, trace: &Trace, acknowledged: u64, name: &str) {
    let server = Server::start(world, trace, None);
    let mut client = Client::new(world, "looker", trace);
    let records = Pages::oldest("flights").all(&mut client).await;
    assert!(
        records.len() as u64 >= acknowledged,
        "{name}: {} of {acknowledged}",
        records.len()
    );
    server.kill().await;
}

async fn one_fault(operation: u64, fault: DiskFault) -> Option<Said> {
    let (world, trace) = world().await;
    let first = world.disk.operations();
    world.disk.fault(first + operation, fault);
    let name = format!("{fault:?} at operation {operation}");
    let (ended, acknowledged) = life(&world, &trace).await;
    world.disk.crash();
    all_is_there(&world, &trace, acknowledged, &name).await;
    ended.as_ref().map(Said::of)
}
