//! A request with flights, a line of JSON each, comes in; out comes a record a line, keyed by its origin, and the answer says how many.
//!
//! Of the kind *http*: it gets the request itself and reads its body as it comes, so that a week of flights is never held as one
//! event. All or nothing: one line that is no flight refuses the request, with its number, and nothing is put out.
use serde::Deserialize;
use std::{borrow::Cow, io::BufRead};

#[derive(Deserialize)]
struct Flight<'a> {
    #[serde(borrow)]
    origin: Cow<'a, str>,
}

/// Hands each line and its key to `put`; how many there were, or what is wrong with the first that is no flight.
pub fn flights(
    body: impl BufRead,
    mut put: impl FnMut(&str, &[u8]) -> Result<(), String>,
) -> Result<usize, String> {
    let mut count = 0;
    for (number, line) in (1..).zip(body.split(b'\n')) {
        let line = line.map_err(|error| format!("line {number} was cut off: {error}"))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let flight: Flight<'_> = serde_json::from_slice(&line)
            .map_err(|error| format!("line {number} is no flight: {error}"))?;
        put(&flight.origin, &line)?;
        count += 1;
    }
    Ok(count)
}

#[cfg(target_family = "wasm")]
mod door {
    use super::flights;
    use shardmill::Outputs;
    use std::io::{BufReader, Write as _};
    use wasip2::{
        exports::wasi::http::incoming_handler::Guest,
        http::{
            proxy,
            types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
        },
    };

    struct Intake;

    impl Guest for Intake {
        fn handle(request: IncomingRequest, out: ResponseOutparam) {
            let (status, said) = match taken(&request) {
                Ok(count) => (202, format!("{{\"flights\":{count}}}\n")),
                Err(why) => (400, why + "\n"),
            };
            answer(out, status, &said);
        }
    }

    fn taken(request: &IncomingRequest) -> Result<usize, String> {
        let gone = |()| "the body is not there".to_owned();
        let body = request.consume().map_err(gone)?;
        let stream = body.stream().map_err(gone)?;
        let mut out = Outputs::default();
        let count = flights(BufReader::new(stream), |key, line| {
            let put = out.from_none().to("default", key, line);
            put.map_err(|error| error.to_string())
        })?;
        out.hand_over().map_err(|error| error.to_string())?;
        Ok(count)
    }

    fn answer(out: ResponseOutparam, status: u16, said: &str) {
        let response = OutgoingResponse::new(Fields::new());
        // Neither of the two can fail: the status is one, and the body is asked for once.
        let _known = response.set_status_code(status);
        let Ok(body) = response.body() else { return };
        ResponseOutparam::set(out, Ok(response));
        if let Ok(mut stream) = body.write() {
            // Whoever asked may be gone.
            let _gone = stream.write_all(said.as_bytes()).is_ok() && stream.flush().is_ok();
        }
        let _gone = OutgoingBody::finish(body, None);
    }

    proxy::export!(Intake);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: Result<&[(&str, &str)], &str>) {
        let mut put = Vec::new();
        let counted = flights(body.as_bytes(), |key, line| {
            put.push((key.to_owned(), String::from_utf8_lossy(line).into_owned()));
            Ok(())
        });
        match (counted, expect) {
            (Ok(count), Ok(expect)) => {
                assert_eq!(count, expect.len());
                let put: Vec<(&str, &str)> = put.iter().map(|(a, b)| (&**a, &**b)).collect();
                assert_eq!(put, expect);
            }
            (Err(why), Err(expect)) => assert!(why.contains(expect), "{why}"),
            (counted, _) => panic!("{counted:?}"),
        }
    }

    #[test]
    fn a_line_is_a_flight_and_one_that_is_none_is_named() {
        let (jfk, ewr) = (r#"{"origin":"JFK","flight":1}"#, r#"{"origin":"EWR"}"#);
        let two: &[(&str, &str)] = &[("JFK", jfk), ("EWR", ewr)];
        check(&format!("{jfk}\n\n{ewr}\n"), Ok(two));
        check("", Ok(&[]));
        check(&format!("{jfk}\n{{broken\n"), Err("line 2 is no flight"));
        check(
            r#"{"dest":"LAX"}"#,
            Err("line 1 is no flight: missing field `origin`"),
        );
    }
}
