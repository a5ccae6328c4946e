//! Tags, by both families of actions: by a stream's name, and by the ARN of a stream or a consumer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    super::{
        answer::Answer,
        documents::{ListTagsForResourceReply, ListTagsForStreamReply, Tag},
        error::AwsError,
        input::Members,
        resource::Resource,
    },
    Carrier,
};
use crate::limits::{TAGS_PER_PAGE_MAX, TAGS_PER_RESOURCE_MAX};

impl Carrier<'_> {
    pub(super) async fn add_tags_to_stream(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let resource = Resource::Stream(self.addressed(input)?);
        self.add_tags(resource, given_tags(input)).await
    }

    pub(super) async fn tag_resource(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let resource = self.named_resource(input)?;
        self.add_tags(resource, given_tags(input)).await
    }

    pub(super) async fn remove_tags_from_stream(
        &self,
        input: Members<'_>,
    ) -> Result<Answer, AwsError> {
        let resource = Resource::Stream(self.addressed(input)?);
        self.remove_tags(resource, given_keys(input)).await
    }

    pub(super) async fn untag_resource(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let resource = self.named_resource(input)?;
        self.remove_tags(resource, given_keys(input)).await
    }

    pub(super) fn list_tags_for_stream(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let after = input.text("ExclusiveStartTagKey");
        let limit = input.count("Limit").unwrap_or(TAGS_PER_PAGE_MAX);
        let mut tags = tag_documents(&self.described(&key)?.traits.tags);
        tags.retain(|tag| after.is_none_or(|after| tag.key.as_str() > after));
        let has_more_tags = tags.len() > limit;
        tags.truncate(limit);
        self.document(&ListTagsForStreamReply {
            tags,
            has_more_tags,
        })
    }

    pub(super) fn list_tags_for_resource(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let resource = self.named_resource(input)?;
        let traits = self.described(resource.stream())?.traits;
        let tags = match &resource {
            Resource::Stream(_) => &traits.tags,
            Resource::Consumer(consumer) => {
                let found = traits.consumer(&consumer.name, consumer.created_s, self.now());
                &found
                    .ok_or_else(|| AwsError::consumer_missing(consumer))?
                    .tags
            }
        };
        self.document(&ListTagsForResourceReply {
            tags: tag_documents(tags),
        })
    }

    pub(super) fn named_resource(&self, input: Members<'_>) -> Result<Resource, AwsError> {
        self.resource(input.text("ResourceARN").unwrap_or_default())
    }

    async fn add_tags(
        &self,
        resource: Resource,
        tags: BTreeMap<String, String>,
    ) -> Result<Answer, AwsError> {
        let stream = resource.stream().clone();
        self.change_labels(resource, move |labels| {
            let (name, account) = (stream.name.as_str(), stream.account.as_str());
            let texts = tags.keys().chain(tags.values());
            check_characters(texts, name, account, "add tags to")?;
            labels.tags.extend(tags);
            if labels.tags.len() > TAGS_PER_RESOURCE_MAX {
                return Err(AwsError::too_many_tags(&stream));
            }
            Ok(())
        })
        .await
    }

    async fn remove_tags(&self, resource: Resource, keys: Vec<String>) -> Result<Answer, AwsError> {
        let stream = resource.stream().clone();
        self.change_labels(resource, move |labels| {
            let (name, account) = (stream.name.as_str(), stream.account.as_str());
            check_characters(keys.iter(), name, account, "remove tags from")?;
            labels.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
    }
}

/// The tags of an input that makes a thing, checked.
pub(super) fn tags_at_creation(
    input: Members<'_>,
    name: &str,
    account: &str,
) -> Result<BTreeMap<String, String>, AwsError> {
    let tags = given_tags(input);
    check_characters(
        tags.keys().chain(tags.values()),
        name,
        account,
        "add tags to",
    )?;
    if tags.len() > TAGS_PER_RESOURCE_MAX {
        return Err(AwsError::too_many_tags_at_creation(name, account));
    }
    Ok(tags)
}

fn given_tags(input: Members<'_>) -> BTreeMap<String, String> {
    let tags = input.inside("Tags").map(|tags| tags.0.iter());
    let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    tags.into_iter().flatten().filter_map(pair).collect()
}

fn given_keys(input: Members<'_>) -> Vec<String> {
    let keys = input.0.get("TagKeys").and_then(Value::as_array);
    let keys = keys.into_iter().flatten();
    keys.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn tag_documents(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag {
        key: key.clone(),
        value: value.clone(),
    };
    tags.iter().map(tag).collect()
}

/// The percent sign passes the first check and not the second, as on AWS.
fn check_characters<'a>(
    texts: impl Iterator<Item = &'a String> + Clone,
    stream: &str,
    account: &str,
    doing: &str,
) -> Result<(), AwsError> {
    if texts.clone().any(|text| !text.chars().all(is_known)) {
        return Err(AwsError::tag_characters());
    }
    let mut texts = texts;
    if texts.any(|text| text.contains('%')) {
        return Err(AwsError::tag_percent(doing, stream, account));
    }
    Ok(())
}

fn is_known(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
        || matches!(
            letter,
            '_' | '.' | '/' | '-' | '=' | '+' | ' ' | '@' | '%' | ':'
        )
        || matches!(letter, '\u{c0}'..='\u{1fff}' | '\u{2c00}'..='\u{d7ff}')
}
