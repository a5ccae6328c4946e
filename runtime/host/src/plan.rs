//! From the file's words to what the consumer takes: pure translation of a trigger and of a function's limits.

use std::collections::BTreeMap;

use dispatch::{
    Backoff, BatchPolicy, DeadLetterPolicy, FailedItems, RetryPolicy, RetryVersion, StartAt,
    StatePolicy, Then, TriggerSettings, WhenFull,
};
use model::{StreamKey, StreamName, Timestamp, TriggerName};
use streams::{Autoscale, Declared, StreamMode, World};

use crate::{
    config::{self, Project},
    options::UpOptions,
    routes::RouteSettings,
    schedules::{self, ScheduleSettings},
};

pub(crate) fn stream_key(world: &World, name: &StreamName) -> StreamKey {
    StreamKey {
        account: world.account.clone(),
        region: world.region.clone(),
        name: name.clone(),
    }
}

pub(crate) fn declared(stream: &config::Stream) -> Declared {
    Declared {
        shards: stream.shards,
        retention: stream.retention,
        durability: stream.durability.map(durability),
        mode: stream.capacity.map(|capacity| match capacity {
            config::Capacity::Provisioned => StreamMode::Provisioned,
            config::Capacity::OnDemand => StreamMode::OnDemand,
        }),
    }
}

/// The streams of the file that scale, by their keys.
pub(crate) fn autoscaled(world: &World, project: &Project) -> BTreeMap<StreamKey, Autoscale> {
    let streams = project.streams.iter();
    let scaled = streams.filter_map(|(name, stream)| {
        let autoscale = stream.autoscale?;
        let autoscale = Autoscale {
            shards_min: autoscale.min,
            shards_max: autoscale.max,
            target_percent: autoscale.target,
        };
        Some((stream_key(world, name), autoscale))
    });
    scaled.collect()
}

/// Whether the file or the command line wants AWS's limits kept.
pub(crate) fn aws_limits(project: &Project, options: &UpOptions) -> bool {
    options.aws_limits || project.server.limits == config::Limits::Aws
}

pub(crate) fn durability(said: config::Durability) -> streams::Durability {
    match said {
        config::Durability::Sync => streams::Durability::Sync,
        config::Durability::Interval => streams::Durability::Interval,
        config::Durability::None => streams::Durability::None,
    }
}

/// `now` turns "an hour ago" into a moment, once, when the trigger first starts.
pub(crate) fn trigger(
    world: &World,
    name: &TriggerName,
    trigger: &config::Trigger,
    now: Timestamp,
) -> TriggerSettings {
    let outputs = outputs(world, &trigger.outputs);
    TriggerSettings {
        name: name.clone(),
        stream: stream_key(world, &trigger.stream),
        function: trigger.function.clone(),
        qualifier: trigger.qualifier.clone(),
        canary: trigger.canary,
        shadow: trigger.shadow.clone(),
        concurrency: trigger.concurrency,
        start: start(trigger.start, now),
        filter: trigger.filter.clone(),
        start_word: trigger.start.to_string(),
        deaggregate: trigger.deaggregate,
        range_check: trigger.range_check,
        batch: BatchPolicy {
            records: usize::try_from(trigger.batch.records).unwrap_or(usize::MAX),
            bytes: usize::try_from(trigger.batch.bytes.bytes()).unwrap_or(usize::MAX),
            wait: trigger.batch.wait,
        },
        lanes: trigger.lanes,
        outputs,
        state: state(trigger),
        tumbling: trigger.tumbling.clone(),
        retry: retry(&trigger.retry),
        on_failure: trigger.on_failure.clone(),
        tells_of_expiry: true,
        item_failures: trigger.item_failures,
        envelope: trigger.envelope,
        enabled: trigger.enabled,
    }
}

/// A trigger that runs by the clock.
pub(crate) fn schedule(
    world: &World,
    name: &TriggerName,
    trigger: &config::ScheduleTrigger,
) -> ScheduleSettings {
    ScheduleSettings {
        name: name.clone(),
        schedule: trigger.schedule.clone(),
        zone: trigger.zone.clone(),
        policy: catalog::schedule::Policy {
            missed: trigger.missed,
            flexible: trigger.flexible,
            seed: seed(name),
        },
        function: trigger.function.clone(),
        outputs: outputs(world, &trigger.outputs),
        input: trigger.input.clone(),
        retry: schedules::Retry {
            attempts: trigger.retry.attempts,
            age: trigger.retry.age,
            backoff: backoff(&trigger.retry.backoff),
        },
        on_failure: trigger.on_failure.clone(),
        enabled: trigger.enabled,
    }
}

/// FNV-1a: the same for a name on every machine.
fn seed(name: &TriggerName) -> u64 {
    name.as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
}

/// A trigger that answers requests.
pub(crate) fn route(
    world: &World,
    name: &TriggerName,
    trigger: &config::HttpTrigger,
) -> RouteSettings {
    RouteSettings {
        name: name.clone(),
        outputs: outputs(world, &trigger.outputs),
        trigger: trigger.clone(),
    }
}

fn outputs(world: &World, outputs: &BTreeMap<String, StreamName>) -> BTreeMap<String, StreamKey> {
    let keyed =
        |(output, stream): (&String, &StreamName)| (output.clone(), stream_key(world, stream));
    outputs.iter().map(keyed).collect()
}

fn backoff(backoff: &config::Backoff) -> Backoff {
    Backoff {
        first: backoff.first,
        factor: backoff.factor,
        max: backoff.max,
        jitter: backoff.jitter,
    }
}

/// Windows by key keep their values in the trigger's state, granted or not.
fn state(trigger: &config::Trigger) -> Option<StatePolicy> {
    let granted = trigger.state.as_ref();
    let windows = trigger.tumbling.as_ref();
    let by_key = windows.is_some_and(|it| it.by != dispatch::WindowsBy::Shard);
    let implied = by_key.then_some(StatePolicy {
        ttl: None,
        max: model::ByteSize::gib(1),
    });
    let said = granted.map(|state| StatePolicy {
        ttl: state.ttl,
        max: state.max,
    });
    said.or(implied)
}

pub(crate) fn start(start: config::Start, now: Timestamp) -> StartAt {
    match start {
        config::Start::Oldest => StartAt::Oldest,
        config::Start::Latest => StartAt::Latest,
        config::Start::At(at) => StartAt::At(at),
        config::Start::Ago(ago) => StartAt::At(now.minus(ago)),
    }
}

fn retry(retry: &config::Retry) -> RetryPolicy {
    RetryPolicy {
        attempts: match retry.attempts {
            config::Attempts::Limited(attempts) => Some(attempts),
            config::Attempts::Forever => None,
        },
        age: retry.age,
        backoff: backoff(&retry.backoff),
        isolate: retry.isolate,
        failed: FailedItems::Each,
        classes: retry.classes.clone(),
        breaker: retry.breaker,
        then: match retry.then {
            config::Then::DeadLetter => Then::DeadLetter,
            config::Then::Park => Then::Park,
            config::Then::Block => Then::Block,
        },
        park_max: retry.park_max,
        version: RetryVersion::Same,
    }
}

pub(crate) fn dead_letters(policy: &config::DeadLetters) -> DeadLetterPolicy {
    DeadLetterPolicy {
        keep: policy.keep,
        max: policy.max,
        when_full: match policy.when_full {
            config::WhenFull::Block => WhenFull::Block,
            config::WhenFull::DropOldest => WhenFull::DropOldest,
        },
    }
}
