//! How it goes with the failure documents of each destination: for `status` and `why`.

use dispatch::OwedTo;
use model::TriggerName;
use serde_json::{Value, json};

use crate::{assemble::Rooms, destinations::Held, limits::DELIVERIES_COUNTED_MAX};

pub(crate) fn all(rooms: &Rooms) -> Vec<Value> {
    let standing = rooms.deliveries.all();
    standing
        .iter()
        .map(|(to, held)| {
            json!({
                "trigger": to.trigger,
                "destination": to.destination,
                "kind": rooms.deliveries.kind(to),
                "pending": rooms.deliveries.pending(to, DELIVERIES_COUNTED_MAX),
                "delivered": held.delivered,
                "failures": held.failures,
                "given_up": held.given_up,
                "reason": held.waiting.as_ref().map(|(reason, _)| reason),
            })
        })
        .collect()
}

/// A sentence for each destination that does not take what it is owed.
pub(crate) fn notes(rooms: &Rooms) -> Vec<String> {
    let standing = rooms.deliveries.all();
    let stuck = standing
        .iter()
        .filter_map(|(to, held)| reason(rooms, to, held));
    let given_up = standing.iter().filter_map(|(to, held)| given_up(to, held));
    stuck.chain(given_up).collect()
}

pub(crate) fn waiting(rooms: &Rooms, only: Option<&TriggerName>) -> Vec<Value> {
    let standing = rooms.deliveries.all();
    let of = |(to, _): &&(OwedTo, Held)| only.is_none_or(|only| *only == to.trigger);
    let stuck = standing.iter().filter(of).filter_map(|(to, held)| {
        Some(json!({
            "trigger": to.trigger,
            "shard": format!("on_failure {}", to.destination),
            "reason": reason(rooms, to, held)?,
            "hint": "records move on meanwhile and stay in the dead-letter store: `shardmill dead-letter list`",
        }))
    });
    stuck.collect()
}

fn given_up(to: &OwedTo, held: &Held) -> Option<String> {
    let documents = match held.given_up {
        0 => return None,
        1 => "1 failure document was".to_owned(),
        many => format!("{many} failure documents were"),
    };
    Some(format!(
        "{documents} never taken by destination {} of trigger {} and given up, days after the dead letters were gone",
        to.destination, to.trigger
    ))
}

fn reason(rooms: &Rooms, to: &OwedTo, held: &Held) -> Option<String> {
    let (why, until) = held.waiting.as_ref()?;
    let pending = rooms.deliveries.pending(to, DELIVERIES_COUNTED_MAX);
    let documents = match pending {
        1 => "1 failure document waits".to_owned(),
        DELIVERIES_COUNTED_MAX => format!("{pending} or more failure documents wait"),
        pending => format!("{pending} failure documents wait"),
    };
    Some(format!(
        "{documents} for destination {} of trigger {} ({}): {why}; {} tries were not taken, the next is at {until}",
        to.destination,
        to.trigger,
        rooms.deliveries.kind(to),
        held.failures
    ))
}
