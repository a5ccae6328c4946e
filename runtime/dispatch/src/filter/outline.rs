//! Where the members of a JSON body lie: looked up once for all triggers that look into the body.
//!
//! The whole body is checked to be JSON, by the reader of plain JSON where that can. A reader parses only the members that it
//! wants, each from its own place.

use std::{borrow::Cow, ops::Range};

use model::plain_json::PlainJson;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, value::RawValue};

use super::wanted::Name;

/// Room that is made for them at once.
const USUAL_MEMBERS: usize = 8;

#[derive(Debug, Clone, PartialEq)]
pub struct Outline(Layout);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Layout {
    NotJson,
    /// Names and values of an object, in their order.
    Members(Vec<(Place, Place)>),
    /// JSON without members, or with names that are not written as they are.
    Other,
}

/// Of some bytes in the body.
pub(super) type Place = Range<u32>;

impl Outline {
    pub(super) fn of(body: &[u8]) -> Self {
        if u32::try_from(body.len()).is_err() {
            return Self(Layout::NotJson);
        }
        let whole = || std::str::from_utf8(body).ok().and_then(layout);
        let layout = plain(body).or_else(whole);
        Self(layout.unwrap_or(Layout::NotJson))
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.0
    }
}

/// Nothing where it is unusual, or no JSON at all.
fn plain(body: &[u8]) -> Option<Layout> {
    let within = Within(body);
    let mut places = Vec::with_capacity(USUAL_MEMBERS);
    PlainJson::object(body, |name, json| {
        places.push((within.place(name)?, within.place(json.value()?)?));
        Some(())
    })?;
    Some(Layout::Members(places))
}

/// Nothing where it is not JSON.
fn layout(text: &str) -> Option<Layout> {
    let mut reader = Deserializer::from_str(text);
    let layout = reader.deserialize_any(Within(text.as_bytes())).ok()?;
    reader.end().ok()?;
    Some(layout)
}

struct Within<'t>(&'t [u8]);

impl Within<'_> {
    fn place(&self, part: &[u8]) -> Option<Place> {
        let begins = part.as_ptr().addr().checked_sub(self.0.as_ptr().addr())?;
        let ends = begins + part.len();
        Some(u32::try_from(begins).ok()?..u32::try_from(ends).ok()?)
    }
}

impl<'de> Visitor<'de> for Within<'de> {
    type Value = Layout;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Layout, A::Error> {
        let mut places = Vec::new();
        let mut plain = true;
        while let Some(name) = members.next_key_seed(Name)? {
            let value: &RawValue = members.next_value()?;
            let name = match name {
                Cow::Borrowed(name) => self.place(name.as_bytes()),
                Cow::Owned(_) => None,
            };
            match (name, self.place(value.get().as_bytes())) {
                (Some(name), Some(value)) => places.push((name, value)),
                (None, _) | (_, None) => plain = false,
            }
        }
        Ok(if plain {
            Layout::Members(places)
        } else {
            Layout::Other
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Layout, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Layout::Other)
    }

    fn visit_unit<E>(self) -> Result<Layout, E> {
        Ok(Layout::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Layout, E> {
        Ok(Layout::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Layout, E> {
        Ok(Layout::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Layout, E> {
        Ok(Layout::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Layout, E> {
        Ok(Layout::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Layout, E> {
        Ok(Layout::Other)
    }
}
