//! The constraints that AWS's service model puts on what a request says, held before anything is looked up.
//!
//! In: a call. Out: consent, or one refusal that tells every violation in AWS's words. A member of another type than the
//! model's is refused at once. The tables are in `generated`; what they leave out is held where it is read.

use serde_json::{Map, Value};

use super::{call::Call, error::LambdaError, generated::OPERATIONS, mappings::mistyped};
use crate::{
    kinesis::{
        schema::{Member, Need, Shape},
        validate::{all_constraints, own_constraints, printed, printed_name, shortened},
    },
    limits::VIOLATIONS_MAX,
};

/// An operation: where it is asked, and where its members are in a request.
#[derive(Debug)]
pub(in crate::lambda) struct Operation {
    pub(in crate::lambda) method: &'static str,
    /// The parts between slashes; those in braces stand for anything.
    pub(in crate::lambda) path: &'static [&'static str],
    /// Parameters of the query that it is known by.
    pub(in crate::lambda) asked: &'static [(&'static str, &'static str)],
    pub(in crate::lambda) members: &'static [(Place, Member)],
}

#[derive(Debug)]
pub(in crate::lambda) enum Place {
    Body,
    Header(&'static str),
    /// Which part.
    Path(usize),
    Query(&'static str),
}

/// Maps whose keys and values are never repeated.
const SECRET: &[&str] = &["environment.variables"];
/// Characters of a name that needs no look at the pattern.
const PLAIN_NAME_CHARACTERS_MAX: usize = 64;

pub(super) fn hold(call: &Call) -> Result<(), LambdaError> {
    let Some(operation) = OPERATIONS.iter().find(|it| it.is_asked(call)) else {
        return Ok(());
    };
    let in_body = |(place, _): &(Place, Member)| matches!(place, Place::Body);
    let body = match operation.members.iter().any(in_body) {
        true => call.object()?,
        false => Map::new(),
    };
    let mut violations = Violations::default();
    for (place, member) in operation.members {
        let said = match place {
            Place::Body => body.get(member.name).cloned(),
            Place::Header(name) => call.header(name).map(Value::from),
            Place::Path(part) => call.path.get(*part).cloned().map(Value::String),
            Place::Query(name) => asked(call, name, member.shape),
        };
        let is_plain = member.name == "FunctionName" && said.as_ref().is_some_and(is_plain_name);
        if !is_plain {
            violations.member("", member, said.as_ref())?;
        }
    }
    violations.into_result()
}

impl Operation {
    fn is_asked(&self, call: &Call) -> bool {
        let fits = |(part, asked): (&&str, &String)| part.starts_with('{') || part == asked;
        self.method == call.method
            && self.path.len() == call.path.len()
            && self.path.iter().zip(&call.path).all(fits)
            && self
                .asked
                .iter()
                .all(|(name, value)| call.parameter(name) == Some(*value))
    }
}

/// What invocations come with.
fn is_plain_name(said: &Value) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    said.as_str().is_some_and(|name| {
        (1..=PLAIN_NAME_CHARACTERS_MAX).contains(&name.len()) && name.bytes().all(is_plain)
    })
}

/// A parameter of the query. What should be a number and is none is left to who reads it.
fn asked(call: &Call, name: &str, shape: &Shape) -> Option<Value> {
    match shape {
        Shape::List { .. } => call.query.get(name).cloned().map(Value::from),
        Shape::Integer { .. } => Some(call.parameter(name)?.parse::<i64>().ok()?.into()),
        Shape::Boolean => None,
        Shape::Timestamp
        | Shape::Blob { .. }
        | Shape::Text { .. }
        | Shape::Map { .. }
        | Shape::Structure { .. } => call.parameter(name).map(Value::from),
    }
}

#[derive(Default)]
struct Violations {
    texts: Vec<String>,
}

impl Violations {
    fn into_result(self) -> Result<(), LambdaError> {
        let count = self.texts.len();
        let errors = if count == 1 { "error" } else { "errors" };
        match count {
            0 => Ok(()),
            _ => Err(LambdaError::validation(format!(
                "{count} validation {errors} detected: {}",
                self.texts.join("; ")
            ))),
        }
    }

    fn add(&mut self, (path, shape): (&str, &Shape), value: Option<&Value>, constraint: &str) {
        if self.texts.len() >= VIOLATIONS_MAX {
            return;
        }
        let value = match value {
            None => " null".to_owned(),
            Some(_) if SECRET.contains(&path) => String::new(),
            Some(value) => format!(" '{}'", shortened(&printed(shape, value))),
        };
        self.texts.push(format!(
            "Value{value} at '{path}' failed to satisfy constraint: {constraint}"
        ));
    }

