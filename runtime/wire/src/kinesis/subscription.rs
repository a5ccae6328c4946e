//! A subscription as its client sees it: a stream of frames that begins with the initial response.
//!
//! In: a live subscription of the engine. Out: one frame a page, and one more for whatever ends it early. A frame is
//! made when the client has room for it, never before.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use model::{ShardId, StreamKey, seams::Page};
use streams::{Delivery, Operation, Streams, Subscription, SubscriptionEnded};

use super::{
    actions::{children, page_noted, source_error},
    answer::{Answer, Codec},
    encoded::{EncodedEvents, EventKey, framed},
    error::{AwsError, Kind},
    records::{Ending, push_ending, records_body, records_part},
};
use crate::event_stream;

/// A subscription that was granted.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) subscription: Subscription,
    pub(super) stream: StreamKey,
    pub(super) shard: ShardId,
    pub(super) consumer: String,
    pub(super) codec: Codec,
}

/// What turns pages into frames.
struct Pump {
    granted: Granted,
    streams: Streams,
    encoded: Arc<EncodedEvents>,
    stage: Stage,
}

enum Stage {
    Opening,
    Live,
    Over,
}

/// The frames of a subscription, as far as they are asked for.
pub(super) fn frames(
    granted: Granted,
    streams: Streams,
    encoded: Arc<EncodedEvents>,
) -> impl Stream<Item = Bytes> + Send {
    let pump = Pump {
        granted,
        streams,
        encoded,
        stage: Stage::Opening,
    };
    stream::unfold(pump, |mut pump| async move {
        let frame = pump.next().await?;
        Some((frame, pump))
    })
}

impl Pump {
    async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::Opening => {
                self.stage = Stage::Live;
                Some(event_stream::initial_response())
            }
            Stage::Live => {
                let frame = match self.granted.subscription.next().await {
                    Ok(delivery) => {
                        let delivery = delivery?;
                        self.count(&delivery.page);
                        self.event(&delivery)
                    }
                    Err(ended) => Err(self.reason(ended)?),
                };
                Some(frame.unwrap_or_else(|error| {
                    self.stage = Stage::Over;
                    self.exception(&error)
                }))
            }
            Stage::Over => None,
        }
    }

    fn count(&self, page: &Page) {
        let Granted { stream, shard, .. } = &self.granted;
        self.streams.count_read(stream, *shard, page, false);
        self.streams
            .note(stream, Operation::Event, page_noted(page));
    }

    fn event(&self, delivery: &Delivery) -> Result<Bytes, AwsError> {
        let Granted {
            stream,
            shard,
            codec,
            ..
        } = &self.granted;
        let page = &delivery.page;
        let children = if page.ended {
            children(&self.streams, stream, *shard)?
        } else {
            Vec::new()
        };
        let continuation = delivery.continuation.map(|number| number.to_string());
        let continuation = continuation.as_deref();
        let ending = Ending {
            next: continuation.map(|number| ("ContinuationSequenceNumber", number)),
            behind_ms: page.behind_ms,
            children: &children,
        };
        match (page.records.first(), page.records.last()) {
            (Some(first), Some(last)) if !page.ended => {
                let key = EventKey {
                    stream: stream.clone(),
                    shard: *shard,
                    codec: *codec,
                    first: first.sequence,
                    last: last.sequence,
                };
                let records = || records_part(*codec, &page.records, &ending);
                let ending = || {
                    let mut body = Vec::new();
                    push_ending(*codec, &mut body, &ending)?;
                    Ok(body)
                };
                self.encoded.frame(key, page.behind_ms, records, ending)
            }
            (Some(_) | None, Some(_) | None) => {
                let body = records_body(*codec, &page.records, &ending)?;
                Ok(framed(*codec, &body, &[]))
            }
        }
    }

    /// What the client is told; nothing when the server stops: it will come back by itself.
    fn reason(&self, ended: SubscriptionEnded) -> Option<AwsError> {
        let Granted {
            stream,
            shard,
            consumer,
            ..
        } = &self.granted;
        match ended {
            SubscriptionEnded::TakenOver => {
                Some(AwsError::subscribed_already(consumer, *shard, stream))
            }
            SubscriptionEnded::Deregistered => Some(AwsError::consumer_gone(consumer, stream)),
            SubscriptionEnded::Stopping => None,
            SubscriptionEnded::Source(error) => Some(source_error(error, stream)),
        }
    }

    fn exception(&self, error: &AwsError) -> Bytes {
        // In a stream of events the model spells it like this.
        let kind = if error.kind == Kind::InternalFailure {
            Kind::InternalFailureException
        } else {
            error.kind
        };
        let codec = self.granted.codec;
        let payload = Answer::error(codec, error).body;
        event_stream::exception(kind.name(), codec.event_content_type(), &payload)
    }
}
