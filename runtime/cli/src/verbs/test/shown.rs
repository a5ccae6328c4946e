//! What a test found, as text for people and as a document for programs.

use std::fmt::Write as _;

use host::trials::{Fate, Found, Step, TrialRecord, Tried, Try, Variant};
use serde_json::{Value, json};

/// Records of a difference that are shown; more are rarely left.
const RECORDS_SHOWN: usize = 10;

pub(super) fn summary(name: &str, records: usize, how: &Try, tried: &Tried) -> String {
    let kinds: Vec<&str> = how.variants.iter().map(|variant| variant.name()).collect();
    let word = if tried.found.is_none() {
        "same    "
    } else {
        "differs "
    };
    let given_up = tried.reference.given_up.len();
    let problem = match &tried.reference.problem {
        Some(problem) => format!(", {given_up} given up (the first: {problem})"),
        None => String::new(),
    };
    format!(
        "{word} {name}: {records} records, {} out{problem}; {} plays: {}",
        tried.reference.outputs.len(),
        tried.plays,
        kinds.join(", ")
    )
}

pub(super) fn found(name: &str, found: &Found, records: &[TrialRecord]) -> String {
    let mut text = format!(
        "  {}\n  with {} of {} records:",
        sentence(name, found.variant),
        found.records.len(),
        found.of
    );
    for index in found.records.iter().take(RECORDS_SHOWN) {
        if let Some(record) = records.get(*index) {
            let data = String::from_utf8_lossy(&record.data);
            let short: String = data.chars().take(160).collect();
            let _ = write!(text, "\n    {}  key {}  {short}", index + 1, record.key);
        }
    }
    if found.records.len() > RECORDS_SHOWN {
        let _ = write!(
            text,
            "\n    and {} more",
            found.records.len() - RECORDS_SHOWN
        );
    }
    let steps: Vec<String> = found.schedule.steps.iter().map(step).collect();
    let difference = &found.difference;
    let _ = write!(
        text,
        "\n  delivered  {}\n  {}\n    expected  {}\n    found     {}\n  hint: {}",
        steps.join("  "),
        difference.place,
        difference.expected,
        difference.found,
        hint(found.variant)
    );
    text
}

fn step(step: &Step) -> String {
    let numbers: Vec<String> = step
        .records
        .iter()
        .map(|index| (index + 1).to_string())
        .collect();
    let fate = match step.fate {
        Fate::Committed => "",
        Fate::Crashed => " host fails, again in a new sandbox",
        Fate::Lost => " commit lost, again in the same sandbox",
        Fate::Repeated => " committed, and again",
    };
    format!("[{}{fate}]", numbers.join(" "))
}

fn sentence(name: &str, variant: Variant) -> String {
    let when = match variant {
        Variant::Again => {
            "given the same records in the same batches twice, it comes to two results"
        }
        Variant::Split => "records one by one come to another result than in full batches",
        Variant::Rebatch => "records in other batches come to another result",
        Variant::Reorder => "the order of records of different keys changes the result",
        Variant::Crash => {
            "a batch that is tried again after the host failed comes to another result"
        }
        Variant::Lost => {
            "a batch that is tried again in the sandbox of its first attempt comes to another result"
        }
        Variant::Duplicate => {
            "a batch that is delivered twice counts twice: the handler is not idempotent"
        }
    };
    format!("{name}: {when}")
}

fn hint(variant: Variant) -> &'static str {
    match variant {
        Variant::Again => {
            "let it depend on records and values alone; fields that may differ, such as a time, are left out with `--ignore FIELD`"
        }
        Variant::Split | Variant::Rebatch => {
            "where a batch ends means nothing: keep what must outlast it in the durable value of the key"
        }
        Variant::Reorder => {
            "only records of one key have an order: keep values by key, not in globals"
        }
        Variant::Crash | Variant::Lost => {
            "what a failed attempt left in globals is still there in the next: keep it in the durable value of the key"
        }
        Variant::Duplicate => {
            "inside one server a batch is committed once; a seek back, an attached stream or a producer that repeats itself brings it twice: remember what was seen (its id or sequence number) in the value of the key, or leave this out with `--skip duplicate`"
        }
    }
}

pub(super) fn document(found: &Found, records: &[TrialRecord]) -> Value {
    let shown = found.records.iter().filter_map(|index| {
        let record = records.get(*index)?;
        Some(json!({"number": index + 1, "key": record.key, "data": String::from_utf8_lossy(&record.data)}))
    });
    json!({
        "kind": found.variant.name(),
        "records": shown.collect::<Vec<_>>(),
        "delivered": found.schedule.steps.iter().map(step).collect::<Vec<_>>(),
        "place": found.difference.place,
        "expected": found.difference.expected,
        "found": found.difference.found,
        "hint": hint(found.variant),
    })
}
