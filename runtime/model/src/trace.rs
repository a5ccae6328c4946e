//! W3C trace context: what a caller or a producer says of the trace that its work belongs to. Pure.
//!
//! Of a request it is the header `traceparent`; of a record, which has no headers, the member `traceparent` of its JSON, as
//! CloudEvents write it. What is not exactly that is nothing.

use std::{fmt, sync::Arc};

use memchr::memmem;
use serde::Deserialize;

const MEMBER: &[u8] = b"\"traceparent\"";
/// `00-` and so on; later versions may have more behind it.
const CHARACTERS: usize = 55;

/// A `traceparent` that says which trace and which span of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(Arc<str>);

impl TraceParent {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, rest) = text.split_once('-')?;
        let ends = text.len() == CHARACTERS
            || (version != "00" && text.get(CHARACTERS..)?.starts_with('-'));
        let mut parts = rest.splitn(4, '-');
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let is_known = is_hex(version, 2) && version != "ff" && ends;
        let has_ids = is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2);
        (is_known && has_ids).then(|| Self(text.into()))
    }

    /// Of a record whose data is an object of JSON that says it.
    #[must_use]
    pub fn of_data(data: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Traced {
            traceparent: String,
        }
        if !data.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        memmem::find(data, MEMBER)?;
        let traced: Traced = serde_json::from_slice(data).ok()?;
        Self::parse(&traced.traceparent)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// 32 digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }

    /// 16 digits: the span that caused this.
    #[must_use]
    pub fn span_id(&self) -> &str {
        self.0.get(36..52).unwrap_or_default()
    }

    /// Whether whoever began the trace keeps it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        let flags = self.0.get(53..55).unwrap_or_default();
        u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// One of zeros stands for none.
fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_a_whole_one_counts() {
        let known = TraceParent::parse(GOOD).unwrap();
        assert_eq!(known.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(known.span_id(), "00f067aa0ba902b7");
        assert!(known.is_sampled());
        assert!(
            !TraceParent::parse(&GOOD.replace("-01", "-00"))
                .unwrap()
                .is_sampled()
        );
        assert!(TraceParent::parse(&format!("{}-more", GOOD.replacen("00", "01", 1))).is_some());
        for bad in [
            "",
            &GOOD[..54],
            &format!("{GOOD}-more"),
            &GOOD.to_uppercase(),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace('f', "é"),
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_record_says_it_in_its_json() {
        let data = |text: &str| TraceParent::of_data(text.as_bytes()).map(|it| it.to_string());
        let told = format!(r#" {{"n":1,"traceparent":"{GOOD}"}}"#);
        assert_eq!(data(&told).as_deref(), Some(GOOD));
        for nothing in [
            r#"{"n":1}"#,
            r#"{"traceparent":7}"#,
            &format!(r#"{{"inner":{{"traceparent":"{GOOD}"}}}}"#),
            &told[1..told.len() - 1],
            &format!(r#"["traceparent","{GOOD}"]"#),
            "text",
        ] {
            assert_eq!(data(nothing), None, "{nothing}");
        }
    }
}
