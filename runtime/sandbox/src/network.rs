//! Which addresses of the network a function may ask: patterns of its grants, and what a name resolves to.
//!
//! A name that is granted may still lead to an address of this machine or of its private networks; such an address must be
//! granted as what it is. Pure: nothing is resolved here.

use std::net::IpAddr;

use model::FunctionName;

/// What a function may ask; empty where nothing is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    patterns: Vec<Pattern>,
    /// What the server grants to all functions that no file declares.
    of_server: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    host: Host,
    /// None: any.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// Of the public network.
    Any,
    /// In lower case.
    Name(String),
    /// What ends with this, a dot at its beginning.
    Below(String),
    /// Addresses with these leading bits.
    Range(IpAddr, u8),
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = match port {
            "*" => None,
            port => Some(port.parse().ok().filter(|port| *port > 0)?),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = Host::parse(bare.unwrap_or(host))?;
        Some(Self { host, port })
    }

    fn takes(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Range(address, bits(address)));
        }
        if let Some((address, length)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let length = length.parse().ok().filter(|it| *it <= bits(address))?;
            return Some(Self::Range(address, length));
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let part = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            (1..=63).contains(&part.len()) && part.chars().all(allowed)
        };
        if name.len() > 253 || !name.split('.').all(part) {
            return None;
        }
        let name = name.to_ascii_lowercase();
        Some(if text.starts_with("*.") {
            Self::Below(format!(".{name}"))
        } else {
            Self::Name(name)
        })
    }

    fn names(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(name) => name == host,
            Self::Below(ending) => host.ends_with(ending.as_str()),
            Self::Range(..) => host.parse().is_ok_and(|address| self.holds(address)),
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Range(IpAddr::V4(own), length), IpAddr::V4(address)) => {
                let (own, address) = (u32::from(*own), u32::from(address));
                (own ^ address).leading_zeros() >= u32::from(*length)
            }
            (Self::Range(IpAddr::V6(own), length), IpAddr::V6(address)) => {
                let (own, address) = (u128::from(*own), u128::from(address));
                (own ^ address).leading_zeros() >= u32::from(*length)
            }
            (Self::Name(name), address) => name == "localhost" && address.is_loopback(),
            (Self::Range(..) | Self::Below(_) | Self::Any, _) => false,
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl Network {
    /// Whether a text is a pattern: `HOST:PORT`, where the host is a name, `*.` before a name, an address, a range of
    /// addresses or `*`, and the port a number or `*`.
    #[must_use]
    pub fn is_pattern(text: &str) -> bool {
        Pattern::parse(text).is_some()
    }

    /// Patterns that are none are left out; whoever takes them in has said so.
    #[must_use]
    pub fn new(patterns: &[String]) -> Self {
        let parsed = patterns.iter().filter_map(|text| Pattern::parse(text));
        Self {
            patterns: parsed.collect(),
            of_server: false,
        }
    }

    /// The same for functions that no file declares.
    #[must_use]
    pub fn of_server(patterns: &[String]) -> Self {
        Self {
            of_server: true,
            ..Self::new(patterns)
        }
    }

    /// Without its patterns.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self {
            patterns: Vec::new(),
            of_server: self.of_server,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Where in triggers.yaml this is granted to a function.
    pub(crate) fn key(&self, function: &FunctionName) -> String {
        if self.of_server {
            "server.api_network".to_owned()
        } else {
            format!("functions.{function}.network")
        }
    }

    /// Whether a function may ask for this host, as it writes it.
    pub(crate) fn names(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.takes(port) && pattern.host.names(&host))
    }

    /// Whether a granted name may lead here: to the public network, or to what is granted as an address.
    pub(crate) fn reaches(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        let mut patterns = self.patterns.iter();
        is_public(address)
            || patterns.any(|pattern| pattern.takes(port) && pattern.host.holds(address))
    }
}

