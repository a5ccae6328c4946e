//! Reads of a body only the members that some pattern names; the rest is checked to be JSON and skipped.
//!
//! A pattern says the same of what comes out as of the whole body. A record of 1 KiB that a filter drops costs what it takes
//! to look at its bytes once, not a tree of all of its members.

use std::{borrow::Cow, collections::BTreeMap};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{
    outline::{Layout, Outline, Place},
    pattern::{Member, put, undotted},
};

/// Members by the bytes of their names, and what is wanted of each of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Wanted {
    whole: bool,
    inside: BTreeMap<Vec<u8>, Self>,
}

impl Wanted {
    pub(super) fn inside_mut(&mut self, name: &str) -> &mut Self {
        self.inside.entry(name.into()).or_default()
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Self> {
        self.inside.remove(name.as_bytes())
    }

    pub(super) fn want_whole(&mut self) {
        self.whole = true;
    }

    /// Keys with dots are taken apart. Nothing where `body` is not JSON.
    pub(super) fn read(&self, body: &[u8]) -> Option<Value> {
        // What is skipped is not looked at as text any more.
        let text = std::str::from_utf8(body).ok()?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = self.deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(value)
    }

    /// The same of a body whose outline is known.
    pub(super) fn read_at<'b>(&self, outline: &Outline, body: &'b [u8]) -> Option<Read<'b>> {
        let members = match outline.layout() {
            Layout::NotJson => return None,
            Layout::Members(members) if !self.whole => members,
            Layout::Members(_) | Layout::Other => return self.read(body).map(Read::Json),
        };
        let mut read: Vec<(&[u8], Leaf)> = Vec::new();
        for (name, value) in members {
            let name = part(body, name)?;
            let Some(wanted) = self.of_member(name) else {
                continue;
            };
            // What is written at several places is put together by who reads all of it.
            if name.contains(&b'.') || read.iter().any(|(known, _)| *known == name) {
                return self.read(body).map(Read::Json);
            }
            read.push((name, wanted.leaf(part(body, value)?)?));
        }
        Some(Read::Members(read))
    }

    fn leaf<'b>(&self, value: &'b [u8]) -> Option<Leaf<'b>> {
        if let Some(text) = as_it_stands(value) {
            return Some(Leaf::Text(text));
        }
        let mut reader = serde_json::Deserializer::from_slice(value);
        self.deserialize(&mut reader).ok().map(Leaf::Json)
    }

    /// What is wanted of a member; all of it where its name has dots.
    fn of_member(&self, name: &[u8]) -> Option<&Self> {
        self.inside.get(name).or_else(|| {
            let dot = name.iter().position(|byte| *byte == b'.')?;
            self.inside.get(name.get(..dot)?).map(|_| &WHOLE)
        })
    }
}

/// What was read of a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read<'b> {
    /// The members of an object that are wanted; no name comes twice or has dots.
    Members(Vec<(&'b [u8], Leaf<'b>)>),
    Json(Value),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Leaf<'b> {
    Text(&'b [u8]),
    Json(Value),
}

impl Read<'_> {
    pub(super) fn member(&self) -> Member<'_> {
        match self {
            Self::Members(members) => Member::Object(members),
            Self::Json(value) => Member::Json(value),
        }
    }
}

impl Leaf<'_> {
    pub(super) fn member(&self) -> Member<'_> {
        match self {
            Self::Text(text) => Member::Text(text),
            Self::Json(value) => Member::Json(value),
        }
    }
}

/// A text without escapes.
fn as_it_stands(value: &[u8]) -> Option<&[u8]> {
    let text = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    (!text.contains(&b'\\')).then_some(text)
}

static WHOLE: Wanted = Wanted {
    whole: true,
    inside: BTreeMap::new(),
};

fn part<'b>(body: &'b [u8], place: &Place) -> Option<&'b [u8]> {
    let (start, end) = (usize::try_from(place.start), usize::try_from(place.end));
    body.get(start.ok()?..end.ok()?)
}

/// Members as they were read, until those with dots in their names are taken apart.
#[derive(Default)]
struct Members {
    read: Map<String, Value>,
    dotted: bool,
}

impl Members {
    fn put(&mut self, name: Cow<'_, str>, value: Value) {
        self.dotted |= name.contains('.');
        self.read.insert(name.into_owned(), value);
    }

    fn nested(self) -> Value {
        if !self.dotted {
            return Value::Object(self.read);
        }
        let mut nested = Map::new();
        for (name, value) in self.read {
            put(&mut nested, &name, value);
        }
        Value::Object(nested)
    }
}

impl<'de> DeserializeSeed<'de> for &Wanted {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        if self.whole {
            return serde::Deserialize::deserialize(reader).map(undotted);
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Wanted {
    type Value = Value;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Members::default();
        while let Some(name) = members.next_key_seed(Name)? {
            match self.of_member(name.as_bytes()) {
                Some(wanted) => read.put(name, members.next_value_seed(wanted)?),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(read.nested())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            read.push(element);
        }
        Ok(Value::Array(read))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }
}

/// The name of a member, as it lies in the body where nothing in it is escaped.
pub(super) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::filter::Pattern;

