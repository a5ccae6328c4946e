//! The event of a run: what the file says as `input`, or what EventBridge Scheduler sends where nothing is said. Pure.

use std::borrow::Cow;

use model::{Timestamp, TriggerName};
use serde_json::json;
use uuid::Uuid;

/// Facts of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) trigger: &'a TriggerName,
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) slot: Timestamp,
    pub(super) attempt: u32,
    /// The same for all attempts of a slot.
    pub(super) id: Uuid,
}

/// Of a slot, so that every attempt and every restart has the same one.
pub(super) fn id(trigger: &TriggerName, slot: Timestamp) -> Uuid {
    let name = format!("shardmill:schedule:{trigger}:{}", slot.as_millis());
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
}

pub(super) fn event(input: Option<&str>, facts: Facts<'_>) -> Vec<u8> {
    let Facts {
        trigger,
        account,
        region,
        slot,
        attempt,
        id,
    } = facts;
    let partition = model::partition(region);
    let arn = format!("arn:{partition}:scheduler:{region}:{account}:schedule/default/{trigger}");
    let time = seconds(slot);
    let Some(input) = input else {
        let event = json!({
            "version": "0",
            "id": id.to_string(),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": account,
            "time": time,
            "region": region,
            "resources": [arn],
            "detail": "{}",
        });
        return event.to_string().into_bytes();
    };
    let facts = [
        ("<aws.scheduler.schedule-arn>", arn),
        ("<aws.scheduler.scheduled-time>", time),
        ("<aws.scheduler.execution-id>", id.to_string()),
        ("<aws.scheduler.attempt-number>", attempt.to_string()),
    ];
    let mut text = Cow::Borrowed(input);
    for (word, fact) in &facts {
        if text.contains(word) {
            text = Cow::Owned(text.replace(word, fact));
        }
    }
    text.into_owned().into_bytes()
}

/// `2026-11-29T02:00:00Z`
fn seconds(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or(&text);
    format!("{seconds}Z")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn made(input: Option<&str>) -> Value {
        let trigger = TriggerName::parse("nightly").unwrap();
        let slot = Timestamp::from_millis(1_795_824_000_123);
        let event = event(
            input,
            Facts {
                trigger: &trigger,
                account: "000000000000",
                region: "us-east-1",
                slot,
                attempt: 2,
                id: id(&trigger, slot),
            },
        );
        serde_json::from_slice(&event).unwrap()
    }

    #[test]
    fn without_input_it_is_schedulers_event() {
        let event = made(None);
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["source"], "aws.scheduler");
        assert_eq!(event["time"], "2026-11-28T00:00:00Z");
        assert_eq!(event["detail"], "{}");
        assert_eq!(
            event["resources"][0],
            "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly"
        );
        assert_eq!(made(None), event);
    }

    #[test]
    fn facts_stand_where_input_names_them() {
        let input = r#"{"days":1,"at":"<aws.scheduler.scheduled-time>","try":"<aws.scheduler.attempt-number>"}"#;
        let expect = json!({ "days": 1, "at": "2026-11-28T00:00:00Z", "try": "2" });
        assert_eq!(made(Some(input)), expect);
    }
}
