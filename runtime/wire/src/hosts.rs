//! The guard against web pages: which `Host` a request may name.
//!
//! A page that rebinds its own name to 127.0.0.1 reaches this server with that name in `Host`. So only names of
//! the loopback, and names that the operator allowed, are answered. In: a request's head. Out: yes or no.

use http::{HeaderMap, Uri, header};

/// The names under which the server may be addressed.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts {
    others: Vec<String>,
    any: bool,
}

impl AllowedHosts {
    /// The names of the loopback and these, without ports.
    #[must_use]
    pub fn loopback_and(others: Vec<String>) -> Self {
        Self { others, any: false }
    }

    /// Every name: for servers that demand credentials.
    #[must_use]
    pub fn any() -> Self {
        Self {
            others: Vec::new(),
            any: true,
        }
    }

    /// Whether a request may be answered. One without any host name cannot come from a browser.
    #[must_use]
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        if self.any {
            return true;
        }
        let named = headers.get(header::HOST).map(|value| value.as_bytes());
        let host = match (uri.authority(), named) {
            (None, None) => return true,
            (Some(authority), _) => authority.host().to_owned(),
            (None, Some(bytes)) => without_port(&String::from_utf8_lossy(bytes)).to_owned(),
        };
        is_loopback(&host)
            || self
                .others
                .iter()
                .any(|other| other.eq_ignore_ascii_case(&host))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase();
    let address = host.parse::<std::net::IpAddr>().ok();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_allowed_names_are_admitted() {
        let hosts = AllowedHosts::loopback_and(vec!["host.docker.internal".to_owned()]);
        for (host, admitted) in [
            ("localhost:4566", true),
            ("LOCALHOST", true),
            ("kinesis.us-east-1.localhost:4566", true),
            ("127.0.0.1:4566", true),
            ("127.8.0.1", true),
            ("[::1]:4566", true),
            ("host.docker.internal:4566", true),
            ("example.com", false),
            ("localhost.example.com:4566", false),
            ("10.0.0.1:4566", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(
                hosts.admit(&Uri::from_static("/"), &headers),
                admitted,
                "{host}"
            );
            assert!(AllowedHosts::any().admit(&Uri::from_static("/"), &headers));
        }
        assert!(hosts.admit(&Uri::from_static("/"), &HeaderMap::new()));
        let absolute = Uri::from_static("http://example.com/");
        assert!(!hosts.admit(&absolute, &HeaderMap::new()));
    }
}
