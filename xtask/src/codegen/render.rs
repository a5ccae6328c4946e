//! Rust text of the tables: the actions, their inputs, and the shapes that inputs are made of.
//!
//! In: the service model. Out: three files for `kinesis/generated/`, not yet formatted. Shapes that no input
//! reaches are left out. Three corrections to the model are made here, each with its reason.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Context as _, Result, bail};

use super::{
    model::{ServiceModel, Shape},
    order::{printed_enumeration, printed_name, sort_members},
};

/// One file of the generated folder.
pub(super) struct GeneratedFile {
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// The model calls the key optional since streams may distribute records by themselves (strategy AUTO).
/// For all others AWS still answers that it must not be null.
const NEEDED_UNLESS_SPREAD: [(&str, &str); 2] = [
    ("PutRecordInput", "PartitionKey"),
    ("PutRecordsRequestEntry", "PartitionKey"),
];

/// The model says nothing of bounds that AWS tells among the others.
const BOUNDS: (&str, i64, i64) = ("RetentionPeriodHours", 1, 8760);

/// ListShards may name its stream by a token alone and has a text of its own when nothing is given.
const STREAM_BY_TOKEN: &str = "ListShardsInput";

pub(super) fn render(model: &ServiceModel) -> Result<Vec<GeneratedFile>> {
    let mut reached = BTreeSet::new();
    let mut inputs = BTreeSet::new();
    for operation in model.operations.values() {
        let input = operation.input.shape.as_str();
        inputs.insert(input);
        reach(model, input, &mut reached)?;
    }
    Ok(vec![
        GeneratedFile {
            name: "actions.rs",
            text: actions(model)?,
        },
        GeneratedFile {
            name: "inputs.rs",
            text: shapes(model, &inputs, Table::Inputs)?,
        },
        GeneratedFile {
            name: "shapes.rs",
            text: shapes(
                model,
                &reached.difference(&inputs).copied().collect(),
                Table::Shapes,
            )?,
        },
    ])
}

pub(super) fn reach<'a>(
    model: &'a ServiceModel,
    name: &'a str,
    reached: &mut BTreeSet<&'a str>,
) -> Result<()> {
    if !reached.insert(name) {
        return Ok(());
    }
    let shape = model.shape(name)?;
    let members = shape.members.0.iter().map(|(_, member)| member);
    for next in members
        .chain(&shape.member)
        .chain(&shape.key)
        .chain(&shape.value)
    {
        reach(model, &next.shape, reached)?;
    }
    Ok(())
}

fn actions(model: &ServiceModel) -> Result<String> {
    let prefix = &model.metadata.target_prefix;
    let count = model.operations.len();
    let mut text = head(
        model,
        "The actions of the service, sorted by name, with the shape of their input.",
    );
    writeln!(
        text,
        "use super::super::schema::ActionRow;\nuse super::inputs;\n"
    )?;
    writeln!(text, "/// What comes before the dot in `X-Amz-Target`.")?;
    writeln!(
        text,
        "pub(in crate::kinesis) const TARGET_PREFIX: &str = {prefix:?};\n"
    )?;
    writeln!(text, "/// An action of the service.")?;
    writeln!(
        text,
        "#[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub(in crate::kinesis) enum Action {{"
    )?;
    for name in model.operations.keys() {
        writeln!(text, "{name},")?;
    }
    writeln!(text, "}}\n")?;
    writeln!(
        text,
        "pub(in crate::kinesis) static ACTIONS: [ActionRow; {count}] = ["
    )?;
    for (name, operation) in &model.operations {
        let input = constant(&operation.input.shape);
        writeln!(
            text,
            "ActionRow::new(Action::{name}, {name:?}, &inputs::{input}),"
        )?;
    }
    writeln!(text, "];")?;
    Ok(text)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Inputs,
    Shapes,
}

fn shapes(model: &ServiceModel, names: &BTreeSet<&str>, table: Table) -> Result<String> {
    let (title, imports) = match table {
        Table::Inputs => (
            "What each action takes. Members come in the order in which AWS prints violations.",
            "use super::super::schema::{Shape, input, optional, required, unless_arn, unless_spread};\nuse super::shapes;\n",
        ),
        Table::Shapes => (
            "The shapes that inputs are made of. Values of enumerations come in the order AWS prints.",
            "use super::super::schema::{Shape, at_least, between, blob, integer, list, map, one_of};\n\
             use super::super::schema::{optional, pattern, required, structure, text, unbounded, unless_spread};\n",
        ),
    };
    let mut text = head(model, title);
    writeln!(text, "{imports}")?;
    for name in names {
        let shape = model.shape(name)?;
        let body = shape_body(name, shape, table).with_context(|| format!("shape {name}"))?;
        writeln!(
            text,
            "pub(super) static {}: Shape = {body};\n",
            constant(name)
        )?;
    }
    Ok(text)
}

