//! Mappings that several callers change at the same time, and what is left of them, in virtual time.

use std::time::Duration;

use catalog::{Entry as FunctionEntry, Origin, Revision};
use model::{
    FunctionVersion, HashKey, Invocation, NewRecord, Outcome, StreamKey, Transaction, UserRecord,
    ViewWrite, keys, seams::Handler,
};
use platform::Platform;
use wire::lambda::{MappingSettings, StartingPosition};

use super::*;
use crate::{api::streams::key, config, housekeeping::tests::start_with};

const FILE: &str = "version: 1\nstreams: { flights: {} }\n";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:late";

fn mapping(number: u128, function_arn: &str) -> Mapping {
    Mapping {
        uuid: uuid::Uuid::from_u128(number).to_string(),
        event_source_arn: "arn:aws:kinesis:us-east-1:000000000000:stream/flights".to_owned(),
        function_arn: function_arn.to_owned(),
        starting_position: StartingPosition::TrimHorizon,
        starting_position_timestamp: None,
        settings: MappingSettings::default(),
        tags: BTreeMap::new(),
        modified_ms: 0,
    }
}

fn name(mapping: &Mapping) -> TriggerName {
    TriggerName::parse(&mapping.uuid).unwrap()
}

async fn start(platform: &Platform) -> HostMappings {
    let names = Names {
        app: "app".to_owned(),
        region: model::Region::parse("us-east-1").unwrap(),
    };
    HostMappings::new(start_with(platform, FILE).await, names)
}

fn to_function(arn: &'static str) -> MappingChange {
    Box::new(move |before| {
        Ok(Mapping {
            function_arn: arn.to_owned(),
            ..before
        })
    })
}

/// An hour for every batch.
#[derive(Debug)]
struct Slow(Platform);

impl Handler for Slow {
    fn version(&self, _: Option<FunctionVersion>, _: f64) -> FunctionVersion {
        FunctionVersion(1)
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            invocation.begun.tell();
            self.0.clock.sleep(Duration::from_hours(1)).await;
            Outcome::Answered(model::Answer::default())
        })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        model::lambda::encoded_len(stream, record)
    }
}

/// The mapping's function takes an hour, and has begun.
async fn make_slow(mappings: &HostMappings, name: &TriggerName) {
    let rooms = &mappings.0.rooms;
    let (mut shared, settings) = rooms.runners.parts(name).unwrap();
    rooms.runners.end(name).await;
    shared.handler = Arc::new(Slow(rooms.platform.clone()));
    rooms.runners.start(shared, settings).await.unwrap();
    put(mappings).await;
}

/// Fails when it is told to.
#[derive(Debug, Clone, Default)]
struct Obeys(Arc<std::sync::atomic::AtomicBool>);

impl Handler for Obeys {
    fn version(&self, _: Option<FunctionVersion>, _: f64) -> FunctionVersion {
        FunctionVersion(1)
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            invocation.begun.tell();
            if self.0.load(std::sync::atomic::Ordering::Relaxed) {
                Outcome::Failed(model::Fault {
                    class: model::FaultClass::Function,
                    kind: "Unhandled".to_owned(),
                    message: "it was told to fail".to_owned(),
                    retry_after: None,
                    usage: model::outcome::Usage::default(),
                })
            } else {
                Outcome::Answered(model::Answer::default())
            }
        })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        model::lambda::encoded_len(stream, record)
    }
}

async fn put(mappings: &HostMappings) {
    let rooms = &mappings.0.rooms;
    let record = NewRecord {
        partition_key: "k".into(),
        explicit_hash_key: None,
        data: "{}".into(),
    };
    let flights = key(rooms, "flights").unwrap();
    let put = rooms.streams.put(&flights, vec![record], None);
    put.await.unwrap();
    rooms.platform.clock.sleep(Duration::from_secs(1)).await;
}

fn enabled(enabled: bool) -> MappingChange {
    Box::new(move |mut before| {
        before.settings.enabled = enabled;
        Ok(before)
    })
}

fn state(mappings: &HostMappings, mapping: &Mapping) -> Option<MappingState> {
    let shown = mappings.get(&mapping.uuid).unwrap();
    shown.map(|shown| shown.state)
}

