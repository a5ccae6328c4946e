//! One play: records reach a function as a schedule says, outputs and values are kept in memory, failures are settled as a
//! trigger settles them, only sooner given up.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use model::{
    AccountId, Answer, FencingToken, FunctionName, FunctionVersion, HashKey, Invocation, Outcome,
    Position, RecordAction, Region, SequenceNumber, ShardId, StreamKey, StreamName, Timestamp,
    TriggerName, UserRecord,
    invocation::{Begun, ItemFailures, StateReader, StateUnavailable},
};
use platform::Platform;
use sandbox::Function;

use super::{Fate, Schedule};

/// Attempts of a record before it is given up.
const ATTEMPTS_MAX: u32 = 2;
/// Arrivals are a second apart, from a moment that never changes, so that plays can be held against each other.
const FIRST_ARRIVAL_MS: u64 = 1_767_225_600_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialRecord {
    pub key: String,
    pub data: Vec<u8>,
}

/// A record that was put out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Output {
    pub output: String,
    pub key: String,
    pub data: Vec<u8>,
}

/// A value kept under a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    pub key: String,
    pub name: String,
    pub value: Vec<u8>,
}

/// What a play came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    pub outputs: Vec<Output>,
    pub values: Vec<Value>,
    /// Records by index that were given up: why, in kinds.
    pub given_up: BTreeMap<usize, String>,
    /// The first reason in full, for people.
    pub problem: Option<String>,
    pub invocations: u32,
}

#[derive(Debug)]
pub struct Trials {
    platform: Platform,
    function: Function,
    trigger: TriggerName,
    name: FunctionName,
    outputs: Arc<BTreeSet<String>>,
    batch: usize,
    /// Each life of a host has sandboxes of its own.
    lives: AtomicU32,
}

type Values = Arc<Mutex<BTreeMap<(Vec<u8>, String), Bytes>>>;

impl Trials {
    pub(crate) fn new(
        (platform, function): (Platform, Function),
        (trigger, name): (TriggerName, FunctionName),
        outputs: BTreeSet<String>,
        batch: usize,
    ) -> Self {
        Self {
            platform,
            function,
            trigger,
            name,
            outputs: Arc::new(outputs),
            batch: batch.max(1),
            lives: AtomicU32::new(0),
        }
    }

    /// Records of a full batch.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    pub async fn play(&self, records: &[TrialRecord], schedule: &Schedule) -> Played {
        let mut stage = Stage {
            trials: self,
            records,
            values: Values::default(),
            life: self.lives.fetch_add(1, Ordering::Relaxed),
            played: Played::default(),
        };
        for step in &schedule.steps {
            stage.step(&step.records, step.fate).await;
        }
        let values = stage.values.lock().unwrap_or_else(PoisonError::into_inner);
        stage.played.values = values
            .iter()
            .map(|((key, name), value)| Value {
                key: String::from_utf8_lossy(key).into_owned(),
                name: name.clone(),
                value: value.to_vec(),
            })
            .collect();
        stage.played.clone()
    }
}

struct Stage<'a> {
    trials: &'a Trials,
    records: &'a [TrialRecord],
    values: Values,
    life: u32,
    played: Played,
}

