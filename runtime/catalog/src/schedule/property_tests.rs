//! Whatever the expression, the zone and the pauses: slots come in order, and each is settled once.

use std::{collections::BTreeSet, time::Duration};

use model::Timestamp;
use proptest::prelude::*;

use super::{Expression, Missed, Next, Policy, Schedule, Slots, next, offset, zone};

const ZONES: [&str; 7] = [
    "UTC",
    "America/New_York",
    "America/Chicago",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
];
/// 2026-01-01 and a year behind it, which holds both changes of every clock.
const BEGIN_MS: u64 = 1_767_225_600_000;
const YEAR_MS: u64 = 366 * 24 * 3_600_000;

fn schedule() -> impl Strategy<Value = Schedule> {
    let minutes = prop_oneof![
        Just("*".to_owned()),
        (0..60_u8).prop_map(|n| n.to_string()),
        (0..60_u8, 1..30_u8).prop_map(|(from, step)| format!("{from}/{step}"))
    ];
    let hours = prop_oneof![
        Just("*".to_owned()),
        (0..24_u8).prop_map(|n| n.to_string()),
        Just("0-3".to_owned())
    ];
    let days = prop_oneof![
        Just("* * ?"),
        Just("? * SUN"),
        Just("? * 1L"),
        Just("L * ?"),
        Just("15W * ?"),
        Just("? * SAT#2"),
        Just("1-8 3,11 ?"),
    ];
    let cron = (minutes, hours, days).prop_map(|(minutes, hours, days)| {
        let (day, rest) = days.split_once(' ').unwrap_or((days, ""));
        let (month, weekday) = rest.split_once(' ').unwrap_or((rest, ""));
        format!("cron({minutes} {hours} {day} {month} {weekday} *)")
    });
    let rate = (2..5_000_u32).prop_map(|minutes| format!("rate({minutes} minutes)"));
    let zones = prop::sample::select(ZONES.as_slice());
    (prop_oneof![3 => cron, 1 => rate], zones).prop_map(|(text, name)| Schedule {
        expression: Expression::parse(&text).unwrap(),
        zone: zone(name).unwrap(),
    })
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0..YEAR_MS).prop_map(|ms| Timestamp::from_millis(BEGIN_MS + ms))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn looking_back_finds_what_looking_forward_found(schedule in schedule(), after in moment()) {
        let slots = schedule.upcoming(after, after, 20);
        for pair in slots.windows(2) {
            prop_assert!(pair[0] < pair[1]);
            let between = pair[1].minus(Duration::from_millis(1));
            prop_assert_eq!(schedule.last_until(after, between), Some(pair[0]));
            prop_assert_eq!(schedule.first_after(after, between), Some(pair[1]));
        }
    }

    #[test]
    fn clocks_of_the_zone_show_what_the_expression_says(schedule in schedule(), after in moment()) {
        if let Expression::Cron(cron) = &schedule.expression {
            for slot in schedule.upcoming(after, after, 10) {
                let shown = schedule.civil(slot).unwrap();
                prop_assert_eq!(cron.previous(shown, true), Some(shown));
            }
        }
    }

    /// A server that is asleep between looks: every slot up to the last look is run or passed, none twice, in order.
    #[test]
    fn each_slot_is_settled_once(
        schedule in schedule(),
        begin in moment(),
        pauses in prop::collection::vec(1..400_000_000_u64, 1..20),
        missed in prop::sample::select([Missed::Skip, Missed::Once, Missed::All].as_slice()),
        flexible in prop_oneof![Just(0), 1..600_u64],
    ) {
        let policy = Policy { missed, flexible: Duration::from_secs(flexible), seed: 3 };
        let mut slots = Slots::new(begin);
        let mut now = begin;
        let mut run = BTreeSet::new();
        let mut passed = 0;
        for pause in pauses {
            now = now.plus(Duration::from_millis(pause));
            let mut looks = 0;
            while looks < 200 {
                looks += 1;
                match next(&schedule, &slots, &policy, now) {
                    Next::Run { slot, missed } => {
                        prop_assert!(slot > slots.through && slot <= now);
                        prop_assert!(now >= slot.plus(offset(slot, &policy)));
                        prop_assert!(run.insert(slot));
                        passed += missed;
                        slots.through = slot;
                    }
                    Next::Skip { through, missed } => {
                        prop_assert!(through > slots.through && missed > 0);
                        passed += missed;
                        slots.through = through;
                    }
                    Next::Wait { slot, until } => {
                        prop_assert!(until > now && until < slot.plus(Duration::from_secs(flexible + 1)));
                        break;
                    }
                    Next::Never => break,
                }
            }
        }
        let all = schedule.upcoming(begin, begin.minus(Duration::from_millis(1)), 2_000);
        let due = all.iter().filter(|slot| **slot <= slots.through).count();
        if due < 1_000 {
            prop_assert_eq!(u64::try_from(run.len()).unwrap() + passed, u64::try_from(due).unwrap());
        }
        if missed == Missed::All {
            prop_assert_eq!(passed, 0);
        }
    }
}
