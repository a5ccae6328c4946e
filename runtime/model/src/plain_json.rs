//! A reader of the JSON that most people write: without escapes, and not nested deeply.
//!
//! In: bytes of somebody. Out: texts and values as they stand in them, or nothing as soon as anything is unusual, right or
//! wrong; a complete reader then takes over. Whatever passes is JSON.
#![deny(clippy::indexing_slicing)]

/// What is nested more deeply is unusual.
const DEPTH_MAX: usize = 32;

/// Reads from the front; `None` ends it for good.
#[derive(Debug)]
pub struct PlainJson<'b>(&'b [u8]);

impl<'b> PlainJson<'b> {
    /// Reads the whole body as one object.
    pub fn object(
        body: &'b [u8],
        member: impl FnMut(&'b [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        let mut json = Self(body);
        json.members(member)?;
        json.skip_space();
        json.0.is_empty().then_some(())
    }

    /// An object; `member` gets each name and reads its value.
    pub fn members(
        &mut self,
        mut member: impl FnMut(&'b [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.separated(b'{', b'}', |json| {
            let name = json.name()?;
            json.take(b':')?;
            member(name, json)
        })
    }

    /// A list; `item` reads each.
    pub fn items(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.separated(b'[', b']', item)
    }

    pub fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.name()?).ok()
    }

    /// A text of any bytes: for who looks at each of them anyway.
    pub fn raw_text(&mut self) -> Option<&'b [u8]> {
        self.take(b'"')?;
        let end = memchr::memchr2(b'"', b'\\', self.0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        self.take(b'"')?;
        Some(text)
    }

    /// Any value, as it stands there.
    pub fn value(&mut self) -> Option<&'b [u8]> {
        self.skip_space();
        let begins = self.0;
        self.skip_value(DEPTH_MAX)?;
        begins.get(..begins.len().checked_sub(self.0.len())?)
    }

    fn skip_value(&mut self, depth: usize) -> Option<()> {
        self.skip_space();
        match self.0.first()? {
            b'"' => self.name().map(drop),
            b'{' => {
                let inner = depth.checked_sub(1)?;
                self.members(|_, json| json.skip_value(inner))
            }
            b'[' => {
                let inner = depth.checked_sub(1)?;
                self.items(|json| json.skip_value(inner))
            }
            b't' => self.skip_word(b"true"),
            b'f' => self.skip_word(b"false"),
            b'n' => self.skip_word(b"null"),
            _ => self.skip_number(),
        }
    }

    fn name(&mut self) -> Option<&'b [u8]> {
        self.raw_text().filter(|text| is_text(text))
    }

    fn skip_word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    fn skip_number(&mut self) -> Option<()> {
        let _sign = self.skip_word(b"-");
        match self.skip_digits() {
            (0, _) => return None,
            (2.., Some(b'0')) => return None,
            _ => {}
        }
        if self.skip_word(b".").is_some() && self.skip_digits().0 == 0 {
            return None;
        }
        if let Some((b'e' | b'E', rest)) = self.0.split_first() {
            self.0 = rest;
            let _sign = self.skip_word(b"+").or_else(|| self.skip_word(b"-"));
            if self.skip_digits().0 == 0 {
                return None;
            }
        }
        Some(())
    }

    /// How many there are, and the first of them.
    fn skip_digits(&mut self) -> (usize, Option<u8>) {
        let first = self.0.first().copied();
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit());
        let count = digits.count();
        self.0 = self.0.get(count..).unwrap_or_default();
        (count, first)
    }

    fn separated(
        &mut self,
        open: u8,
        close: u8,
        mut one: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            one(self)?;
            if self.take(b',').is_none() {
                return self.take(close);
            }
        }
    }

    /// The next byte that is no space, if it is this one.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn skip_space(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }
}

/// UTF-8 without control characters. Two passes, each of which the compiler makes one over many bytes at a time.
fn is_text(bytes: &[u8]) -> bool {
    let is_plain = bytes
        .iter()
        .fold(true, |plain, byte| plain & (*byte >= b' '));
    let bits = bytes.iter().fold(0, |bits, byte| bits | byte);
    is_plain && (bits < 0x80 || std::str::from_utf8(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The texts of a list in an object, as this reader finds them.
    fn read(body: &[u8]) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        PlainJson::object(body, |name, json| match name {
            b"list" => json.items(|json| {
                texts.push(json.text()?.to_owned());
                Some(())
            }),
            _ => None,
        })?;
        Some(texts)
    }

    #[test]
    fn plain_texts_are_read_and_all_else_is_left_to_others() {
        let texts = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect());
        for (body, expected) in [
            (r#"{"list":["a","é"]}"#, texts(&["a", "é"])),
            (" {\n\"list\" : [ ] } ", texts(&[])),
            ("{}", texts(&[])),
            (r#"{"list":["a\n"]}"#, None),
            ("{\"list\":[\"a\n\"]}", None),
            (r#"{"list":["a",]}"#, None),
            (r#"{"list":["a" "b"]}"#, None),
            (r#"{"list":["a"]}x"#, None),
            (r#"{"list":["a"]"#, None),
            (r#"{"list":[1]}"#, None),
            (r#"{"other":[]}"#, None),
            ("", None),
        ] {
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(read(b"{\"list\":[\"\xff\"]}"), None);
    }

    proptest! {
        #[test]
        fn what_passes_is_json_and_means_the_same(body in r#"[ \n]?\{("list" ?:? ?\[("[a-c\\\x01é]{0,3}",? ?){0,3}\]?)?\}? ?"#) {
            if let Some(texts) = read(body.as_bytes()) {
                let parsed: Value = serde_json::from_str(&body).unwrap();
                let listed = parsed.get("list").and_then(Value::as_array).cloned().unwrap_or_default();
                prop_assert_eq!(Value::from(texts), Value::Array(listed));
            }
        }
    }
    proptest! {
        #[test]
        fn a_value_that_passes_is_json_and_ends_where_it_ends(body in r#"[ \[{]{0,2}("[a\\\x01é]{0,2}"|-?[0-9]{0,2}(\.[0-9]?)?([eE][+-]?[0-9]?)?|true|null|tru)?[ :,\]}]{0,2}("a"|1)?[\]} ]{0,2}"#) {
            let mut json = PlainJson(body.as_bytes());
            if let Some(value) = json.value() {
                prop_assert!(serde_json::from_slice::<Value>(value).is_ok(), "{body}");
                prop_assert!(body.as_bytes().ends_with(json.0));
            }
        }
    }

    #[test]
    fn values_of_all_kinds_pass() {
        for value in [
            "0",
            "-0",
            "10",
            "1.50",
            "1e9",
            "-1.5E+10",
            "2e-3",
            "true",
            "false",
            "null",
            "\"é\"",
            "[]",
            "{}",
            "[1, [2]]",
            r#"{ "a" : { "b" : [ null ] } }"#,
        ] {
            let body = format!(" {value}!");
            let mut json = PlainJson(body.as_bytes());
            assert_eq!(json.value(), Some(value.as_bytes()));
            assert_eq!(json.0, b"!");
        }
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        for value in [
            "01",
            "-",
            "1.",
            "1e",
            "tru",
            "\"\u{1}\"",
            "[1,]",
            r#"{"a"}"#,
            "",
            &deep,
        ] {
            assert_eq!(PlainJson(value.as_bytes()).value(), None, "{value}");
        }
        assert_eq!(PlainJson(b"\"\xff\"").value(), None);
    }
}
