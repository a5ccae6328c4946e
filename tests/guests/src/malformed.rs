//! Answers what no honest guest would, without the SDK. The data of the first record, at the end of the batch when it is
//! the only one, chooses: `magic`, `count`, `offset`, `utf8`, `source` spoil one thing of a packed output, `index` and
//! `action` one of a failure, `emit` hands noise to `host.emit` and says how that was refused; anything else answers noise.
wit_bindgen::generate!({ path: "../../sdk/wit", world: "stream-function" });

use crate::shardmill::function::{host, types::Failure};
use exports::shardmill::function::stream_handler::{Fault, Guest, Response};

struct Malformed;

/// A packed output of one record with key `k`, data `d`, caused by the record 0.
fn sound() -> Vec<u8> {
    let words = [
        0x314f_4d53_u32,
        1,
        1,
        40,
        0,
        0,
        0,
        0,
        72,
        1,
        73,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    let mut packed: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    packed.extend(b"kd");
    packed
}

fn spoiled(at: usize, value: u8) -> Response {
    let mut output = sound();
    output[at] = value;
    Response {
        failed: Vec::new(),
        output,
        window_state: None,
    }
}

fn failure(index: u32, action: u32) -> Response {
    let failure = Failure {
        index,
        action,
        kind: "Asked".to_owned(),
        reason: "asked".to_owned(),
    };
    Response {
        failed: vec![failure],
        output: sound(),
        window_state: None,
    }
}

fn emit_noise() -> Result<Response, Fault> {
    match host::emit("default", b"noise") {
        Ok(()) => Err(fault("Accepted", "the host took noise".to_owned())),
        Err(refusal) => Err(fault(
            "Refused",
            format!("{}: {}", refusal.code, refusal.message),
        )),
    }
}

fn fault(kind: &str, message: String) -> Fault {
    Fault {
        kind: kind.to_owned(),
        message,
        retry_after_ms: None,
    }
}

impl Guest for Malformed {
    fn handle(batch: Vec<u8>) -> Result<Response, Fault> {
        let asks = |word: &str| batch.ends_with(word.as_bytes());
        match () {
            () if asks("magic") => Ok(spoiled(0, b'X')),
            () if asks("count") => Ok(spoiled(8, 9)),
            () if asks("offset") => Ok(spoiled(43, 0x7f)),
            () if asks("utf8") => Ok(spoiled(72, 0xff)),
            () if asks("source") => Ok(spoiled(64, 0xee)),
            () if asks("index") => Ok(failure(1_000_000, 0)),
            () if asks("action") => Ok(failure(0, 99)),
            () if asks("emit") => emit_noise(),
            () => Ok(Response {
                failed: Vec::new(),
                output: b"noise".to_vec(),
                window_state: None,
            }),
        }
    }
}

export!(Malformed);
