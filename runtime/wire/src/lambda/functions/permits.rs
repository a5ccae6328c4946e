//! Whether the policy of a function lets somebody call its address. Pure.
//!
//! As on AWS, an address needs two actions: `lambda:InvokeFunctionUrl` and `lambda:InvokeFunction`. Keys of the function's own
//! account may do everything here, as an identity with every right may there. A condition that is not known here holds for nobody.

use model::lambda::web::WebSigner;
use serde_json::Value;

/// A request to the address of a function.
#[derive(Clone, Copy, Debug)]
pub struct UrlCall<'a> {
    /// What `AddPermission` was told of the qualifier that the address belongs to.
    pub policy: Option<&'a Value>,
    /// `AuthType` of the address.
    pub auth: &'a str,
    /// Of the function.
    pub account: &'a str,
    pub signer: Option<&'a WebSigner>,
}

const ACTIONS: [&str; 2] = ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"];

impl UrlCall<'_> {
    pub(crate) fn is_permitted(&self) -> bool {
        if self.signer.is_some_and(|it| it.account == self.account) {
            return true;
        }
        let statements = self
            .policy
            .and_then(|policy| policy["statements"].as_array());
        ACTIONS.iter().all(|action| {
            let mut all = statements.into_iter().flatten();
            all.any(|statement| self.is_meant(statement, action))
        })
    }

    fn is_meant(&self, statement: &Value, action: &str) -> bool {
        let allowed = [action, "lambda:*", "*"];
        statement["Effect"] == "Allow"
            && allowed.iter().any(|it| statement["Action"] == *it)
            && self.is_principal(&statement["Principal"])
            && self.holds(&statement["Condition"])
    }

    fn is_principal(&self, principal: &Value) -> bool {
        let said = principal["AWS"].as_str().or(principal.as_str());
        match (said, self.signer) {
            (Some("*"), _) => true,
            (Some(said), Some(signer)) => said == signer.account || is_root(said, &signer.account),
            (Some(_) | None, _) => false,
        }
    }

    fn holds(&self, condition: &Value) -> bool {
        let Some(operators) = condition.as_object() else {
            return true;
        };
        let account = self.signer.map(|signer| signer.account.as_str());
        operators.iter().all(|(operator, facts)| {
            let mut facts = facts.as_object().into_iter().flatten();
            facts.all(|(key, value)| match (operator.as_str(), key.as_str()) {
                ("StringEquals", "lambda:FunctionUrlAuthType") => *value == self.auth,
                ("StringEquals", "AWS:SourceAccount") => value.as_str() == account,
                ("Bool", "lambda:InvokedViaFunctionUrl") => *value == "true",
                (_, _) => false,
            })
        })
    }
}

/// Whether an ARN means all of an account, in whichever partition.
fn is_root(arn: &str, account: &str) -> bool {
    let rest = arn.strip_prefix("arn:aws");
    let parts = rest.and_then(|rest| rest.split_once(":iam::"));
    parts.is_some_and(|(_, whom)| whom.strip_suffix(":root") == Some(account))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allow(action: &str, principal: &Value, condition: &Value) -> Value {
        json!({ "Effect": "Allow", "Action": action, "Principal": principal, "Condition": condition })
    }

    fn check(statements: &[Value], (auth, account): (&str, Option<&str>), permitted: bool) {
        let policy = json!({ "statements": statements });
        let signer = account.map(|account| WebSigner {
            account: account.to_owned(),
            key: "K".to_owned(),
        });
        let call = UrlCall {
            policy: Some(&policy),
            auth,
            account: "000000000000",
            signer: signer.as_ref(),
        };
        assert_eq!(call.is_permitted(), permitted, "{call:?}");
    }

    #[test]
    fn an_address_is_open_to_whom_its_policy_names() {
        let (all, url, invoke) = (json!("*"), ACTIONS[0], ACTIONS[1]);
        let open = json!({ "StringEquals": { "lambda:FunctionUrlAuthType": "NONE" } });
        let via = json!({ "Bool": { "lambda:InvokedViaFunctionUrl": "true" } });
        let both = [allow(url, &all, &open), allow(invoke, &all, &via)];
        let nobody = ("NONE", None);
        check(&both, nobody, true);
        check(&both[..1], nobody, false);
        check(&both[1..], nobody, false);
        check(&both, ("AWS_IAM", Some("111111111111")), false);
        check(&[], ("AWS_IAM", Some("000000000000")), true);
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let friend = json!({ "AWS": format!("arn:{partition}:iam::111111111111:root") });
            let named = [allow("lambda:*", &friend, &Value::Null)];
            check(&named, ("AWS_IAM", Some("111111111111")), true);
            check(&named, ("AWS_IAM", Some("222222222222")), false);
            check(&named, nobody, false);
        }
        let organised = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } });
        check(&[allow("*", &all, &organised)], nobody, false);
        let service = json!({ "Service": "s3.amazonaws.com" });
        check(&[allow("*", &service, &Value::Null)], nobody, false);
    }
}
