//! What a request says about a mapping: members read, typed and held to the constraints of AWS's model.
//!
//! In: the object of a body, and the settings before it. Out: the settings after it, or a refusal in AWS's words. What
//! Kinesis sources do not take is refused, never dropped.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value};

use super::{MappingSettings, StartingPosition, unknown};
use crate::{
    lambda::error::LambdaError,
    limits::{
        DESTINATION_CHARACTERS_MAX, FILTER_CHARACTERS_MAX, FILTERS_MAX, TAG_KEY_CHARACTERS_MAX,
        TAG_VALUE_CHARACTERS_MAX, TAGS_MAX,
    },
};

/// Members of the API that other kinds of sources have.
pub(super) const OF_OTHER_SOURCES: &[&str] = &[
    "AmazonManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "LoggingConfig",
    "ProvisionedPollerConfig",
    "Queues",
    "ScalingConfig",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "Topics",
];

/// The body of a request, read member by member.
#[derive(Debug)]
pub(in crate::lambda) struct Input {
    object: Map<String, Value>,
    violations: Vec<String>,
}

impl Input {
    pub(in crate::lambda) fn new(object: Map<String, Value>) -> Self {
        Self {
            object,
            violations: Vec::new(),
        }
    }

    pub(in crate::lambda) fn text(&self, name: &str) -> Result<Option<String>, LambdaError> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(mistyped()),
        }
    }

    pub(in crate::lambda) fn value(&self, name: &str) -> Option<&Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(in crate::lambda) fn flag(&self, name: &str) -> Result<Option<bool>, LambdaError> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(mistyped()),
        }
    }

    pub(in crate::lambda) fn integer(
        &mut self,
        name: &str,
        min: i64,
        max: i64,
    ) -> Result<Option<i64>, LambdaError> {
        let value = match self.object.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value.as_i64().ok_or_else(mistyped)?,
        };
        if value < min {
            let rule = format!("Member must have value greater than or equal to {min}");
            self.violated(name, &value.to_string(), &rule);
        } else if value > max {
            let rule = format!("Member must have value less than or equal to {max}");
            self.violated(name, &value.to_string(), &rule);
        }
        Ok(Some(value))
    }

    pub(in crate::lambda) fn violated(&mut self, member: &str, value: &str, rule: &str) {
        let mut characters = member.chars();
        let first = characters.next().map(|first| first.to_ascii_lowercase());
        let member: String = first.into_iter().chain(characters).collect();
        self.violations.push(format!(
            "Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
        ));
    }

    pub(in crate::lambda) fn violated_null(&mut self, member: &str) {
        self.violations.push(format!(
            "Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ));
    }

    pub(in crate::lambda) fn map(
        &self,
        name: &str,
    ) -> Result<Option<&Map<String, Value>>, LambdaError> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(mistyped()),
        }
    }

    /// What was said that breaks a constraint, all of it at once.
    pub(in crate::lambda) fn check(&self) -> Result<(), LambdaError> {
        if self.violations.is_empty() {
            return Ok(());
        }
        let count = self.violations.len();
        let errors = if count == 1 { "error" } else { "errors" };
        let all = self.violations.join("; ");
        Err(LambdaError::validation(format!(
            "{count} validation {errors} detected: {all}"
        )))
    }

    /// The settings after this request.
    pub(super) fn settings(
        &mut self,
        before: MappingSettings,
    ) -> Result<MappingSettings, LambdaError> {
        let number = |value: Option<i64>, before: u32| {
            value
                .and_then(|value| value.try_into().ok())
                .unwrap_or(before)
        };
        let signed = |value: Option<i64>, before: i32| {
            value
                .and_then(|value| value.try_into().ok())
                .unwrap_or(before)
        };
        let batch_size = self.integer("BatchSize", 1, 10_000)?;
        let window = self.integer("MaximumBatchingWindowInSeconds", 0, 300)?;
        let factor = self.integer("ParallelizationFactor", 1, 10)?;
        let age = self.integer("MaximumRecordAgeInSeconds", -1, 604_800)?;
        let attempts = self.integer("MaximumRetryAttempts", -1, 10_000)?;
        let tumbling = self.integer("TumblingWindowInSeconds", 0, 900)?;
        let settings = MappingSettings {
            batch_size: number(batch_size, before.batch_size),
            batching_window_s: number(window, before.batching_window_s),
            parallelization_factor: number(factor, before.parallelization_factor),
            bisect: self
                .flag("BisectBatchOnFunctionError")?
                .unwrap_or(before.bisect),
            retry_attempts: signed(attempts, before.retry_attempts),
            record_age_s: signed(age, before.record_age_s),
            on_failure: self.on_failure()?.unwrap_or(before.on_failure),
            report_item_failures: self
                .response_types()?
                .unwrap_or(before.report_item_failures),
            filters: self.filters()?.unwrap_or(before.filters),
            tumbling_window_s: number(tumbling, before.tumbling_window_s),
            enabled: self.flag("Enabled")?.unwrap_or(before.enabled),
            event_count: self.event_count()?.unwrap_or(before.event_count),
        };
        self.check()?;
        self.refuse_other_sources()?;
        together(&settings)?;
        Ok(settings)
    }

    fn refuse_other_sources(&self) -> Result<(), LambdaError> {
        let given = |name: &&&str| !matches!(self.object.get(**name), None | Some(Value::Null));
        if let Some(name) = OF_OTHER_SOURCES.iter().find(given) {
            return Err(unsupported(name));
        }
        match self.text("KMSKeyArn")? {
            Some(key) if !key.is_empty() => Err(LambdaError::invalid_parameter(
                "Unsupported KMSKeyArn parameter for given event source mapping type.",
            )
            .with_hint("filters are kept as they are: there is no key service here")),
            Some(_) | None => Ok(()),
        }
    }

    /// Nothing where the request does not say; none where it says that there is to be none.
    fn on_failure(&mut self) -> Result<Option<Option<String>>, LambdaError> {
        let Some(config) = self.map("DestinationConfig")? else {
            return Ok(None);
        };
        let destination = |side: &str| match config.get(side) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(side)) => match side.get("Destination") {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone()).filter(|it| !it.is_empty())),
                Some(_) => Err(mistyped()),
            },
            Some(_) => Err(mistyped()),
        };
        if destination("OnSuccess")?.is_some() {
            return Err(unsupported("DestinationConfig"));
        }
        let on_failure = destination("OnFailure")?;
        if let Some(arn) = &on_failure
            && arn.chars().count() > DESTINATION_CHARACTERS_MAX
        {
            let rule = format!(
                "Member must have length less than or equal to {DESTINATION_CHARACTERS_MAX}"
            );
            let arn = arn.clone();
            self.violated("destinationConfig.onFailure.destination", &arn, &rule);
        }
        Ok(Some(on_failure))
    }

    fn response_types(&mut self) -> Result<Option<bool>, LambdaError> {
        let types = match self.object.get("FunctionResponseTypes") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(types)) => types.clone(),
            Some(_) => return Err(mistyped()),
        };
        if types.len() > 1 {
            let rule = "Member must have length less than or equal to 1";
            self.violated(
                "FunctionResponseTypes",
                &Value::from(types.clone()).to_string(),
                rule,
            );
        }
        for given in &types {
            let given = given.as_str().ok_or_else(mistyped)?;
            if given != "ReportBatchItemFailures" {
                let rule = "Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures]]";
                self.violated("FunctionResponseTypes", &format!("[{given}]"), rule);
            }
        }
        Ok(Some(!types.is_empty()))
    }

    fn filters(&mut self) -> Result<Option<Vec<String>>, LambdaError> {
        let Some(criteria) = self.map("FilterCriteria")? else {
            return Ok(None);
        };
        let listed = match criteria.get("Filters") {
            None | Some(Value::Null) => return Ok(Some(Vec::new())),
            Some(Value::Array(filters)) => filters,
            Some(_) => return Err(mistyped()),
        };
        let pattern = |filter: &Value| match filter.get("Pattern") {
            Some(Value::String(text)) => Ok(Some(text.clone())),
            None | Some(Value::Null) if filter.is_object() => Ok(None),
            _ => Err(mistyped()),
        };
        let patterns: Vec<Option<String>> = listed.iter().map(pattern).collect::<Result<_, _>>()?;
        if patterns.iter().any(Option::is_none) {
            return Err(LambdaError::invalid_filter("a filter has no Pattern"));
        }
        let patterns: Vec<String> = patterns.into_iter().flatten().collect();
        if patterns.len() > FILTERS_MAX {
            return Err(LambdaError::invalid_parameter(format!(
                "Filters exceed the maximum number of filters allowed: {FILTERS_MAX}"
            )));
        }
        for pattern in &patterns {
            if pattern.chars().count() > FILTER_CHARACTERS_MAX {
                let rule = format!(
                    "Member must have length less than or equal to {FILTER_CHARACTERS_MAX}"
                );
                self.violated("filterCriteria.filters.pattern", pattern, &rule);
            }
        }
        Ok(Some(patterns))
    }

    fn event_count(&self) -> Result<Option<bool>, LambdaError> {
        let Some(config) = self.map("MetricsConfig")? else {
            return Ok(None);
        };
        match config.get("Metrics") {
            None | Some(Value::Null) => Ok(Some(false)),
            Some(Value::Array(metrics)) => {
                if metrics.iter().any(|metric| metric != "EventCount") {
                    return Err(unsupported("MetricsConfig"));
                }
                Ok(Some(!metrics.is_empty()))
            }
            Some(_) => Err(mistyped()),
        }
    }

    /// The word of where the mapping begins, which some sources must be told. An unknown one is noted.
    pub(super) fn starting_position(&mut self) -> Result<Option<StartingPosition>, LambdaError> {
        let Some(word) = self.text("StartingPosition")? else {
            return Ok(None);
        };
        let known = StartingPosition::WORDS.iter().find(|(it, _)| *it == word);
        if known.is_none() {
            self.violated(
                "StartingPosition",
                &word,
                "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
            );
        }
        Ok(known.map(|(_, position)| *position))
    }

    /// What of it the API does not have, in a sentence.
    pub(super) fn unknown(&self) -> Option<String> {
        unknown::hint(&self.object)
    }

    /// What an update names although it cannot be changed.
    pub(super) fn refuse_fixed(&self) -> Result<(), LambdaError> {
        let fixed = [
            "EventSourceArn",
            "StartingPosition",
            "StartingPositionTimestamp",
            "Tags",
        ];
        match fixed.iter().find(|name| self.object.contains_key(**name)) {
            Some(name) => Err(LambdaError::invalid_parameter(format!(
                "{name} cannot be changed once the event source mapping is created."
            ))),
            None => Ok(()),
        }
    }

    pub(in crate::lambda) fn tags(&mut self) -> Result<BTreeMap<String, String>, LambdaError> {
        let mut tags = BTreeMap::new();
        if let Some(map) = self.map("Tags")? {
            for (key, value) in map {
                let value = value.as_str().ok_or_else(mistyped)?;
                tags.insert(key.clone(), value.to_owned());
            }
        }
        for (key, value) in &tags {
            let is_known = |text: &str| text.chars().all(is_of_tags);
            if !is_known(key) || !is_known(value) {
                return Err(LambdaError::validation(format!(
                    "1 validation error detected: Value '{{{key}={value}}}' at 'tags' failed to satisfy constraint: Member must satisfy regular expression pattern: ([\\p{{L}}\\p{{Z}}\\p{{N}}_.:/=+\\-@]*)"
                )));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(LambdaError::invalid_parameter(format!(
                    "Tag keys that begin with aws: are reserved for internal use: {key}"
                )));
            }
            if !(1..=TAG_KEY_CHARACTERS_MAX).contains(&key.chars().count())
                || value.chars().count() > TAG_VALUE_CHARACTERS_MAX
            {
                return Err(LambdaError::invalid_parameter(format!(
                    "Tag keys have 1 to {TAG_KEY_CHARACTERS_MAX} characters and values at most {TAG_VALUE_CHARACTERS_MAX}."
                )));
            }
        }
        if tags.len() > TAGS_MAX {
            return Err(LambdaError::invalid_parameter(format!(
                "A resource has at most {TAGS_MAX} tags."
            )));
        }
        Ok(tags)
    }
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
fn is_of_tags(letter: char) -> bool {
    let is_space = letter.is_whitespace() && !letter.is_control();
    letter.is_alphanumeric() || is_space || "_.:/=+-@".contains(letter)
}

/// What settings say about each other.
fn together(settings: &MappingSettings) -> Result<(), LambdaError> {
    if (0..60).contains(&settings.record_age_s) {
        return Err(LambdaError::invalid_parameter(
            "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800.",
        ));
    }
    if settings.tumbling_window_s > 0 && settings.parallelization_factor > 1 {
        return Err(LambdaError::invalid_parameter(
            "ParallelizationFactor must be 1 when TumblingWindowInSeconds is greater than 0.",
        ));
    }
    Ok(())
}

pub(in crate::lambda) fn mistyped() -> LambdaError {
    LambdaError::new(StatusCode::BAD_REQUEST, "SerializationException", "")
}

fn unsupported(member: &str) -> LambdaError {
    LambdaError::invalid_parameter(format!(
        "Unsupported {member} parameter for given event source mapping type."
    ))
}
