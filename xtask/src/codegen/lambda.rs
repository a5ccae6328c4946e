//! Rust text of the Lambda door's tables: where the members of each operation are in a request, and what they must be.
//!
//! In: the service model. Out: two files for `lambda/generated/`, not yet formatted. Operations that the door does not have
//! are left out, and so are members that it refuses whatever they say. What is held elsewhere, or is otherwise here than in the
//! model, stands in `HELD_ELSEWHERE` and `BOUNDS`.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Context as _, Result, bail};

use super::{
    model::{Operation, Reference, ServiceModel},
    render::{GeneratedFile, Table, constant, head, reach, shape_body},
};

/// The first that fits is asked: what is told by a parameter of its path alone comes before what has the same path.
const OPERATIONS: &[&str] = &[
    "ListProvisionedConcurrencyConfigs",
    "AddPermission",
    "CreateAlias",
    "CreateEventSourceMapping",
    "CreateFunction",
    "CreateFunctionUrlConfig",
    "DeleteAlias",
    "DeleteEventSourceMapping",
    "DeleteFunction",
    "DeleteFunctionCodeSigningConfig",
    "DeleteFunctionConcurrency",
    "DeleteFunctionEventInvokeConfig",
    "DeleteFunctionUrlConfig",
    "DeleteProvisionedConcurrencyConfig",
    "GetAlias",
    "GetEventSourceMapping",
    "GetFunction",
    "GetFunctionCodeSigningConfig",
    "GetFunctionConcurrency",
    "GetFunctionConfiguration",
    "GetFunctionEventInvokeConfig",
    "GetFunctionRecursionConfig",
    "GetFunctionUrlConfig",
    "GetPolicy",
    "GetProvisionedConcurrencyConfig",
    "GetRuntimeManagementConfig",
    "Invoke",
    "InvokeAsync",
    "InvokeWithResponseStream",
    "ListAliases",
    "ListEventSourceMappings",
    "ListFunctionEventInvokeConfigs",
    "ListFunctionUrlConfigs",
    "ListFunctions",
    "ListTags",
    "ListVersionsByFunction",
    "PublishVersion",
    "PutFunctionCodeSigningConfig",
    "PutFunctionConcurrency",
    "PutFunctionEventInvokeConfig",
    "PutFunctionRecursionConfig",
    "PutProvisionedConcurrencyConfig",
    "PutRuntimeManagementConfig",
    "RemovePermission",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateEventSourceMapping",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
    "UpdateFunctionEventInvokeConfig",
    "UpdateFunctionUrlConfig",
];

/// Members that the door refuses by their name.
const REFUSED: &[&str] = &[
    "AmazonManagedKafkaEventSourceConfig",
    "CapacityProviderConfig",
    "DocumentDBEventSourceConfig",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "Layers",
    "ProvisionedPollerConfig",
    "Queues",
    "ScalingConfig",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "Topics",
];

/// Shapes that the tables take for anything: an unknown runtime is another error, weights have a fraction.
const HELD_ELSEWHERE: &[&str] = &["Runtime", "Weight"];

/// Where the model says what only functions on instances of their own may have, which are not here.
const BOUNDS: &[(&str, i64, i64)] = &[
    ("Timeout", 1, 900),
    ("MemorySize", 128, 10_240),
    ("EphemeralStorageSize", 512, 10_240),
];

