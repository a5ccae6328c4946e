//! Resource policies: what their statements say about a caller, an action and a resource.
//!
//! In: a policy that was accepted. Out: a verdict. What cannot be understood never allows: an Allow with conditions
//! counts for nothing, a Deny with conditions for everything.
//!
//! Keys of this server belong to accounts, not to users: who names a user or a role of an account names all keys of it.

use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Denied,
    /// No statement speaks of it.
    Silent,
}

/// What is asked of a policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// Twelve digits.
    pub(super) account: &'a str,
    /// `kinesis:GetRecords`
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
}

pub(super) fn verdict(policy: &str, question: Question<'_>) -> Verdict {
    let Ok(Value::Object(policy)) = serde_json::from_str(policy) else {
        return Verdict::Silent;
    };
    let statements = each(policy.get("Statement"));
    let mut verdict = Verdict::Silent;
    for statement in statements
        .iter()
        .filter_map(|statement| statement.as_object())
    {
        let deny = statement.get("Effect").and_then(Value::as_str) == Some("Deny");
        if !speaks_of(statement, question, deny) {
            continue;
        }
        if deny {
            return Verdict::Denied;
        }
        verdict = Verdict::Allowed;
    }
    verdict
}

fn speaks_of(statement: &Map<String, Value>, question: Question<'_>, deny: bool) -> bool {
    let unless = |yes: &str, no: &str, found: &dyn Fn(&str) -> bool| {
        if statement.contains_key(no) {
            !found(no)
        } else {
            found(yes)
        }
    };
    let principal = unless("Principal", "NotPrincipal", &|name| {
        names(statement.get(name), question.account)
    });
    // As in AWS, the case of actions says nothing.
    let wanted = question.action.to_ascii_lowercase();
    let action = unless("Action", "NotAction", &|name| {
        any_text(statement.get(name), |pattern| {
            matches(&pattern.to_ascii_lowercase(), &wanted)
        })
    });
    let named = |name: &str| statement.contains_key(name);
    let resource = unless("Resource", "NotResource", &|name| {
        !named(name)
            || any_text(statement.get(name), |pattern| {
                matches(pattern, question.resource)
            })
    });
    let conditions = statement.contains_key("Condition");
    principal && action && resource && (deny || !conditions)
}

/// Whether a principal is everybody, or an account by its number or by an ARN within it. A key does not say which user it
/// belongs to, so that of any user stands for the account.
fn names(principal: Option<&Value>, account: &str) -> bool {
    let within = |text: &str| {
        text == "*" || text == account || text.split(':').nth(4).is_some_and(|part| part == account)
    };
    match principal {
        Some(Value::String(text)) => within(text),
        Some(Value::Object(kinds)) => any_text(kinds.get("AWS"), within),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => false,
    }
}

fn any_text(value: Option<&Value>, fits: impl Fn(&str) -> bool) -> bool {
    let listed = each(value);
    listed.into_iter().filter_map(Value::as_str).any(fits)
}

/// One or many.
pub(super) fn each(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(many)) => many.iter().collect(),
        Some(
            one @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)),
        ) => vec![one],
        None => Vec::new(),
    }
}

/// A star stands for any text, a question mark for one letter.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(from) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == letter => {
                at += 1;
                from += 1;
            }
            Some(_) | None => {
                // The last star takes one letter more.
                let Some((back, taken)) = star else {
                    return false;
                };
                star = Some((back, taken + 1));
                at = back + 1;
                from = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(statements: &Value, expected: Verdict) {
        let question = Question {
            account: "111111111111",
            action: "kinesis:GetRecords",
            resource: "arn:aws:kinesis:us-east-1:000000000000:stream/flights",
        };
        let policy = json!({ "Statement": statements }).to_string();
        assert_eq!(verdict(&policy, question), expected, "{policy}");
    }

    #[test]
    fn an_allow_needs_principal_action_and_resource() {
        let root = json!({"AWS": "arn:aws:iam::111111111111:root"});
        let everybody = json!("*");
        for (principal, action, resource, expected) in [
            (&root, json!("kinesis:GetRecords"), "*", Verdict::Allowed),
            (
                &everybody,
                json!(["kinesis:Put*", "kinesis:Get*"]),
                "*",
                Verdict::Allowed,
            ),
            (
                &json!({"AWS": "111111111111"}),
                json!("*"),
                "*",
                Verdict::Allowed,
            ),
            (
                &json!({"AWS": ["222222222222"]}),
                json!("*"),
                "*",
                Verdict::Silent,
            ),
            (&json!({"Service": "x"}), json!("*"), "*", Verdict::Silent),
            (&root, json!("Kinesis:get*"), "*", Verdict::Allowed),
            (&root, json!("kinesis:Put*"), "*", Verdict::Silent),
            (&root, json!("*"), "arn:*:stream/other", Verdict::Silent),
            (&root, json!("*"), "arn:*:stream/fl?ghts", Verdict::Allowed),
        ] {
            let statement = json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource});
            check(&statement, expected);
        }
        for (besides, expected) in [
            ("arn:aws:kinesis:*:stream/flights", Verdict::Silent),
            ("arn:aws:kinesis:*:stream/other", Verdict::Allowed),
        ] {
            check(
                &json!({"Effect": "Allow", "Principal": "*", "Action": "*", "NotResource": besides}),
                expected,
            );
        }
        check(&json!([]), Verdict::Silent);
        check(
            &json!([{"Effect": "Allow", "Principal": "*", "NotAction": "kinesis:Put*"}]),
            Verdict::Allowed,
        );
    }

    #[test]
    fn a_deny_wins_and_conditions_never_allow() {
        let allow = json!({"Effect": "Allow", "Principal": "*", "Action": "*"});
        let deny = |action: &str| json!({"Effect": "Deny", "Principal": "*", "Action": action});
        let conditional = |mut statement: Value| {
            statement["Condition"] = json!({"StringEquals": {}});
            statement
        };
        check(&json!([allow, deny("kinesis:GetRecords")]), Verdict::Denied);
        check(&json!([allow, deny("kinesis:PutRecord")]), Verdict::Allowed);
        check(&json!([conditional(allow)]), Verdict::Silent);
        check(&json!([conditional(deny("*"))]), Verdict::Denied);
        let others =
            json!({"Effect": "Deny", "NotPrincipal": {"AWS": "111111111111"}, "Action": "*"});
        check(&others, Verdict::Silent);
    }

    proptest! {
        #[test]
        fn patterns_match_what_they_were_made_of(parts in prop::collection::vec("[a-c]{0,4}", 1..5), between in "[a-c]{0,3}") {
            prop_assert!(matches(&parts.join("*"), &parts.join(&between)));
            let (pattern, longer) = (parts.join("*"), parts.join(&between) + "d");
            prop_assert_eq!(matches(&pattern, &longer), pattern.ends_with('*'));
        }
    }
}
