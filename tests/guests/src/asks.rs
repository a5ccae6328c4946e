//! An event function that asks other servers: `{"ask": "http://HOST:PORT/path", "times": 2, "hold": true}`. It answers with
//! the status and body of each, or with the error, and may hold all of them open until it has asked the last.
use shardmill::prelude::*;
use std::io::Read as _;
use wasip2::http::{
    outgoing_handler,
    types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingRequest, Scheme},
};

#[handler(event)]
fn asks(event: Value) -> Result<Value> {
    let url = event["ask"].as_str().unwrap_or_default();
    let method = event["method"].as_str().unwrap_or("GET");
    let mut held = Vec::new();
    let mut said = Vec::new();
    for _ in 0..event["times"].as_u64().unwrap_or(1) {
        match ask(url, method) {
            Ok(response) if event["hold"] == true => {
                said.push(json!(response.status()));
                held.push(response);
            }
            Ok(response) => said.push(json!([response.status(), text(&response)])),
            Err(error) => said.push(json!(format!("{error:?}"))),
        }
    }
    Ok(Value::Array(said))
}

fn ask(url: &str, method: &str) -> std::result::Result<IncomingResponse, ErrorCode> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(Fields::new());
    let scheme = if scheme == "https" {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let method = if method == "CONNECT" {
        Method::Connect
    } else {
        Method::Get
    };
    let refused = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_method(&method).map_err(refused)?;
    request.set_scheme(Some(&scheme)).map_err(refused)?;
    request.set_authority(Some(authority)).map_err(refused)?;
    request.set_path_with_query(Some(path)).map_err(refused)?;
    let asked = outgoing_handler::handle(request, None)?;
    asked.subscribe().block();
    match asked.get() {
        Some(Ok(answer)) => answer,
        Some(Err(())) | None => Err(ErrorCode::InternalError(None)),
    }
}

fn text(response: &IncomingResponse) -> String {
    let body = response.consume().expect("a body");
    let mut stream = body.stream().expect("a stream");
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("broken: {error}"),
    }
}
