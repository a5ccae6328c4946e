//! One invocation that no trigger drives: of the Lambda API, of a function's address, by hand. Outputs are shown to whoever
//! asked where there is somebody, and stored nowhere.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use model::{
    FencingToken, FunctionName, FunctionVersion, Invocation, Position, SequenceNumber, ShardId,
    StreamName, TraceParent, TriggerName, UserRecord, ids::InvalidName,
};
use sandbox::{Called, Function, Kind};
use serde::Deserialize;

use crate::{assemble::Rooms, plan::stream_key, report::OwedReport};

/// Under this name, in the place of a trigger's, stands what functions say when they are invoked.
pub(crate) const INVOKE: &str = "invoke";

/// What a function is called with, besides what it is called with.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) function: &'a FunctionName,
    pub(crate) version: FunctionVersion,
    pub(crate) request_id: String,
    pub(crate) attempt: u32,
    /// As the caller named it.
    pub(crate) qualifier: Option<Arc<str>>,
    pub(crate) client_context: Option<Arc<str>>,
    pub(crate) trace_parent: Option<TraceParent>,
}

/// Calls a function with an event; one that takes records gets those of an event in Lambda's shape for Kinesis.
pub(crate) async fn with_event(
    rooms: &Rooms,
    function: &Function,
    facts: Facts<'_>,
    event: Vec<u8>,
) -> Result<Called, String> {
    let takes_events = match function.kind() {
        Kind::Event | Kind::Command | Kind::Process => true,
        Kind::Stream => false,
        Kind::Http => return Err("it takes requests, not events".to_owned()),
    };
    let (records, event) = if takes_events {
        (Vec::new(), Some(event))
    } else {
        (user_records(rooms, kinesis_records(&event)?), None)
    };
    let invocation = invocation(rooms, facts, records).map_err(|error| error.to_string())?;
    let traced = rooms.functions.traced(&invocation);
    let report = OwedReport::of(rooms, &invocation, function.limits().memory_told);
    let called = function.call(invocation, event).await;
    report.say_at(&rooms.functions.pace, &called);
    traced.inspect(|traced| traced.tell(&called.outcome));
    Ok(called)
}

/// Key and data of each record of an event in the shape of Lambda's Kinesis event.
pub(crate) fn kinesis_records(event: &[u8]) -> Result<Vec<(String, Bytes)>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Event {
        records: Vec<Record>,
    }
    #[derive(Deserialize)]
    struct Record {
        kinesis: Kinesis,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kinesis {
        partition_key: String,
        data: String,
    }
    let event: Event = serde_json::from_slice(event).map_err(|error| error.to_string())?;
    let taken = |record: Record| {
        let data = base64_simd::STANDARD.decode_to_vec(&record.kinesis.data);
        let data = data.map_err(|_| "`data` of a record is no base64".to_owned())?;
        Ok((record.kinesis.partition_key, data.into()))
    };
    event.records.into_iter().map(taken).collect()
}

pub(crate) fn user_records(rooms: &Rooms, bodies: Vec<(String, Bytes)>) -> Vec<UserRecord> {
    let now = rooms.platform.clock.wall();
    (1..)
        .zip(bodies)
        .map(|(number, (key, data))| UserRecord {
            position: Position {
                sequence: SequenceNumber([0, 0, number]),
                sub_sequence: 0,
            },
            arrived: now,
            partition_key: key.into(),
            explicit_hash_key: None,
            data,
            aggregated: false,
            deliveries: 1,
        })
        .collect()
}

/// Every output that some trigger of the function has is granted, so that a handler may be tried as it is.
pub(crate) fn invocation(
    rooms: &Rooms,
    facts: Facts<'_>,
    records: Vec<UserRecord>,
) -> Result<Invocation, InvalidName> {
    let outputs: BTreeSet<String> = rooms
        .triggers
        .now()
        .values()
        .filter(|trigger| trigger.function == *facts.function)
        .flat_map(|trigger| trigger.outputs.keys().cloned())
        .chain(granted_elsewhere(rooms, facts.function))
        .chain(["default".to_owned()])
        .collect();
    Ok(Invocation {
        trigger: TriggerName::parse(INVOKE)?,
        function: facts.function.clone(),
        version: facts.version,
        stream: stream_key(&rooms.world, &StreamName::parse(INVOKE)?),
        shard: ShardId(0),
        request_id: facts.request_id,
        attempt: facts.attempt,
        attempts_max: Some(1),
        fencing_token: FencingToken(0),
        behind_ms: 0,
        started: rooms.platform.clock.wall(),
        records: records.into(),
        outputs: Arc::new(outputs),
        state: Some(Arc::new(crate::scratch_state::ScratchState)),
        window: None,
        tracing: false,
        envelope: false,
        item_failures: model::invocation::ItemFailures::default(),
        role: None,
        qualifier: facts.qualifier,
        client_context: facts.client_context,
        trace_parent: facts.trace_parent,
        begun: model::invocation::Begun::default(),
        replayed_to: None,
    })
}

/// Outputs of its triggers that read no stream.
fn granted_elsewhere(rooms: &Rooms, function: &FunctionName) -> Vec<String> {
    let schedules = rooms.schedules.all().into_iter();
    let schedules = schedules.filter(|(settings, _)| settings.function == *function);
    let schedules =
        schedules.flat_map(|(settings, _)| settings.outputs.keys().cloned().collect::<Vec<_>>());
    let routes = rooms
        .routes
        .all()
        .into_iter()
        .filter(|gate| gate.settings.function() == function);
    let routes = routes.flat_map(|gate| gate.settings.outputs.keys().cloned().collect::<Vec<_>>());
    schedules.chain(routes).collect()
}
