//! Clients that do not do their part, in virtual time, against a listener without rooms: it answers `/healthz`.

use std::{net::SocketAddr, time::Duration};

use platform::{Connection, Stop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::limits::{
    CLOSE_GRACE, CONNECTION_LOOK, FIRST_REQUEST_MAX, HEAD_MAX, IDLE_MAX, IDLE_MAX_WHEN_CROWDED,
};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

struct World {
    platform: Platform,
    address: SocketAddr,
    _stop: Stop,
}

impl World {
    async fn new() -> Self {
        let platform = Platform::simulated(1);
        let address = SocketAddr::from(([127, 0, 0, 1], 4566));
        let listener = platform.net.listen(address).await.unwrap();
        let (stop, token) = Stop::new();
        let entrance = Arc::new(Entrance::default());
        let serving = serve(platform.clone(), listener, entrance, token);
        drop(platform.tasks.spawn("doors", serving));
        Self {
            platform,
            address,
            _stop: stop,
        }
    }

    async fn connect(&self, sent: &[u8]) -> Connection {
        let mut connection = self.platform.net.connect(self.address).await.unwrap();
        connection.write_all(sent).await.unwrap();
        connection
    }

    /// Waits for an answer and reads it.
    async fn answered(&self, connection: &mut Connection) {
        let mut answer = vec![0; 4096];
        let read = connection.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{read} bytes");
    }

    /// How long it takes until the server has closed the connection.
    async fn closed(&self, mut connection: Connection) -> Duration {
        let since = self.platform.clock.monotonic();
        let mut rest = Vec::new();
        drop(connection.read_to_end(&mut rest).await);
        self.platform.clock.monotonic().0 - since.0
    }

    async fn check(&self, connection: Connection, expected: Duration) {
        let took = self.closed(connection).await;
        let latest = expected + CONNECTION_LOOK + CLOSE_GRACE;
        assert!(
            expected <= took && took <= latest,
            "{took:?} is not {expected:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_begins_nothing_is_let_go() {
    let world = World::new().await;
    for sent in [&b""[..], b"P", &HEALTH[..9], PREFACE] {
        let connection = world.connect(sent).await;
        world.check(connection, FIRST_REQUEST_MAX).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_trickles_a_head_gets_no_more_time() {
    let world = World::new().await;
    let connection = world.connect(&HEALTH[..4]).await;
    let (mut reads, mut writes) = tokio::io::split(connection);
    let clock = world.platform.clock.clone();
    drop(world.platform.tasks.spawn("trickle", async move {
        for byte in HEALTH[4..].iter().take(30).chain([&b'x'; 10_000]) {
            clock.sleep(Duration::from_secs(2)).await;
            if writes.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    }));
    let since = world.platform.clock.monotonic();
    drop(reads.read_to_end(&mut Vec::new()).await);
    let took = world.platform.clock.monotonic().0 - since.0;
    assert!(
        took <= FIRST_REQUEST_MAX + CONNECTION_LOOK + CLOSE_GRACE,
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_is_let_go() {
    let world = World::new().await;
    let mut idle = world.connect(HEALTH).await;
    world.answered(&mut idle).await;
    world.check(idle, IDLE_MAX).await;
    let mut half = world.connect(HEALTH).await;
    world.answered(&mut half).await;
    half.write_all(&HEALTH[..9]).await.unwrap();
    world.check(half, HEAD_MAX).await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_now_and_then_may_stay() {
    let world = World::new().await;
    let mut connection = world.connect(b"").await;
    for _ in 0..20 {
        connection.write_all(HEALTH).await.unwrap();
        world.answered(&mut connection).await;
        world
            .platform
            .clock
            .sleep(IDLE_MAX - Duration::from_secs(30))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_house_lets_idle_ones_go_sooner() {
    let world = World::new().await;
    let mut crowd = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut connection = world.connect(HEALTH).await;
        world.answered(&mut connection).await;
        crowd.push(connection);
    }
    // The one too many waits in the queue until another has gone.
    let since = world.platform.clock.monotonic();
    let mut late = world.connect(HEALTH).await;
    world.answered(&mut late).await;
    let waited = world.platform.clock.monotonic().0 - since.0;
    let latest = IDLE_MAX_WHEN_CROWDED + CONNECTION_LOOK + CLOSE_GRACE;
    assert!(waited <= latest, "{waited:?}");
}
