//! Resource policies of streams and consumers: kept and told back. `policy` says what they mean.

use serde_json::{Map, Value};

use super::{
    super::{
        answer::Answer, documents::GetResourcePolicyReply, error::AwsError, input::Members,
        resource::Resource,
    },
    Carrier,
};
use crate::limits::POLICY_BYTES_MAX;

/// What AWS answers while none was set.
const NO_POLICY: &str = "{}";

impl Carrier<'_> {
    pub(super) async fn put_resource_policy(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let resource = self.named_resource(input)?;
        let policy = input.text("Policy").unwrap_or_default().to_owned();
        check_policy(&policy).map_err(AwsError::policy_invalid)?;
        self.change_labels(resource, move |labels| {
            *labels.policy = Some(policy);
            Ok(())
        })
        .await
    }

    pub(super) async fn delete_resource_policy(
        &self,
        input: Members<'_>,
    ) -> Result<Answer, AwsError> {
        let arn = input.text("ResourceARN").unwrap_or_default().to_owned();
        self.change_labels(self.named_resource(input)?, move |labels| {
            labels
                .policy
                .take()
                .map(drop)
                .ok_or_else(|| AwsError::policy_missing(&arn))
        })
        .await
    }

    pub(super) fn get_resource_policy(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let resource = self.named_resource(input)?;
        let traits = self.described(resource.stream())?.traits;
        let policy = match &resource {
            Resource::Stream(_) => &traits.policy,
            Resource::Consumer(consumer) => {
                let found = traits.consumer(&consumer.name, consumer.created_s, self.now());
                &found
                    .ok_or_else(|| AwsError::consumer_missing(consumer))?
                    .policy
            }
        };
        self.document(&GetResourcePolicyReply {
            policy: policy.clone().unwrap_or_else(|| NO_POLICY.to_owned()),
        })
    }
}

/// Looks at the form of a policy, not at what it allows.
fn check_policy(policy: &str) -> Result<(), &'static str> {
    if policy.len() > POLICY_BYTES_MAX {
        return Err("it is longer than 20 KiB");
    }
    let Ok(Value::Object(policy)) = serde_json::from_str(policy) else {
        return Err("it is not a JSON object");
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        )
        | None => return Err("it has no Statement"),
    };
    let is_statement = |statement: &Value| statement.as_object().is_some_and(is_statement);
    if statements.iter().all(is_statement) {
        Ok(())
    } else {
        Err("a Statement needs Effect, Principal and Action")
    }
}

fn is_statement(statement: &Map<String, Value>) -> bool {
    let has = |one: &str, other: &str| statement.contains_key(one) || statement.contains_key(other);
    let effect = statement.get("Effect").and_then(Value::as_str);
    matches!(effect, Some("Allow" | "Deny"))
        && has("Principal", "NotPrincipal")
        && has("Action", "NotAction")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_policies_with_whole_statements_are_kept() {
        let whole = r#"{"Effect":"Allow","Principal":"*","Action":"kinesis:GetRecords"}"#;
        for (policy, accepted) in [
            (
                format!(r#"{{"Version":"2012-10-17","Statement":[{whole}]}}"#),
                true,
            ),
            (format!(r#"{{"Statement":{whole}}}"#), true),
            (r#"{"Statement":[]}"#.to_owned(), false),
            (r#"{"Statement":[{"Effect":"Maybe"}]}"#.to_owned(), false),
            ("{}".to_owned(), false),
            ("[]".to_owned(), false),
            ("policy".to_owned(), false),
        ] {
            assert_eq!(check_policy(&policy).is_ok(), accepted, "{policy}");
        }
    }
}
