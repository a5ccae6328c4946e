//! Resource policies of streams and consumers: kept and told back. `policy` says what they mean.

use serde_json::{Map, Value};

use super::{
    super::{
        answer::Answer,
        documents::GetResourcePolicyReply,
        error::AwsError,
        generated::ACTIONS,
        input::Members,
        policy::{each, matches},
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
        let arn = input.text("ResourceARN").unwrap_or_default();
        let policy = input.text("Policy").unwrap_or_default().to_owned();
        let checked = check_policy(&policy, arn).map_err(AwsError::policy_invalid);
        self.change_labels(resource, move |labels| {
            checked?;
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

/// Looks at the form of a policy and at what it speaks of, not at what it allows.
fn check_policy(policy: &str, arn: &str) -> Result<(), &'static str> {
    if policy.len() > POLICY_BYTES_MAX {
        return Err("it is longer than 20 KiB");
    }
    let Ok(Value::Object(policy)) = serde_json::from_str(policy) else {
        return Err("it is not a JSON object");
    };
    let statements = each(policy.get("Statement"));
    if statements.is_empty() {
        return Err("it has no Statement");
    }
    let mut statements = statements.iter();
    statements.try_for_each(|statement| check_statement(statement.as_object(), arn))
}

fn check_statement(statement: Option<&Map<String, Value>>, arn: &str) -> Result<(), &'static str> {
    const PARTS: &str = "a Statement needs Effect, Principal and Action";
    let statement = statement.ok_or(PARTS)?;
    let has = |one: &str, other: &str| statement.contains_key(one) || statement.contains_key(other);
    let effect = statement.get("Effect").and_then(Value::as_str);
    let whole = matches!(effect, Some("Allow" | "Deny"))
        && has("Principal", "NotPrincipal")
        && has("Action", "NotAction");
    if !whole {
        return Err(PARTS);
    }
    let all = |names: [&str; 2], fits: &dyn Fn(&str) -> bool| {
        let values = names.into_iter().flat_map(|name| each(statement.get(name)));
        let mut values = values.map(Value::as_str);
        values.all(|value| value.is_some_and(fits))
    };
    if !all(["Action", "NotAction"], &names_an_action) {
        return Err("an Action is none of kinesis:*");
    }
    if !all(["Resource", "NotResource"], &|pattern| {
        matches(pattern, arn)
    }) {
        return Err("a Resource is another than the one that the policy is put on");
    }
    Ok(())
}

/// Whether a pattern stands for actions of this service.
fn names_an_action(pattern: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let mut known = ACTIONS
        .iter()
        .map(|row| format!("kinesis:{}", row.name).to_ascii_lowercase());
    known.any(|action| matches(&pattern, &action))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/flights";

    fn check(policy: &str, accepted: bool) {
        assert_eq!(check_policy(policy, ARN).is_ok(), accepted, "{policy}");
    }

    #[test]
    fn only_policies_with_whole_statements_are_kept() {
        let whole = r#"{"Effect":"Allow","Principal":"*","Action":"kinesis:GetRecords"}"#;
        check(
            &format!(r#"{{"Version":"2012-10-17","Statement":[{whole}]}}"#),
            true,
        );
        check(&format!(r#"{{"Statement":{whole}}}"#), true);
        for policy in [
            r#"{"Statement":[]}"#,
            r#"{"Statement":[7]}"#,
            r#"{"Statement":[{"Effect":"Maybe"}]}"#,
            "{}",
            "[]",
            "policy",
        ] {
            check(policy, false);
        }
    }

    #[test]
    fn a_policy_speaks_of_actions_of_this_service_and_of_its_own_resource() {
        for (more, accepted) in [
            (r#""Action":"*""#, true),
            (r#""Action":["kinesis:Put*","Kinesis:getrecords"]"#, true),
            (r#""NotAction":"kinesis:DeleteStream""#, true),
            (r#""Action":["kinesis:PutRecord","s3:GetObject"]"#, false),
            (r#""NotAction":"s3:*""#, false),
            (r#""Action":"kinesis:PutRecrod""#, false),
            (r#""Action":7"#, false),
            (r#""Action":"kinesis:*","Resource":"*""#, true),
            (
                r#""Action":"kinesis:*","Resource":"arn:aws:kinesis:*:*:stream/fl*""#,
                true,
            ),
            (
                r#""Action":"kinesis:*","Resource":["arn:aws:kinesis:us-east-1:000000000000:stream/flights"]"#,
                true,
            ),
            (
                r#""Action":"kinesis:*","Resource":"arn:aws:kinesis:us-east-1:000000000000:stream/other""#,
                false,
            ),
            (
                r#""Action":"kinesis:*","NotResource":"arn:aws:s3:::bucket""#,
                false,
            ),
        ] {
            let policy =
                format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":"*",{more}}}]}}"#);
            check(&policy, accepted);
        }
    }
}