#[tokio::test(start_paused = true)]
async fn of_two_creations_of_one_pair_at_the_same_time_one_is_refused() {
    let mappings = start(&Platform::simulated(1)).await;
    let [one, two] = [1, 2].map(|number| mapping(number, FUNCTION));
    let (first, second) = tokio::join!(mappings.create(one), mappings.create(two.clone()));
    assert_eq!(first.unwrap().state, MappingState::Creating);
    let refused = format!("{:?}", second.unwrap_err());
    assert!(refused.contains("ResourceConflictException"), "{refused}");
    assert_eq!(state(&mappings, &two), None);
    assert_eq!(mappings.list().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_function_holds_up_no_other_mapping_and_no_answer() {
    let platform = Platform::simulated(1);
    let mappings = start(&platform).await;
    let slow = mapping(1, FUNCTION);
    mappings.create(slow.clone()).await.unwrap();
    make_slow(&mappings, &name(&slow)).await;
    let began = platform.clock.monotonic();

    let updated = mappings.update(slow.uuid.clone(), to_function(FUNCTION));
    assert_eq!(updated.await.unwrap().state, MappingState::Updating);
    assert_eq!(state(&mappings, &slow), Some(MappingState::Updating));
    for refused in [
        mappings.update(slow.uuid.clone(), to_function(FUNCTION)),
        mappings.delete(slow.uuid.clone()),
    ] {
        let refused = format!("{:?}", refused.await.unwrap_err());
        assert!(refused.contains("ResourceInUseException"), "{refused}");
    }
    let other = mapping(2, "arn:aws:lambda:us-east-1:000000000000:function:other");
    mappings.create(other.clone()).await.unwrap();
    mappings.delete(other.uuid.clone()).await.unwrap();
    assert_eq!(state(&mappings, &other), None);
    let took = platform.clock.monotonic().0.saturating_sub(began.0);
    assert!(took < Duration::from_secs(10), "{took:?}");

    platform.clock.sleep(Duration::from_hours(2)).await;
    assert_eq!(state(&mappings, &slow), Some(MappingState::Enabled));
    make_slow(&mappings, &name(&slow)).await;
    let deleted = mappings.delete(slow.uuid.clone()).await;
    assert_eq!(deleted.unwrap().state, MappingState::Deleting);
    assert_eq!(state(&mappings, &slow), Some(MappingState::Deleting));
    platform.clock.sleep(Duration::from_hours(2)).await;
    assert_eq!(state(&mappings, &slow), None);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_does_not_start_is_shown_until_it_does() {
    let mappings = start(&Platform::simulated(1)).await;
    let rooms = &mappings.0.rooms;
    let late = FunctionName::parse("late").unwrap();
    let entry = FunctionEntry::new(Origin::Api, Revision::default());
    rooms.functions.create(&late, |_| entry).await.unwrap();
    let mapping = mapping(1, FUNCTION);
    mappings.create(mapping.clone()).await.unwrap();
    let result = || {
        let shown = mappings.get(&mapping.uuid).unwrap().unwrap();
        shown.last_result
    };
    assert_eq!(result(), LastResult::Nothing);
    let missing = "arn:aws:lambda:us-east-1:000000000000:function:late:7";
    let updated = mappings.update(mapping.uuid.clone(), to_function(missing));
    updated.await.unwrap();
    assert_eq!(result(), LastResult::InternalError);
    let why = rooms.runners.why_it_stands(&name(&mapping)).unwrap();
    assert!(why.contains("there is no version or alias `7`"), "{why}");
    let updated = mappings.update(mapping.uuid.clone(), to_function(FUNCTION));
    updated.await.unwrap();
    assert_eq!(result(), LastResult::Nothing);
}

#[tokio::test(start_paused = true)]
async fn the_last_result_is_that_of_the_newest_invocation_and_outlives_a_change() {
    let mappings = start(&Platform::simulated(1)).await;
    let rooms = &mappings.0.rooms;
    let mut mapping = mapping(1, FUNCTION);
    mapping.settings.retry_attempts = 0;
    mappings.create(mapping.clone()).await.unwrap();
    let name = name(&mapping);
    let obeys = Obeys::default();
    let (mut shared, settings) = rooms.runners.parts(&name).unwrap();
    rooms.runners.end(&name).await;
    shared.handler = Arc::new(obeys.clone());
    rooms.runners.start(shared, settings).await.unwrap();
    let result = || {
        let shown = mappings.get(&mapping.uuid).unwrap().unwrap();
        shown.last_result
    };
    assert_eq!(result(), LastResult::Nothing);
    for (fails, expected) in [
        (true, LastResult::FunctionFailed),
        (false, LastResult::Ok),
        (true, LastResult::FunctionFailed),
    ] {
        obeys.0.store(fails, std::sync::atomic::Ordering::Relaxed);
        put(&mappings).await;
        let counters = rooms.runners.status(&name)[0].counters;
        assert_eq!(
            counters.records_in,
            counters.settled + counters.dead_lettered
        );
        assert_eq!(result(), expected);
    }
    for change in [to_function(FUNCTION), enabled(false), enabled(true)] {
        mappings.update(mapping.uuid.clone(), change).await.unwrap();
        assert_eq!(result(), LastResult::FunctionFailed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_ends_the_pause_before_the_next_attempt() {
    let mappings = start(&Platform::simulated(1)).await;
    let rooms = &mappings.0.rooms;
    let mapping = mapping(1, FUNCTION);
    mappings.create(mapping.clone()).await.unwrap();
    let name = name(&mapping);
    // There is no function: the pauses grow to a minute, give or take half.
    put(&mappings).await;
    for changes in [
        vec![to_function(FUNCTION)],
        vec![enabled(false), enabled(true)],
    ] {
        rooms.platform.clock.sleep(Duration::from_secs(600)).await;
        for change in changes {
            mappings.update(mapping.uuid.clone(), change).await.unwrap();
        }
        rooms.platform.clock.sleep(Duration::from_millis(100)).await;
        let status = &rooms.runners.status(&name)[0];
        assert_eq!(status.counters.invocations, 1, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mapping_outlives_its_function() {
    let mappings = start(&Platform::simulated(1)).await;
    let functions = &mappings.0.rooms.functions;
    let late = FunctionName::parse("late").unwrap();
    let entry = FunctionEntry::new(Origin::Api, Revision::default());
    functions.create(&late, |_| entry).await.unwrap();
    let mapping = mapping(1, FUNCTION);
    mappings.create(mapping.clone()).await.unwrap();
    functions.remove(&late).await.unwrap();
    assert_eq!(state(&mappings, &mapping), Some(MappingState::Enabled));
    let listed = mappings.list().unwrap();
    assert_eq!(listed[0].mapping.function_arn, FUNCTION);
    mappings.delete(mapping.uuid.clone()).await.unwrap();
    assert_eq!(state(&mappings, &mapping), None);
}

/// What may be kept under the name of a mapping.
async fn leave_traces(mappings: &HostMappings, name: &TriggerName) -> Vec<bytes::Bytes> {
    let key = HashKey(7);
    let left = vec![
        keys::bookmark(name, "before"),
        keys::state(name, key, b"k", "count"),
        keys::parked_key(name, key, b"k"),
        keys::window_state_of_key(name, Timestamp::default(), key, b"k"),
    ];
    let writes = left.iter().map(|key| ViewWrite {
        key: key.clone(),
        value: Some("x".into()),
    });
    let transaction = Transaction {
        writes: writes.collect(),
        ..Transaction::default()
    };
    let journal = &mappings.0.rooms.journal;
    journal.commit(transaction).await.unwrap();
    left
}

#[tokio::test(start_paused = true)]
async fn a_deleted_mapping_leaves_nothing_under_its_name_also_where_the_server_ended_meanwhile() {
    let mappings = start(&Platform::simulated(1)).await;
    let journal = Arc::clone(&mappings.0.rooms.journal);
    for ends_meanwhile in [false, true] {
        let mapping = mapping(1, FUNCTION);
        let name = name(&mapping);
        mappings.create(mapping.clone()).await.unwrap();
        let left = leave_traces(&mappings, &name).await;
        if ends_meanwhile {
            mappings.0.condemn(&mapping.uuid).await.unwrap();
            mappings.0.rooms.runners.end(&name).await;
            mappings.0.rooms.triggers.remove(&name);
            end_deletions(journal.as_ref()).await.unwrap();
        } else {
            mappings.delete(mapping.uuid.clone()).await.unwrap();
        }
        let still = left
            .iter()
            .filter(|key| journal.get(key).unwrap().is_some());
        assert_eq!(still.count(), 0);
        assert_eq!(state(&mappings, &mapping), None);
        assert!(stored_triggers(journal.as_ref()).unwrap().is_empty());
    }
}

const PROJECT: &str = "version: 1
streams: { flights: {} }
functions: { late: { source: late.wasm } }
triggers:
  delays: { stream: flights, function: late }
  others: { stream: flights, function: late@live }
";

fn project() -> config::Project {
    config::read("triggers.yaml".as_ref(), PROJECT, &BTreeMap::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_file_that_binds_what_a_mapping_binds_is_refused_with_both_places() {
    let mappings = start(&Platform::simulated(1)).await;
    let (rooms, project) = (&mappings.0.rooms, project());
    let found = || {
        let file = (&project, "triggers.yaml".as_ref());
        twice(rooms.journal.as_ref(), &rooms.world, file).unwrap()
    };
    assert_eq!(found(), None);
    let mapping = mapping(1, FUNCTION);
    mappings.create(mapping.clone()).await.unwrap();
    assert_eq!(
        found().unwrap().to_string(),
        "trigger `delays` at triggers.yaml:5 binds the same stream and function as event source mapping 00000000-0000-0000-0000-000000000001 of the Lambda API"
    );
    mappings.delete(mapping.uuid).await.unwrap();
    assert_eq!(found(), None);
}

#[tokio::test(start_paused = true)]
async fn what_the_api_may_not_change_of_the_file_is_named_with_its_place() {
    let mappings = start(&Platform::simulated(1)).await;
    let (rooms, project) = (&mappings.0.rooms, project());
    for (name, trigger) in &project.triggers {
        let settings = crate::plan::trigger(&rooms.world, name, trigger, Timestamp::default());
        rooms.triggers.put(settings);
    }
    rooms.triggers.note_lines(&project);
    let listed = mappings.list().unwrap();
    assert_eq!(listed.len(), 2);
    let delays = |shown: &&Shown| shown.mapping.function_arn == FUNCTION;
    let uuid = listed.iter().find(delays).unwrap().mapping.uuid.clone();

    let refused = mappings.create(mapping(1, FUNCTION)).await.unwrap_err();
    let refused = format!("{refused:?}");
    assert!(refused.contains(&format!("existing mapping with UUID {uuid}")));
    assert!(
        refused.contains("that is trigger delays at triggers.yaml:5"),
        "{refused}"
    );

    let other = to_function("arn:aws:lambda:us-east-1:000000000000:function:other");
    let changed = mappings.update(uuid.clone(), other).await.unwrap_err();
    let tagged = mappings
        .tag(uuid.clone(), BTreeMap::new())
        .await
        .unwrap_err();
    for (refused, so) in [
        (changed, "can only be changed there"),
        (
            mappings.delete(uuid).await.unwrap_err(),
            "can only be removed there",
        ),
        (tagged, "takes no tags"),
    ] {
        assert_eq!(
            refused.to_string(),
            format!(
                "ResourceInUseException: The event source mapping is trigger delays at triggers.yaml:5 and {so}."
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_role_of_a_function_is_what_the_api_was_told() {
    let mappings = start(&Platform::simulated(1)).await;
    let functions = &mappings.0.rooms.functions;
    let [with, without] = ["with", "without"].map(|name| FunctionName::parse(name).unwrap());
    let role = "arn:aws:iam::111111111111:role/reader";
    let mut revision = Revision::default();
    let plain = FunctionEntry::new(Origin::Api, revision.clone());
    functions.create(&without, |_| plain).await.unwrap();
    let words = &mut revision.settings.words;
    words.insert("Role".to_owned(), role.into());
    let told = FunctionEntry::new(Origin::Api, revision);
    functions.create(&with, |_| told).await.unwrap();
    assert_eq!(functions.role(&with, None).as_deref(), Some(role));
    assert_eq!(functions.role(&without, None), None);
}
