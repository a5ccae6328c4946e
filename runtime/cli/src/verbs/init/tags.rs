//! CloudFormation's tags as what they are short for, since no YAML reader knows them: `!Ref X` is `{"Ref": "X"}`.
//!
//! In: a template as it was written. Out: the same in plain YAML. Each line stands for itself: a tag whose value goes on
//! in further lines is left out, and the value taken as it is.

use std::fmt::Write as _;

use serde_json::Value;

pub(super) fn plain(text: &str) -> String {
    text.lines().map(|line| untagged(line, 0) + "\n").collect()
}

/// `depth` is in how many brackets the text stands.
fn untagged(text: &str, mut depth: usize) -> String {
    let (mut out, mut rest, mut before) = (String::new(), text, ':');
    while let Some(letter) = rest.chars().next() {
        let begins = match before {
            ':' | '-' => true,
            '[' | '{' | ',' => depth > 0,
            _ => false,
        };
        let comes = out.is_empty() || out.ends_with(char::is_whitespace);
        if letter == '#' && comes {
            break;
        }
        if begins
            && letter == '!'
            && let Some((long, value)) = tag(rest)
        {
            let Some(end) = extent(value, depth) else {
                rest = value;
                continue;
            };
            let (own, behind) = value.split_at(end);
            let own = match own.chars().next() {
                Some('[' | '{' | '"' | '\'') => untagged(own, depth + 1),
                Some(_) | None => Value::from(own).to_string(),
            };
            let _ = write!(out, "{{\"{long}\": {own}}}");
            (rest, before) = (behind, '}');
            continue;
        }
        let quoted = quoted(rest).filter(|_| begins);
        let end = quoted.unwrap_or(letter.len_utf8());
        match letter {
            // In the midst of a plain text it is no bracket.
            '[' | '{' if begins || depth > 0 => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !letter.is_whitespace() {
            before = letter;
        }
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out + rest
}

/// What the tag at the beginning is short for, and the text behind it.
fn tag(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('!')?;
    let end = text.find(' ').unwrap_or(text.len());
    let (name, value) = text.split_at(end);
    let is_name = !name.is_empty() && name.chars().all(char::is_alphanumeric);
    let long = match name {
        "Ref" | "Condition" => name.to_owned(),
        name => format!("Fn::{name}"),
    };
    is_name.then_some((long, value.trim_start()))
}

/// Where the value at the beginning ends; nothing where it goes on in further lines.
fn extent(text: &str, depth: usize) -> Option<usize> {
    match text.chars().next()? {
        '|' | '>' | '#' => None,
        '"' | '\'' => quoted(text),
        '[' | '{' => bracketed(text),
        _ if depth > 0 => {
            let end = text.find([',', ']', '}']).unwrap_or(text.len());
            Some(text[..end].trim_end().len())
        }
        _ => {
            let end = text.find(" #").unwrap_or(text.len());
            // A list in brackets may have a line for each of its items.
            Some(text[..end].trim_end().trim_end_matches(',').len())
        }
    }
}

fn bracketed(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(letter) = text[at..].chars().next() {
        at += quoted(&text[at..]).unwrap_or(letter.len_utf8());
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Where the quotation at the beginning ends, if there is one that ends in this line.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && quote == '"' {
            letters.next();
        } else if letter == quote {
            if quote == '\'' && letters.next_if(|(_, next)| *next == quote).is_some() {
                continue;
            }
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_what_they_are_short_for_wherever_they_stand() {
        for (line, expect) in [
            ("A: !Ref B", r#"A: {"Ref": "B"}"#),
            ("A: !Ref B # why", r#"A: {"Ref": "B"} # why"#),
            ("- !GetAtt A.Arn", r#"- {"Fn::GetAtt": "A.Arn"}"#),
            ("  !Ref B,", r#"  {"Ref": "B"},"#),
            ("{ V: { T: !Ref Out } }", r#"{ V: { T: {"Ref": "Out"} } }"#),
            (
                "[!GetAtt A.Arn, !Ref B]",
                r#"[{"Fn::GetAtt": "A.Arn"}, {"Ref": "B"}]"#,
            ),
            (
                "A: !Join ['', [!Ref B, '], x']]",
                r#"A: {"Fn::Join": ['', [{"Ref": "B"}, '], x']]}"#,
            ),
            (
                "Q: { A: !Sub 'a:${B}, it''s', C: d }",
                r#"Q: { A: {"Fn::Sub": 'a:${B}, it''s'}, C: d }"#,
            ),
            (
                "A: !If [X, !Ref B, c]",
                r#"A: {"Fn::If": [X, {"Ref": "B"}, c]}"#,
            ),
            ("A: !Sub |", "A: |"),
            ("A: !Join", "A: "),
            ("A: !Join [", "A: ["),
            ("A: that is !important", "A: that is !important"),
            ("A: it's [!Ref B], !Ref C", "A: it's [!Ref B], !Ref C"),
            ("A: 'a !Ref B'", "A: 'a !Ref B'"),
            ("# A: !Ref B", "# A: !Ref B"),
            ("é: !Ref ü", r#"é: {"Ref": "ü"}"#),
        ] {
            assert_eq!(untagged(line, 0), expect, "{line}");
        }
    }
}
