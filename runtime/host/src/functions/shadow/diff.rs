//! What two functions came to with the same records, record by record. Pure: two outcomes come in, what differs goes out.
//!
//! What an answer attributes to a record is held against what the other attributes to it, in order; what belongs to no
//! record, and what failed as a whole, is held against each other once for the whole batch. Times do not count.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{Answer, Outcome, RecordAction};
use serde_json::{Value, json};

use crate::limits::SHADOW_TEXT_MAX;

/// A place where they differ: a record by its index, or the batch as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Different {
    pub(super) record: Option<u32>,
    pub(super) main: Value,
    pub(super) shadow: Value,
}

/// What belongs to one record, or to none.
#[derive(Debug, Default, PartialEq)]
struct Part<'a> {
    failed: Option<(RecordAction, &'a str, &'a str)>,
    /// Output, key, explicit hash key, data.
    outputs: Vec<(&'a str, &'a Bytes, Option<u128>, &'a Bytes)>,
    state: Vec<(&'a str, Option<&'a Bytes>)>,
    window: Option<&'a Bytes>,
}

pub(super) fn differences(main: &Outcome, shadow: &Outcome) -> Vec<Different> {
    let whole = |main, shadow| {
        vec![Different {
            record: None,
            main,
            shadow,
        }]
    };
    match (main, shadow) {
        (Outcome::Failed(then), Outcome::Failed(now)) => {
            if (&then.kind, &then.message) == (&now.kind, &now.message) {
                Vec::new()
            } else {
                whole(shown(main), shown(shadow))
            }
        }
        (Outcome::Failed(_), Outcome::Answered(_)) | (Outcome::Answered(_), Outcome::Failed(_)) => {
            whole(shown(main), shown(shadow))
        }
        (Outcome::Answered(main), Outcome::Answered(shadow)) => {
            let (mut main, mut shadow) = (parts(main), parts(shadow));
            let mut places: Vec<Option<u32>> = main.keys().chain(shadow.keys()).copied().collect();
            places.sort_unstable();
            places.dedup();
            let of = |parts: &mut BTreeMap<_, _>, at| parts.remove(&at).unwrap_or_default();
            let pairs = places
                .into_iter()
                .map(|at| (at, of(&mut main, at), of(&mut shadow, at)));
            let other = pairs.filter(|(_, main, shadow)| main != shadow);
            other
                .map(|(record, main, shadow)| Different {
                    record,
                    main: document(&main),
                    shadow: document(&shadow),
                })
                .collect()
        }
    }
}

fn parts(answer: &Answer) -> BTreeMap<Option<u32>, Part<'_>> {
    let mut parts: BTreeMap<Option<u32>, Part<'_>> = BTreeMap::new();
    for failure in &answer.failures {
        let part = parts.entry(Some(failure.index)).or_default();
        part.failed = Some((failure.action, &failure.kind, &failure.reason));
    }
    for output in &answer.outputs {
        let part = parts.entry(output.source).or_default();
        let hash_key = output.explicit_hash_key.map(|key| key.0);
        let (key, data) = (&output.partition_key, &output.data);
        part.outputs.push((&output.output, key, hash_key, data));
    }
    for write in &answer.state {
        let part = parts.entry(Some(write.source)).or_default();
        part.state.push((&write.name, write.value.as_ref()));
    }
    if let Some(window) = &answer.window_state {
        parts.entry(None).or_default().window = Some(window);
    }
    parts
}

fn document(part: &Part<'_>) -> Value {
    let failed = part.failed.map(|(action, kind, reason)| {
        json!({ "action": format!("{action:?}"), "kind": kind, "reason": reason })
    });
    let outputs = part.outputs.iter().map(|(output, key, _, data)| {
        json!({ "output": output, "key": readable(key), "data": readable(data) })
    });
    let state = part
        .state
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value.map(readable) }));
    json!({
        "failed": failed,
        "outputs": outputs.collect::<Vec<Value>>(),
        "state": state.collect::<Vec<Value>>(),
        "window_state": part.window.map(readable),
    })
}

