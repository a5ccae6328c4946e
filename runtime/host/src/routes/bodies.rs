//! Bodies on their way: that of a request, which is counted, and that of an answer, which holds what it needs until its end.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use platform::Task;
use sandbox::{BodyBroken, HttpBody};

use super::gate::{Gate, Place};

/// What became of the body of a request while somebody else reads it.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate {
    too_large: Arc<AtomicBool>,
    awaited: Arc<AtomicBool>,
}

impl Fate {
    pub(super) fn is_too_large(&self) -> bool {
        self.too_large.load(Ordering::Relaxed)
    }

    /// Whoever reads it waits for its client.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }
}

/// The body of a request that ends where its route takes no more.
#[derive(Debug)]
pub(super) struct Counted<B> {
    inner: B,
    left: u64,
    fate: Fate,
}

impl<B> Counted<B> {
    pub(super) fn new(inner: B, bytes_max: u64) -> (Self, Fate) {
        let fate = Fate::default();
        let counted = Self {
            inner,
            left: bytes_max,
            fate: fate.clone(),
        };
        (counted, fate)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        if self.fate.is_too_large() {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        self.fate
            .awaited
            .store(polled.is_pending(), Ordering::Relaxed);
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Poll::Ready(Some(Err(BodyBroken::CutOff))),
            None => return Poll::Ready(None),
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match self
            .left
            .checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX))
        {
            Some(left) => self.left = left,
            None => {
                self.fate.too_large.store(true, Ordering::Relaxed);
                return Poll::Ready(Some(Err(BodyBroken::TooLarge)));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An invocation that ends when nobody wants its answer any more.
#[derive(Debug)]
pub(super) struct Serving<T>(pub(super) Task<T>);

impl<T> Drop for Serving<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of an answer that a function still writes: holds the place of its request.
pub(super) struct Written<T> {
    pub(super) inner: HttpBody,
    pub(super) gate: Arc<Gate>,
    pub(super) _place: Place,
    pub(super) _serving: Serving<T>,
}

impl<T> Body for Written<T> {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Err(error)) = &frame {
            self.gate.cut_off();
            self.gate.failed(format!("an answer was cut off: {error}"));
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn a_body_ends_where_its_route_takes_no_more() {
        for (bytes, max, fits) in [(0, 0, true), (5, 5, true), (6, 5, false)] {
            let (body, fate) = Counted::new(Full::new(Bytes::from(vec![b'x'; bytes])), max);
            assert_eq!(body.collect().await.is_ok(), fits);
            assert_eq!((fate.is_awaited(), fate.is_too_large()), (false, !fits));
        }
    }
}
