//! What the one port sends: answers of the doors, which are there or cannot fail, and answers of functions, which may.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use sandbox::{BodyBroken, HttpBody};
use wire::AnswerBody;

#[derive(Debug)]
pub(crate) enum PortBody {
    Door(AnswerBody),
    Function(HttpBody),
}

impl Body for PortBody {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        match self.get_mut() {
            Self::Door(body) => {
                let frame = Pin::new(body).poll_frame(context);
                frame.map(|frame| frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Function(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Door(body) => body.is_end_stream(),
            Self::Function(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Door(body) => body.size_hint(),
            Self::Function(body) => body.size_hint(),
        }
    }
}
