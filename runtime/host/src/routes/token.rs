//! Whether a request carries the bearer token of its route. Pure; how long it takes says nothing of where two texts differ.

use http::{HeaderMap, header};

pub(super) fn carries(headers: &HeaderMap, secret: &str) -> bool {
    let said = headers.get(header::AUTHORIZATION);
    let Some((scheme, token)) = said.and_then(|said| said.as_bytes().split_at_checked(7)) else {
        return false;
    };
    let differing = |(a, b): (&u8, &u8)| a ^ b;
    let differences = token.iter().zip(secret.as_bytes()).map(differing);
    let same = differences.fold(0, |all, one| all | one) == 0;
    scheme.eq_ignore_ascii_case(b"bearer ")
        && token.len() == secret.len()
        && same
        && !secret.is_empty()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_very_token_counts() {
        for (said, secret, expect) in [
            (Some("Bearer s3cret"), "s3cret", true),
            (Some("bearer s3cret"), "s3cret", true),
            (Some("Bearer s3cre"), "s3cret", false),
            (Some("Bearer s3cretx"), "s3cret", false),
            (Some("Bearer S3cret"), "s3cret", false),
            (Some("Basic s3cret"), "s3cret", false),
            (Some("s3cret"), "s3cret", false),
            (Some("Bearer "), "", false),
            (None, "s3cret", false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(said) = said {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static(said));
            }
            assert_eq!(carries(&headers, secret), expect, "{said:?}");
        }
    }
}
