//! Rust source split into code and comments, so that a rule about one is not misled by the other or by text in quotes.
//! Source comes in; two texts of the same shape go out, in which what belongs elsewhere is blank and lines stay lines.
//! It knows strings, raw strings, characters and nested comments, which is all it takes.

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) code: String,
    pub(crate) comments: String,
}

#[derive(Clone, Copy)]
enum Inside {
    Code,
    LineComment,
    BlockComment(usize),
    /// The number of `#` that must follow the closing quote; None: escapes count.
    Text(Option<usize>),
}

pub(crate) fn split(source: &str) -> Split {
    let chars: Vec<char> = source.chars().collect();
    let mut out = Split {
        code: String::new(),
        comments: String::new(),
    };
    let mut inside = Inside::Code;
    let mut at = 0;
    while at < chars.len() {
        let (length, next) = step(&chars, at, inside);
        for c in &chars[at..(at + length).min(chars.len())] {
            let blank = if *c == '\n' { '\n' } else { ' ' };
            let comment = matches!(inside, Inside::LineComment | Inside::BlockComment(_))
                || matches!(next, Inside::LineComment | Inside::BlockComment(_));
            let code = matches!((inside, next), (Inside::Code, Inside::Code)) && length == 1;
            out.comments.push(if comment { *c } else { blank });
            out.code.push(if code { *c } else { blank });
        }
        inside = next;
        at += length;
    }
    out
}

/// How many characters belong together here, and where we are after them.
fn step(chars: &[char], at: usize, inside: Inside) -> (usize, Inside) {
    let rest = &chars[at..];
    let begins = |text: &str| {
        text.chars().zip(rest).filter(|(a, b)| a == *b).count() == text.chars().count()
    };
    match inside {
        Inside::Code if begins("//") => (2, Inside::LineComment),
        Inside::Code if begins("/*") => (2, Inside::BlockComment(1)),
        Inside::Code if begins("\"") => (1, Inside::Text(None)),
        Inside::Code => match raw_text(chars, at) {
            Some((length, hashes)) => (length, Inside::Text(Some(hashes))),
            None => (character(rest), Inside::Code),
        },
        Inside::LineComment if begins("\n") => (1, Inside::Code),
        Inside::LineComment => (1, Inside::LineComment),
        Inside::BlockComment(depth) if begins("/*") => (2, Inside::BlockComment(depth + 1)),
        Inside::BlockComment(1) if begins("*/") => (2, Inside::Code),
        Inside::BlockComment(depth) if begins("*/") => (2, Inside::BlockComment(depth - 1)),
        Inside::BlockComment(depth) => (1, Inside::BlockComment(depth)),
        Inside::Text(None) if begins("\\") => (2, inside),
        Inside::Text(None) if begins("\"") => (1, Inside::Code),
        Inside::Text(Some(hashes)) if begins(&format!("\"{}", "#".repeat(hashes))) => {
            (1 + hashes, Inside::Code)
        }
        Inside::Text(_) => (1, inside),
    }
}

/// `r"`, `r#"`, `br"`, where the `r` begins a word.
fn raw_text(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let word = |c: &char| c.is_alphanumeric() || *c == '_';
    if at > 0 && chars.get(at - 1).is_some_and(word) {
        return None;
    }
    let rest: String = chars[at..].iter().take(64).collect();
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.chars().take_while(|c| *c == '#').count();
    let quoted = after.chars().nth(hashes) == Some('"');
    quoted.then(|| {
        (
            rest.chars().count() - after.chars().count() + hashes + 1,
            hashes,
        )
    })
}

/// The length of a character literal, or 1 for anything else, lifetimes included.
fn character(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, tail @ ..] => tail
            .iter()
            .take(10)
            .position(|c| *c == '\'')
            .map_or(1, |closing| closing + 4),
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, code: &str, comments: &str) {
        let found = split(source);
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&found.code), code, "code of {source}");
        assert_eq!(squeezed(&found.comments), comments, "comments of {source}");
        assert_eq!(found.code.lines().count(), source.lines().count());
    }

    #[test]
    fn comments_texts_and_characters_are_told_apart() {
        check(
            "let a = 1; // unsafe\nlet b;",
            "let a = 1; let b;",
            "// unsafe",
        );
        check("a /* x /* y */ z */ b", "a b", "/* x /* y */ z */");
        check("f(\"// no \\\" comment\", b)", "f( , b)", "");
        check("f(r#\"a \" // b\"#, c)", "f( , c)", "");
        check(
            "let q = '\"'; // \"x\"",
            "let q = ; // \"x\"".split(" //").next().unwrap(),
            "// \"x\"",
        );
        check("let q = '\\''; g::<'a>(x)", "let q = ; g::<'a>(x)", "");
        check("for_r\"x\"", "for_r", "");
    }
}
