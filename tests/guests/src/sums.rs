//! Counts the records of a tumbling window by shard, and says how many there were in its last invocation.
use shardmill::prelude::*;

#[handler]
fn sums(batch: Batch<'_>, out: &mut Outputs, ctx: &Context) -> Result<Verdict> {
    let window = ctx.window().or_dead_letter("there is no tumbling window")?;
    let before = match window.state.as_slice() {
        [] => 0,
        state => std::str::from_utf8(state)?.parse::<u64>()?,
    };
    let count = before + u64::try_from(batch.len())?;
    if window.is_final {
        let sum = json!({ "shard": ctx.shard_id(), "start": window.start_ms, "count": count });
        out.from_none().json("default", "sum", &sum)?;
    }
    Ok(Verdict::all_done().with_window_state(count.to_string().into_bytes()))
}
