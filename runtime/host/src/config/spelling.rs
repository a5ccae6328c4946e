//! What a person probably meant. A word and the known words go in; a hint naming the nearest goes out, or nothing when
//! none is near. It only ever suggests: nothing is corrected in silence.

pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    Some(format!("did you mean `{}`?", nearest(word, known)?))
}

/// Among equals the first wins, so that the same mistake gets the same hint.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, remove or replace, or neighbours to swap, to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut best = (rows[i][j] + usize::from(a != b))
                .min(rows[i][j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expect: Option<&str>) {
        let known = [
            "function", "stream", "outputs", "batch", "state", "enabled", "retry",
        ];
        let expect = expect.map(|word| format!("did you mean `{word}`?"));
        assert_eq!(did_you_mean(word, known), expect, "for {word}");
    }

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        check("functon", Some("function"));
        check("fucntion", Some("function"));
        check("output", Some("outputs"));
        check("Stream", Some("stream"));
        check("sate", Some("state"));
        check("rety", Some("retry"));
        check("x", None);
        check("", None);
        check("destination", None);
    }
}
