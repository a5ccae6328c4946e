//! Where a trigger begins: `oldest`, `latest`, a moment, or so long ago. One value goes in, a starting position comes out.
//! It knows no clock: `@-1h` stays relative until the trigger is created.

use std::{fmt, time::Duration};

use model::Timestamp;

use super::project::Start;
use super::reader::Reader;
use super::tree::Node;
use super::units::Measure;

const ACCEPTED: &str = "oldest, latest, a time such as 2026-11-23T09:00Z, or \"@-1h\"";

/// After a diagnostic the oldest record stands in.
pub(super) fn start(reader: &mut Reader<'_>, title: &str, node: Node) -> Start {
    let at = node.at;
    let Some(text) = reader.scalar(title, "start", node) else {
        return Start::Oldest;
    };
    parse(&text).unwrap_or_else(|| {
        let message = format!("`start` of {title} cannot be `{text}`");
        reader.note(at, message, format!("accepted: {ACCEPTED}"));
        Start::Oldest
    })
}

/// Also what operators say.
pub(crate) fn parse(text: &str) -> Option<Start> {
    match text {
        "oldest" | "TRIM_HORIZON" => return Some(Start::Oldest),
        "latest" | "LATEST" => return Some(Start::Latest),
        _ => {}
    }
    if let Some(ago) = text.strip_prefix("@-") {
        return Duration::parse(ago).map(Start::Ago);
    }
    let moment: jiff::Timestamp = text.strip_prefix('@').unwrap_or(text).parse().ok()?;
    u64::try_from(moment.as_millisecond())
        .ok()
        .map(Timestamp::from_millis)
        .map(Start::At)
}

/// As the file may say it.
impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oldest => f.write_str("oldest"),
            Self::Latest => f.write_str("latest"),
            Self::At(at) => at.fmt(f),
            Self::Ago(ago) => write!(f, "@-{}", ago.print()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<Start>) {
        assert_eq!(parse(text), expect, "for {text}");
    }

    #[test]
    fn words_moments_and_spans() {
        let nine = Start::At(Timestamp::from_millis(1_795_424_400_000));
        check("oldest", Some(Start::Oldest));
        check("TRIM_HORIZON", Some(Start::Oldest));
        check("latest", Some(Start::Latest));
        check("LATEST", Some(Start::Latest));
        check("2026-11-23T09:00Z", Some(nine));
        check("@2026-11-23T10:00:00+01:00", Some(nine));
        check("@-1h", Some(Start::Ago(Duration::from_secs(3600))));
        check("@-15m", Some(Start::Ago(Duration::from_secs(900))));
        for said in [
            "oldest",
            "latest",
            "2026-11-23T09:00:00.000Z",
            "@-1h",
            "@-15m",
        ] {
            let start = parse(said).unwrap();
            assert_eq!(start.to_string(), said);
        }
        for refused in [
            "",
            "newest",
            "AT_TIMESTAMP",
            "2026-11-23",
            "2026-11-23T09:00",
            "@-1",
            "-1h",
            "1969-01-01T00:00Z",
        ] {
            check(refused, None);
        }
    }
}
