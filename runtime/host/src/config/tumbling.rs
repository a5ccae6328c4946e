//! The reader of `tumbling`: windows of equal length, and where they keep what they come to. A map comes in, and how the trigger is
//! divided beside it; windows that this trigger can have go out.

use std::time::Duration;

use dispatch::{
    ErrorClass, Lanes, Tumbling, WindowsBy,
    event_time::{EventTime, TimePath},
};

use super::project::{Retry, Then};
use super::reader::{Reader, Section};
use super::tumbling_keys::{
    TUMBLING, TUMBLING_BY, TUMBLING_EVERY, TUMBLING_LATENESS, TUMBLING_TIME,
};

/// Whose windows they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Shard,
    Key,
}

pub(super) fn tumbling(
    reader: &mut Reader<'_>,
    section: &mut Section,
    lanes: Lanes,
    retry: &Retry,
) -> Option<Tumbling> {
    let (key, node) = section.take("tumbling")?;
    let (trigger, at) = (section.title.clone(), key.at);
    let title = format!("`tumbling` of {trigger}");
    let mut section = reader.section(&TUMBLING, title, at, node);
    let by_at = section.at_key(TUMBLING_BY.name);
    let every = every(reader, &mut section);
    let by = reader.choice(&mut section, &TUMBLING_BY);
    let time_at = section.at_key(TUMBLING_TIME.name);
    let time = time(reader, &mut section);
    let lateness_at = section.at_key(TUMBLING_LATENESS.name);
    let lateness = reader.measured(&mut section, &TUMBLING_LATENESS);
    if lanes != Lanes::ONE {
        let message = format!("{trigger} has tumbling windows and several lanes");
        reader.note(
            at,
            message,
            "remove `lanes`: windows are handled in the order of their shard",
        );
    }
    if !lateness.is_zero() && time == EventTime::Arrival {
        let message = format!(
            "`lateness` of {} has no meaning by arrival, which is never late",
            section.title
        );
        let hint = "remove it, or say where a record says when it happened: `time: $.PATH`";
        reader.note(lateness_at, message, hint);
    }
    let by = match by {
        By::Key => WindowsBy::Key { time, lateness },
        By::Shard => {
            if time != EventTime::Arrival {
                let message = format!("`time` of {} is for windows by key", section.title);
                reader.note(time_at, message, "add `by: key`, or remove `time`");
            }
            let parks = retry.then == Then::Park
                || retry
                    .classes
                    .values()
                    .any(|class| *class == ErrorClass::Park);
            if parks {
                let message =
                    format!("{trigger} parks keys, and its windows by shard go on without them");
                reader.note(by_at, message, "write `by: key`, or `then: dead-letter`");
            }
            WindowsBy::Shard
        }
    };
    Some(Tumbling { every, by })
}

fn every(reader: &mut Reader<'_>, section: &mut Section) -> Duration {
    match section.take(TUMBLING_EVERY.name) {
        Some((_, node)) => {
            let title = section.title.clone();
            let every = reader.measure(&title, &TUMBLING_EVERY, node);
            every.unwrap_or(TUMBLING_EVERY.default)
        }
        None => {
            let hint = "add `every:` with the length of a window, such as `every: 1h`";
            reader.absent(
                section,
                TUMBLING_EVERY.name,
                "does not say how long a window is",
                hint,
            );
            TUMBLING_EVERY.default
        }
    }
}

fn time(reader: &mut Reader<'_>, section: &mut Section) -> EventTime {
    let Some((_, node)) = section.take(TUMBLING_TIME.name) else {
        return EventTime::Arrival;
    };
    let at = node.at;
    let title = section.title.clone();
    let Some(text) = reader.scalar(&title, TUMBLING_TIME.name, node) else {
        return EventTime::Arrival;
    };
    if text == "arrival" {
        return EventTime::Arrival;
    }
    match TimePath::parse(&text) {
        Some(path) => EventTime::Path(path),
        None => {
            let message = format!("`time` of {title} cannot be `{text}`");
            reader.note(
                at,
                message,
                "accepted: arrival, or a path into the body such as $.sched or $.flight.times[0]",
            );
            EventTime::Arrival
        }
    }
}
