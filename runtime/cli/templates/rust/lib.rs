//! Flights that left late: one record in, perhaps one out, under the same key.

use shardmill::prelude::*;

#[derive(Deserialize)]
struct Flight {
    flight: String,
    dep_delay: Option<i64>,
}

#[derive(Serialize)]
struct Late {
    flight: String,
    late: i64,
}

#[handler]
fn late(flight: Flight) -> Result<Option<Late>> {
    // A cancelled flight has no delay: it is not late.
    let late = flight.dep_delay.filter(|minutes| *minutes > 0);
    Ok(late.map(|late| Late {
        flight: flight.flight,
        late,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo test`: no WebAssembly, no server.
    #[test]
    fn a_late_flight_goes_out_and_others_do_not() {
        let mut bench = Bench::new(late);
        bench.put("EWR", json!({ "flight": "UA1545", "dep_delay": 2 }));
        bench.put("EWR", json!({ "flight": "UA1", "dep_delay": null }));
        let out = bench.outputs("default");
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].text(), r#"{"flight":"UA1545","late":2}"#);
        let broken = bench.put("EWR", "{broken");
        assert_eq!(broken.failed[0].action, Action::DeadLetter);
    }
}