/// An outcome in a few words.
fn shown(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Failed(fault) => json!({ "failed": {
            "action": "all", "kind": fault.kind, "reason": clipped(&fault.message)
        }}),
        Outcome::Answered(answer) => json!({ "answered": {
            "outputs": answer.outputs.len(),
            "state": answer.state.len(),
            "failures": answer.failures.len(),
        }}),
    }
}

fn readable(bytes: &Bytes) -> String {
    clipped(&String::from_utf8_lossy(bytes))
}

fn clipped(text: &str) -> String {
    let end = text.floor_char_boundary(SHADOW_TEXT_MAX);
    let cut = if end < text.len() { "…" } else { "" };
    format!("{}{cut}", &text[..end])
}

#[cfg(test)]
mod tests {
    use model::{Emitted, Fault, FaultClass, RecordFailure, StateWrite, outcome::Usage};

    use super::*;

    fn emitted(source: Option<u32>, data: &'static str) -> Emitted {
        Emitted {
            output: "default".to_owned(),
            partition_key: "k".into(),
            explicit_hash_key: None,
            data: data.into(),
            source,
        }
    }

    fn answered(outputs: Vec<Emitted>) -> Answer {
        Answer {
            outputs,
            ..Answer::default()
        }
    }

    fn failed(message: &str) -> Outcome {
        Outcome::Failed(Fault {
            class: FaultClass::Function,
            kind: "Trap".to_owned(),
            message: message.to_owned(),
            retry_after: None,
            usage: Usage::default(),
        })
    }

    fn places(main: &Outcome, shadow: &Outcome) -> Vec<Option<u32>> {
        let found = differences(main, shadow);
        found.iter().map(|it| it.record).collect()
    }

    #[test]
    fn records_with_another_result_are_named() {
        let main = answered(vec![
            emitted(Some(0), "a"),
            emitted(Some(1), "b"),
            emitted(Some(2), "c"),
        ]);
        let mut shadow = main.clone();
        assert_eq!(
            differences(
                &Outcome::Answered(main.clone()),
                &Outcome::Answered(shadow.clone())
            ),
            []
        );
        shadow.outputs[1].data = "B".into();
        shadow.state.push(StateWrite {
            source: 2,
            name: "count".to_owned(),
            value: Some("1".into()),
        });
        shadow.failures.push(RecordFailure {
            index: 4,
            action: RecordAction::Retry,
            kind: "BadDate".to_owned(),
            reason: "24:10".to_owned(),
        });
        let (main, shadow) = (Outcome::Answered(main), Outcome::Answered(shadow));
        assert_eq!(places(&main, &shadow), [Some(1), Some(2), Some(4)]);
        let found = differences(&main, &shadow);
        assert_eq!(found[0].main["outputs"][0]["data"], "b");
        assert_eq!(found[0].shadow["outputs"][0]["data"], "B");
        assert_eq!(found[1].shadow["state"][0]["value"], "1");
        assert_eq!(found[2].shadow["failed"]["kind"], "BadDate");
    }

    #[test]
    fn what_belongs_to_no_record_is_of_the_whole_batch() {
        let one = Outcome::Answered(answered(vec![emitted(None, "a")]));
        let other = Outcome::Answered(answered(vec![emitted(None, "b")]));
        assert_eq!(places(&one, &other), [None]);
        assert_eq!(places(&one, &failed("trap")), [None]);
        assert_eq!(places(&failed("trap"), &failed("other trap")), [None]);
        assert_eq!(places(&failed("trap"), &failed("trap")), []);
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "ü".repeat(SHADOW_TEXT_MAX);
        let cut = clipped(&long);
        assert!(
            cut.ends_with('…') && cut.len() <= SHADOW_TEXT_MAX + 3,
            "{}",
            cut.len()
        );
        assert_eq!(clipped("short"), "short");
    }
}
