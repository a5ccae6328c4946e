//! Answers every request with the same greeting and imports nothing of ours, so that any host of `wasi:http` can run it.
use std::io::Write as _;
use wasip2::{
    exports::wasi::http::incoming_handler::Guest,
    http::{
        proxy,
        types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
    },
};

struct Greets;

impl Guest for Greets {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("a body");
        ResponseOutparam::set(out, Ok(response));
        let mut stream = body.write().expect("a stream");
        stream.write_all(b"hello\n").expect("written");
        stream.flush().expect("flushed");
        drop(stream);
        OutgoingBody::finish(body, None).expect("finished");
    }
}

proxy::export!(Greets);
