//! Earthquakes in, keyed by event; out comes one alert for each that reaches `MIN_MAGNITUDE` (4.5 unless set).
//!
//! The feed repeats an event whenever it is revised. State by event remembers the newest revision and whether there was an
//! alert: a revision that came twice or too late does nothing, one that lifts an event over the line alerts, once.
use serde::{Deserialize, Serialize};
use shardmill::prelude::{Context, Outputs, Result, handler, log};

#[derive(Debug, Deserialize)]
pub struct Earthquake {
    id: String,
    /// Milliseconds since 1970: when it happened, and when this revision was made.
    time: i64,
    updated: i64,
    /// Not known in the first minutes of some events.
    mag: Option<f64>,
    place: Option<String>,
}

/// What is remembered of an event.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub updated: i64,
    pub alerted: bool,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
pub struct Alert {
    pub id: String,
    pub magnitude: f64,
    pub place: Option<String>,
    pub time: i64,
}

#[handler]
pub fn quake_alerts(
    quake: Earthquake,
    seen: &mut Seen,
    out: &mut Outputs,
    ctx: &Context,
) -> Result {
    if quake.updated <= seen.updated {
        return Ok(());
    }
    seen.updated = quake.updated;
    let least = ctx.setting("MIN_MAGNITUDE", 4.5)?;
    let Some(magnitude) = quake
        .mag
        .filter(|magnitude| *magnitude >= least && !seen.alerted)
    else {
        return Ok(());
    };
    seen.alerted = true;
    log::info!("{} has magnitude {magnitude}", quake.id);
    let Earthquake {
        id, place, time, ..
    } = quake;
    out.json(
        "default",
        &Alert {
            id,
            magnitude,
            place,
            time,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shardmill::prelude::{Bench, Value, json};

    const WEEK: &str = include_str!("../../samples/earthquakes-2018-02.ndjson");

    fn run_week(bench: &mut Bench) -> Vec<Value> {
        let quakes: Vec<Value> = WEEK.lines().map(|line| line.parse().unwrap()).collect();
        for chunk in quakes.chunks(100) {
            let records = chunk
                .iter()
                .map(|quake| (quake["id"].as_str().unwrap(), quake));
            assert!(bench.batch(records).all_done());
        }
        quakes
    }

    #[test]
    fn a_week_alerts_once_for_each_strong_event_even_when_it_comes_twice() {
        let mut bench = Bench::new(quake_alerts);
        run_week(&mut bench);
        assert_eq!(bench.outputs("default").len(), 85);
        let quakes = run_week(&mut bench);
        assert_eq!(bench.outputs("default").len(), 85);
        let strong = quakes
            .iter()
            .filter(|quake| quake["mag"].as_f64() >= Some(4.5));
        let expected: Vec<_> = strong.map(|quake| quake["id"].as_str().unwrap()).collect();
        let alerted: Vec<_> = bench
            .outputs("default")
            .iter()
            .map(|alert| alert.key.as_str())
            .collect();
        assert_eq!(alerted, expected);
    }

    /// When it was made, and the magnitude it gives.
    type Revision = (i64, Option<f64>);

    fn revision(updated: i64, mag: Option<f64>) -> Value {
        json!({ "id": "us1", "time": 1, "updated": updated, "mag": mag, "place": null })
    }

    #[test]
    fn revisions_alert_when_they_cross_the_line_and_only_once() {
        let cases: &[(&[Revision], usize)] = &[
            (&[(1, Some(4.4))], 0),
            (&[(1, Some(4.4)), (2, Some(4.5))], 1),
            (
                &[
                    (1, Some(5.0)),
                    (2, Some(5.1)),
                    (3, Some(4.0)),
                    (4, Some(4.9)),
                ],
                1,
            ),
            (&[(2, Some(4.4)), (1, Some(6.0))], 0),
            (&[(1, None), (2, Some(7.0))], 1),
        ];
        for (revisions, alerts) in cases {
            let mut bench = Bench::new(quake_alerts);
            bench.batch(
                revisions
                    .iter()
                    .map(|(updated, mag)| ("us1", revision(*updated, *mag))),
            );
            assert_eq!(bench.outputs("default").len(), *alerts, "{revisions:?}");
        }
    }

    #[test]
    fn the_line_is_a_setting() {
        let mut bench = Bench::new(quake_alerts).env("MIN_MAGNITUDE", "6");
        bench.put("us1", revision(1, Some(5.9)));
        assert!(bench.outputs("default").is_empty());
        bench.put("us1", revision(2, Some(6.0)));
        let alert: Alert = bench.outputs("default")[0].json();
        assert_eq!((alert.magnitude, alert.id.as_str()), (6.0, "us1"));
        assert_eq!(
            bench.state("us1"),
            Some(Seen {
                updated: 2,
                alerted: true
            })
        );
    }
}
