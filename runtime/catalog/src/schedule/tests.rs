//! Tables of expressions, of the days they name, and of what is decided about slots.

use std::time::Duration;

use model::Timestamp;

use super::{Expression, Missed, Next, Policy, Schedule, Slots, Tries, next, offset, zone};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(u64::try_from(at.as_millisecond()).unwrap())
}

fn schedule(expression: &str, name: &str) -> Schedule {
    Schedule {
        expression: Expression::parse(expression).unwrap(),
        zone: zone(name).unwrap(),
    }
}

/// The slots behind a moment, as the zone's clocks show them.
fn check(expression: &str, name: &str, after: &str, expect: &[&str]) {
    let schedule = schedule(expression, name);
    let after = at(after);
    let slots = schedule.upcoming(after, after, expect.len());
    let shown: Vec<String> = slots.iter().map(|slot| schedule.shown(*slot)).collect();
    assert_eq!(shown, expect, "{expression} in {name}");
    for slot in slots {
        assert_eq!(schedule.last_until(after, slot), Some(slot), "{expression}");
        let later = slot.plus(Duration::from_millis(1));
        assert_eq!(
            schedule.last_until(after, later),
            Some(slot),
            "{expression}"
        );
    }
}

const ACCEPTED: &[&str] = &[
    "cron(0 2 ? * SAT *)",
    "cron(5,35 14 * * ? *)",
    "cron(15 10 ? * 6L 2002-2005)",
    "cron(0 2 ? * SAT#3 *)",
    "cron(0/5 5 ? JAN 1-5 2022)",
    "cron(0/30 20-23 ? * MON-FRI *)",
    "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)",
    "cron(*/15 * * * ? *)",
    "cron(0-59/10 0-23/2 ? * * *)",
    "cron(0 12 15W * ? *)",
    "cron(0 12 LW * ? *)",
    "cron(0 12 L * ? *)",
    "cron(0 12 ? * L *)",
    "rate(1 minute)",
    "rate(2 minutes)",
    "rate(1 hour)",
    "rate(24 hours)",
    "rate(1 day)",
    "rate(30 days)",
    "at(2022-02-17T11:00:00)",
];

const REFUSED: &[&str] = &[
    "",
    " rate(1 minute)",
    "rate(1 minute) ",
    "INVALID",
    "cron()",
    "cron(0 1 * * * *)",
    "cron(7 20 * * NOT *)",
    "cron(0 dummy ? * MON-FRI *)",
    "cron(71 8 1 * ? *)",
    "cron(0 8 ? * ? *)",
    "cron(0 24 1 * ? *)",
    "cron(0 8 0 * ? *)",
    "cron(0 8 32 * ? *)",
    "cron(0 8 ? * 8 *)",
    "cron(0 8 ? * 0 *)",
    "cron(0 8 ? * SAT#6 *)",
    "cron(0 8 1 13 ? *)",
    "cron(0 8 1 * ? 1969)",
    "cron(0 8 1 * ? 2200)",
    "cron(0 8 1 * ?)",
    "cron(0 8 1 * ? * *)",
    "cron(0/0 8 1 * ? *)",
    "cron(30-10 8 1 * ? *)",
    "cron(L 8 1 * ? *)",
    "cron(0 8 1 L ? *)",
    "cron(0 8 ? * 15W *)",
    "cron(0,, 8 1 * ? *)",
    "cron(+5 8 1 * ? *)",
    "rate(1 minutes)",
    "rate(10 minute)",
    "rate(0 minutes)",
    "rate(-1 minutes)",
    "rate(10 MINUTES)",
    "rate(10 seconds)",
    "rate(1 year)",
    "rate(10)",
    "rate(10  minutes)",
    "rate( 10 minutes)",
    "rate(+10 minutes)",
    "rate(3651 days)",
    "rate(99999999999999999999 days)",
    "at(2022-02-17T11:00:00Z)",
    "at(2022-02-17)",
    "at(2022-02-30T11:00:00)",
    "at(2022-02-17 11:00:00)",
    "at(2022-02-17T11:00)",
];

