//! One pattern: fields that must all match, alternatives under `$or`, and lists of tests at the leaves.
//!
//! An event's list matches when any of its elements does; conditions under one object must hold in the same element.
//! Keys with dots mean nested objects, in patterns and in events alike.

use std::collections::{BTreeMap, BTreeSet};

use model::SequenceNumber;
use serde_json::{Map, Value};

use super::{
    FilterError,
    leaf::Test,
    wanted::{Leaf, Wanted},
};
use crate::limits::PATTERN_CHARACTERS_MAX;

const OPERATORS: [&str; 9] = [
    "exactly",
    "prefix",
    "suffix",
    "anything-but",
    "numeric",
    "exists",
    "cidr",
    "wildcard",
    "equals-ignore-case",
];

#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    fields: Fields,
    reads_data: bool,
    reads_text: bool,
}

/// All of `fields`, and of each of `choices` any one.
#[derive(Debug, Clone, Default, PartialEq)]
struct Fields {
    fields: BTreeMap<String, Rule>,
    choices: Vec<Vec<Self>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    AnyOf(Vec<Test>),
    Inside(Fields),
}

impl Pattern {
    /// `pattern` is an object, or its JSON text.
    pub fn compile(pattern: &Value) -> Result<Self, FilterError> {
        let pattern = match pattern.as_str() {
            Some(text) => serde_json::from_str(text).map_err(|_| FilterError::NotAnObject)?,
            None => pattern.clone(),
        };
        let length = pattern.to_string().chars().count();
        if length > PATTERN_CHARACTERS_MAX {
            return Err(FilterError::TooLong(length));
        }
        let Value::Object(members) = undotted(pattern) else {
            return Err(FilterError::NotAnObject);
        };
        let fields = Fields::compile(&members)?;
        let is_text = |rule: &Rule| matches!(rule, Rule::AnyOf(_));
        let reads_data = fields.rules_of("data").next().is_some();
        let reads_text = fields.rules_of("data").any(is_text);
        Ok(Self {
            fields,
            reads_data,
            reads_text,
        })
    }

    /// Whether it looks at the body at all.
    #[must_use]
    pub fn reads_data(&self) -> bool {
        self.reads_data
    }

    /// Whether it compares the body as plain text, which only bodies have that are not JSON (FL-2).
    #[must_use]
    pub fn reads_text(&self) -> bool {
        self.reads_text
    }

    /// Members of a record other than `data` that it names, whether records have them or not.
    #[must_use]
    pub fn beside_data(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.fields.add_names(&mut names);
        names.remove("data");
        names
    }

    pub(super) fn add_wanted(&self, wanted: &mut Wanted) {
        self.fields.add_wanted(wanted);
    }

    /// `event` has its keys with dots taken apart.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.fields.match_value(Some(event))
    }

    /// The same of an event of these members.
    pub(super) fn matches_members<'v>(&self, member: &impl Fn(&str) -> Option<Member<'v>>) -> bool {
        self.fields.match_named(member)
    }
}