/// Of the internet at large: not this machine, its networks, or what is reserved.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            let shared = first == 100 && (64..128).contains(&second);
            let benchmark = first == 198 && matches!(second, 18 | 19);
            let of_protocols = matches!([first, second, third], [192, 0, 0] | [192, 88, 99]);
            !(address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
                || address.is_documentation()
                || shared
                || benchmark
                || of_protocols
                || first == 0
                || first >= 240)
        }
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // All that was ever given out begins with these three bits.
            let global = first & 0xe000 == 0x2000;
            let of_protocols = first == 0x2001 && second < 0x200;
            let documentation = first == 0x2001 && second == 0xdb8 || first == 0x3fff;
            let holds_another = first == 0x2002;
            global && !of_protocols && !documentation && !holds_another
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_says_where_it_is_given() {
        let function = FunctionName::parse("f").unwrap();
        assert_eq!(network(&[]).key(&function), "functions.f.network");
        let of_server = Network::of_server(&["a.example:443".to_owned()]);
        assert_eq!(of_server.key(&function), "server.api_network");
        assert!(of_server.names("a.example", 443) && !of_server.is_empty());
        assert_eq!(of_server.emptied(), Network::of_server(&[]));
    }

    fn network(patterns: &[&str]) -> Network {
        let patterns: Vec<String> = patterns.iter().map(|it| (*it).to_owned()).collect();
        Network::new(&patterns)
    }

    #[test]
    fn patterns_name_hosts() {
        for (pattern, host, port, expect) in [
            ("api.example.com:443", "api.example.com", 443, true),
            ("api.example.com:443", "API.example.com", 443, true),
            ("api.example.com:443", "api.example.com", 80, false),
            ("api.example.com:443", "evil-api.example.com", 443, false),
            ("*.example.com:443", "a.b.example.com", 443, true),
            ("*.example.com:443", "example.com", 443, false),
            ("*.example.com:443", "evilexample.com", 443, false),
            ("127.0.0.1:*", "127.0.0.1", 8080, true),
            ("10.0.0.0/8:80", "10.9.8.7", 80, true),
            ("10.0.0.0/8:80", "11.0.0.1", 80, false),
            ("[::1]:80", "[::1]", 80, true),
            ("*:443", "anything.example", 443, true),
            ("*:443", "anything.example", 80, false),
        ] {
            let names = network(&[pattern]).names(host, port);
            assert_eq!(names, expect, "{pattern} {host}:{port}");
        }
        assert!(!network(&[]).names("example.com", 443));
    }

    #[test]
    fn private_addresses_are_reached_only_as_what_they_are() {
        for (patterns, address, expect) in [
            (&["api.example.com:80"][..], "93.184.216.34", true),
            (&["api.example.com:80"], "10.0.0.1", false),
            (&["api.example.com:80"], "127.0.0.1", false),
            (&["api.example.com:80"], "169.254.169.254", false),
            (&["api.example.com:80"], "::ffff:127.0.0.1", false),
            (&["api.example.com:80"], "::1", false),
            (&["api.example.com:80"], "fd00::1", false),
            (&["api.example.com:80"], "0.0.0.0", false),
            (&["api.example.com:80", "10.0.0.0/8:80"], "10.0.0.1", true),
            (&["localhost:80"], "127.0.0.1", true),
            (&["localhost:80"], "10.0.0.1", false),
            (&["127.0.0.1:81"], "127.0.0.1", false),
            (&["*:80"], "127.0.0.1", false),
            (&["*:80"], "100.64.0.1", false),
            (&["*:80"], "192.0.0.8", false),
            (&["*:80"], "64:ff9b::7f00:1", false),
            (&["*:80"], "2002:7f00:1::", false),
            (&["*:80"], "fec0::1", false),
            (&["*:80"], "2606:4700::1111", true),
            (&["*:80", "127.0.0.1:80"], "::ffff:127.0.0.1", true),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let reaches = network(patterns).reaches(address, 80);
            assert_eq!(reaches, expect, "{patterns:?} {address}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "",
            "example.com",
            "example.com:0",
            "example.com:70000",
            "a b:80",
            "*.:80",
            "a.*.b:80",
            "10.0.0.0/33:80",
            "http://a:80",
        ] {
            assert!(!Network::is_pattern(text), "{text}");
        }
    }
}
