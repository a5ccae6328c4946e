//! What one value is held against: a plain value, or an operator in braces.

use std::{cmp::Ordering, net::IpAddr};

use serde_json::Value;

use super::{FilterError, wildcard::Wildcard};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Null,
    Bool(bool),
    Number(f64),
    Text(TextTest),
    Within(Range),
    Cidr { network: u128, bits: u32, v6: bool },
    Exists(bool),
    AnythingBut(Vec<Self>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TextTest {
    Exactly(String),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    PrefixIgnoreCase(String),
    SuffixIgnoreCase(String),
    Wildcard(Wildcard),
}

/// Bounds that are `None` are open; the flag says whether the bound itself belongs to it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Range {
    low: Option<(f64, bool)>,
    high: Option<(f64, bool)>,
}

impl Test {
    pub(super) fn compile(value: &Value) -> Result<Self, FilterError> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Bool(flag) => Ok(Self::Bool(*flag)),
            Value::Number(number) => Ok(Self::Number(number.as_f64().unwrap_or(f64::NAN))),
            Value::String(text) => Ok(exactly(text)),
            Value::Array(_) => Err(FilterError::UnknownMatch("[".to_owned())),
            Value::Object(members) => {
                let mut members = members.iter();
                match (members.next(), members.next()) {
                    (Some((operator, operand)), None) => operation(operator, operand),
                    (Some(_) | None, _) => Err(FilterError::SeveralKeys),
                }
            }
        }
    }

    /// `None` is a field that is not there.
    pub(super) fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(elements)) if elements.is_empty() => *self == Self::Exists(false),
            Some(Value::Array(elements)) => {
                elements.iter().any(|element| self.matches(Some(element)))
            }
            // An object is not a leaf.
            Some(Value::Object(_)) | None => *self == Self::Exists(false),
            Some(leaf) => self.matches_leaf(leaf),
        }
    }

    fn matches_leaf(&self, leaf: &Value) -> bool {
        if let Some(text) = leaf.as_str() {
            return self.matches_text(text);
        }
        match self {
            Self::Null => leaf.is_null(),
            Self::Bool(flag) => leaf.as_bool() == Some(*flag),
            Self::Number(number) => leaf.as_f64().is_some_and(|leaf| same(leaf, *number)),
            Self::Within(range) => leaf.as_f64().is_some_and(|number| range.contains(number)),
            Self::Text(_) | Self::Cidr { .. } => false,
            Self::Exists(wanted) => *wanted,
            Self::AnythingBut(excluded) => !excluded.iter().any(|test| test.matches_leaf(leaf)),
        }
    }

    /// A leaf that is text, as its bytes: most need no look at what they mean.
    pub(super) fn matches_bytes(&self, text: &[u8]) -> bool {
        match self {
            Self::Text(TextTest::Exactly(wanted)) => text == wanted.as_bytes(),
            Self::Text(_)
            | Self::Cidr { .. }
            | Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Within(_)
            | Self::Exists(_)
            | Self::AnythingBut(_) => self.matches_text(&String::from_utf8_lossy(text)),
        }
    }

    /// A leaf that is text.
    pub(super) fn matches_text(&self, text: &str) -> bool {
        match self {
            Self::Text(test) => test.matches(text),
            Self::Cidr { network, bits, v6 } => text
                .parse()
                .is_ok_and(|address| masked(address, *bits) == Some((*network, *v6))),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Within(_) => false,
            Self::Exists(wanted) => *wanted,
            Self::AnythingBut(excluded) => !excluded.iter().any(|test| test.matches_text(text)),
        }
    }
}

impl TextTest {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => text == wanted,
            Self::EqualsIgnoreCase(wanted) => text.to_lowercase() == *wanted,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::PrefixIgnoreCase(prefix) => text.to_lowercase().starts_with(prefix.as_str()),
            Self::SuffixIgnoreCase(suffix) => text.to_lowercase().ends_with(suffix.as_str()),
            Self::Wildcard(wildcard) => wildcard.matches(text),
        }
    }
}

impl Range {
    fn contains(self, number: f64) -> bool {
        let above = |(low, inclusive): (f64, bool)| number > low || inclusive && number >= low;
        let below = |(high, inclusive): (f64, bool)| number < high || inclusive && number <= high;
        self.low.is_none_or(above) && self.high.is_none_or(below)
    }
}

/// Also where one is 0 and the other -0.
fn same(one: f64, other: f64) -> bool {
    one.partial_cmp(&other) == Some(Ordering::Equal)
}

fn exactly(text: &str) -> Test {
    Test::Text(TextTest::Exactly(text.to_owned()))
}

fn operation(operator: &str, operand: &Value) -> Result<Test, FilterError> {
    match operator {
        "exactly" => Ok(exactly(text("exactly", operand)?)),
        "prefix" | "suffix" => affix(operator, operand),
        "equals-ignore-case" => {
            let folded = text("equals-ignore-case", operand)?.to_lowercase();
            Ok(Test::Text(TextTest::EqualsIgnoreCase(folded)))
        }
        "wildcard" => {
            let wildcard = Wildcard::compile(text("wildcard", operand)?)?;
            Ok(Test::Text(TextTest::Wildcard(wildcard)))
        }
        "numeric" => match operand {
            Value::Array(terms) => numeric(terms).map(Test::Within),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Err(FilterError::NumericNotArray),
        },
        "cidr" => cidr(text("cidr", operand)?),
        "exists" => operand
            .as_bool()
            .map(Test::Exists)
            .ok_or(FilterError::NotBool),
        "anything-but" => anything_but(operand).map(Test::AnythingBut),
        unknown => Err(FilterError::UnknownMatch(unknown.to_owned())),
    }
}

