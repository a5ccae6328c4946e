//! A log and a handler in memory, and a stream: the log can be told to stop at any commit, the handler follows a script.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use leases::LeaseBook;
use model::{
    AccountId, ByteSize, Checkpoint, Expected, FencingToken, FunctionName, FunctionVersion,
    Invocation, LeaseSlot, LogPosition, NodeId, Outcome, Position, Region, ShardId, StreamKey,
    StreamName, Timestamp, Transaction, TriggerName, ViewWrite,
    keys::Namespace,
    seams::{BoxFuture, CommitError, Handler, Journal, LogTail, Source},
};
use platform::Platform;

use crate::{
    Backoff, BatchPolicy, Canary, CanaryBy, DeadLetter, DeadLetterPolicy, DeadLetterStore,
    DeadLetters, Isolate, Owed, OwedDocuments, OwedTo, RangeCheck, RetryPolicy, Rooms, ShardState,
    StartAt, Then, TriggerRunner, TriggerSettings, WhenFull, filter::Filter, progress::Progress,
};

pub(super) use super::actor::{copied, text, thrown};
use super::{actor::Actor, river::River};

/// No story takes longer, in its own time.
const DEADLINE: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(super) struct Tape {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    view: BTreeMap<Bytes, Bytes>,
    tokens: BTreeMap<LeaseSlot, FencingToken>,
    outputs: Vec<String>,
    commits: u64,
    /// The log stops at this commit; whether that one still counts.
    stops: Option<(u64, bool)>,
    /// The disk takes nothing.
    full: bool,
    /// It takes nothing that grants a lease.
    no_grants: bool,
    /// No stream takes outputs.
    no_output: bool,
    /// The most tries that a progress row ever had, and the bytes of the longest row.
    longest: (usize, usize),
}

impl Tape {
    pub(super) fn outputs(&self) -> Vec<String> {
        self.held.lock().unwrap().outputs.clone()
    }

    pub(super) fn commits(&self) -> u64 {
        self.held.lock().unwrap().commits
    }

    pub(super) fn longest_row(&self) -> (usize, usize) {
        self.held.lock().unwrap().longest
    }

    pub(super) fn stop_at(&self, stops: Option<(u64, bool)>) {
        self.held.lock().unwrap().stops = stops;
    }

    pub(super) fn fill(&self, full: bool) {
        self.held.lock().unwrap().full = full;
    }

    /// Full, as far as leases are concerned that somebody takes.
    pub(super) fn refuse_grants(&self, refused: bool) {
        self.held.lock().unwrap().no_grants = refused;
    }

    pub(super) fn lose_output(&self, lost: bool) {
        self.held.lock().unwrap().no_output = lost;
    }

    /// As a bad disk would, unnoticed.
    pub(super) fn damage(&self, key: &[u8]) {
        let mut held = self.held.lock().unwrap();
        let value = held.view.get_mut(key).expect("something is stored");
        *value = Bytes::from_static(b"?");
    }

    /// As another host would: whoever holds a lease now is fenced.
    pub(super) fn raise_tokens(&self) {
        for token in self.held.lock().unwrap().tokens.values_mut() {
            token.0 += 1_000;
        }
    }
}

impl Held {
    fn take(&mut self, transaction: Transaction) -> Result<LogPosition, CommitError> {
        self.commits += 1;
        let down = || Err(CommitError::Down("the story says so".to_owned()));
        let stops = self.stops.filter(|(at, _)| self.commits >= *at);
        if stops.is_some_and(|(at, counts)| self.commits > at || !counts) {
            return down();
        }
        if self.full || (self.no_grants && !transaction.grants.is_empty()) {
            return Err(CommitError::Full);
        }
        if self.no_output && !transaction.outputs.is_empty() {
            return Err(CommitError::NoSuchStream("board".to_owned()));
        }
        for guard in &transaction.guards {
            let current = self.tokens.get(&guard.slot).copied().unwrap_or_default();
            if current != guard.token {
                return Err(CommitError::Fenced { current });
            }
        }
        let differs = |it: &Expected| self.view.get(&it.key) != it.value.as_ref();
        if transaction.expects.iter().any(differs) {
            return Err(CommitError::Changed);
        }
        self.tokens.extend(
            transaction
                .grants
                .iter()
                .map(|grant| (grant.slot, grant.token)),
        );
        let text = |data: Bytes| String::from_utf8(data.to_vec()).unwrap();
        self.outputs.extend(
            transaction
                .outputs
                .into_iter()
                .map(|(_, record)| text(record.data)),
        );
        for write in transaction.writes {
            self.measure(&write);
            match write.value {
                Some(value) => self.view.insert(write.key, value),
                None => self.view.remove(&write.key),
            };
        }
        if stops.is_some() {
            down()
        } else {
            Ok(LogPosition(self.commits))
        }
    }
}

