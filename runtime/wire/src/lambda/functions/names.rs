//! The function that a call names, in whatever form, and the refusals where there is none.

use catalog::Entry;
use model::FunctionVersion;
use serde_json::{Value, json};

use super::{Functions, LambdaError};
use crate::lambda::{call::Call, function_name::FunctionName};

const QUALIFIER_CHARACTERS_MAX: usize = 128;

/// A name of a function, and the function.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: FunctionName,
    pub(super) entry: Entry,
}

/// In the path, with the qualifier of the query.
pub(super) fn parsed(call: &Call, text: &str) -> Result<FunctionName, LambdaError> {
    let Some(mut name) = FunctionName::parse(text, &call.caller) else {
        return Err(malformed(text));
    };
    if let Some(asked) = call.parameter("Qualifier") {
        hold_qualifier(asked)?;
        match &name.qualifier {
            Some(own) if own != asked => {
                return Err(LambdaError::invalid_parameter(
                    "The derived qualifier from the function name does not match the specified qualifier.",
                ));
            }
            Some(_) | None => name.qualifier = Some(asked.to_owned()),
        }
    }
    Ok(name)
}

fn hold_qualifier(asked: &str) -> Result<(), LambdaError> {
    let refused = |rule: &str| {
        Err(LambdaError::validation(format!(
            "1 validation error detected: Value '{asked}' at 'qualifier' failed to satisfy constraint: {rule}"
        )))
    };
    if asked.chars().count() > QUALIFIER_CHARACTERS_MAX {
        return refused("Member must have length less than or equal to 128");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$');
    if asked != "$LATEST.PUBLISHED" && !asked.chars().all(allowed) {
        return refused(
            "Member must satisfy regular expression pattern: \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
        );
    }
    Ok(())
}

pub(super) fn malformed(text: &str) -> LambdaError {
    LambdaError::validation(format!(
        "1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{{2}}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{{1}}:)?(\\d{{12}}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
    ))
}

pub(super) fn not_found(name: &FunctionName) -> LambdaError {
    LambdaError::not_found(format!("Function not found: {}", name.arn()))
        .with_hint("`shardmill function list` shows the functions of this server")
}

/// The function, whatever its qualifier leads to.
pub(super) fn function(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Named, LambdaError> {
    let name = parsed(call, text)?;
    let (account, region) = functions.world();
    let here = name.account == account && name.region == region;
    let found = functions.find(&name.name).filter(|_| here);
    match found {
        Some(entry) => Ok(Named { name, entry }),
        None => Err(not_found(&name)),
    }
}

/// The function as a whole, for what no version or alias can be told.
pub(super) fn unqualified(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<Named, LambdaError> {
    let named = function(functions, call, text)?;
    match named.name.qualifier.as_deref() {
        None | Some("$LATEST") => Ok(named),
        Some(_) => Err(LambdaError::invalid_parameter(FUNCTIONS_ONLY)),
    }
}

pub(super) const FUNCTIONS_ONLY: &str = "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.";

/// Forgets what was said of a version or an alias that is gone: its address, its permissions, what becomes of its events. One
/// that gets the same name later has none of it.
pub fn forget_qualifier(entry: &mut Entry, qualifier: &str) {
    for kind in QUALIFIED {
        if let Some(all) = entry
            .head
            .words
            .get_mut(*kind)
            .and_then(Value::as_object_mut)
        {
            all.remove(qualifier);
        }
    }
}

/// The words of a function that are kept by qualifier.
const QUALIFIED: &[&str] = &[
    super::urls::KEPT,
    super::policy::KEPT,
    super::asynchronous::KEPT,
    super::absent::RUNTIME,
];

/// The function and the one version that its qualifier means. Without one that is `$LATEST`, whatever runs under the bare name.
pub(super) fn version(
    functions: &dyn Functions,
    call: &Call,
    text: &str,
) -> Result<(Named, FunctionVersion), LambdaError> {
    let named = function(functions, call, text)?;
    let version = match named.name.qualifier.as_deref() {
        None | Some("$LATEST") => FunctionVersion::LATEST,
        Some(qualifier) => {
            let route = named.entry.route(Some(qualifier));
            route.map_err(|_| not_found(&named.name))?.version
        }
    };
    Ok((named, version))
}

impl Named {
    /// Without its qualifier.
    pub(super) fn arn(&self) -> String {
        let name = FunctionName {
            qualifier: None,
            ..self.name.clone()
        };
        name.arn()
    }

    /// What configurations of a qualifier are kept under.
    pub(super) fn qualifier(&self) -> String {
        let given = self.name.qualifier.clone();
        given.unwrap_or_else(|| "$LATEST".to_owned())
    }

    pub(super) fn qualified_arn(&self) -> String {
        format!("{}:{}", self.arn(), self.qualifier())
    }

    /// Keeps a configuration of the qualifier in the head of the function, below `kind`, or removes it. What is kept comes back.
    pub(super) async fn keep(
        &self,
        functions: &dyn Functions,
        kind: &'static str,
        config: Option<Value>,
    ) -> Result<Value, LambdaError> {
        let shown = config.clone().unwrap_or_default();
        let qualifier = self.qualifier();
        let change = move |entry: &mut Entry| {
            let all = entry.head.words.entry(kind.to_owned());
            let all = all.or_insert_with(|| json!({}));
            if let Some(all) = all.as_object_mut() {
                match config {
                    Some(config) => drop(all.insert(qualifier, config)),
                    None => drop(all.remove(&qualifier)),
                }
            }
            Ok(())
        };
        functions
            .change(self.name.name.clone(), Box::new(change))
            .await?;
        Ok(shown)
    }

    /// Refuses a qualifier that leads nowhere.
    pub(super) fn hold_qualifier(&self) -> Result<(), LambdaError> {
        let route = self.entry.route(self.name.qualifier.as_deref());
        route.map(drop).map_err(|_| not_found(&self.name))
    }
}
