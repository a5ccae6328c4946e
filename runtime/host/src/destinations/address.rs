//! Where an HTTP request goes: `http://HOST[:PORT][/PATH]` and the same with `https`.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// With its query; at least a slash.
    pub(crate) path: String,
}

impl Address {
    /// None for anything else, credentials in the address included.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        let port = authority.port_u16();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Self {
            secure,
            host: authority.host().to_owned(),
            port: port.unwrap_or(if secure { 443 } else { 80 }),
            path: path.to_owned(),
        })
    }

    /// An endpoint of AWS.
    pub(crate) fn of_aws(host: String) -> Self {
        Self {
            secure: true,
            host,
            port: 443,
            path: "/".to_owned(),
        }
    }

    /// As it stands in the `host` header.
    pub(crate) fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(crate) fn at(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_http_and_carry_no_secrets() {
        for (text, shown) in [
            ("http://localhost:9324", Some("http://localhost:9324/")),
            (
                "https://example.com/hook?a=1",
                Some("https://example.com/hook?a=1"),
            ),
            ("http://127.0.0.1:80/x", Some("http://127.0.0.1/x")),
            ("ftp://example.com/", None),
            ("https://user:secret@example.com/", None),
            ("example.com", None),
            ("", None),
        ] {
            let parsed = Address::parse(text).map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), shown, "{text}");
        }
    }
}
