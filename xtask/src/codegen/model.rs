//! The part of botocore's service model that the tables need, read strictly enough to notice surprises.
//!
//! In: JSON text. Out: actions with their input shapes, and all shapes by name. Members keep the order of the
//! file, because AWS's texts depend on it. Documentation, traits and outputs are not read.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context as _, Result};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

#[derive(Debug, Deserialize)]
pub(super) struct ServiceModel {
    pub(super) metadata: Metadata,
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) api_version: String,
    pub(super) service_id: String,
    /// Of services whose actions are named by a header.
    #[serde(default)]
    pub(super) target_prefix: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) input: Reference,
    pub(super) http: Http,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Http {
    pub(super) method: String,
    pub(super) request_uri: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) shape: String,
    /// Where a member of an input is, if not in the body.
    pub(super) location: Option<String>,
    pub(super) location_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) required: Vec<String>,
    #[serde(default)]
    pub(super) members: Members,
    pub(super) member: Option<Reference>,
    pub(super) key: Option<Reference>,
    pub(super) value: Option<Reference>,
    #[serde(default, deserialize_with = "whole")]
    pub(super) min: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    pub(super) max: Option<i64>,
    pub(super) pattern: Option<String>,
    #[serde(default, rename = "enum")]
    pub(super) one_of: Vec<String>,
    /// The member that is the whole body.
    pub(super) payload: Option<String>,
}

/// A bound; those of numbers with a fraction have none here.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    serde_json::Number::deserialize(deserializer).map(|number| number.as_i64())
}

/// The members of a structure in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) Vec<(String, Reference)>);

impl ServiceModel {
    pub(super) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("this is not a service model of botocore")
    }

    pub(super) fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes
            .get(name)
            .with_context(|| format!("the model names no shape {name}"))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of members")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