fn text<'a>(operator: &'static str, operand: &'a Value) -> Result<&'a str, FilterError> {
    operand.as_str().ok_or(FilterError::NotText(operator))
}

fn affix(operator: &str, operand: &Value) -> Result<Test, FilterError> {
    let is_prefix = operator == "prefix";
    if let Value::Object(members) = operand {
        let [(name, folded)] = members.iter().collect::<Vec<_>>()[..] else {
            return Err(FilterError::SeveralKeys);
        };
        if name != "equals-ignore-case" {
            return Err(FilterError::UnknownMatch(name.clone()));
        }
        let folded = text("equals-ignore-case", folded)?.to_lowercase();
        return Ok(Test::Text(if is_prefix {
            TextTest::PrefixIgnoreCase(folded)
        } else {
            TextTest::SuffixIgnoreCase(folded)
        }));
    }
    let name = if is_prefix { "prefix" } else { "suffix" };
    let text = text(name, operand)?.to_owned();
    Ok(Test::Text(if is_prefix {
        TextTest::Prefix(text)
    } else {
        TextTest::Suffix(text)
    }))
}

/// `["=", 1]`, one bound, or a lower and then an upper one.
fn numeric(terms: &[Value]) -> Result<Range, FilterError> {
    let mut range = Range::default();
    let mut terms = terms.iter();
    let (mut seen, mut equals) = (false, false);
    while let Some(operator) = terms.next() {
        let operator = operator
            .as_str()
            .ok_or_else(|| FilterError::NumericMember(operator.to_string()))?;
        let number = terms
            .next()
            .and_then(Value::as_f64)
            .ok_or_else(|| FilterError::NotNumeric(operator.to_owned()))?;
        match operator {
            "=" if !seen => {
                equals = true;
                range.low = Some((number, true));
                range.high = Some((number, true));
            }
            ">" | ">=" if !seen => range.low = Some((number, operator == ">=")),
            "<" | "<=" if range.high.is_none() => range.high = Some((number, operator == "<=")),
            _ if range.high.is_some() => return Err(FilterError::NumericTooLong),
            _ => return Err(FilterError::NumericOperator(operator.to_owned())),
        }
        seen = true;
    }
    match (range.low, range.high) {
        (None, None) => Err(FilterError::NumericMember("]".to_owned())),
        _ if equals => Ok(range),
        (Some((low, _)), Some((high, _))) if low >= high => Err(FilterError::EmptyRange),
        (Some(_) | None, _) => Ok(range),
    }
}

fn cidr(text: &str) -> Result<Test, FilterError> {
    let (address, bits) = text.split_once('/').ok_or(FilterError::CidrSlash)?;
    if bits.contains('/') {
        return Err(FilterError::CidrSlash);
    }
    let bits: u32 = bits.parse().map_err(|_| FilterError::CidrBits)?;
    let nonstandard = || FilterError::CidrAddress(address.to_owned());
    let address: IpAddr = address.parse().map_err(|_| nonstandard())?;
    let (network, v6) = masked(address, bits).ok_or(FilterError::CidrBits)?;
    Ok(Test::Cidr { network, bits, v6 })
}

/// The first `bits` of an address, and whether it is of version 6; `None` when it has fewer.
fn masked(address: IpAddr, bits: u32) -> Option<(u128, bool)> {
    let (value, width, v6) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32, false),
        IpAddr::V6(address) => (u128::from(address), 128, true),
    };
    let unused = u32::checked_sub(width, bits)?;
    let network = value.checked_shr(unused).unwrap_or(0);
    Some((network, v6))
}

fn anything_but(operand: &Value) -> Result<Vec<Test>, FilterError> {
    match operand {
        Value::String(_) | Value::Number(_) => Ok(vec![Test::compile(operand)?]),
        Value::Array(list) if list.is_empty() => Err(FilterError::EmptyArray),
        Value::Array(list)
            if list.iter().all(Value::is_string) || list.iter().all(Value::is_number) =>
        {
            list.iter().map(Test::compile).collect()
        }
        Value::Array(list) if list.iter().all(|item| item.is_string() || item.is_number()) => {
            Err(FilterError::AnythingButMixed)
        }
        Value::Array(_) => Err(FilterError::AnythingButMember),
        Value::Object(members) => {
            let [(operator, operand)] = members.iter().collect::<Vec<_>>()[..] else {
                return Err(FilterError::SeveralKeys);
            };
            negated(operator, operand)
        }
        Value::Null | Value::Bool(_) => Err(FilterError::AnythingBut),
    }
}

/// `{"prefix": "a"}` or `{"prefix": ["a", "b"]}` inside anything-but.
fn negated(operator: &str, operand: &Value) -> Result<Vec<Test>, FilterError> {
    let is_affix = matches!(operator, "prefix" | "suffix");
    if !is_affix && !matches!(operator, "equals-ignore-case" | "wildcard") {
        return Err(FilterError::UnknownMatch(operator.to_owned()));
    }
    let alone = [operand.clone()];
    let list: &[Value] = operand.as_array().map_or(&alone, Vec::as_slice);
    if list.is_empty() {
        return Err(FilterError::EmptyArray);
    }
    let compile = |item: &Value| match item.as_str() {
        Some("") if is_affix => Err(FilterError::EmptyAffix),
        None if is_affix => Err(FilterError::AffixNotText),
        Some(_) | None => operation(operator, item),
    };
    list.iter().map(compile).collect()
}
