//! What guests ask other servers: only what is granted, only at addresses that may be reached, and never without end.

use std::time::Duration;

use model::{Outcome, seams::Handler as _};
use platform::{Listener, Platform, Task};
use serde_json::{Value, json};
use shardmill_sandbox::{Function, FunctionLimits, Network};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{World, batch, generous, told};

/// A server of this machine that says the same to everybody, or nothing at all.
struct Server {
    port: u16,
    _serving: Task<()>,
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
/// More is announced than ever comes.
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello";
const SILENCE: &str = "";

async fn server(platform: &Platform, says: &'static str) -> Server {
    let here = "127.0.0.1:0".parse().expect("an address");
    let listener: Listener = platform.net.listen(here).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let tasks = platform.tasks.clone();
    let serving = platform.tasks.spawn("server", async move {
        let mut open = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            open.push(tasks.spawn("connection", async move {
                let mut asked = Vec::new();
                // Who begins to encrypt is answered in plain, too.
                while !asked.ends_with(b"\r\n\r\n") && !asked.starts_with(&[0x16]) {
                    let mut byte = [0];
                    if connection.read(&mut byte).await.unwrap_or(0) == 0 {
                        return;
                    }
                    asked.push(byte[0]);
                }
                let _gone = connection.write_all(says.as_bytes()).await;
                std::future::pending::<()>().await;
            }));
        }
    });
    Server {
        port,
        _serving: serving,
    }
}

async fn granted(world: &World, patterns: &[String]) -> Function {
    let limits = FunctionLimits {
        network: Network::new(patterns),
        ..generous()
    };
    world.load("asks", limits).await
}

async fn asked(world: &World, patterns: &[String], url: &str) -> Value {
    let function = granted(world, patterns).await;
    let answer = told(world, &function, &json!({ "ask": url })).await;
    answer[0].clone()
}

#[tokio::test]
async fn what_is_granted_is_asked_and_nothing_else() {
    let world = World::real();
    let server = server(&world.platform, HELLO).await;
    let port = server.port;
    let url = format!("http://127.0.0.1:{port}/x");
    assert_eq!(
        asked(&world, &[], &url).await,
        "ErrorCode::HttpRequestDenied"
    );
    let (level, line) = world.said.lines().pop().expect("a line");
    assert_eq!(level, 3);
    assert_eq!(
        line,
        format!(
            "asking 127.0.0.1:{port} is not granted: add \"127.0.0.1:{port}\" to `functions.gates.network` in triggers.yaml"
        )
    );
    let elsewhere = ["127.0.0.1:1".to_owned(), format!("127.0.0.2:{port}")];
    assert_eq!(
        asked(&world, &elsewhere, &url).await,
        "ErrorCode::HttpRequestDenied"
    );
    let here = [format!("127.0.0.1:{port}")];
    assert_eq!(asked(&world, &here, &url).await, json!([200, "hello"]));
}

/// A name that leads to this machine is not the way into it, whoever changes what the name means, and when.
#[tokio::test]
async fn a_granted_name_does_not_lead_to_private_addresses() {
    let world = World::real();
    let server = server(&world.platform, HELLO).await;
    let port = server.port;
    // Resolved by the machine's own resolver, to 127.0.0.1.
    let named = [format!("127.1:{port}")];
    let url = format!("http://127.1:{port}/");
    assert_eq!(
        asked(&world, &named, &url).await,
        "ErrorCode::DestinationIpProhibited"
    );
    let (_, line) = world.said.lines().pop().expect("a line");
    assert_eq!(
        line,
        format!(
            "127.1 leads to 127.0.0.1, which is not of the public network: grant it as what it is, \"127.0.0.1:{port}\" in `functions.gates.network` of triggers.yaml"
        )
    );
    let both = [named[0].clone(), format!("127.0.0.0/8:{port}")];
    assert_eq!(asked(&world, &both, &url).await, json!([200, "hello"]));
    let any = [format!("*:{port}")];
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(
        asked(&world, &any, &url).await,
        "ErrorCode::DestinationIpProhibited"
    );
    let mapped = format!("http://[::ffff:127.0.0.1]:{port}/");
    assert_eq!(
        asked(&world, &any, &mapped).await,
        "ErrorCode::DestinationIpProhibited"
    );
}

#[tokio::test]
async fn a_redirect_is_handed_over_and_not_followed() {
    let world = World::real();
    let moved =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let server = server(&world.platform, moved).await;
    let here = [format!("127.0.0.1:{}", server.port)];
    let url = format!("http://127.0.0.1:{}/", server.port);
    assert_eq!(asked(&world, &here, &url).await, json!([302, ""]));
}

#[tokio::test]
async fn what_cannot_be_asked_says_why() {
    let world = World::real();
    let all = ["127.0.0.1:*".to_owned()];
    let here = "127.0.0.1:0".parse().expect("an address");
    let listener = world.platform.net.listen(here).await.expect("a port");
    let gone = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = format!("http://127.0.0.1:{gone}/");
    assert_eq!(
        asked(&world, &all, &url).await,
        "ErrorCode::ConnectionRefused"
    );
    let server = server(&world.platform, "nonsense\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    assert_eq!(
        asked(&world, &all, &url).await,
        "ErrorCode::HttpProtocolError"
    );
    let secure = format!("https://127.0.0.1:{}/", server.port);
    assert_eq!(
        asked(&world, &all, &secure).await,
        "ErrorCode::TlsCertificateError"
    );
    let function = granted(&world, &all).await;
    let tunnel = json!({ "ask": url, "method": "CONNECT" });
    assert_eq!(
        told(&world, &function, &tunnel).await[0],
        "ErrorCode::HttpRequestMethodInvalid"
    );
}

#[tokio::test]
async fn no_sandbox_holds_more_than_its_connections() {
    let world = World::real();
    let (half, whole) = (
        server(&world.platform, HALF).await,
        server(&world.platform, HELLO).await,
    );
    let function = granted(&world, &["127.0.0.1:*".to_owned()]).await;
    let url = format!("http://127.0.0.1:{}/", half.port);
    let event = json!({ "ask": url, "times": 40, "hold": true });
    let answer = told(&world, &function, &event).await;
    let answers = answer.as_array().expect("answers");
    let well = answers.iter().filter(|it| **it == json!(200)).count();
    assert_eq!(well, 32);
    assert_eq!(answers[32], "ErrorCode::ConnectionLimitReached");
    // They are gone with the sandbox.
    let url = format!("http://127.0.0.1:{}/", whole.port);
    assert_eq!(
        told(&world, &function, &json!({ "ask": url })).await,
        json!([[200, "hello"]])
    );
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_timeout_and_no_more() {
    let world = World::real();
    let server = server(&world.platform, SILENCE).await;
    let limits = FunctionLimits {
        network: Network::new(&[format!("127.0.0.1:{}", server.port)]),
        timeout: Duration::from_millis(200),
        ..generous()
    };
    let function = world.load("asks", limits).await;
    let event = json!({ "ask": format!("http://127.0.0.1:{}/", server.port) });
    let called = function.call(batch(&[]), Some(event.to_string().into_bytes()));
    match called.await.outcome {
        Outcome::Failed(fault) => assert_eq!(fault.kind, "Timeout", "{}", fault.message),
        Outcome::Answered(answer) => panic!("answered: {answer:?}"),
    }
    // A neighbour is served as if nothing were.
    let neighbour = world.load("echo", generous()).await;
    let outcome = neighbour.invoke(batch(&[("a", "x")])).await;
    assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
}
