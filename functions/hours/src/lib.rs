//! At each full hour a mark goes into the stream of flights, so that whoever reads it knows that the hour is over.
//!
//! A schedule drives it. The moment comes from the event and not from a clock: a run that was missed and is made up for marks its own
//! hour, and a second attempt the same one.
use shardmill::prelude::*;

#[handler(event)]
fn hours(event: Value, out: &mut Outputs) -> Result<Value> {
    let hour = event["time"]
        .as_str()
        .or_dead_letter("an event without a time")?;
    let mark = json!({ "hour_over": hour });
    out.from_none().to("default", "hours", &mark)?;
    Ok(mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shardmill::EventBench;

    #[test]
    fn the_mark_is_of_the_hour_that_the_event_names() {
        let mut bench = EventBench::new(hours);
        let event = json!({ "source": "aws.scheduler", "time": "2013-01-01T10:00:00Z" });
        let answer = bench.call(&event).unwrap();
        assert_eq!(answer["hour_over"], "2013-01-01T10:00:00Z");
        let marks = bench.outputs("default");
        assert_eq!((marks.len(), marks[0].key.as_str()), (1, "hours"));
        assert_eq!(marks[0].json::<Value>(), answer);
        assert!(bench.call(json!({})).is_err());
    }
}
