//! `wasi:http`: a request goes into a guest, and its answer comes out while the guest still runs.
//!
//! Bodies stream both ways and are never held as a whole here. An answer that ends before its guest has ended well is
//! cut off, so that no client takes half of it for all of it. What guests ask others is in `outgoing`.

use std::{
    fmt,
    pin::Pin,
    task::{Context as Waking, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use wasmtime::component::Resource;
use wasmtime_wasi::{WasiCtxView, WasiView as _};
use wasmtime_wasi_http::{
    Error, WasiHttpCtxView, WasiHttpView,
    p2::{
        bindings::http::types::Scheme,
        types::{HostIncomingRequest, HostResponseOutparam},
    },
};

use crate::context::Context;

/// A body on its way into a guest, or out of one.
pub type HttpBody = UnsyncBoxBody<Bytes, BodyBroken>;

/// Why a body ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyBroken {
    #[error("it is larger than its route takes")]
    TooLarge,
    #[error("whoever sent it has gone away")]
    CutOff,
    #[error("the function failed before it had written all of it")]
    Failed,
}

impl From<BodyBroken> for Error {
    fn from(broken: BodyBroken) -> Self {
        match broken {
            BodyBroken::TooLarge => Self::HttpRequestBodySize(None),
            BodyBroken::CutOff | BodyBroken::Failed => Self::ConnectionTerminated,
        }
    }
}

/// What a guest answered: a head with a body that may still grow, or the error it gave in its place.
pub type Answered = Result<Response<HttpBody>, String>;

/// A request on its way into a guest, and where its answer goes.
pub(crate) struct Exchange {
    pub(crate) request: Request<HttpBody>,
    pub(crate) answer: oneshot::Sender<Answered>,
    /// Told once the guest has ended well; dropped when it has not.
    pub(crate) ended: oneshot::Receiver<()>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("uri", self.request.uri())
            .finish_non_exhaustive()
    }
}

/// The body of an answer, whose end counts only once the guest has ended well.
struct Served<B> {
    inner: B,
    ended: Option<oneshot::Receiver<()>>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Served<B> {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        waking: &mut Waking<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        if let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(waking)) {
            return Poll::Ready(Some(frame.map_err(|_| BodyBroken::Failed)));
        }
        let Some(ended) = self.ended.as_mut() else {
            return Poll::Ready(None);
        };
        let well = ready!(Pin::new(ended).poll(waking)).is_ok();
        self.ended = None;
        Poll::Ready((!well).then_some(Err(BodyBroken::Failed)))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl WasiHttpView for Context {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let WasiCtxView { table, .. } = self.wasi.ctx();
        WasiHttpCtxView {
            hooks: &mut self.outgoing,
            table,
            ctx: &mut self.http,
        }
    }
}

type Handles = (
    Resource<HostIncomingRequest>,
    Resource<HostResponseOutparam>,
);

impl Context {
    /// The request of the call, as the guest takes it.
    pub(crate) fn incoming(&mut self) -> wasmtime::Result<Handles> {
        let Some(exchange) = self.call.exchange.take() else {
            return Err(wasmtime::format_err!("there is no request to answer"));
        };
        let Exchange {
            request,
            answer,
            ended,
        } = *exchange;
        let mut http = self.http();
        let request = http.new_incoming_request(Scheme::Http, request)?;
        let outparam = http.new_response_outparam_from_callback(move |given| {
            let given = match given {
                Ok(response) => {
                    let ended = Some(ended);
                    Ok(response.map(|inner| Served { inner, ended }.boxed_unsync()))
                }
                Err(code) => Err(format!("{code:?}")),
            };
            let _unread = answer.send(given);
        })?;
        Ok((request, outparam))
    }
}