impl Stage<'_> {
    async fn step(&mut self, records: &[usize], fate: Fate) {
        match fate {
            Fate::Committed => {}
            Fate::Crashed => {
                drop(self.call(records, 1, 1).await);
                self.life = self.trials.lives.fetch_add(1, Ordering::Relaxed);
            }
            Fate::Lost => drop(self.call(records, 1, 1).await),
            Fate::Repeated => self.settle(records, 1).await,
        }
        let deliveries = if fate == Fate::Repeated { 2 } else { 1 };
        self.settle(records, deliveries).await;
    }

    async fn call(&mut self, records: &[usize], attempt: u32, deliveries: u32) -> Outcome {
        self.played.invocations += 1;
        let invocation = self.invocation(records, attempt, deliveries);
        self.trials.function.call(invocation, None).await.outcome
    }

    fn invocation(&self, records: &[usize], attempt: u32, deliveries: u32) -> Invocation {
        let trials = self.trials;
        let batch = records.iter().filter_map(|index| {
            let record = self.records.get(*index)?;
            let number = u64::try_from(*index).unwrap_or(u64::MAX) + 1;
            Some(UserRecord {
                position: Position {
                    sequence: SequenceNumber([0, 0, number]),
                    sub_sequence: 0,
                },
                arrived: Timestamp::from_millis(FIRST_ARRIVAL_MS + number * 1_000),
                partition_key: Bytes::copy_from_slice(record.key.as_bytes()),
                explicit_hash_key: None,
                data: Bytes::copy_from_slice(&record.data),
                aggregated: false,
                deliveries: attempt.max(deliveries),
            })
        });
        let first = records.first().copied().unwrap_or(0);
        Invocation {
            trigger: trials.trigger.clone(),
            function: trials.name.clone(),
            version: FunctionVersion(1),
            stream: stream(),
            // A warm sandbox belongs to a shard: a new life finds none.
            shard: ShardId(self.life),
            request_id: format!("{}/test/{first}+{}", trials.trigger, records.len()),
            attempt,
            attempts_max: Some(ATTEMPTS_MAX),
            fencing_token: FencingToken(u64::from(self.life) + 1),
            behind_ms: 0,
            started: trials.platform.clock.wall(),
            records: batch.collect(),
            outputs: Arc::clone(&trials.outputs),
            state: Some(Arc::new(Memory(Arc::clone(&self.values)))),
            window: None,
            tracing: false,
            envelope: false,
            item_failures: ItemFailures::Named,
            role: None,
            qualifier: None,
            client_context: None,
            trace_parent: None,
            begun: Begun::default(),
            replayed_to: None,
        }
    }

    /// Until each record is done or given up.
    async fn settle(&mut self, records: &[usize], deliveries: u32) {
        let mut open: VecDeque<(Vec<usize>, u32)> = VecDeque::from([(records.to_vec(), 1)]);
        while let Some((batch, attempt)) = open.pop_front() {
            if batch.is_empty() {
                continue;
            }
            match self.call(&batch, attempt, deliveries).await {
                Outcome::Failed(fault) => {
                    if batch.len() > 1 {
                        let (first, second) = batch.split_at(batch.len() / 2);
                        open.push_front((second.to_vec(), 1));
                        open.push_front((first.to_vec(), 1));
                    } else if attempt < ATTEMPTS_MAX {
                        open.push_front((batch, attempt + 1));
                    } else {
                        self.give_up(batch[0], &fault.kind, &fault.message);
                    }
                }
                Outcome::Answered(answer) => self.answered(&batch, attempt, &answer, &mut open),
            }
        }
    }

    fn answered(
        &mut self,
        batch: &[usize],
        attempt: u32,
        answer: &Answer,
        open: &mut VecDeque<(Vec<usize>, u32)>,
    ) {
        let sourced = answer.outputs.iter().all(|output| output.source.is_some());
        let effects = !answer.outputs.is_empty() || !answer.state.is_empty();
        let first = answer
            .failures
            .first()
            .map(|failure| failure.index as usize);
        if let Some(first) = first
            && effects
            && !(answer.effects_attributed && sourced)
        {
            self.unattributed(batch, attempt, (first, answer), open);
            return;
        }
        let failed: BTreeMap<u32, _> = answer
            .failures
            .iter()
            .map(|failure| (failure.index, failure))
            .collect();
        if first.is_none() || answer.effects_attributed && sourced {
            self.commit(batch, answer, |source| !failed.contains_key(&source));
        }
        let mut again = Vec::new();
        for (index, record) in batch.iter().enumerate() {
            let Some(failure) = u32::try_from(index)
                .ok()
                .and_then(|index| failed.get(&index))
            else {
                continue;
            };
            match failure.action {
                RecordAction::NotTried => again.push(*record),
                RecordAction::Retry if attempt < ATTEMPTS_MAX => again.push(*record),
                RecordAction::Retry | RecordAction::DeadLetter | RecordAction::Park => {
                    self.give_up(*record, &failure.kind, &failure.reason);
                }
            }
        }
        if !again.is_empty() {
            // Who only waited for a failed one has an attempt of its own.
            let spent = answer
                .failures
                .iter()
                .any(|failure| failure.action == RecordAction::Retry);
            let next = if spent && attempt < ATTEMPTS_MAX {
                attempt + 1
            } else {
                1
            };
            open.push_front((again, next));
        }
    }

    /// Nobody knows which effect is whose: the good records before the first failure run alone, then the rest again.
    fn unattributed(
        &mut self,
        batch: &[usize],
        attempt: u32,
        (first, answer): (usize, &Answer),
        open: &mut VecDeque<(Vec<usize>, u32)>,
    ) {
        let (good, rest) = batch.split_at(first);
        if !good.is_empty() {
            open.push_front((rest.to_vec(), attempt));
            open.push_front((good.to_vec(), 1));
            return;
        }
        let (Some(record), Some(failure)) = (batch.first(), answer.failures.first()) else {
            return;
        };
        if failure.action == RecordAction::Retry && attempt < ATTEMPTS_MAX {
            open.push_front((batch.to_vec(), attempt + 1));
        } else {
            open.push_front((batch[1..].to_vec(), 1));
            self.give_up(*record, &failure.kind, &failure.reason);
        }
    }

    fn commit(&mut self, batch: &[usize], answer: &Answer, is_good: impl Fn(u32) -> bool) {
        for output in &answer.outputs {
            if output.source.is_none_or(&is_good) {
                self.played.outputs.push(Output {
                    output: output.output.clone(),
                    key: String::from_utf8_lossy(&output.partition_key).into_owned(),
                    data: output.data.to_vec(),
                });
            }
        }
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        for write in answer.state.iter().filter(|write| is_good(write.source)) {
            let record = batch
                .get(write.source as usize)
                .and_then(|index| self.records.get(*index));
            let Some(record) = record else { continue };
            let key = (record.key.clone().into_bytes(), write.name.clone());
            match &write.value {
                Some(value) => drop(values.insert(key, value.clone())),
                None => drop(values.remove(&key)),
            }
        }
    }

    fn give_up(&mut self, record: usize, kind: &str, reason: &str) {
        self.played.given_up.insert(record, kind.to_owned());
        let first = reason.lines().next().unwrap_or_default();
        self.played
            .problem
            .get_or_insert_with(|| format!("{kind}: {first}"));
    }
}

#[expect(
    clippy::expect_used,
    reason = "these names are valid, as every test of this module shows"
)]
fn stream() -> StreamKey {
    StreamKey {
        account: AccountId::parse("000000000000").expect("an account"),
        region: Region::parse("us-east-1").expect("a region"),
        name: StreamName::parse("test").expect("a name"),
    }
}

#[derive(Debug)]
struct Memory(Values);

impl StateReader for Memory {
    fn get(
        &self,
        _: HashKey,
        partition_key: &[u8],
        name: &str,
    ) -> Result<Option<Bytes>, StateUnavailable> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(values
            .get(&(partition_key.to_vec(), name.to_owned()))
            .cloned())
    }

    fn names(&self, _: HashKey, partition_key: &[u8]) -> Result<Vec<String>, StateUnavailable> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = values
            .keys()
            .filter(|(key, _)| key.as_slice() == partition_key);
        Ok(of.map(|(_, name)| name.clone()).collect())
    }
}
