//! One connection: its first byte says whether it is TLS, its first bytes within whether it is HTTP/2.
//!
//! What comes is handed to the doors request by request; a client that does not do its part is let go by the watch.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response, header, header::Entry};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use platform::{Connection, Platform, StopToken};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::{
    Serves, http_date,
    watch::{Watch, WatchedBody},
};
use crate::limits::{CLOSE_GRACE, HTTP2_HEADERS_BYTES_MAX, HTTP2_STREAMS_MAX};

/// The first byte of a TLS connection; no method of HTTP begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves a connection to its end, or until the client is overdue.
pub(super) async fn serve_connection<S: Serves>(
    connection: Connection,
    peer: SocketAddr,
    platform: Platform,
    entrance: Arc<S>,
    watch: Watch,
    stop: StopToken,
) {
    let (closing, closed) = platform::Stop::new();
    let serving = Serving {
        peer,
        platform: platform.clone(),
        entrance,
        watch: watch.clone(),
        stop,
        closed,
    };
    let serving = serving.run(connection);
    tokio::pin!(serving);
    let overdue = tokio::select! {
        biased;
        () = serving.as_mut() => return,
        overdue = watch.overdue() => overdue,
    };
    tracing::debug!(%overdue, "a connection is closed");
    closing.stop();
    // Whoever still does not part is cut off.
    let _parted = platform.clock.timeout(CLOSE_GRACE, serving).await;
}

struct Serving<S> {
    peer: SocketAddr,
    platform: Platform,
    entrance: Arc<S>,
    watch: Watch,
    stop: StopToken,
    /// Stopped when the client is overdue.
    closed: StopToken,
}

impl<S: Serves> Serving<S> {
    async fn run(self, mut connection: Connection) {
        let mut first = [0];
        if !matches!(connection.read(&mut first).await, Ok(1)) {
            return;
        }
        let [first] = first;
        let connection = Begun {
            first: Some(first),
            rest: connection,
        };
        if first != TLS_HANDSHAKE {
            return self.http(connection).await;
        }
        let Some(tls) = self.entrance.tls() else {
            tracing::debug!("a client asked for TLS, which is not served here");
            return;
        };
        match tls.accept(connection).await {
            Ok(encrypted) => self.http(encrypted).await,
            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
        }
    }

    async fn http(self, connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self {
            peer,
            platform,
            entrance,
            watch,
            stop,
            closed,
        } = self;
        let clock = platform.clock.clone();
        let mut builder = auto::Builder::new(TaskExecutor { platform });
        // Hyper would ask the operating system for the date.
        builder.http1().pipeline_flush(true).auto_date_header(false);
        builder
            .http2()
            .auto_date_header(false)
            .max_concurrent_streams(HTTP2_STREAMS_MAX)
            .max_header_list_size(HTTP2_HEADERS_BYTES_MAX)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20);
        let watched = Watched {
            inner: connection,
            watch: watch.clone(),
        };
        let service = service_fn(move |request: Request<Incoming>| {
            let (entrance, clock) = (Arc::clone(&entrance), clock.clone());
            let open = watch.request(request.version());
            async move {
                let mut response = entrance.answer(peer, request).await;
                if let Entry::Vacant(date) = response.headers_mut().entry(header::DATE) {
                    date.insert(http_date(clock.wall()));
                }
                let watched = |body| WatchedBody { body, _open: open };
                Ok::<Response<WatchedBody<S::Body>>, Infallible>(response.map(watched))
            }
        });
        let served = builder.serve_connection(TokioIo::new(watched), service);
        tokio::pin!(served);
        let ended = tokio::select! {
            biased;
            ended = served.as_mut() => Some(ended),
            () = stop.stopped() => None,
            () = closed.stopped() => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Hyper's own tasks run where all tasks run, so that the simulator sees them.
#[derive(Debug, Clone)]
struct TaskExecutor {
    platform: Platform,
}

impl<F> hyper::rt::Executor<F> for TaskExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.platform.tasks.spawn("http2-stream", future));
    }
}

/// A connection whose first byte was looked at already.
#[derive(Debug)]
struct Begun {
    first: Option<u8>,
    rest: Connection,
}

impl AsyncRead for Begun {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.rest).poll_read(context, buffer)
    }
}

impl AsyncWrite for Begun {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_shutdown(context)
    }
}

/// A connection that tells its watch what comes and goes.
#[derive(Debug)]
struct Watched<C> {
    inner: C,
    watch: Watch,
}

impl<C: AsyncRead + Unpin> AsyncRead for Watched<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.watch.received();
        }
        Poll::Ready(read)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Watched<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch.wrote(written.is_ready());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.watch.wrote(flushed.is_ready());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
