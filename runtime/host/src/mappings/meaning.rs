//! What a mapping means as a trigger, and a trigger as a mapping. Mappings behave as on AWS: nothing is taken apart, nothing
//! is held back by a breaker, and records are tried as long as they are there unless the mapping says otherwise.

use std::{collections::BTreeMap, time::Duration};

use dispatch::{
    Backoff, BatchPolicy, Canary, CanaryBy, FailedItems, Isolate, Lanes, RangeCheck, RetryPolicy,
    RetryVersion, StartAt, Then, TriggerSettings, Tumbling, WindowsBy,
    filter::{Filter, Unparsable},
};
use model::{
    AccountId, ByteSize, FunctionName, Region, StreamKey, StreamName, Timestamp, TriggerName,
    invocation::ItemFailures,
};
use wire::lambda::{LambdaError, Mapping, MappingSettings, StartingPosition};

use super::pairs::function_arn;
use crate::destinations::Target;

/// What a request may have, as Lambda counts it.
const REQUEST_BYTES_MAX: usize = 6 << 20;

/// What an ARN names: a stream, or a consumer of one, by its name and the second in which it was created (ESM-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) stream: StreamKey,
    pub(super) consumer: Option<(String, u64)>,
}

pub(super) fn named(arn: &str) -> Option<Named> {
    let parts: Vec<&str> = arn.split(':').collect();
    let (region, account, resource, created) = match parts.as_slice() {
        ["arn", "aws", "kinesis", region, account, resource] => (region, account, resource, None),
        ["arn", "aws", "kinesis", region, account, resource, created] => {
            (region, account, resource, Some(created.parse().ok()?))
        }
        _ => return None,
    };
    let resource = resource.strip_prefix("stream/")?;
    let (name, consumer) = match (resource.split_once("/consumer/"), created) {
        (Some((name, consumer)), Some(created)) => (name, Some((consumer.to_owned(), created))),
        (None, None) => (resource, None),
        (Some(_), None) | (None, Some(_)) => return None,
    };
    Some(Named {
        stream: StreamKey {
            account: AccountId::parse(account).ok()?,
            region: Region::parse(region).ok()?,
            name: StreamName::parse(name).ok()?,
        },
        consumer,
    })
}

pub(super) fn trigger(
    mapping: &Mapping,
    function: FunctionName,
) -> Result<TriggerSettings, LambdaError> {
    let settings = &mapping.settings;
    let source = named(&mapping.event_source_arn).ok_or_else(|| {
        LambdaError::invalid_parameter(format!("Stream not found: {}", mapping.event_source_arn))
    })?;
    let name = TriggerName::parse(&mapping.uuid).map_err(LambdaError::service)?;
    Ok(TriggerSettings {
        name,
        stream: source.stream,
        function,
        qualifier: mapping.function_arn.split(':').nth(7).map(str::to_owned),
        canary: Canary {
            by: CanaryBy::Batch,
            roll_back: None,
        },
        shadow: None,
        concurrency: None,
        start: start(mapping),
        start_word: "by the Lambda API".to_owned(),
        deaggregate: false,
        range_check: RangeCheck::Off,
        filter: filter(&settings.filters)?,
        batch: BatchPolicy {
            records: usize::try_from(settings.batch_size).unwrap_or(usize::MAX),
            bytes: REQUEST_BYTES_MAX,
            wait: Duration::from_secs(settings.batching_window_s.into()),
        },
        lanes: Lanes::Hashed(u8::try_from(settings.parallelization_factor).unwrap_or(1)),
        outputs: BTreeMap::new(),
        state: None,
        tumbling: (settings.tumbling_window_s > 0).then(|| Tumbling {
            every: Duration::from_secs(settings.tumbling_window_s.into()),
            by: WindowsBy::Shard,
        }),
        envelope: false,
        retry: retry(settings),
        on_failure: on_failure(settings)?,
        tells_of_expiry: false,
        item_failures: if settings.report_item_failures {
            ItemFailures::Strict
        } else {
            ItemFailures::Ignored
        },
        enabled: settings.enabled,
    })
}