pub(super) fn render(model: &ServiceModel) -> Result<Vec<GeneratedFile>> {
    let mut reached = BTreeSet::new();
    let mut rows = String::new();
    for name in OPERATIONS {
        let operation = model.operations.get(*name);
        let operation = operation.with_context(|| format!("the model has no {name}"))?;
        row(model, (name, operation), &mut rows, &mut reached)?;
    }
    let title = "The operations of the service that the door has: where their members are, and what they must be.";
    let mut operations = head(model, title);
    writeln!(
        operations,
        "use super::super::constraints::{{Operation, Place::{{Body, Header, Path, Query}}}};\n\
         use crate::kinesis::schema::{{optional, required}};\nuse super::shapes;\n"
    )?;
    let runtimes = &model.shape("Runtime")?.one_of;
    writeln!(
        operations,
        "/// Names of runtimes.\n#[rustfmt::skip]\npub(in crate::lambda) const RUNTIMES: &[&str] = &{runtimes:?};\n"
    )?;
    writeln!(
        operations,
        "#[rustfmt::skip]\npub(in crate::lambda) static OPERATIONS: &[Operation] = &[\n{rows}];"
    )?;
    Ok(vec![
        GeneratedFile {
            name: "operations.rs",
            text: operations,
        },
        GeneratedFile {
            name: "shapes.rs",
            text: shapes(model, &reached)?,
        },
    ])
}

fn row<'a>(
    model: &'a ServiceModel,
    (name, operation): (&str, &'a Operation),
    rows: &mut String,
    reached: &mut BTreeSet<&'a str>,
) -> Result<()> {
    let uri = operation.http.request_uri.trim_matches('/');
    let (uri, asked) = uri.split_once('?').unwrap_or((uri, ""));
    let asked: Vec<_> = asked.split_once('=').into_iter().collect();
    let path: Vec<&str> = uri.split('/').collect();
    let method = &operation.http.method;
    let input = model.shape(&operation.input.shape)?;
    writeln!(
        rows,
        "    // {name}\n    Operation {{ method: {method:?}, path: &{path:?}, asked: &{asked:?}, members: &["
    )?;
    for (member, reference) in &input.members.0 {
        let is_refused =
            REFUSED.contains(&member.as_str()) || input.payload.as_ref() == Some(member);
        if is_refused {
            continue;
        }
        reach(model, &reference.shape, reached)?;
        let needed = input.required.contains(member);
        let need = if needed { "required" } else { "optional" };
        let place = place(member, reference, &path)?;
        let shape = constant(&reference.shape);
        writeln!(
            rows,
            "        ({place}, {need}({member:?}, &shapes::{shape})),"
        )?;
    }
    rows.push_str("    ] },\n");
    Ok(())
}

fn place(member: &str, reference: &Reference, path: &[&str]) -> Result<String> {
    let name = reference.location_name.as_deref().unwrap_or(member);
    Ok(match reference.location.as_deref() {
        None => "Body".to_owned(),
        Some("querystring") => format!("Query({name:?})"),
        Some("header") => format!("Header({name:?})"),
        Some("uri") => {
            let label = format!("{{{name}}}");
            let index = path.iter().position(|part| *part == label);
            format!(
                "Path({})",
                index.with_context(|| format!("no {label} in the path"))?
            )
        }
        Some(other) => bail!("the tables know no place {other}"),
    })
}

fn shapes(model: &ServiceModel, reached: &BTreeSet<&str>) -> Result<String> {
    let title =
        "The shapes that inputs are made of. Values of enumerations come in the order AWS prints.";
    let mut text = head(model, title);
    writeln!(
        text,
        "use crate::kinesis::schema::{{Shape, anything, at_least, between, blob, integer, list, map, one_of, optional, \
         pattern, required, structure, text, unbounded}};\n"
    )?;
    for name in reached {
        let corrected = BOUNDS.iter().find(|(shape, ..)| shape == name);
        let body = match corrected {
            Some((_, least, most)) => format!("integer(between({least}, {most}))"),
            None if HELD_ELSEWHERE.contains(name) => "anything()".to_owned(),
            None => {
                let shape = model.shape(name)?;
                shape_body(name, shape, Table::Shapes).with_context(|| format!("shape {name}"))?
            }
        };
        writeln!(
            text,
            "pub(super) static {}: Shape = {body};\n",
            constant(name)
        )?;
    }
    Ok(text)
}