    fn member(
        &mut self,
        prefix: &str,
        member: &Member,
        said: Option<&Value>,
    ) -> Result<(), LambdaError> {
        let path = || format!("{prefix}{}", printed_name(member.name));
        match said.filter(|said| !said.is_null()) {
            Some(said) => self.value(&path(), member.shape, said),
            None if member.need == Need::Required => {
                self.add((&path(), member.shape), None, "Member must not be null");
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn value(&mut self, path: &str, shape: &Shape, said: &Value) -> Result<(), LambdaError> {
        if !is_typed(shape, said) {
            return Err(mistyped());
        }
        for constraint in own_constraints(shape, said) {
            self.add((path, shape), Some(said), &constraint);
        }
        match (shape, said) {
            (Shape::Structure { members, .. }, Value::Object(object)) => {
                for member in *members {
                    self.member(&format!("{path}."), member, object.get(member.name))?;
                }
            }
            (Shape::List { member, .. }, Value::Array(items)) => {
                if !matches!(member, Shape::Structure { .. }) {
                    return self.parts((path, shape), said, ("Member", member), items.iter());
                }
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{path}.{}.member", index + 1), member, item)?;
                }
            }
            (Shape::Map { key, value, .. }, Value::Object(object)) => {
                let keys: Vec<Value> = object.keys().cloned().map(Value::String).collect();
                self.parts((path, shape), said, ("Map keys", key), keys.iter())?;
                self.parts((path, shape), said, ("Map value", value), object.values())?;
            }
            (Shape::Boolean | Shape::Timestamp | Shape::Integer { .. } | Shape::Blob { .. }, _)
            | (Shape::Text { .. } | Shape::List { .. }, _)
            | (Shape::Map { .. } | Shape::Structure { .. }, _) => {}
        }
        Ok(())
    }

    /// Parts of a list or a map are told at the whole, once, with all the constraints they have.
    fn parts<'a>(
        &mut self,
        (path, whole): (&str, &Shape),
        said: &Value,
        (what, part): (&str, &Shape),
        parts: impl Iterator<Item = &'a Value> + Clone,
    ) -> Result<(), LambdaError> {
        if parts.clone().any(|item| !is_typed(part, item)) {
            return Err(mistyped());
        }
        let mut broken = parts.filter(|item| !own_constraints(part, item).is_empty());
        if broken.next().is_some() {
            let mut all = all_constraints(part);
            all.push("Member must not be null".to_owned());
            let text = format!("{what} must satisfy constraint: [{}]", all.join(", "));
            self.add((path, whole), Some(said), &text);
        }
        Ok(())
    }
}

/// Whether a value has the type of a shape; one that says nothing about its values may have any.
fn is_typed(shape: &Shape, said: &Value) -> bool {
    match shape {
        Shape::Boolean => said.is_boolean(),
        Shape::Timestamp => said.is_number() || said.is_string(),
        Shape::Integer { .. } => said.as_i64().is_some(),
        Shape::Blob { .. } => said.is_string(),
        Shape::Text {
            length,
            pattern,
            one_of,
        } => {
            let says_nothing = length.min.is_none() && pattern.is_none() && one_of.is_empty();
            said.is_string() || says_nothing
        }
        Shape::List { .. } => said.is_array(),
        Shape::Map { .. } | Shape::Structure { .. } => said.is_object(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinesis::patterns;

    fn walk(shape: &Shape, found: &mut Vec<&'static str>) {
        match shape {
            Shape::Text { pattern, .. } => found.extend(*pattern),
            Shape::List { member, .. } => walk(member, found),
            Shape::Map { key, value, .. } => {
                walk(key, found);
                walk(value, found);
            }
            Shape::Structure { members, .. } => {
                members.iter().for_each(|it| walk(it.shape, found));
            }
            Shape::Boolean | Shape::Timestamp | Shape::Integer { .. } | Shape::Blob { .. } => {}
        }
    }

    #[test]
    fn every_pattern_of_the_tables_is_understood() {
        let mut found = Vec::new();
        let members = OPERATIONS.iter().flat_map(|it| it.members);
        members.for_each(|(_, member)| walk(member.shape, &mut found));
        assert!(found.len() > 100, "{}", found.len());
        for pattern in found {
            assert!(patterns::is_known(pattern), "{pattern}");
        }
    }

    const CREATE: (&str, &str) = ("POST", "2015-03-31/functions");
    const URL: (&str, &str) = ("POST", "2021-10-31/functions/{FunctionName}/url");
    const ALIAS: (&str, &str) = ("POST", "2015-03-31/functions/{FunctionName}/aliases");
    const MAPPING: (&str, &str) = ("POST", "2015-03-31/event-source-mappings");

    fn check((method, path): (&str, &str), member: &str, said: &Value, expect: &str) {
        let is_it = |it: &&Operation| it.method == method && it.path.join("/") == path;
        let operation = OPERATIONS.iter().find(is_it).unwrap();
        let (_, member) = operation
            .members
            .iter()
            .find(|(_, it)| it.name == member)
            .unwrap();
        let mut violations = Violations::default();
        let told = violations.member("", member, Some(said));
        let told = told.and_then(|()| violations.into_result());
        let told = told.err().map(|error| error.message).unwrap_or_default();
        assert_eq!(told.is_empty(), expect.is_empty(), "{said}: {told}");
        assert!(told.contains(expect), "{said}: {told}");
    }

    #[test]
    fn what_the_model_allows_passes() {
        use serde_json::json;
        for (member, said) in [
            (
                "Role",
                json!("arn:aws:iam::000000000000:role/service-role/r"),
            ),
            ("Handler", json!("src/app.handler")),
            ("Description", json!("")),
            ("KMSKeyArn", json!("")),
            (
                "DeadLetterConfig",
                json!({ "TargetArn": "arn:aws:sqs:us-east-1:000000000000:q" }),
            ),
            (
                "Environment",
                json!({ "Variables": { "AB": "1", "x_1": "" } }),
            ),
            ("Architectures", json!(["arm64"])),
            ("EphemeralStorage", json!({ "Size": 512 })),
            ("VpcConfig", json!({})),
            ("Tags", json!({ "Équipe": "a b/c" })),
            ("Code", json!({ "ZipFile": "AA==" })),
        ] {
            check(CREATE, member, &said, "");
        }
        check(URL, "Qualifier", &json!("live"), "");
        check(ALIAS, "Name", &json!("live-1"), "");
        let weights = json!({ "AdditionalVersionWeights": { "2": 0.5 } });
        check(ALIAS, "RoutingConfig", &weights, "");
    }

    #[test]
    fn what_it_does_not_allow_is_told_in_its_words() {
        use serde_json::json;
        for (member, said, expect) in [
            (
                "Handler",
                json!("a b"),
                r"1 validation error detected: Value 'a b' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\s]+",
            ),
            (
                "Handler",
                json!("a".repeat(129)),
                "at 'handler' failed to satisfy constraint: Member must have length less than or equal to 128",
            ),
            (
                "DeadLetterConfig",
                json!({ "TargetArn": "q" }),
                "Value 'q' at 'deadLetterConfig.targetArn'",
            ),
            (
                "Environment",
                json!({ "Variables": { "1A": "secret" } }),
                "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
            ),
            (
                "Architectures",
                json!(["mips"]),
                "Value '[mips]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [",
            ),
            (
                "Architectures",
                json!([]),
                "Value '[]' at 'architectures' failed to satisfy constraint: Member must have length greater than or equal to 1",
            ),
            (
                "EphemeralStorage",
                json!({ "Size": 511 }),
                "Value '511' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value greater than or equal to 512",
            ),
            (
                "Tags",
                json!({ "k": "a".repeat(257) }),
                "at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 256",
            ),
            ("Code", json!({ "S3Bucket": "a." }), "at 'code.s3Bucket'"),
            (
                "CodeSigningConfigArn",
                json!("x"),
                "at 'codeSigningConfigArn'",
            ),
        ] {
            check(CREATE, member, &said, expect);
        }
        let cors = json!({ "AllowMethods": ["FOOBARS"], "MaxAge": 86_401 });
        check(URL, "Cors", &cors, "2 validation errors detected: ");
        check(URL, "Qualifier", &json!("12"), "at 'qualifier'");
        check(ALIAS, "Name", &json!("12"), "at 'name'");
        let filters = json!({ "Filters": [{ "Pattern": "x".repeat(4097) }] });
        let expect = "at 'filterCriteria.filters.1.member.pattern'";
        check(MAPPING, "FilterCriteria", &filters, expect);
    }

    #[test]
    fn other_types_are_refused() {
        let mut violations = Violations::default();
        let shape = Shape::List {
            length: crate::kinesis::schema::unbounded(),
            member: &Shape::Boolean,
        };
        assert!(violations.value("a", &shape, &Value::from("x")).is_err());
        let items = serde_json::json!([1]);
        assert!(violations.value("a", &shape, &items).is_err());
    }
}