pub(super) fn head(model: &ServiceModel, title: &str) -> String {
    format!(
        "//! {title}\n//!\n//! Written by `cargo xtask codegen` from the service model {}; change the generator, \
         not this file.\n\n",
        model.metadata.api_version
    )
}

pub(super) fn shape_body(name: &str, shape: &Shape, table: Table) -> Result<String> {
    Ok(match shape.kind.as_str() {
        "boolean" => "Shape::Boolean".to_owned(),
        "timestamp" => "Shape::Timestamp".to_owned(),
        "integer" if name == BOUNDS.0 => format!("integer(between({}, {}))", BOUNDS.1, BOUNDS.2),
        "integer" | "long" => format!("integer({})", bounds(shape)?),
        "blob" => format!("blob({})", bounds(shape)?),
        "string" => text_body(shape)?,
        "list" => {
            let member = shape.member.as_ref().context("a list without a member")?;
            format!("list({}, &{})", bounds(shape)?, constant(&member.shape))
        }
        "map" => {
            let key = shape.key.as_ref().context("a map without a key")?;
            let value = shape.value.as_ref().context("a map without a value")?;
            format!(
                "map({}, &{}, &{})",
                bounds(shape)?,
                constant(&key.shape),
                constant(&value.shape)
            )
        }
        "structure" => structure_body(name, shape, table)?,
        other => bail!("the tables know no type {other}"),
    })
}

fn text_body(shape: &Shape) -> Result<String> {
    if !shape.one_of.is_empty() {
        return Ok(format!("one_of(&{:?})", printed_enumeration(&shape.one_of)));
    }
    let length = bounds(shape)?;
    Ok(match shape.pattern.as_deref().map(printed_pattern) {
        None => format!("text({length})"),
        Some(printed) => format!("pattern({length}, r\"{printed}\")"),
    })
}

fn structure_body(name: &str, shape: &Shape, table: Table) -> Result<String> {
    let mut members: Vec<_> = shape.members.0.iter().collect();
    sort_members(&mut members, |(member, _)| printed_name(member));
    let by_arn = members.iter().any(|(member, _)| member == "StreamARN");
    let (mut text, path) = match table {
        Table::Inputs => ("input(&[".to_owned(), "shapes::"),
        Table::Shapes => (format!("structure({name:?}, &["), ""),
    };
    for (member, reference) in members {
        let need = if NEEDED_UNLESS_SPREAD.contains(&(name, member.as_str())) {
            "unless_spread"
        } else if shape.required.contains(member) {
            "required"
        } else if member == "StreamName" && by_arn && name != STREAM_BY_TOKEN {
            "unless_arn"
        } else {
            "optional"
        };
        write!(
            text,
            "{need}({member:?}, &{path}{}),",
            constant(&reference.shape)
        )?;
    }
    text.push_str("])");
    Ok(text)
}

fn bounds(shape: &Shape) -> Result<String> {
    Ok(match (shape.min, shape.max) {
        (Some(min), Some(max)) => format!("between({min}, {max})"),
        (Some(min), None) => format!("at_least({min})"),
        (None, None) => "unbounded()".to_owned(),
        (None, Some(max)) => bail!("an upper bound of {max} without a lower one"),
    })
}

/// AWS prints patterns without anchors, and matches the whole text by them either way.
fn printed_pattern(pattern: &str) -> &str {
    let Some(inner) = pattern.strip_prefix('^') else {
        return pattern;
    };
    let Some(inner) = inner.strip_suffix('$') else {
        return inner;
    };
    inner
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(inner)
}

/// `STREAM_NAME` for `StreamName`, `STREAM_ARN` for `StreamARN`, `S3_STORAGE_CLASS` for `S3StorageClass`.
pub(super) fn constant(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut constant = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if starts_word {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase());
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_printed_without_anchors() {
        for (pattern, printed) in [
            (r"^(0|([1-9]\d{0,38}))$", r"0|([1-9]\d{0,38})"),
            ("^[a-z0-9]+$", "[a-z0-9]+"),
            ("^(arn):aws.*", "(arn):aws.*"),
            ("[a-zA-Z0-9_.-]+", "[a-zA-Z0-9_.-]+"),
        ] {
            assert_eq!(printed_pattern(pattern), printed);
        }
    }

    #[test]
    fn constants_split_names_at_words() {
        for (name, expected) in [
            ("StreamName", "STREAM_NAME"),
            ("StreamARN", "STREAM_ARN"),
            ("GSRSchemaARN", "GSR_SCHEMA_ARN"),
            ("S3StorageClass", "S3_STORAGE_CLASS"),
            ("MaxRecordSizeInKiB", "MAX_RECORD_SIZE_IN_KI_B"),
        ] {
            assert_eq!(constant(name), expected);
        }
    }
}