fn start(mapping: &Mapping) -> StartAt {
    match mapping.starting_position {
        StartingPosition::TrimHorizon => StartAt::Oldest,
        StartingPosition::Latest => StartAt::Latest,
        StartingPosition::AtTimestamp => {
            let seconds = mapping.starting_position_timestamp.unwrap_or(0.0);
            let since_1970 = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            StartAt::At(Timestamp::default().plus(since_1970))
        }
    }
}

/// The reason stands beside AWS's text, which says none.
pub(super) fn filter(patterns: &[String]) -> Result<Filter, LambdaError> {
    let invalid = LambdaError::invalid_filter;
    let parsed: Vec<serde_json::Value> = patterns
        .iter()
        .map(|pattern| serde_json::from_str(pattern))
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(error.to_string()))?;
    Filter::compile(&parsed, Unparsable::Drop).map_err(|error| invalid(error.to_string()))
}

fn retry(settings: &MappingSettings) -> RetryPolicy {
    let retries = u32::try_from(settings.retry_attempts).ok();
    let age = u64::try_from(settings.record_age_s).ok();
    RetryPolicy {
        attempts: retries.map(|retries| retries.saturating_add(1)),
        age: age.map(Duration::from_secs),
        backoff: Backoff::default(),
        isolate: if settings.bisect {
            Isolate::Halves
        } else {
            Isolate::Off
        },
        failed: FailedItems::FromTheFirst,
        classes: BTreeMap::new(),
        breaker: None,
        then: Then::DeadLetter,
        park_max: ByteSize::default(),
        version: RetryVersion::OfNow,
    }
}

fn on_failure(settings: &MappingSettings) -> Result<Vec<String>, LambdaError> {
    let Some(arn) = &settings.on_failure else {
        return Ok(Vec::new());
    };
    match Target::of_arn(arn) {
        Ok(_) => Ok(vec![arn.clone()]),
        Err(why) => Err(LambdaError::invalid_parameter(format!(
            "The destination ARN {arn} {why}: write that of a standard queue, a standard topic or a bucket."
        ))),
    }
}

