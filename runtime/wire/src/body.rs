//! The body of an answer: whole, or live as events of a subscription appear.
//!
//! A live body is only asked for its next part when the client has room for it.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

/// What is sent to a client behind the head of an answer.
pub struct AnswerBody(Content);

enum Content {
    Whole(Full<Bytes>),
    Live(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

impl AnswerBody {
    pub(crate) fn live(parts: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(Content::Live(Box::pin(parts.fuse())))
    }
}

impl From<Full<Bytes>> for AnswerBody {
    fn from(whole: Full<Bytes>) -> Self {
        Self(Content::Whole(whole))
    }
}

impl From<Bytes> for AnswerBody {
    fn from(whole: Bytes) -> Self {
        Full::new(whole).into()
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Content::Whole(whole) => Pin::new(whole).poll_frame(context),
            Content::Live(parts) => {
                let next = parts.as_mut().poll_next(context);
                next.map(|part| part.map(|part| Ok(Frame::data(part))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Whole(whole) => whole.is_end_stream(),
            Content::Live(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(whole) => whole.size_hint(),
            Content::Live(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Content::Whole(_) => "whole",
            Content::Live(_) => "live",
        };
        f.debug_tuple("AnswerBody").field(&kind).finish()
    }
}