#[test]
fn what_eventbridge_accepts_and_refuses() {
    for accepted in ACCEPTED {
        let parsed = Expression::parse(accepted);
        assert!(parsed.is_ok(), "{accepted}: {parsed:?}");
    }
    for refused in REFUSED {
        let parsed = Expression::parse(refused);
        assert!(parsed.is_err(), "{refused}: {parsed:?}");
    }
}

#[test]
fn a_refusal_names_the_part_and_what_would_be_right() {
    for (text, fact, hint) in [
        (
            "cron(71 8 1 * ? *)",
            "`71` in minutes is not understood",
            "minutes takes 0 to 59, lists, ranges and steps",
        ),
        (
            "cron(0 8 ? * MUN *)",
            "`MUN` in day-of-week is not understood",
            "day-of-week takes 1 to 7 or SUN to SAT, lists, ranges and steps, `?`, `L`, `#`",
        ),
        (
            "cron(0 1 * * * *)",
            "`cron(0 1 * * * *)` has not exactly one `?`",
            "put `?` into one of day-of-month and day-of-week, and what you mean into the other",
        ),
        (
            "rate(1 minutes)",
            "`1 minutes` mixes one and many",
            "write `rate(1 minute)`, `rate(5 minutes)`, `rate(1 hour)` or `rate(7 days)`",
        ),
    ] {
        let refused = Expression::parse(text).unwrap_err();
        assert_eq!((refused.fact.as_str(), refused.hint.as_str()), (fact, hint));
    }
}

#[test]
fn what_never_comes_is_known() {
    for never in [
        "cron(0 0 31 2 ? *)",
        "cron(0 0 31 4,6,9,11 ? *)",
        "cron(0 0 29 2 ? 2023)",
    ] {
        assert!(!schedule(never, "UTC").ever_fires(), "{never}");
    }
    for ever in [
        "cron(0 0 29 2 ? *)",
        "cron(0 0 ? 2 SUN#5 *)",
        "at(2022-02-17T11:00:00)",
    ] {
        assert!(schedule(ever, "UTC").ever_fires(), "{ever}");
    }
    // 2:30 is skipped on the only day.
    assert!(!schedule("cron(30 2 8 3 ? 2026)", "America/New_York").ever_fires());
}

/// Behind a Sunday noon. The 15th of August 2027 is a Sunday; the 1st of May 2027 a Saturday, whose nearest weekday is the 3rd.
const DAYS: &[(&str, &str, &[&str])] = &[
    (
        "cron(0 2 ? * SAT *)",
        "UTC",
        &["2026-12-05T02:00:00+00:00", "2026-12-12T02:00:00+00:00"],
    ),
    ("cron(0 2 ? * 1 *)", "UTC", &["2026-12-06T02:00:00+00:00"]),
    ("cron(0 2 ? * L *)", "UTC", &["2026-12-05T02:00:00+00:00"]),
    (
        "cron(5,35 14 * * ? *)",
        "UTC",
        &[
            "2026-11-29T14:05:00+00:00",
            "2026-11-29T14:35:00+00:00",
            "2026-11-30T14:05:00+00:00",
        ],
    ),
    (
        "cron(0/25 14 * * ? *)",
        "UTC",
        &[
            "2026-11-29T14:00:00+00:00",
            "2026-11-29T14:25:00+00:00",
            "2026-11-29T14:50:00+00:00",
            "2026-11-30T14:00:00+00:00",
        ],
    ),
    (
        "cron(10-30/10 14 ? * 2-6/2 *)",
        "UTC",
        &[
            "2026-11-30T14:10:00+00:00",
            "2026-11-30T14:20:00+00:00",
            "2026-11-30T14:30:00+00:00",
            "2026-12-02T14:10:00+00:00",
        ],
    ),
    (
        "cron(15 10 ? * 6L *)",
        "UTC",
        &["2026-12-25T10:15:00+00:00", "2027-01-29T10:15:00+00:00"],
    ),
    (
        "cron(0 2 ? * SAT#3 *)",
        "UTC",
        &["2026-12-19T02:00:00+00:00", "2027-01-16T02:00:00+00:00"],
    ),
    (
        "cron(0 12 15W 8 ? *)",
        "UTC",
        &["2027-08-16T12:00:00+00:00"],
    ),
    ("cron(0 12 1W 5 ? *)", "UTC", &["2027-05-03T12:00:00+00:00"]),
    (
        "cron(0 12 L * ? *)",
        "UTC",
        &[
            "2026-11-30T12:00:00+00:00",
            "2026-12-31T12:00:00+00:00",
            "2027-01-31T12:00:00+00:00",
            "2027-02-28T12:00:00+00:00",
        ],
    ),
    (
        "cron(0 12 LW * ? *)",
        "UTC",
        &[
            "2026-11-30T12:00:00+00:00",
            "2026-12-31T12:00:00+00:00",
            "2027-01-29T12:00:00+00:00",
        ],
    ),
    (
        "cron(0 0 29 2 ? *)",
        "UTC",
        &["2028-02-29T00:00:00+00:00", "2032-02-29T00:00:00+00:00"],
    ),
    (
        "cron(0 0 1 JAN ? 2030-2040/5)",
        "UTC",
        &[
            "2030-01-01T00:00:00+00:00",
            "2035-01-01T00:00:00+00:00",
            "2040-01-01T00:00:00+00:00",
        ],
    ),
    (
        "rate(90 minutes)",
        "UTC",
        &["2026-11-29T13:30:00+00:00", "2026-11-29T15:00:00+00:00"],
    ),
    (
        "at(2026-12-24T18:00:00)",
        "Europe/Berlin",
        &["2026-12-24T18:00:00+01:00"],
    ),
];

