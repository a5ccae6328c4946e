//! A handler whose invocations are points: before the function is called, and after it has returned.

use std::sync::Arc;

use model::{
    FunctionVersion, Invocation, LeaseKey, Outcome, StreamKey, UserRecord,
    seams::{BoxFuture, Handler},
};

use super::{Point, Points};

#[derive(Debug)]
pub(super) struct FaultyHandler {
    inner: Arc<dyn Handler>,
    points: Arc<Points>,
}

impl FaultyHandler {
    pub(super) fn new(inner: Arc<dyn Handler>, points: Arc<Points>) -> Self {
        Self { inner, points }
    }
}

impl Handler for FaultyHandler {
    fn version(&self, before: Option<FunctionVersion>, fraction: f64) -> FunctionVersion {
        self.inner.version(before, fraction)
    }

    fn share(&self) -> Option<f64> {
        self.inner.share()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let worker = LeaseKey {
                trigger: invocation.trigger.clone(),
                shard: invocation.shard,
            };
            self.points.meet(&worker, Point::BeforeInvocation).await;
            let outcome = self.inner.invoke(invocation).await;
            self.points.meet(&worker, Point::AfterInvocation).await;
            outcome
        })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        self.inner.encoded_len(stream, record)
    }

    fn marks(&self) -> bool {
        self.inner.marks()
    }
}
