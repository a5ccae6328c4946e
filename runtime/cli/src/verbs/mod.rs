//! One file for each group of verbs: arguments come in, requests go to the server, answers go to the output. A verb
//! decides nothing about stored things; the server does.

pub(crate) mod build;
pub(crate) mod data;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod invoke;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod orders;
pub(crate) mod put;
pub(crate) mod replay;
pub(crate) mod server;
pub(crate) mod setup;
pub(crate) mod shadow;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod tail;
pub(crate) mod test;
pub(crate) mod things;
pub(crate) mod transfer;
pub(crate) mod versions;

use serde_json::Value;

/// The items that an answer carries under `name`; an answer that is a list is its own.
fn items(answer: &Value, name: &str) -> Vec<Value> {
    let list = answer.get(name).unwrap_or(answer);
    list.as_array().cloned().unwrap_or_default()
}

/// The query of a request out of what was given, with a `?` before it; empty when nothing was.
fn query(parameters: &[(&str, Option<String>)]) -> String {
    let given: Vec<String> = parameters
        .iter()
        .filter_map(|(name, value)| {
            let value = crate::client::percent_encoded(value.as_ref()?);
            Some(format!("{name}={value}"))
        })
        .collect();
    if given.is_empty() {
        String::new()
    } else {
        format!("?{}", given.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_what_was_given() {
        assert_eq!(query(&[("a", None)]), "");
        let given = [
            ("a", Some("1 2".to_owned())),
            ("b", None),
            ("c", Some("&".to_owned())),
        ];
        assert_eq!(query(&given), "?a=1%202&c=%26");
    }

    #[test]
    fn items_stand_under_a_name_or_alone() {
        let (one, list) = (serde_json::json!({"x": [1]}), serde_json::json!([1]));
        assert_eq!(items(&one, "x"), items(&list, "x"));
        assert!(items(&one, "y").is_empty());
    }
}