#[test]
fn days_and_hours_of_each_field() {
    for (expression, name, expect) in DAYS {
        check(expression, name, "2026-11-29T12:00:00Z", expect);
    }
}

#[test]
fn a_skipped_hour_has_no_slot_and_a_repeated_one_has_each_slot_once() {
    let spring = "2026-03-07T12:00:00Z";
    check(
        "cron(30 2 * * ? *)",
        "America/New_York",
        spring,
        &["2026-03-09T02:30:00-04:00", "2026-03-10T02:30:00-04:00"],
    );
    check(
        "cron(0/30 1-3 8 3 ? 2026)",
        "America/New_York",
        spring,
        &[
            "2026-03-08T01:00:00-05:00",
            "2026-03-08T01:30:00-05:00",
            "2026-03-08T03:00:00-04:00",
            "2026-03-08T03:30:00-04:00",
        ],
    );
    check(
        "cron(0/30 0-2 1 11 ? 2026)",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        &[
            "2026-11-01T00:00:00-04:00",
            "2026-11-01T00:30:00-04:00",
            "2026-11-01T01:00:00-04:00",
            "2026-11-01T01:30:00-04:00",
            "2026-11-01T02:00:00-05:00",
            "2026-11-01T02:30:00-05:00",
        ],
    );
    // n days are n times 24 hours, whatever clocks do.
    check(
        "rate(1 day)",
        "America/New_York",
        "2026-03-08T06:30:00Z",
        &["2026-03-09T02:30:00-04:00"],
    );
    // Half an hour is put back here.
    check(
        "cron(45 1 * * ? *)",
        "Australia/Lord_Howe",
        "2026-04-03T18:00:00Z",
        &["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"],
    );
}

#[test]
fn the_newest_slot_within_a_repeated_hour_is_the_latest_of_its_first_showing() {
    let schedule = schedule("cron(0/10 * * * ? *)", "America/New_York");
    let since = at("2026-10-31T12:00:00Z");
    // 01:20 for the second time; 01:50 was shown before it.
    let newest = schedule.last_until(since, at("2026-11-01T06:20:00Z"));
    assert_eq!(newest, Some(at("2026-11-01T05:50:00Z")));
}

#[test]
fn zones_are_known_by_name() {
    assert!(zone("America/Chicago").is_ok());
    assert!(zone("europe/berlin").is_ok());
    let unknown = zone("America/Chicagoo").unwrap_err();
    assert!(unknown.known.iter().any(|name| name == "America/Chicago"));
}

