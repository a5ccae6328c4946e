//! Golden files: what a function puts out, keeps and gives up for its records, one JSON document a line. A file that is there is
//! held against; `--bless` writes it.

use std::path::{Path, PathBuf};

use host::trials::{Ignored, Played};
use serde_json::{Value, json};

use crate::arguments::Test;
use crate::failure::{Exit, Failure};

pub(super) enum Held {
    /// There is no such file.
    None,
    Written(PathBuf),
    Same(PathBuf),
    Differs {
        place: PathBuf,
        line: usize,
        expected: String,
        found: String,
    },
}

impl Held {
    pub(super) fn is_good(&self) -> bool {
        !matches!(self, Self::Differs { .. })
    }

    pub(super) fn line(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Written(place) => Some(format!("golden   {} written", place.display())),
            Self::Same(place) => Some(format!("golden   {} is the same", place.display())),
            Self::Differs {
                place,
                line,
                expected,
                found,
            } => Some(format!(
                "golden   {} line {line} differs\n  expected  {expected}\n  found     {found}\n  hint      where that is meant: `--bless`",
                place.display()
            )),
        }
    }

    pub(super) fn document(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Written(place) => json!({"file": place, "written": true}),
            Self::Same(place) => json!({"file": place, "same": true}),
            Self::Differs {
                place,
                line,
                expected,
                found,
            } => {
                json!({"file": place, "same": false, "line": line, "expected": expected, "found": found})
            }
        }
    }
}

pub(super) fn hold(
    place: &Path,
    played: &Played,
    ignored: &Ignored,
    arguments: &Test,
) -> Result<Held, Failure> {
    let text = text(played, ignored);
    if arguments.bless {
        let parent = place.parent().unwrap_or_else(|| Path::new(""));
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(place, &text))
            .map_err(|error| Failure::failed(format!("write {}: {error}", place.display())))?;
        return Ok(Held::Written(place.to_owned()));
    }
    let known = match std::fs::read_to_string(place) {
        Ok(known) => known,
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound && arguments.golden.is_none() =>
        {
            return Ok(Held::None);
        }
        Err(error) => {
            return Err(
                Failure::new(Exit::NotFound, format!("read {}: {error}", place.display()))
                    .hint("`--bless` writes it"),
            );
        }
    };
    Ok(compare(place, &known, &text))
}

fn compare(place: &Path, known: &str, text: &str) -> Held {
    let (mut expected, mut found) = (known.lines(), text.lines());
    for line in 1.. {
        match (expected.next(), found.next()) {
            (None, None) => break,
            (expected, found) if expected == found => {}
            (expected, found) => {
                let shown = |line: Option<&str>| line.unwrap_or("the end").to_owned();
                return Held::Differs {
                    place: place.to_owned(),
                    line,
                    expected: shown(expected),
                    found: shown(found),
                };
            }
        }
    }
    Held::Same(place.to_owned())
}

fn text(played: &Played, ignored: &Ignored) -> String {
    let data = |data: &[u8]| match serde_json::from_slice::<Value>(data) {
        Ok(Value::Object(mut fields)) => {
            fields.retain(|name, _| !ignored.0.contains(name));
            Value::Object(fields)
        }
        Ok(value) => value,
        Err(_) => match std::str::from_utf8(data) {
            Ok(text) => text.into(),
            Err(_) => format!("base64:{}", base64_simd::STANDARD.encode_to_string(data)).into(),
        },
    };
    let outputs = played
        .outputs
        .iter()
        .map(|one| json!({"output": one.output, "key": one.key, "data": data(&one.data)}));
    let values = played
        .values
        .iter()
        .map(|one| json!({"value": one.name, "key": one.key, "data": data(&one.value)}));
    let given_up = played
        .given_up
        .iter()
        .map(|(record, kind)| json!({"given_up": record + 1, "kind": kind}));
    outputs
        .chain(values)
        .chain(given_up)
        .map(|line| line.to_string() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let place = Path::new("golden/f.ndjson");
        assert!(compare(place, "a\nb\n", "a\nb\n").is_good());
        let shown = compare(place, "a\nb\n", "a\n").line().unwrap();
        insta::assert_snapshot!(shown, @r"
        golden   golden/f.ndjson line 2 differs
          expected  b
          found     the end
          hint      where that is meant: `--bless`
        ");
    }
}
