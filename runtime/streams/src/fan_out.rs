//! Subscriptions of registered consumers: pages of a shard are pushed as they appear, for five minutes at most.
//!
//! A subscription reads only when it is asked for its next page, so a slow subscriber holds nothing and slows nobody.
//! Where AWS's limits are kept, the next page comes when the consumer may have more of the shard. While nothing comes,
//! an empty page now and then says that the connection lives. Of a consumer and a shard one subscription lives at a time:
//! a newer one takes over, but not in the first seconds of the older one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use model::{
    Record, SequenceNumber, ShardId, StreamKey,
    seams::{Page, ReadFrom, ReadLimit, SourceError},
};
use platform::{Monotonic, watch};

use crate::{
    capacity::{Bucket, Rate},
    engine::Streams,
    limits::{
        FAN_OUT_BYTES_PER_SECOND, HEARTBEAT, SUBSCRIPTION_LIFETIME, SUBSCRIPTION_PAGE_BYTES_MAX,
        SUBSCRIPTION_PAGE_RECORDS_MAX, TAKE_OVER_AFTER,
    },
    number::after_record,
    traits::ConsumerStatus,
};

/// What a subscriber is given at once.
const PAGE: ReadLimit = ReadLimit {
    records: SUBSCRIPTION_PAGE_RECORDS_MAX,
    bytes: SUBSCRIPTION_PAGE_BYTES_MAX,
};

/// What a consumer is given of a shard, where AWS's limits are kept.
const GIVEN: Rate = Rate::per_second(FAN_OUT_BYTES_PER_SECOND);

/// A registered consumer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsumerId {
    pub stream: StreamKey,
    pub name: String,
    pub created_s: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    #[error("subscribe to a shard: the consumer is not registered")]
    NoSuchConsumer,
    #[error("subscribe to a shard: the consumer is {0:?}, wait until it is active")]
    NotActive(ConsumerStatus),
    #[error("subscribe to a shard: the last subscription is younger than five seconds")]
    TooSoon,
    #[error("subscribe to a shard: the server stops, ask again when it is back")]
    Stopping,
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Why a subscription ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionEnded {
    #[error("the consumer has another subscription to the shard")]
    TakenOver,
    #[error("the consumer is not registered any more")]
    Deregistered,
    #[error("the server stops")]
    Stopping,
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// What a subscriber is told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub page: Page,
    /// From where a later subscription goes on; absent at the end of the shard.
    pub continuation: Option<SequenceNumber>,
}

/// A live subscription. Dropping it frees nothing but itself: another one still has to wait its seconds.
#[derive(Debug)]
pub struct Subscription {
    streams: Streams,
    consumer: ConsumerId,
    shard: ShardId,
    from: ReadFrom,
    until: Monotonic,
    heartbeat: Monotonic,
    taken: watch::Receiver<()>,
    given: Arc<Mutex<Bucket>>,
    _alive: Arc<()>,
    /// The end of the shard was told.
    over: bool,
}

/// The newest subscription of each consumer and shard, as long as that matters.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    newest: BTreeMap<(ConsumerId, ShardId), Newest>,
    closed: bool,
}

#[derive(Debug)]
struct Newest {
    since: Monotonic,
    /// Whoever subscribed hears when it goes.
    _holds: watch::Sender<()>,
    subscriber: Weak<()>,
    /// What the consumer was given of the shard, by whichever subscription; used where AWS's limits are kept.
    given: Arc<Mutex<Bucket>>,
}

/// What ended a pause.
enum Woken {
    Source(Result<(), SourceError>),
    Changed,
    TakenOver,
    Heartbeat,
}

impl Streams {
    /// Subscribes from a place. The consumer must be ACTIVE and the shard must be there.
    pub fn subscribe(
        &self,
        consumer: ConsumerId,
        shard: ShardId,
        from: ReadFrom,
    ) -> Result<Subscription, SubscribeError> {
        match self.consumer_status(&consumer) {
            Some(ConsumerStatus::Active) => {}
            Some(status @ (ConsumerStatus::Creating | ConsumerStatus::Deleting)) => {
                return Err(SubscribeError::NotActive(status));
            }
            None => return Err(SubscribeError::NoSuchConsumer),
        }
        // LATEST means what comes after this call, not after the first look.
        let tip = self.tip(&consumer.stream, shard)?;
        let now = self.shared.platform.clock.monotonic();
        let mut subscriptions = self.shared.subscriptions();
        if subscriptions.closed {
            return Err(SubscribeError::Stopping);
        }
        subscriptions.forget(now);
        let place = (consumer.clone(), shard);
        let older = subscriptions.newest.get(&place);
        if older.is_some_and(|older| older.is_young(now)) {
            return Err(SubscribeError::TooSoon);
        }
        let given = older.map_or_else(Arc::default, |older| Arc::clone(&older.given));
        let (holds, taken) = watch::channel(());
        let alive = Arc::new(());
        let newest = Newest {
            since: now,
            _holds: holds,
            subscriber: Arc::downgrade(&alive),
            given: Arc::clone(&given),
        };
        // What it replaces hears of it.
        subscriptions.newest.insert(place, newest);
        Ok(Subscription {
            streams: self.clone(),
            consumer,
            shard,
            from: match from {
                ReadFrom::Latest => ReadFrom::At(tip),
                ReadFrom::Oldest | ReadFrom::At(_) | ReadFrom::After(_) | ReadFrom::Arrived(_) => {
                    from
                }
            },
            until: Monotonic(now.0 + SUBSCRIPTION_LIFETIME),
            heartbeat: now,
            taken,
            given,
            _alive: alive,
            over: false,
        })
    }

