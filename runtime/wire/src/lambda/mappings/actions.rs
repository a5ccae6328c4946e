//! The calls on mappings: existence and state are asked here, after everything a request says about itself was checked.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use platform::Platform;
use serde_json::json;

use super::{
    Mapping, MappingSettings, Mappings, Shown,
    document::{arn, document},
    input::Input,
    source::{Source, refuse_before_1970},
};
use crate::{
    credentials::Caller,
    lambda::{
        call::Call,
        door::{Reply, uuid},
        error::LambdaError,
        function_name::FunctionName,
    },
    limits::MAPPINGS_LISTED_MAX,
};

/// A call below `/2015-03-31/event-source-mappings`; `rest` is what follows.
pub(crate) async fn mapping(
    mappings: &dyn Mappings,
    platform: &Platform,
    call: &Call,
    rest: &[String],
) -> Result<Reply, LambdaError> {
    match (&call.method, rest) {
        (&Method::POST, []) => create(mappings, platform, call).await,
        (&Method::GET, []) => list(mappings, call),
        (&Method::GET, [uuid]) => Ok(accepted(StatusCode::OK, &known(mappings, call, uuid)?)),
        (&Method::PUT, [uuid]) => update(mappings, platform, call, uuid).await,
        (&Method::DELETE, [uuid]) => {
            known(mappings, call, uuid)?;
            let gone = mappings.delete(uuid.clone()).await?;
            Ok(accepted(StatusCode::ACCEPTED, &gone))
        }
        _ => Err(LambdaError::unknown_operation()),
    }
}

fn accepted(status: StatusCode, shown: &Shown) -> Reply {
    Reply::of(status, document(shown))
}

fn known(mappings: &dyn Mappings, call: &Call, uuid: &str) -> Result<Shown, LambdaError> {
    let missing = LambdaError::not_found("The resource you requested does not exist.");
    match mappings.get(uuid)? {
        Some(shown) if is_in_world_of(&shown.mapping, call) => Ok(shown),
        Some(_) => Err(missing.with_hint("a mapping of that id is in another account or region")),
        None => Err(missing),
    }
}

/// Each account and region is a world of its own: whoever calls sees the mappings of the functions of one.
fn is_in_world_of(mapping: &Mapping, call: &Call) -> bool {
    let mut parts = mapping.function_arn.split(':').skip(3);
    let (region, account) = (parts.next(), parts.next());
    let Caller {
        account: own,
        region: here,
    } = &call.caller;
    region == Some(here.as_str()) && account == Some(own.as_str())
}

async fn create(
    mappings: &dyn Mappings,
    platform: &Platform,
    call: &Call,
) -> Result<Reply, LambdaError> {
    let mut input = Input::new(call.object()?);
    let now = platform.clock.wall().as_millis();
    let position = input.starting_position()?;
    let name = function_name(call, input.text("FunctionName")?.as_deref())?;
    let settings = input.settings(MappingSettings::default())?;
    let arn = input.text("EventSourceArn")?.unwrap_or_default();
    let source = Source::of(&arn)?;
    let beginning = source.beginning(&input, (&arn, position), now)?;
    let tags = input.tags()?;
    let remarks = mappings.remarks(&settings.filters)?;
    let function = existing(mappings, name)?;
    let there = source == Source::Stream && mappings.has_source(&arn);
    let Some(beginning) = beginning.filter(|_| there) else {
        return Err(source.missing(&arn));
    };
    refuse_before_1970(beginning)?;
    let (starting_position, starting_position_timestamp) = beginning;
    let mapping = Mapping {
        uuid: uuid(platform),
        event_source_arn: arn,
        function_arn: function.arn(),
        starting_position,
        starting_position_timestamp,
        settings,
        tags,
        modified_ms: now,
    };
    let shown = mappings.create(mapping).await?;
    Ok(accepted(StatusCode::ACCEPTED, &shown)
        .with_hints(input.unknown().into_iter().chain(remarks)))
}

/// The function that a request names; it is there.
fn existing(mappings: &dyn Mappings, name: FunctionName) -> Result<FunctionName, LambdaError> {
    if mappings.has_function(&name) {
        Ok(name)
    } else {
        Err(LambdaError::invalid_parameter("Function does not exist")
            .with_hint("`shardmill function list` shows the functions of triggers.yaml"))
    }
}

fn function_name(call: &Call, text: Option<&str>) -> Result<FunctionName, LambdaError> {
    let Some(text) = text else {
        return Err(LambdaError::validation(
            "1 validation error detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null",
        ));
    };
    FunctionName::parse(text, &call.caller).ok_or_else(|| {
        LambdaError::validation(format!(
            "1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{{2}}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{{1}}:)?(\\d{{12}}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
        ))
    })
}

/// The other mapping of the same source and function, where there is one.
#[must_use]
pub fn twin<'a>(all: &'a [Shown], mapping: &Mapping) -> Option<&'a Mapping> {
    let same = |shown: &Shown| {
        shown.mapping.event_source_arn == mapping.event_source_arn
            && shown.mapping.function_arn == mapping.function_arn
            && shown.mapping.uuid != mapping.uuid
    };
    let found = all.iter().find(|shown| same(shown));
    found.map(|shown| &shown.mapping)
}

