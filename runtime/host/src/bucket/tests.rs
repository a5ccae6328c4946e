//! The bucket as a store, against a server that keeps objects as S3 does.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use platform::Platform;

use super::*;

const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

type Kept = Arc<Mutex<BTreeMap<String, Bytes>>>;

async fn answered(kept: Kept, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let signed = request.headers().contains_key("authorization");
    let (method, range) = (
        request.method().clone(),
        request.headers().get("range").cloned(),
    );
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut kept = kept.lock().unwrap();
    let answer = |status: StatusCode, body: Bytes| {
        Response::builder()
            .status(status)
            .body(Full::new(body))
            .unwrap()
    };
    if !signed || path.contains("broken") {
        return answer(
            StatusCode::FORBIDDEN,
            Bytes::from_static(b"<Code>AccessDenied</Code>"),
        );
    }
    if method == Method::PUT {
        kept.insert(path, body);
        return answer(StatusCode::OK, Bytes::new());
    }
    if method == Method::DELETE {
        kept.remove(&path);
        return answer(StatusCode::NO_CONTENT, Bytes::new());
    }
    let Some(found) = kept.get(&path) else {
        return answer(
            StatusCode::NOT_FOUND,
            Bytes::from_static(b"<Code>NoSuchKey</Code>"),
        );
    };
    if method == Method::HEAD {
        let length = Response::builder().header("content-length", found.len());
        return length.body(Full::new(Bytes::new())).unwrap();
    }
    match range.and_then(|range| {
        range
            .to_str()
            .ok()?
            .strip_prefix("bytes=")
            .map(str::to_owned)
    }) {
        Some(range) => {
            let (from, last) = range.split_once('-').unwrap();
            let (from, last): (usize, usize) = (from.parse().unwrap(), last.parse().unwrap());
            let end = found.len().min(last + 1);
            answer(StatusCode::PARTIAL_CONTENT, found.slice(from..end))
        }
        None => answer(StatusCode::OK, found.clone()),
    }
}

/// Listens, in virtual time where the platform is simulated, and gives what it keeps.
async fn s3(platform: &Platform, port: u16) -> (Bucket, Kept) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = platform.net.listen(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let kept = Kept::default();
    let (tasks, keeps) = (platform.tasks.clone(), Arc::clone(&kept));
    drop(platform.tasks.spawn("s3", async move {
        while let Ok((connection, _)) = listener.accept().await {
            let keeps = Arc::clone(&keeps);
            let serve = service_fn(move |request| {
                let keeps = Arc::clone(&keeps);
                async move { Ok::<_, std::convert::Infallible>(answered(keeps, request).await) }
            });
            drop(tasks.spawn("connection", async move {
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(connection), serve)
                        .await,
                );
            }));
        }
    }));
    let bucket = Bucket {
        platform: platform.clone(),
        calls: platform.tasks.here(),
        credentials: Credentials::of(&BTreeMap::new()),
        endpoint: Address::parse(&format!("http://{address}")),
        region: "us-east-1".to_owned(),
        name: "acme-archive".to_owned(),
        prefix: "flights/".to_owned(),
    };
    (bucket, kept)
}

#[tokio::test(start_paused = true)]
async fn objects_are_put_read_in_parts_and_deleted() {
    let platform = Platform::simulated(1);
    let (bucket, kept) = s3(&platform, 4100).await;
    let name = "8000.arc";
    let put = Bytes::from_static(b"0123456789");
    bucket.put(name, put).await.unwrap();
    assert!(
        kept.lock()
            .unwrap()
            .contains_key("/acme-archive/flights/8000.arc")
    );
    assert_eq!(bucket.size(name).await.unwrap(), 10);
    let part = bucket.read(name, 2..5).await.unwrap();
    assert_eq!(part, Bytes::from_static(b"234"));
    bucket.delete(name).await.unwrap();
    let gone = bucket.read(name, 2..5).await.unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    // S3 deletes what is not there.
    bucket.delete(name).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_bucket_refuses_is_told_in_its_words() {
    let platform = Platform::simulated(1);
    let (bucket, _) = s3(&platform, 4100).await;
    let refused = bucket.put("broken", Bytes::new()).await;
    let said = refused.unwrap_err().to_string();
    assert!(
        said.contains("s3://acme-archive/flights/ answered 403: <Code>AccessDenied"),
        "{said}"
    );
    let nobody = Bucket {
        endpoint: Address::parse("http://127.0.0.1:4199"),
        ..bucket
    };
    let unreached = nobody.size("x").await.unwrap_err().to_string();
    assert!(
        unreached.contains("connect to 127.0.0.1:4199"),
        "{unreached}"
    );
}

/// The log moves records on a thread that has timers and no sockets.
#[tokio::test]
async fn a_thread_without_sockets_uses_it_too() {
    let platform = Platform::real();
    let (bucket, kept) = s3(&platform, 0).await;
    let moving = platform.tasks.dedicated("log cleaner", async move {
        let put = bucket.put("8000.arc", Bytes::from_static(b"0123456789"));
        put.await?;
        bucket.read("8000.arc", 2..5).await
    });
    let read = platform.clock.timeout(DEADLINE, moving).await;
    let part = read.unwrap().unwrap().unwrap();
    assert_eq!(part, Bytes::from_static(b"234"));
    assert_eq!(kept.lock().unwrap().len(), 1);
}