    /// Ends all subscriptions and lets no new ones in.
    pub fn end_subscriptions(&self) {
        let mut subscriptions = self.shared.subscriptions();
        subscriptions.closed = true;
        subscriptions.newest.clear();
    }

    fn consumer_status(&self, consumer: &ConsumerId) -> Option<ConsumerStatus> {
        let stream = self.existing(&consumer.stream).ok()?;
        let now = self.now();
        let found = stream
            .traits
            .consumer(&consumer.name, Some(consumer.created_s), now);
        found.and_then(|found| found.status(now))
    }
}

impl Subscription {
    /// The next page, empty ones included; `None` when the time is over or the end of the shard was told.
    pub async fn next(&mut self) -> Result<Option<Delivery>, SubscriptionEnded> {
        let clock = self.streams.shared.platform.clock.clone();
        loop {
            let now = clock.monotonic();
            if self.over || now >= self.until {
                return Ok(None);
            }
            let mut changes = self.streams.changes();
            self.check()?;
            let stream = &self.consumer.stream;
            let held_up = self.held_up(now);
            let pause = if held_up.is_zero() {
                let read = self.streams.read(stream, self.shard, self.from, PAGE);
                let page = read.await?;
                if !page.records.is_empty() || page.ended || now >= self.heartbeat {
                    self.heartbeat = Monotonic(now.0 + HEARTBEAT);
                    return Ok(Some(self.deliver(page, now)));
                }
                self.from = page.next;
                self.heartbeat.0.saturating_sub(now.0)
            } else {
                held_up
            };
            let pause = pause.min(self.until.0.saturating_sub(now.0));
            let woken = tokio::select! {
                biased;
                taken = self.taken.changed() => {
                    drop(taken);
                    Woken::TakenOver
                }
                source = self.streams.wait_after(stream, self.shard, self.from), if held_up.is_zero() => {
                    Woken::Source(source)
                }
                () = changes.next() => Woken::Changed,
                () = clock.sleep(pause) => Woken::Heartbeat,
            };
            match woken {
                Woken::Source(Ok(())) | Woken::Changed | Woken::Heartbeat => {}
                Woken::Source(Err(error)) => return Err(error.into()),
                Woken::TakenOver => return Err(self.taken_over()),
            }
        }
    }

    /// How long until the consumer may have more of the shard.
    fn held_up(&self, now: Monotonic) -> Duration {
        if self.streams.keeps_aws_limits() {
            lock(&self.given).holds_in(GIVEN, 1, now)
        } else {
            Duration::ZERO
        }
    }

    fn deliver(&mut self, page: Page, now: Monotonic) -> Delivery {
        if self.streams.keeps_aws_limits() {
            let bytes = |record: &Record| record.data.len() + record.partition_key.len();
            let bytes: usize = page.records.iter().map(bytes).sum();
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            lock(&self.given).take(GIVEN, bytes, now);
        }
        self.from = page.next;
        self.over = page.ended;
        let continuation = match page.next {
            ReadFrom::After(number) => Some(after_record(number)),
            ReadFrom::At(number) => Some(number),
            // Pages go on at numbers.
            ReadFrom::Oldest | ReadFrom::Latest | ReadFrom::Arrived(_) => None,
        };
        Delivery {
            continuation: continuation.filter(|_| !page.ended),
            page,
        }
    }

    /// Whether there is a reason to end at once.
    fn check(&self) -> Result<(), SubscriptionEnded> {
        if self.taken.has_changed().is_err() {
            return Err(self.taken_over());
        }
        match self.streams.consumer_status(&self.consumer) {
            Some(ConsumerStatus::Active) => Ok(()),
            Some(ConsumerStatus::Creating | ConsumerStatus::Deleting) | None => {
                Err(SubscriptionEnded::Deregistered)
            }
        }
    }

    fn taken_over(&self) -> SubscriptionEnded {
        if self.streams.shared.subscriptions().closed {
            SubscriptionEnded::Stopping
        } else {
            SubscriptionEnded::TakenOver
        }
    }
}

impl Subscriptions {
    /// Forgets what nobody holds any more, what is old enough to be replaced, and who may have all again.
    fn forget(&mut self, now: Monotonic) {
        self.newest.retain(|_, newest| {
            let held = newest.subscriber.strong_count() > 0;
            held || newest.is_young(now) || !lock(&newest.given).is_full(now)
        });
    }
}

fn lock(given: &Mutex<Bucket>) -> MutexGuard<'_, Bucket> {
    given.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Newest {
    fn is_young(&self, now: Monotonic) -> bool {
        now.0.saturating_sub(self.since.0) < TAKE_OVER_AFTER
    }
}
