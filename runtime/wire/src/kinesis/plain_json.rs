//! A reader of the JSON that most clients send: objects and lists of plain texts, without escapes.
//!
//! In: bytes of a client. Out: texts as they stand in them, or nothing as soon as anything is unusual, right or wrong;
//! a complete reader then takes over. Control characters never pass, so whatever passes is JSON.
#![deny(clippy::indexing_slicing)]

/// Reads from the front; `None` ends it for good.
#[derive(Debug)]
pub(super) struct PlainJson<'b>(&'b [u8]);

impl<'b> PlainJson<'b> {
    /// Reads the whole body as one object.
    pub(super) fn object(
        body: &'b [u8],
        member: impl FnMut(&'b [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        let mut json = Self(body);
        json.members(member)?;
        json.skip_space();
        json.0.is_empty().then_some(())
    }

    /// An object; `member` gets each name and reads its value.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&'b [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.separated(b'{', b'}', |json| {
            let name = json.raw_text()?;
            json.take(b':')?;
            member(name, json)
        })
    }

    /// A list; `item` reads each.
    pub(super) fn items(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.separated(b'[', b']', item)
    }

    pub(super) fn text(&mut self) -> Option<&'b str> {
        let text = self.raw_text()?;
        let is_plain = text
            .iter()
            .fold(true, |plain, byte| plain & (*byte >= b' '));
        std::str::from_utf8(text).ok().filter(|_| is_plain)
    }

    /// A text of any bytes: for whoever looks at each of them anyway.
    pub(super) fn raw_text(&mut self) -> Option<&'b [u8]> {
        self.take(b'"')?;
        let end = memchr::memchr2(b'"', b'\\', self.0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        self.take(b'"')?;
        Some(text)
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
}
