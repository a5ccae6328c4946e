//! What triggers count, beside the names that Lambda's event source mappings have in CloudWatch.
//!
//! Counts begin at 0 when the server does, and are of all shards of a trigger together; lags are those of the shard that
//! is furthest behind.

use dispatch::{Counters, TriggerSettings};

use super::{Kind, Metric, head, line, number};
use crate::{api::Measured, assemble::Rooms};

pub(super) const TRIGGER: &[Metric<Measured>] = &[
    Metric {
        aws: "IteratorAge",
        name: "shardmill_trigger_iterator_age_milliseconds",
        kind: Kind::Gauge,
        help: "how old the last record of the newest batch was when it was handed over",
        value: |it| number(it.counters.iterator_age_ms),
    },
    Metric {
        aws: "PolledEventCount",
        name: "shardmill_trigger_polled_records_total",
        kind: Kind::Counter,
        help: "records that were read",
        value: |it| number(it.counters.records_in),
    },
    Metric {
        aws: "FilteredOutEventCount",
        name: "shardmill_trigger_filtered_out_records_total",
        kind: Kind::Counter,
        help: "records that no pattern of the filter matches",
        value: |it| number(it.counters.filtered_out),
    },
    Metric {
        aws: "InvokedEventCount",
        name: "shardmill_trigger_invoked_records_total",
        kind: Kind::Counter,
        help: "records that were handed to the function, each time they were",
        value: |it| number(it.counters.invoked_records),
    },
    Metric {
        aws: "FailedInvokeEventCount",
        name: "shardmill_trigger_failed_records_total",
        kind: Kind::Counter,
        help: "records that failed, each time they did; of a partial failure only those that it names",
        value: |it| number(it.counters.failed_records),
    },
    Metric {
        aws: "DroppedEventCount",
        name: "shardmill_trigger_given_up_records_total",
        kind: Kind::Counter,
        help: "records whose attempts were spent or that were too old, of a trigger without `on_failure`; they are in the dead-letter store",
        value: |it| {
            number(if it.has_destinations {
                0
            } else {
                dropped(&it.counters)
            })
        },
    },
    Metric {
        aws: "OnFailureDestinationDeliveredEventCount",
        name: "shardmill_trigger_failure_documents_total",
        kind: Kind::Counter,
        help: "records whose failure documents were taken, for each destination that took them",
        value: |it| number(it.delivered),
    },
    Metric {
        aws: "DestinationDeliveryFailures",
        name: "shardmill_trigger_failure_document_failures_total",
        kind: Kind::Counter,
        help: "tries that failure destinations did not take; each document is tried until it is taken",
        value: |it| number(it.delivery_failures),
    },
    Metric {
        aws: "OversizedRecordCount",
        name: "shardmill_trigger_oversized_records_total",
        kind: Kind::Counter,
        help: "records that fit into no request",
        value: |it| number(it.counters.oversized),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_dead_lettered_records_total",
        kind: Kind::Counter,
        help: "records that were given up, whatever is told of them",
        value: |it| number(it.counters.dead_lettered),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_settled_records_total",
        kind: Kind::Counter,
        help: "records whose invocation succeeded",
        value: |it| number(it.counters.settled),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_lost_to_retention_records_total",
        kind: Kind::Counter,
        help: "records that retention took before they were settled, since the trigger began; in AWS no metric counts them",
        value: |it| number(it.counters.lost_to_retention),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_retention_expired_records_total",
        kind: Kind::Counter,
        help: "records that were given up, whole, because retention was about to take them",
        value: |it| number(it.counters.retention_expired),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_lag_records",
        kind: Kind::Gauge,
        help: "records behind the checkpoints of all shards",
        value: |it| number(it.lag_records),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_lag_milliseconds",
        kind: Kind::Gauge,
        help: "how long the oldest unsettled record has been there",
        value: |it| number(it.lag_ms),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_waiting_shards",
        kind: Kind::Gauge,
        help: "shards that do not move: `shardmill why` says why",
        value: |it| number(it.waiting),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_loses_data_in_seconds",
        kind: Kind::Gauge,
        help: "until retention takes unsettled records, at the rate of the last minutes; +Inf where that never comes",
        value: |it| it.loses_in.map_or(f64::INFINITY, |span| span.as_secs_f64()),
    },
    Metric {
        aws: "-",
        name: "shardmill_trigger_unaccounted_shards",
        kind: Kind::Gauge,
        help: "shards whose counts do not add up; anything but 0 is a mistake of shardmill",
        value: |it| number(it.unaccounted),
    },
];

pub(super) fn write(text: &mut String, rooms: &Rooms) {
    let triggers = rooms.triggers.now();
    let measured: Vec<(&TriggerSettings, Measured)> = triggers
        .values()
        .map(|settings| (settings, Measured::of(rooms, settings)))
        .collect();
    if measured.is_empty() {
        return;
    }
    for metric in TRIGGER {
        head(text, metric);
        for (settings, of) in &measured {
            // Names of triggers, functions and streams need no escapes.
            let labels = format!(
                "trigger=\"{}\",function=\"{}\",stream=\"{}\"",
                settings.name, settings.function, settings.stream.name
            );
            line(text, metric, &labels, of);
        }
    }
}

/// Given up for what the function made of them or for their age, and for nothing else.
fn dropped(counters: &Counters) -> u64 {
    let otherwise =
        counters.retention_expired + counters.unparsable + counters.out_of_range + counters.late;
    counters.dead_lettered.saturating_sub(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_retention_took_and_what_no_function_saw_is_not_dropped_as_aws_counts_it() {
        let given_up = Counters {
            dead_lettered: 15,
            retention_expired: 1,
            unparsable: 2,
            out_of_range: 3,
            late: 4,
            ..Counters::default()
        };
        let mut all = Counters::default();
        all.add(&given_up);
        all.add(&given_up);
        assert_eq!(dropped(&all), 10);
        assert_eq!(dropped(&Counters::default()), 0);
    }
}