const SLOT: &str = "2026-11-30T02:00:00Z";

fn policy(missed: Missed) -> Policy {
    Policy {
        missed,
        flexible: Duration::ZERO,
        seed: 7,
    }
}

/// A daily schedule that was seen first some days before `SLOT`, decided at so much behind it.
fn decided(missed: Missed, days_missed: u32, behind: Duration) -> Next {
    let schedule = schedule("cron(0 2 * * ? *)", "UTC");
    let slots = Slots::new(at(SLOT).minus(HOUR * (24 * days_missed + 1)));
    next(&schedule, &slots, &policy(missed), at(SLOT).plus(behind))
}

#[test]
fn missed_slots_are_passed_run_once_or_all_run() {
    let (slot, early) = (at(SLOT), at(SLOT).minus(HOUR * 24));
    let earliest = at(SLOT).minus(HOUR * 48);
    let run = |slot, missed| Next::Run { slot, missed };
    for missed in [Missed::Skip, Missed::Once, Missed::All] {
        assert_eq!(decided(missed, 0, Duration::ZERO), run(slot, 0));
        assert_eq!(decided(missed, 0, MINUTE), run(slot, 0));
    }
    let day = HOUR * 24;
    for (missed, days, behind, expect) in [
        (Missed::All, 2, MINUTE, run(earliest, 0)),
        (Missed::All, 2, HOUR, run(earliest, 0)),
        (Missed::Once, 2, MINUTE, run(slot, 2)),
        (Missed::Once, 2, HOUR, run(slot, 2)),
        (Missed::Once, 0, HOUR, run(slot, 0)),
        (
            Missed::Skip,
            2,
            HOUR,
            Next::Skip {
                through: slot,
                missed: 3,
            },
        ),
        (
            Missed::Skip,
            2,
            MINUTE,
            Next::Skip {
                through: slot.minus(Duration::from_millis(1)),
                missed: 2,
            },
        ),
    ] {
        assert_eq!(
            decided(missed, days, behind),
            expect,
            "{missed:?} {days} {behind:?}"
        );
    }
    let waits = Next::Wait {
        slot: slot.plus(day),
        until: slot.plus(day),
    };
    let settled = Slots {
        since: early,
        through: slot,
        tries: None,
    };
    let schedule = schedule("cron(0 2 * * ? *)", "UTC");
    let next = next(&schedule, &settled, &policy(Missed::Once), slot.plus(HOUR));
    assert_eq!(next, waits);
}

#[test]
fn a_slot_that_failed_is_tried_before_any_other() {
    let schedule = schedule("rate(1 minute)", "UTC");
    let slots = Slots {
        tries: Some(Tries {
            slot: at(SLOT),
            attempts: 2,
            not_before: at(SLOT).plus(HOUR),
        }),
        ..Slots::new(at(SLOT))
    };
    let decide = |now| next(&schedule, &slots, &policy(Missed::All), now);
    let wait = Next::Wait {
        slot: at(SLOT),
        until: at(SLOT).plus(HOUR),
    };
    assert_eq!(decide(at(SLOT).plus(MINUTE)), wait);
    let run = Next::Run {
        slot: at(SLOT),
        missed: 0,
    };
    assert_eq!(decide(at(SLOT).plus(HOUR)), run);
}

#[test]
fn a_flexible_slot_is_run_within_its_time_and_its_neighbours_elsewhere() {
    let flexible = Policy {
        flexible: MINUTE * 10,
        ..policy(Missed::Once)
    };
    let slots = (0..100).map(|day| at(SLOT).plus(HOUR * 24 * day));
    let offsets: Vec<Duration> = slots.map(|slot| offset(slot, &flexible)).collect();
    assert!(offsets.iter().all(|offset| *offset < MINUTE * 10));
    let early = offsets
        .iter()
        .filter(|offset| **offset < MINUTE * 5)
        .count();
    assert!(
        (30..=70).contains(&early),
        "{early} of 100 in the first half"
    );
    assert_eq!(offset(at(SLOT), &policy(Missed::Once)), Duration::ZERO);
}
