//! An event function that does what it is told: by its event, by the body of a request, or by the first record of a batch. `emit`
//! puts a text out, `fail` fails with it, `loop` never ends, `reply` is the answer; without one the answer is the event.
use shardmill::prelude::*;
use std::hint::black_box;

#[handler(event)]
fn replies(event: Value, out: &mut Outputs) -> Result<Value> {
    let body = event["body"].as_str().and_then(|body| body.parse().ok());
    let first = event["Records"][0]["kinesis"]["data"].as_str();
    let first = first.and_then(|data| base64_simd::STANDARD.decode_to_vec(data).ok());
    let body = body.or_else(|| String::from_utf8(first?).ok()?.parse().ok());
    let told: Value = body.unwrap_or_else(|| event.clone());
    if let Some(text) = told["emit"].as_str() {
        out.from_none().to("default", "k", text)?;
    }
    if let Some(text) = told["fail"].as_str() {
        return Err(Error::retry(text).kind("Asked"));
    }
    while black_box(told["loop"] == true) {}
    Ok(told.get("reply").unwrap_or(&event).clone())
}
