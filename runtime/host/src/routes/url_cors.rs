//! Which pages of the web may ask a function's address: what its `Cors` says, in the headers that browsers read. Pure.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use serde_json::Value;

/// A browser asks whether it may ask.
pub(super) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && head
            .headers
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What the function itself said of it gives way.
pub(super) fn allow(cors: &Value, asked: &HeaderMap, answer: &mut HeaderMap) {
    for name in [
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
    ] {
        answer.remove(name);
    }
    let Some(origin) = allowed(cors, asked) else {
        return;
    };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    answer.append(header::VARY, HeaderValue::from_static("origin"));
    if cors["AllowCredentials"] == true {
        let yes = HeaderValue::from_static("true");
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    put(
        answer,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        &cors["ExposeHeaders"],
    );
}

pub(super) fn preflight(cors: &Value, asked: &HeaderMap, answer: &mut HeaderMap) {
    allow(cors, asked, answer);
    if !answer.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    put(
        answer,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        &cors["AllowMethods"],
    );
    put(
        answer,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        &cors["AllowHeaders"],
    );
    if let Some(seconds) = cors["MaxAge"].as_u64() {
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, seconds.into());
    }
}

/// The origin as it is to be repeated, where it is one of those that may ask.
fn allowed(cors: &Value, asked: &HeaderMap) -> Option<HeaderValue> {
    let origin = asked.get(header::ORIGIN)?;
    let origins = cors["AllowOrigins"].as_array()?;
    let any = origins.iter().any(|known| known == "*");
    if any && cors["AllowCredentials"] != true {
        return Some(HeaderValue::from_static("*"));
    }
    let is_it = |known: &Value| known.as_str().map(str::as_bytes) == Some(origin.as_bytes());
    (any || origins.iter().any(is_it)).then(|| origin.clone())
}

fn put(answer: &mut HeaderMap, name: HeaderName, list: &Value) {
    let texts = list.as_array().into_iter().flatten();
    let texts: Vec<&str> = texts.filter_map(Value::as_str).collect();
    if let Ok(value) = HeaderValue::from_str(&texts.join(","))
        && !texts.is_empty()
    {
        answer.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_configuration_says_who_may_read() {
        let here = "https://shop.example";
        for (cors, origin, expect) in [
            (json!({ "AllowOrigins": ["*"] }), here, Some("*")),
            (json!({ "AllowOrigins": [here] }), here, Some(here)),
            (
                json!({ "AllowOrigins": [here] }),
                "https://evil.example",
                None,
            ),
            (
                json!({ "AllowOrigins": ["*"], "AllowCredentials": true }),
                here,
                Some(here),
            ),
            (json!({ "AllowMethods": ["GET"] }), here, None),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
            let mut answer = HeaderMap::new();
            let said = HeaderValue::from_static("https://said.by.the.function");
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, said);
            allow(&cors, &asked, &mut answer);
            let found = answer.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(found.and_then(|it| it.to_str().ok()), expect, "{cors}");
        }
    }

    #[test]
    fn a_browser_that_asks_is_told_what_it_may() {
        let cors = json!({ "AllowOrigins": ["*"], "AllowMethods": ["GET", "PUT"], "AllowHeaders": ["x-a"], "MaxAge": 60 });
        let mut asked = HeaderMap::new();
        asked.insert(header::ORIGIN, HeaderValue::from_static("https://a"));
        let mut answer = HeaderMap::new();
        preflight(&cors, &asked, &mut answer);
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_METHODS], "GET,PUT");
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_HEADERS], "x-a");
        assert_eq!(answer[header::ACCESS_CONTROL_MAX_AGE], "60");
    }
}
