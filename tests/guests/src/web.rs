//! Answers requests itself. The path chooses how: `/echo` sends back what comes as it comes, `/count` says how many bytes
//! came, `/emit` puts the body out as a record, `/count-up?n=N` writes N lines; the others misbehave.
use std::io::{Read as _, Write as _};
use wasip2::{
    exports::wasi::http::incoming_handler::Guest,
    http::{
        proxy,
        types::{
            ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
        },
    },
};

mod putting {
    wit_bindgen::generate!({
        path: "../../sdk/wit",
        inline: "package guests:web; world putting { import shardmill:function/host@0.1.0; }",
        world: "guests:web/putting",
        generate_all,
    });
}

struct Web;

impl Guest for Web {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/echo" => echo(&request, out),
            "/count" => {
                let bytes = body(&request).len();
                answer(out, 200, &format!("{bytes} bytes\n"));
            }
            "/emit" => emit(&request, out),
            "/count-up" => count_up(query, out),
            "/silent" => {}
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::InternalError(None))),
            "/never" => loop {
                std::hint::black_box(());
            },
            "/half" => {
                let (response, body) = begin(200);
                ResponseOutparam::set(out, Ok(response));
                let mut stream = body.write().expect("a stream");
                stream.write_all(b"half of it").expect("written");
                panic!("no more");
            }
            "/ask" => {
                let asked = ask();
                answer(out, 200, &asked);
            }
            other => answer(out, 404, &format!("nothing at {other}\n")),
        }
    }
}

fn begin(status: u16) -> (OutgoingResponse, OutgoingBody) {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("a body");
    (response, body)
}

fn answer(out: ResponseOutparam, status: u16, text: &str) {
    let (response, body) = begin(status);
    ResponseOutparam::set(out, Ok(response));
    let mut stream = body.write().expect("a stream");
    stream.write_all(text.as_bytes()).expect("written");
    stream.flush().expect("flushed");
    drop(stream);
    OutgoingBody::finish(body, None).expect("finished");
}

fn body(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().expect("a body");
    let mut stream = body.stream().expect("a stream");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    bytes
}

fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().expect("a body");
    let mut from = incoming.stream().expect("a stream");
    let (response, body) = begin(200);
    ResponseOutparam::set(out, Ok(response));
    let mut to = body.write().expect("a stream");
    let mut chunk = [0; 4096];
    loop {
        let read = std::io::Read::read(&mut from, &mut chunk).expect("read");
        if read == 0 {
            break;
        }
        to.write_all(&chunk[..read]).expect("written");
        to.flush().expect("flushed");
    }
    drop(to);
    OutgoingBody::finish(body, None).expect("finished");
}

fn emit(request: &IncomingRequest, out: ResponseOutparam) {
    let data = body(request);
    match putting::shardmill::function::host::emit("default", &packed(&data)) {
        Ok(()) => answer(out, 202, "taken\n"),
        Err(refusal) => answer(out, 500, &refusal.message),
    }
}

/// One record with the key `k`, as `function.wit` packs outputs: a header, an entry, the key, the data.
fn packed(data: &[u8]) -> Vec<u8> {
    let at = |offset: u32| offset.to_le_bytes();
    let length = u32::try_from(data.len()).expect("a small body");
    let mut bytes = b"SMO1".to_vec();
    bytes.extend([1_u16, 0].map(u16::to_le_bytes).concat());
    bytes.extend([at(1), at(40), at(0), at(0), at(0), at(0)].concat());
    bytes.extend([at(72), at(1), at(73), at(length)].concat());
    bytes.extend([0; 16]);
    bytes.extend([at(u32::MAX), at(0)].concat());
    bytes.push(b'k');
    bytes.extend_from_slice(data);
    bytes
}

fn count_up(query: &str, out: ResponseOutparam) {
    let lines: u64 = query
        .strip_prefix("n=")
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let (response, body) = begin(200);
    ResponseOutparam::set(out, Ok(response));
    let mut stream = body.write().expect("a stream");
    for line in 0..lines {
        writeln!(stream, "{line:07}").expect("written");
    }
    stream.flush().expect("flushed");
    drop(stream);
    OutgoingBody::finish(body, None).expect("finished");
}

/// Asks another server, which nobody has granted.
fn ask() -> String {
    use wasip2::http::{outgoing_handler, types::OutgoingRequest};
    let request = OutgoingRequest::new(Fields::new());
    request
        .set_authority(Some("127.0.0.1:9"))
        .expect("an authority");
    let asked = match outgoing_handler::handle(request, None) {
        Ok(asked) => asked,
        Err(error) => return format!("refused: {error:?}"),
    };
    asked.subscribe().block();
    match asked.get() {
        Some(Ok(Ok(_))) => "answered".to_owned(),
        Some(Ok(Err(error))) => format!("refused: {error:?}"),
        Some(Err(())) | None => "nothing".to_owned(),
    }
}

proxy::export!(Web);