impl Held {
    fn measure(&mut self, write: &ViewWrite) {
        let is_progress = write.key.first() == Some(&(Namespace::Progress as u8));
        if let Some(row) = write.value.as_ref().filter(|_| is_progress) {
            let tries = Progress::decode(row).unwrap().tries.len();
            let (most, longest) = self.longest;
            self.longest = (most.max(tries), longest.max(row.len()));
        }
    }
}

impl Journal for Tape {
    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<LogPosition, CommitError>> {
        let answer = self.held.lock().unwrap().take(transaction);
        Box::pin(async move { answer })
    }

    fn durable(&self, _: LogPosition) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async { Ok(()) })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CommitError> {
        Ok(self.held.lock().unwrap().view.get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, CommitError> {
        let held = self.held.lock().unwrap();
        let entries = held.view.iter().filter(|(key, _)| key.starts_with(prefix));
        let later = entries.filter(|(key, _)| after.is_none_or(|after| key.as_ref() > after));
        Ok(later
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }
}

/// Every attempt said which one it was.
#[derive(Debug)]
struct Said;

impl LogTail for Said {
    fn tail(&self, _: &str, attempt: u32, _: Timestamp, _: usize) -> String {
        format!("this is attempt {attempt}")
    }
}

/// Everything that outlives a runner, and the handler of this run.
pub(super) struct World {
    pub(super) platform: Platform,
    pub(super) tape: Arc<Tape>,
    pub(super) river: Arc<River>,
    pub(super) actor: Arc<Actor>,
    pub(super) settings: TriggerSettings,
    pub(super) paused: bool,
    pub(super) dead_letters: DeadLetterPolicy,
    tokens: Arc<AtomicU64>,
}

impl World {
    pub(super) fn new(script: impl Fn(&Invocation) -> Outcome + Send + Sync + 'static) -> Self {
        let platform = Platform::simulated(1);
        let actor = Actor {
            platform: platform.clone(),
            queues: Duration::ZERO,
            takes: Duration::from_millis(10),
            marks: false,
            events: false,
            script: Box::new(script),
            version: Mutex::new(FunctionVersion(1)),
            canary: Mutex::default(),
            left: Mutex::default(),
            seen: Mutex::default(),
        };
        Self {
            tape: Arc::default(),
            river: Arc::new(River::new(platform.clock.clone())),
            platform,
            actor: Arc::new(actor),
            settings: settings(),
            paused: false,
            dead_letters: DeadLetterPolicy {
                keep: Duration::from_secs(3_600),
                max: ByteSize::mib(1),
                when_full: WhenFull::Block,
            },
            tokens: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Invocations wait for `queues` before they run for `takes`.
    pub(super) fn slow(&mut self, queues: Duration, takes: Duration) {
        let actor = Arc::get_mut(&mut self.actor).expect("nothing runs yet");
        actor.queues = queues;
        actor.takes = takes;
    }

    /// The handler takes JSON events.
    pub(super) fn takes_events(&mut self) {
        Arc::get_mut(&mut self.actor)
            .expect("nothing runs yet")
            .events = true;
        self.settings.batch.bytes = 6_291_456;
    }

    /// The handler says where it is when it is asked to.
    pub(super) fn marks(&mut self) {
        Arc::get_mut(&mut self.actor)
            .expect("nothing runs yet")
            .marks = true;
    }

    pub(super) fn put(&self, shard: usize, data: &[&str]) {
        let now = self.platform.clock.wall();
        data.iter()
            .for_each(|data| self.river.put(shard, data, data.to_string(), now));
    }

    pub(super) async fn start(&self) -> Result<TriggerRunner, crate::StartError> {
        self.start_on("a").await
    }

    /// On one of several workers.
    pub(super) async fn start_on(&self, node: &str) -> Result<TriggerRunner, crate::StartError> {
        let journal = Arc::clone(&self.tape) as Arc<dyn Journal>;
        let tokens = Arc::clone(&self.tokens);
        let next = Arc::new(move || FencingToken(tokens.fetch_add(1, Ordering::Relaxed)));
        let node = NodeId::parse(node).unwrap();
        let rooms = Rooms {
            platform: self.platform.clone(),
            journal: Arc::clone(&journal),
            source: Arc::clone(&self.river) as Arc<dyn Source>,
            handler: Arc::clone(&self.actor) as Arc<dyn Handler>,
            leases: Arc::new(LeaseBook::open(journal, node, next)),
            dead_letters: Arc::new(self.dead_letter_store()),
            logs: Arc::new(Said),
        };
        TriggerRunner::start(rooms, self.settings.clone(), self.paused).await
    }

    pub(super) fn dead_letter_store(&self) -> DeadLetterStore {
        let journal = Arc::clone(&self.tape) as Arc<dyn Journal>;
        DeadLetterStore::new(journal, self.dead_letters)
    }

    pub(super) fn settled_through(&self, runner: &TriggerRunner) -> Position {
        let Checkpoint::Settled(position) = runner.status()[0].checkpoint else {
            panic!("nothing is settled");
        };
        position
    }

    /// Waits until the shard stands in such a state.
    pub(super) async fn until(
        &self,
        runner: &TriggerRunner,
        shard: u32,
        is: impl Fn(&ShardState) -> bool,
    ) -> ShardState {
        let mut status = runner.watch(ShardId(shard)).unwrap();
        let reached = status.wait_for(|status| is(&status.state));
        let reached = self.platform.clock.timeout(DEADLINE, reached).await;
        let reached = reached.map(|status| status.unwrap().clone());
        let status = reached.unwrap_or_else(|_| panic!("not in time: {:?}", runner.status()));
        assert!(status.is_conserved(), "{status:?}");
        status.state
    }

    pub(super) async fn caught_up(&self, runner: &TriggerRunner) {
        // Lets lanes see what was put before their old state is believed.
        self.platform.clock.sleep(Duration::from_millis(1)).await;
        self.until(runner, 0, |state| *state == ShardState::CaughtUp)
            .await;
    }

    pub(super) fn invoked(&self) -> Vec<String> {
        let seen = self.actor.seen.lock().unwrap();
        seen.iter().map(|(_, told)| told.clone()).collect()
    }

    /// What failure destinations are owed, all of them.
    pub(super) fn owed(&self) -> Vec<Owed> {
        let store = OwedDocuments::new(Arc::clone(&self.tape) as Arc<dyn Journal>);
        let page = |to: OwedTo| store.page(&to, None, 100).unwrap();
        store
            .creditors()
            .unwrap()
            .into_iter()
            .flat_map(page)
            .collect()
    }

    pub(super) fn dead(&self) -> Vec<DeadLetter> {
        let store = DeadLetters::new(Arc::clone(&self.tape) as Arc<dyn Journal>);
        store.list(&self.settings.name, None, 100).unwrap()
    }
}

fn settings() -> TriggerSettings {
    let stream = |name| StreamKey {
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
        name: StreamName::parse(name).unwrap(),
    };
    TriggerSettings {
        name: TriggerName::parse("board").unwrap(),
        stream: stream("flights"),
        function: FunctionName::parse("copy").unwrap(),
        qualifier: None,
        canary: Canary {
            by: CanaryBy::Key,
            roll_back: None,
        },
        shadow: None,
        concurrency: None,
        start: StartAt::Oldest,
        start_word: "oldest".to_owned(),
        deaggregate: true,
        range_check: RangeCheck::InRange,
        filter: Filter::default(),
        batch: BatchPolicy {
            records: 3,
            bytes: 1 << 20,
            wait: Duration::ZERO,
        },
        lanes: crate::Lanes::ONE,
        outputs: BTreeMap::from([("out".to_owned(), stream("board"))]),
        state: None,
        tumbling: None,
        envelope: false,
        retry: RetryPolicy {
            attempts: Some(3),
            age: None,
            backoff: Backoff {
                jitter: 0.0,
                ..Backoff::default()
            },
            isolate: Isolate::Exact,
            failed: crate::FailedItems::Each,
            classes: BTreeMap::new(),
            breaker: None,
            then: Then::DeadLetter,
            park_max: ByteSize::mib(1),
            version: crate::RetryVersion::Same,
        },
        on_failure: Vec::new(),
        tells_of_expiry: true,
        item_failures: model::invocation::ItemFailures::default(),
        enabled: true,
    }
}
