//! Counts the records of each key in a tumbling window by key, and says how many there were when the window closes.
use shardmill::prelude::*;

#[handler]
fn tallies(body: Option<Value>, count: &mut u64, out: &mut Outputs, ctx: &Context) -> Result {
    if body.is_some() {
        *count += 1;
        return Ok(());
    }
    let start = ctx.window().map(|window| window.start_ms);
    out.json("default", &json!({ "start": start, "count": count }))
}