/// A member of an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Member<'v> {
    Json(&'v Value),
    /// Text as its bytes.
    Text(&'v [u8]),
    /// Text too, written when a test looks at it.
    Sequence(SequenceNumber),
    Number(f64),
    /// What was read of an object.
    Object(&'v [(&'v [u8], Leaf<'v>)]),
}

impl Fields {
    fn compile(members: &Map<String, Value>) -> Result<Self, FilterError> {
        if members.is_empty() {
            return Err(FilterError::EmptyObject);
        }
        let mut compiled = Self::default();
        for (name, value) in members {
            match value {
                Value::Array(branches) if name == "$or" && is_choice(branches) => {
                    let branches = branches.iter().filter_map(Value::as_object);
                    let choice = branches.map(Self::compile).collect::<Result<_, _>>()?;
                    compiled.choices.push(choice);
                }
                Value::Array(tests) if tests.is_empty() => return Err(FilterError::EmptyArray),
                Value::Array(tests) => {
                    let tests = tests.iter().map(Test::compile).collect::<Result<_, _>>()?;
                    compiled.fields.insert(name.clone(), Rule::AnyOf(tests));
                }
                Value::Object(inside) => {
                    let rule = Rule::Inside(Self::compile(inside)?);
                    compiled.fields.insert(name.clone(), rule);
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    return Err(FilterError::Scalar(name.clone()));
                }
            }
        }
        Ok(compiled)
    }

    /// The rules of a field, those in alternatives included.
    fn rules_of<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a Rule> + 'a> {
        let choices = self.choices.iter().flatten();
        let inner = choices.flat_map(move |fields| fields.rules_of(name));
        Box::new(self.fields.get(name).into_iter().chain(inner))
    }

    fn add_names<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        names.extend(self.fields.keys().map(String::as_str));
        let choices = self.choices.iter().flatten();
        choices.for_each(|fields| fields.add_names(names));
    }

    fn add_wanted(&self, wanted: &mut Wanted) {
        for (name, rule) in &self.fields {
            let member = wanted.inside_mut(name);
            match rule {
                Rule::AnyOf(_) => member.want_whole(),
                Rule::Inside(fields) => fields.add_wanted(member),
            }
        }
        let choices = self.choices.iter().flatten();
        choices.for_each(|fields| fields.add_wanted(wanted));
    }

    fn match_value(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(elements)) => elements
                .iter()
                .any(|element| self.match_value(Some(element))),
            Some(Value::Object(members)) => self.match_members(Some(members)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {
                self.match_members(None)
            }
        }
    }

    fn match_members(&self, members: Option<&Map<String, Value>>) -> bool {
        self.match_named(&|name: &str| members?.get(name).map(Member::Json))
    }

    fn match_object(&self, members: &[(&[u8], Leaf<'_>)]) -> bool {
        self.match_named(&|name: &str| {
            let found = members.iter().find(|(known, _)| *known == name.as_bytes());
            found.map(|(_, leaf)| leaf.member())
        })
    }

    fn match_named<'v>(&self, member: &impl Fn(&str) -> Option<Member<'v>>) -> bool {
        let rules = self
            .fields
            .iter()
            .all(|(name, rule)| rule.matches(member(name)));
        rules
            && self
                .choices
                .iter()
                .all(|branches| branches.iter().any(|branch| branch.match_named(member)))
    }
}

impl Rule {
    /// `None` is a member that is not there.
    fn matches(&self, member: Option<Member<'_>>) -> bool {
        match self {
            Self::AnyOf(tests) => match member {
                Some(Member::Text(text)) => tests.iter().any(|test| test.matches_bytes(text)),
                Some(Member::Json(value)) => tests.iter().any(|test| test.matches(Some(value))),
                Some(Member::Sequence(number)) => {
                    let digits = number.to_string();
                    tests.iter().any(|test| test.matches_text(&digits))
                }
                Some(Member::Number(number)) => {
                    let number = Value::from(number);
                    tests.iter().any(|test| test.matches(Some(&number)))
                }
                // An object is not a leaf.
                Some(Member::Object(_)) | None => tests.iter().any(|test| test.matches(None)),
            },
            Self::Inside(fields) => match member {
                Some(Member::Object(members)) => fields.match_object(members),
                Some(Member::Json(value)) => fields.match_value(Some(value)),
                Some(Member::Text(_) | Member::Sequence(_) | Member::Number(_)) | None => {
                    fields.match_value(None)
                }
            },
        }
    }
}

/// Whether `$or` is the operator here; otherwise it is a field of that name.
fn is_choice(branches: &[Value]) -> bool {
    let plain = |branch: &Value| {
        branch.as_object().is_some_and(|branch| {
            branch
                .keys()
                .all(|name| !OPERATORS.contains(&name.as_str()))
        })
    };
    branches.len() >= 2 && branches.iter().all(plain)
}

/// `{"a.b": x}` becomes `{"a": {"b": x}}`, at every depth.
pub(super) fn undotted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut nested = Map::new();
            for (name, value) in members {
                put(&mut nested, &name, undotted(value));
            }
            Value::Object(nested)
        }
        Value::Array(elements) => elements.into_iter().map(undotted).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

pub(super) fn put(members: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some((outer, inner)) = name.split_once('.') {
        let place = members
            .entry(outer.to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
        match place {
            Value::Object(inside) => return put(inside, inner, value),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                let mut inside = Map::new();
                put(&mut inside, inner, value);
                *place = Value::Object(inside);
            }
        }
        return;
    }
    match (members.get_mut(name), value) {
        (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
        (_, value) => {
            members.insert(name.to_owned(), value);
        }
    }
}
