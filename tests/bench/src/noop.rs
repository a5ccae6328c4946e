//! A server that reads a body, throws it away and says 200: what a request costs before anybody does anything with it.
//!
//! It runs on one thread of this process, whose processor time is counted alone.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::{load::Subject, machine};

const THREAD: &str = "no-op server";

#[derive(Debug)]
pub(crate) struct NoOp {
    address: SocketAddr,
    /// Its end is the server's end.
    _alive: oneshot::Sender<()>,
}

impl NoOp {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (alive, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = ended => {}
                        () = serve(listener) => {}
                    }
                });
            })
            .context("start the thread of the no-op server")?;
        Ok(Self {
            address,
            _alive: alive,
        })
    }
}

impl Subject for NoOp {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn cpu_seconds(&self) -> Result<f64> {
        machine::threads_cpu_seconds(THREAD)
    }
}

async fn serve(listener: TcpListener) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        // Without it answers would wait for the client's acknowledgements.
        drop(stream.set_nodelay(true));
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        // A client that goes away ends its own connection and nothing else.
        drop(tokio::spawn(connection));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    std::hint::black_box(bytes);
    Ok(Response::new(Full::new(Bytes::from_static(b"{}"))))
}
