//! Each form of a handler as a small story, on the in-memory host.
use crate::prelude::*;
use crate::{LogLine, Output, log::Level};

#[derive(Debug, Deserialize)]
struct Flight {
    dest: String,
    dep_delay: Option<i64>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Board {
    flights: u64,
}

/// Bodies with these delays fail, each in its own way.
fn verdict_on(delay: Option<i64>) -> Result {
    match delay {
        Some(-1) => Err(Error::retry("try again")),
        Some(-2) => None.or_dead_letter("unknown airport"),
        Some(-3) => Err("x".parse::<u8>().or_park("the altitude").unwrap_err()),
        Some(-4) => Ok("x".parse::<u8>().map(drop)?),
        Some(_) | None => Ok(()),
    }
}

#[handler]
fn board(flight: Flight, board: &mut Board, out: &mut Outputs) -> Result {
    board.flights += 1;
    out.json("default", board)?;
    out.to("alerts", &flight.dest, b"seen")?;
    verdict_on(flight.dep_delay)
}

fn flight(delay: i64) -> Value {
    json!({ "dest": "LAX", "dep_delay": delay })
}

fn actions(reply: &crate::Reply) -> Vec<(u32, Action, &str)> {
    assert_eq!(reply.fault, None);
    reply
        .failed
        .iter()
        .map(|f| (f.index, f.action, f.kind.as_str()))
        .collect()
}

#[test]
fn a_failed_record_leaves_no_trace_and_holds_its_key_back() {
    let mut bench = Bench::new(board);
    let reply = bench.batch([
        ("JFK", flight(5)),
        ("LGA", flight(-1)),
        ("JFK", flight(-2)),
        ("LGA", flight(5)),
        ("EWR", flight(5)),
        ("JFK", flight(5)),
    ]);
    let expected = [
        (1, Action::Retry, "Retry"),
        (2, Action::DeadLetter, "Missing"),
        (3, Action::NotTried, "NotTried"),
        (5, Action::NotTried, "NotTried"),
    ];
    assert_eq!(actions(&reply), expected);
    assert_eq!(bench.state("JFK"), Some(Board { flights: 1 }));
    assert_eq!(bench.state("EWR"), Some(Board { flights: 1 }));
    assert_eq!(bench.state::<Board>("LGA"), None);
    let keys = |output| {
        bench
            .outputs(output)
            .iter()
            .map(|o| o.key.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys("default"), ["JFK", "EWR"]);
    assert_eq!(keys("alerts"), ["LAX", "LAX"]);
}

#[test]
fn every_way_to_fail_has_its_action() {
    let mut bench = Bench::new(board);
    let mut put = |data: Value| bench.put("JFK", data).failed.remove(0);
    assert_eq!(put(json!("not a flight")).action, Action::DeadLetter);
    assert_eq!(put(flight(-1)).action, Action::Retry);
    assert_eq!(put(flight(-2)).action, Action::DeadLetter);
    assert_eq!(put(flight(-3)).action, Action::Park);
    let other = put(flight(-4));
    assert_eq!(
        (other.action, other.kind.as_str()),
        (Action::Retry, "ParseIntError")
    );
}

#[test]
fn state_is_loaded_once_and_carried_over_batches() {
    let mut bench = Bench::new(board);
    bench.batch([("JFK", flight(1)), ("JFK", flight(2))]);
    bench.put("JFK", flight(3));
    assert_eq!(bench.state("JFK"), Some(Board { flights: 3 }));
    let written: Vec<Board> = bench.outputs("default").iter().map(Output::json).collect();
    assert_eq!(written, [1, 2, 3].map(|flights| Board { flights }));
}

#[handler]
fn once(_flight: Flight, seen: &mut Option<u32>, ctx: &Context) -> Result {
    log::info!(
        "{} came {} times",
        ctx.record().or_retry("no record")?.key(),
        seen.unwrap_or(0)
    );
    *seen = match seen {
        None => Some(1),
        Some(_) => None,
    };
    Ok(())
}

#[test]
fn a_state_that_ends_as_none_is_deleted() {
    let mut bench = Bench::new(once);
    bench.put("JFK", flight(1));
    assert_eq!(bench.state("JFK"), Some(Some(1)));
    bench.put("JFK", flight(1));
    assert_eq!(bench.state::<Option<u32>>("JFK"), None);
    let line = LogLine {
        level: Level::Info,
        message: "JFK came 1 times".to_owned(),
    };
    assert_eq!(bench.logs().last(), Some(&line));
}

#[handler]
fn enrich(flight: Flight, ctx: &Context) -> Result<Option<Value>> {
    let least = ctx.setting("THRESHOLD_MINUTES", 30)?;
    let late = flight.dep_delay.filter(|delay| *delay > least);
    Ok(late.map(|late| json!({ "late": late, "attempt": ctx.attempt() })))
}

#[test]
fn a_typed_handler_emits_under_the_same_key() {
    let mut bench = Bench::new(enrich).env("THRESHOLD_MINUTES", "60");
    bench.attempt(2);
    assert!(
        bench
            .batch([("JFK", flight(61)), ("EWR", flight(60))])
            .all_done()
    );
    let [only] = bench.outputs("default") else {
        panic!("one record is late")
    };
    assert_eq!(
        (only.key.as_str(), only.text()),
        ("JFK", r#"{"attempt":2,"late":61}"#.to_owned())
    );
}

#[test]
fn a_wrong_setting_says_where_it_stands() {
    let mut bench = Bench::new(enrich).env("THRESHOLD_MINUTES", "soon");
    let failure = bench.put("JFK", flight(61)).failed.remove(0);
    assert_eq!(failure.kind, "BadSetting");
    assert!(
        failure.reason.contains("mend it in triggers.yaml"),
        "{}",
        failure.reason
    );
}

#[handler]
fn view(batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
    let mut verdict = Verdict::all_done();
    for record in &batch {
        match record.json::<Flight>() {
            Ok(flight) => out
                .from(record)
                .to("default", &flight.dest, record.data())?,
            Err(error) => verdict.dead_letter(record, error),
        }
    }
    Ok(verdict)
}

#[test]
fn a_batch_handler_keeps_the_order_of_a_key_too() {
    let mut bench = Bench::new(view);
    let reply = bench.batch([
        ("a", "{}"),
        ("b", r#"{"dest":"B"}"#),
        ("a", r#"{"dest":"A"}"#),
    ]);
    let expected = [
        (0, Action::DeadLetter, "BadJson"),
        (2, Action::NotTried, "NotTried"),
    ];
    assert_eq!(actions(&reply), expected);
    assert_eq!(bench.outputs("default").len(), 1);
}

#[handler]
fn sourceless(batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
    let mut verdict = Verdict::all_done();
    for record in &batch {
        if record.data() == b"bad" {
            verdict.retry(record, Error::retry("bad"));
        }
    }
    out.from_none()
        .to("default", "summary", batch.len().to_string())?;
    Ok(verdict)
}

#[test]
fn an_effect_without_a_source_makes_the_good_prefix_run_alone() {
    let mut bench = Bench::new(sourceless);
    let reply = bench.batch([("a", "good"), ("b", "good"), ("c", "bad"), ("d", "good")]);
    assert_eq!(actions(&reply), [(2, Action::Retry, "Retry")]);
    let written: Vec<String> = bench.outputs("default").iter().map(Output::text).collect();
    assert_eq!(written, ["2"]);
}

#[handler]
fn unbound(_batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
    out.json("default", "whose?")?;
    Ok(Verdict::all_done())
}

#[test]
fn an_output_of_a_batch_handler_must_say_whose_it_is() {
    let fault = Bench::new(unbound).put("a", "").fault.unwrap();
    assert_eq!(fault.kind_name(), "NoSource");
}

#[test]
fn an_output_that_the_trigger_lacks_fails_the_invocation_and_keeps_nothing() {
    let mut bench = Bench::new(board).only_outputs(&["default"]);
    let fault = bench.put("JFK", flight(1)).fault.unwrap();
    assert_eq!(
        fault.to_string(),
        "NoSuchOutput: output `alerts`: the trigger has no output `alerts`"
    );
    assert_eq!(bench.state::<Board>("JFK"), None);
    assert_eq!(bench.outputs("default"), []);
}

#[handler]
fn fat(text: String, out: &mut Outputs) -> Result {
    out.to("default", "k", text.as_str())?;
    match text.ends_with('!') {
        true => Err(Error::retry("loud")),
        false => Ok(()),
    }
}

#[test]
fn large_outputs_come_in_chunks_in_order_and_without_failed_records() {
    let mut bench = Bench::new(fat);
    let bodies: Vec<(String, Value)> = (0..40)
        .map(|n| {
            (
                n.to_string(),
                json!(format!(
                    "{n} {}{}",
                    "x".repeat(30_000),
                    if n % 7 == 3 { "!" } else { "" }
                )),
            )
        })
        .collect();
    bench.batch(bodies.iter().map(|(key, body)| (key.as_str(), body)));
    let numbers = bench
        .outputs("default")
        .iter()
        .map(|o| o.text().split(' ').next().unwrap().to_owned());
    let expected = (0..40).filter(|n| n % 7 != 3).map(|n| n.to_string());
    assert_eq!(numbers.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn a_traced_run_announces_each_record() {
    let mut bench = Bench::new(view);
    bench.trace(true);
    bench.batch([("a", "{}"), ("b", "{}")]);
    assert_eq!(bench.progress()[..2], [0, 1]);
}

#[handler(event)]
fn greet(event: Value, ctx: &Context) -> Result<Value> {
    let name = event["name"].as_str().or_dead_letter("no name")?;
    Ok(json!({ "hello": name, "attempt": ctx.attempt() }))
}

#[test]
fn an_event_handler_answers_json() {
    let mut bench = EventBench::new(greet);
    assert_eq!(
        bench.call(json!({ "name": "Ada" })),
        Ok(json!({ "hello": "Ada", "attempt": 1 }))
    );
    assert_eq!(bench.call(json!({})).unwrap_err().kind_name(), "Missing");
    assert_eq!(bench.call("{").unwrap_err().kind_name(), "BadJson");
}

#[test]
fn keys_that_a_stream_would_refuse_are_refused_at_once() {
    let mut out = Outputs::default();
    let mut kind = |key: &str| {
        out.from_none()
            .to("default", key, "")
            .unwrap_err()
            .kind_name()
            .to_owned()
    };
    assert_eq!(kind(""), "BadKey");
    assert_eq!(kind(&"k".repeat(257)), "BadKey");
}