/// As far as a mapping can say what a trigger of the file does. `arn` is that of a destination, where it has one.
pub(super) fn of_trigger(
    settings: &TriggerSettings,
    (uuid, since): (String, Timestamp),
    arn: impl Fn(&str) -> Option<String>,
) -> Mapping {
    let stream = &settings.stream;
    let (starting_position, starting_position_timestamp) = match settings.start {
        StartAt::Oldest => (StartingPosition::TrimHorizon, None),
        StartAt::Latest => (StartingPosition::Latest, None),
        StartAt::At(at) => {
            let since_1970 = at.since(Timestamp::default()).as_secs_f64();
            (StartingPosition::AtTimestamp, Some(since_1970))
        }
    };
    let seconds = |duration: Duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX);
    let retries = settings
        .retry
        .attempts
        .map(|attempts| attempts.saturating_sub(1));
    Mapping {
        uuid,
        event_source_arn: stream.arn(),
        function_arn: function_arn(stream, &settings.function, settings.qualifier.as_deref()),
        starting_position,
        starting_position_timestamp,
        settings: MappingSettings {
            batch_size: u32::try_from(settings.batch.records).unwrap_or(u32::MAX),
            batching_window_s: u32::try_from(settings.batch.wait.as_secs()).unwrap_or(u32::MAX),
            parallelization_factor: match settings.lanes {
                Lanes::Hashed(lanes) | Lanes::Split { lanes, .. } => lanes.into(),
                Lanes::Keys(keys) => keys.min(10),
            },
            bisect: settings.retry.isolate != Isolate::Off,
            retry_attempts: retries.map_or(-1, |it| i32::try_from(it).unwrap_or(i32::MAX)),
            record_age_s: settings.retry.age.map_or(-1, seconds),
            on_failure: settings.on_failure.iter().find_map(|name| arn(name)),
            report_item_failures: settings.item_failures != ItemFailures::Ignored,
            filters: settings
                .filter
                .written()
                .iter()
                .map(ToString::to_string)
                .collect(),
            tumbling_window_s: settings.tumbling.as_ref().map_or(0, |tumbling| {
                u32::try_from(tumbling.every.as_secs()).unwrap_or(u32::MAX)
            }),
            enabled: settings.enabled,
            event_count: false,
        },
        tags: BTreeMap::new(),
        modified_ms: since.as_millis(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(settings: MappingSettings) -> Mapping {
        Mapping {
            uuid: "5a2b1c3d-0000-4000-8000-000000000000".to_owned(),
            event_source_arn: "arn:aws:kinesis:us-east-1:000000000000:stream/flights".to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:late".to_owned(),
            starting_position: StartingPosition::Latest,
            starting_position_timestamp: None,
            settings,
            tags: BTreeMap::new(),
            modified_ms: 0,
        }
    }

    fn meant(settings: MappingSettings) -> Result<TriggerSettings, LambdaError> {
        trigger(&mapping(settings), FunctionName::parse("late").unwrap())
    }

    #[test]
    fn a_source_is_a_stream_or_a_consumer_of_one() {
        let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/flights";
        let stream = named(arn).unwrap();
        assert_eq!(stream.stream.arn(), arn);
        assert_eq!(stream.consumer, None);
        let consumer = named(&format!("{arn}/consumer/board:1700000000")).unwrap();
        assert_eq!(consumer.stream, stream.stream);
        assert_eq!(consumer.consumer, Some(("board".to_owned(), 1_700_000_000)));
        for wrong in [
            "/consumer/board",
            ":1700000000",
            "/consumer/board:x",
            ":1:2",
        ] {
            assert_eq!(named(&format!("{arn}{wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn a_mapping_of_defaults_behaves_as_on_aws() {
        let settings = meant(MappingSettings::default()).unwrap();
        assert_eq!(settings.retry.attempts, None);
        assert_eq!(settings.retry.age, None);
        assert_eq!(settings.retry.isolate, Isolate::Off);
        assert_eq!(settings.retry.breaker, None);
        assert_eq!(settings.item_failures, ItemFailures::Ignored);
        assert!(!settings.deaggregate);
    }

    #[test]
    fn a_trigger_is_shown_as_the_mapping_that_would_make_it() {
        for settings in [
            MappingSettings::default(),
            MappingSettings {
                filters: vec![r#"{"data":{"carrier":["AA",{"prefix":"U"}]}}"#.to_owned()],
                on_failure: Some("arn:aws:s3:::acme-failed/late".to_owned()),
                ..MappingSettings::default()
            },
        ] {
            let expected = mapping(settings.clone());
            let trigger = meant(settings).unwrap();
            let named = (expected.uuid.clone(), Timestamp::default());
            let back = of_trigger(&trigger, named, |arn| Target::of_arn(arn).ok()?.arn());
            assert_eq!(back, expected);
        }
    }

    #[test]
    fn what_a_mapping_says_is_what_the_trigger_does() {
        let settings = meant(MappingSettings {
            retry_attempts: 2,
            record_age_s: 60,
            bisect: true,
            report_item_failures: true,
            parallelization_factor: 4,
            on_failure: Some("arn:aws:sqs:us-east-1:000000000000:failed".to_owned()),
            ..MappingSettings::default()
        })
        .unwrap();
        assert_eq!(settings.retry.attempts, Some(3));
        assert_eq!(settings.retry.age, Some(Duration::from_secs(60)));
        assert_eq!(settings.retry.isolate, Isolate::Halves);
        assert_eq!(settings.item_failures, ItemFailures::Strict);
        assert_eq!(settings.lanes, Lanes::Hashed(4));
        assert_eq!(settings.on_failure.len(), 1);
        let windows = MappingSettings {
            tumbling_window_s: 60,
            ..MappingSettings::default()
        };
        let tumbling = meant(windows).unwrap().tumbling.unwrap();
        assert_eq!(
            (tumbling.every.as_secs(), tumbling.by),
            (60, WindowsBy::Shard)
        );
        for refused in [
            MappingSettings {
                on_failure: Some("arn:aws:sqs:us-east-1:000000000000:q.fifo".to_owned()),
                ..MappingSettings::default()
            },
            MappingSettings {
                filters: vec!["{\"data\":{\"a\":1}}".to_owned()],
                ..MappingSettings::default()
            },
        ] {
            assert!(meant(refused.clone()).is_err(), "{refused:?}");
        }
    }
}