    /// Few names, so that patterns meet members.
    fn name() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["a", "b", "c", "a.b", "b.c.a", ""]).prop_map(str::to_owned)
    }

    fn body() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            Just(json!("x")),
            Just(json!("tab\t")),
            (-2_i64..3).prop_map(Value::from),
            Just(json!(0.5)),
            Just(json!(true)),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(name(), inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn pattern() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(["x", 1])),
            Just(json!([{"exists": false}])),
            Just(json!([{"exists": true}])),
            Just(json!([{"anything-but": ["x"]}])),
            Just(json!([null])),
            Just(json!([{"numeric": [">", 0]}])),
        ];
        let members = |inner| {
            prop::collection::btree_map(name(), inner, 1..4)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        };
        let inside = leaf.prop_recursive(3, 12, 3, members);
        members(inside.boxed()).prop_flat_map(|fields| {
            let choice = json!({"$or": [fields, {"c": ["x"]}]});
            prop::sample::select(vec![fields, choice])
        })
    }

    proptest! {
        #[test]
        fn a_pattern_says_the_same_of_what_is_read_as_of_the_whole_body(pattern in pattern(), body in body()) {
            let Ok(of_body) = Pattern::compile(&pattern) else { return Ok(()) };
            let mut wanted = Wanted::default();
            of_body.add_wanted(&mut wanted);
            let text = body.to_string();
            let read = wanted.read(text.as_bytes()).unwrap();
            prop_assert_eq!(found_at(&wanted, text.as_bytes()), Some(read.clone()));
            let expected = of_body.matches(&undotted(body));
            prop_assert_eq!(of_body.matches(&read), expected);
            let at = wanted.read_at(&Outline::of(text.as_bytes()), text.as_bytes()).unwrap();
            let of_record = Pattern::compile(&json!({"data": pattern})).unwrap();
            let member = |name: &str| (name == "data").then(|| at.member());
            prop_assert_eq!(of_record.matches_members(&member), expected);
        }

        #[test]
        fn whatever_bytes_come_they_are_json_or_not(body: Vec<u8>) {
            let mut wanted = Wanted::default();
            wanted.inside_mut("a").want_whole();
            let whole: Option<Value> = serde_json::from_slice(&body).ok();
            prop_assert_eq!(wanted.read(&body).is_some(), whole.is_some());
            prop_assert_eq!(found_at(&wanted, &body), wanted.read(&body));
        }

        #[test]
        fn what_is_found_by_an_outline_is_what_is_read_however_it_is_written(
            members in prop::collection::vec((written_name(), written_value()), 0..5),
            space in "[ \n]{0,2}",
        ) {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}{space}:{space}{value}")).collect();
            let body = format!("{{{space}{}{space}}}", members.join(","));
            let mut wanted = Wanted::default();
            wanted.inside_mut("a").want_whole();
            wanted.inside_mut("b").inside_mut("c").want_whole();
            prop_assert_eq!(found_at(&wanted, body.as_bytes()), wanted.read(body.as_bytes()), "{}", body);
        }
    }

    /// What is read by an outline, in the form of what is read without one.
    fn found_at(wanted: &Wanted, body: &[u8]) -> Option<Value> {
        let read = wanted.read_at(&Outline::of(body), body)?;
        Some(match read {
            Read::Json(value) => value,
            Read::Members(members) => {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                let value = |leaf| match leaf {
                    Leaf::Text(bytes) => Value::String(text(bytes)),
                    Leaf::Json(value) => value,
                };
                let named = |(name, leaf)| (text(name), value(leaf));
                Value::Object(members.into_iter().map(named).collect())
            }
        })
    }

    fn written_name() -> impl Strategy<Value = &'static str> {
        let all = [
            r#""a""#,
            r#""b""#,
            r#""x""#,
            r#""a.b""#,
            r#""b.c""#,
            r#""\u0061""#,
            r#""é""#,
        ];
        prop::sample::select(all.to_vec())
    }

    fn written_value() -> impl Strategy<Value = &'static str> {
        let all = [
            "1",
            "-0.5e3",
            "01",
            "null",
            "tru",
            r#""x""#,
            r#""t\t""#,
            r#""\ud800""#,
            "[ 1, 2 ]",
            r#"{ "c": "y", "d": 1 }"#,
            r#"{"c.d":1,"c":2}"#,
            "{}",
            "1e999",
        ];
        prop::sample::select(all.to_vec())
    }

    #[test]
    fn what_is_skipped_must_be_json_all_the_same() {
        let mut wanted = Wanted::default();
        wanted.inside_mut("a").want_whole();
        assert_eq!(
            wanted.read(br#"{"b": [1, {"c": "d"}], "a": 1}"#),
            Some(json!({"a": 1}))
        );
        for wrong in [
            r#"{"b": [1,], "a": 1}"#,
            r#"{"b": "no end, "a": 1}"#,
            r#"{"b": 01, "a": 1}"#,
            r#"{"a": 1} {}"#,
            "",
        ] {
            assert_eq!(wanted.read(wrong.as_bytes()), None, "{wrong}");
            let outline = Outline::of(wrong.as_bytes());
            assert_eq!(wanted.read_at(&outline, wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(wanted.read(b"{\"b\": \"\xff\", \"a\": 1}"), None);
    }
}
