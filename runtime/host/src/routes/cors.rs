//! Which pages of the web may ask: a request with the `Origin` of another site is answered only where its route says so.
//! Pure.

use http::{HeaderMap, HeaderValue, header};

use crate::config::Cors;

/// What the origin of a request means for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// No page of another site asks.
    Own,
    /// Its page may read the answer.
    Allowed(HeaderValue),
    Refused,
}

pub(super) fn origin(cors: &Cors, headers: &HeaderMap) -> Origin {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Origin::Own;
    };
    let own = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let site = origin.as_bytes();
    let host = site
        .strip_prefix(b"http://")
        .or_else(|| site.strip_prefix(b"https://"));
    if host.is_some() && host == own {
        return Origin::Own;
    }
    match cors {
        Cors::Off => Origin::Refused,
        Cors::Any => Origin::Allowed(HeaderValue::from_static("*")),
        Cors::Origins(origins) => {
            let known = origins.iter().any(|known| known.as_bytes() == site);
            if known {
                Origin::Allowed(origin.clone())
            } else {
                Origin::Refused
            }
        }
    }
}

/// What a browser reads before it shows the answer to its page; what the function said itself stays.
pub(super) fn allow(headers: &mut HeaderMap, origin: &Origin) {
    if let Origin::Allowed(allowed) = origin {
        let entry = headers.entry(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        entry.or_insert_with(|| allowed.clone());
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
}

/// The answer to a browser that asks whether it may ask.
pub(super) fn preflight(asked: &HeaderMap, methods: &str, answer: &mut HeaderMap) {
    if let Ok(methods) = HeaderValue::from_str(methods) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    answer.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("600"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_may_ask_are_answered() {
        let here = "https://shop.example";
        let list = || Cors::Origins(vec![here.to_owned()]);
        let allowed = |text: &'static str| Origin::Allowed(HeaderValue::from_static(text));
        for (cors, said, expect) in [
            (Cors::Off, None, Origin::Own),
            (Cors::Off, Some("http://localhost:8787"), Origin::Own),
            (Cors::Off, Some("http://localhost:8788"), Origin::Refused),
            (Cors::Off, Some("null"), Origin::Refused),
            (Cors::Any, Some(here), allowed("*")),
            (list(), Some(here), allowed(here)),
            (list(), Some("https://evil.example"), Origin::Refused),
            (list(), None, Origin::Own),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("localhost:8787"));
            if let Some(said) = said {
                headers.insert(header::ORIGIN, HeaderValue::from_static(said));
            }
            assert_eq!(origin(&cors, &headers), expect, "{cors:?} {said:?}");
        }
    }
}