/// One function may be bound to one source once (ESM-8).
pub fn refuse_twice(all: &[Shown], mapping: &Mapping) -> Result<(), LambdaError> {
    let function = mapping.function_arn.split(':').nth(6).unwrap_or_default();
    match twin(all, mapping) {
        None => Ok(()),
        Some(mapping) => Err(LambdaError::conflict(format!(
            "The event source arn (\" {} \") and function (\" {} \") provided mapping already exists. Please update or delete the existing mapping with UUID {}",
            mapping.event_source_arn, function, mapping.uuid
        ))),
    }
}

async fn update(
    mappings: &dyn Mappings,
    platform: &Platform,
    call: &Call,
    uuid: &str,
) -> Result<Reply, LambdaError> {
    let object = call.object()?;
    let mut input = Input::new(object.clone());
    let before = known(mappings, call, uuid)?.mapping;
    input.refuse_fixed()?;
    let filters = input.settings(before.settings)?.filters;
    let remarks = mappings.remarks(&filters)?;
    let named = input.text("FunctionName")?;
    let named = named.map(|named| function_name(call, Some(&named)));
    let function = named.transpose()?;
    let function = function.map(|name| existing(mappings, name)).transpose()?;
    let modified_ms = platform.clock.wall().as_millis();
    // What is not named keeps what it is by the time of the change.
    let change = move |now: Mapping| {
        Ok(Mapping {
            settings: Input::new(object).settings(now.settings)?,
            function_arn: function.map_or(now.function_arn, |function| function.arn()),
            modified_ms,
            ..now
        })
    };
    let changed = mappings.update(uuid.to_owned(), Box::new(change));
    let shown = changed.await?;
    Ok(accepted(StatusCode::ACCEPTED, &shown)
        .with_hints(input.unknown().into_iter().chain(remarks)))
}

fn list(mappings: &dyn Mappings, call: &Call) -> Result<Reply, LambdaError> {
    let asked = call.items_asked(MAPPINGS_LISTED_MAX)?;
    // Mappings outlive their functions (ESM-7).
    let function = call
        .parameter("FunctionName")
        .map(|text| function_name(call, Some(text)))
        .transpose()?;
    let source = call.parameter("EventSourceArn");
    let after = call.parameter("Marker");
    let wanted = |shown: &Shown| {
        let mapping = &shown.mapping;
        let here = is_in_world_of(mapping, call);
        here && source.is_none_or(|source| mapping.event_source_arn == source)
            && function
                .as_ref()
                .is_none_or(|function| is_of(mapping, function))
            && after.is_none_or(|after| mapping.uuid.as_str() > after)
    };
    let mut found = mappings.list()?;
    let elsewhere = found.iter().any(|it| !is_in_world_of(&it.mapping, call));
    found.retain(wanted);
    let Caller { account, region } = &call.caller;
    let hint = (found.is_empty() && elsewhere).then(|| {
        format!("these are the mappings of {region} in account {account}: there are some elsewhere")
    });
    let more = found.len() > asked;
    found.truncate(asked);
    let marker = found
        .last()
        .filter(|_| more)
        .map(|it| it.mapping.uuid.clone());
    let mut answer = json!({
        "EventSourceMappings": found.iter().map(document).collect::<Vec<_>>(),
    });
    if let Some(marker) = marker {
        answer["NextMarker"] = json!(marker);
    }
    Ok(Reply::of(StatusCode::OK, answer).with_hints(hint))
}

/// A name without a qualifier stands for the function with any.
fn is_of(mapping: &Mapping, function: &FunctionName) -> bool {
    let arn = function.arn();
    let rest = mapping.function_arn.strip_prefix(&arn);
    match &function.qualifier {
        Some(_) => rest == Some(""),
        None => rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
    }
}

/// `/2017-03-31/tags/ARN` of a mapping: read, add and remove.
pub(crate) async fn tags(
    mappings: &dyn Mappings,
    call: &Call,
    resource: &str,
) -> Result<Reply, LambdaError> {
    let uuid = resource.rsplit(':').next().unwrap_or_default();
    let named = |shown: &Shown| arn(shown) == resource && is_in_world_of(&shown.mapping, call);
    let shown = mappings.get(uuid)?.filter(named);
    let shown = shown.ok_or_else(|| {
        LambdaError::not_found(format!("Event source mapping not found: {resource}"))
    })?;
    let mut tags = shown.mapping.tags;
    match call.method {
        Method::GET => {
            return Ok(Reply {
                status: StatusCode::OK,
                document: Some(json!({ "Tags": tags })),
                ..Reply::default()
            });
        }
        Method::POST => {
            let mut input = Input::new(call.object()?);
            let all: BTreeMap<_, _> = tags.into_iter().chain(input.tags()?).collect();
            tags = Input::new(serde_json::Map::from_iter([(
                "Tags".to_owned(),
                json!(all),
            )]))
            .tags()?;
        }
        Method::DELETE => {
            let gone = call.query.get("tagKeys").cloned().unwrap_or_default();
            tags.retain(|key, _| !gone.contains(key));
        }
        _ => return Err(LambdaError::unknown_operation()),
    }
    mappings.tag(uuid.to_owned(), tags).await?;
    Ok(Reply {
        status: StatusCode::NO_CONTENT,
        document: None,
        ..Reply::default()
    })
}
