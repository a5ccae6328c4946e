//! The forms in which callers name a function: bare, with a qualifier, as part of an ARN or as a whole one.
//!
//! In: the text of a request and who sent it. Out: region, account, name and qualifier, the first two filled in from the
//! caller where the text leaves them out. Whether there is such a function is asked elsewhere.

use model::partition;

use crate::credentials::Caller;

/// Characters of the longest accepted form.
const FUNCTION_NAME_CHARACTERS_MAX: usize = 256;
/// Of the name alone.
const NAME_CHARACTERS_MAX: usize = 140;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    pub region: String,
    pub account: String,
    pub name: String,
    /// A version, an alias or `$LATEST`, where one was given.
    pub qualifier: Option<String>,
}

impl FunctionName {
    /// None when the text has none of the forms.
    pub(super) fn parse(text: &str, caller: &Caller) -> Option<Self> {
        if text.chars().count() > FUNCTION_NAME_CHARACTERS_MAX {
            return None;
        }
        let parts: Vec<&str> = text.split(':').collect();
        let (region, account, rest) = match parts.as_slice() {
            [
                "arn",
                partition,
                "lambda",
                region,
                account,
                "function",
                rest @ ..,
            ] if partition.starts_with("aws") => (*region, *account, rest),
            [account, "function", rest @ ..] if is_account(account) => {
                (caller.region.as_str(), *account, rest)
            }
            ["function", rest @ ..] => (caller.region.as_str(), caller.account.as_str(), rest),
            rest => (caller.region.as_str(), caller.account.as_str(), rest),
        };
        let (name, qualifier) = match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return None,
        };
        let named = |text: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            (1..=NAME_CHARACTERS_MAX).contains(&text.len()) && text.chars().all(allowed)
        };
        let qualified = |text: &str| named(text.strip_prefix('$').unwrap_or(text));
        let fits = named(name) && qualifier.is_none_or(qualified) && is_account(account);
        fits.then(|| Self {
            region: region.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        })
    }

    /// Qualified where the caller's form was.
    #[must_use]
    pub fn arn(&self) -> String {
        let Self {
            region,
            account,
            name,
            qualifier,
        } = self;
        let qualifier = qualifier.as_ref().map(|it| format!(":{it}"));
        let qualifier = qualifier.unwrap_or_default();
        let partition = partition(region);
        format!("arn:{partition}:lambda:{region}:{account}:function:{name}{qualifier}")
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_name_means_one_function() {
        let caller = Caller {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let own = "arn:aws:lambda:us-east-1:000000000000:function:late";
        for (text, arn) in [
            ("late", Some(own.to_owned())),
            ("function:late", Some(own.to_owned())),
            ("000000000000:function:late", Some(own.to_owned())),
            (own, Some(own.to_owned())),
            ("late:$LATEST", Some(format!("{own}:$LATEST"))),
            ("000000000000:function:late:7", Some(format!("{own}:7"))),
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:late",
                Some("arn:aws-cn:lambda:cn-north-1:123456789012:function:late".to_owned()),
            ),
            (
                "arn:aws:lambda:eu-west-1:123456789012:function:late:live",
                Some("arn:aws:lambda:eu-west-1:123456789012:function:late:live".to_owned()),
            ),
            ("", None),
            ("late:1:2", None),
            ("la te", None),
            ("arn:aws:sqs:us-east-1:000000000000:late", None),
            ("12:function:late", None),
        ] {
            let parsed = FunctionName::parse(text, &caller);
            assert_eq!(parsed.map(|name| name.arn()), arn, "{text}");
        }
        assert_eq!(FunctionName::parse(&"a".repeat(300), &caller), None);
    }
}
