//! Code and language runtimes that are handed over before a deploy names them.
//!
//! In: bytes, or digests that somebody means to name. Out: the digest under which the bytes are kept, or which are not
//! here yet.

use model::Digest;
use serde_json::json;

use crate::{
    api::{ApiError, Call, Reply},
    assemble::Rooms,
};

/// Keeps code that a deploy will name.
pub(crate) async fn code(rooms: &Rooms, bytes: &[u8]) -> Reply {
    let digest = sandbox::digest_of(bytes);
    let kept = rooms.functions.code.put(digest, bytes).await;
    kept.map_err(ApiError::failed)?;
    Ok(json!({ "digest": digest.to_string() }))
}

/// Keeps a language runtime that code of a deploy will name.
pub(crate) async fn runtime(rooms: &Rooms, bytes: &[u8]) -> Reply {
    let kept = rooms.functions.engine.keep_runtime(bytes).await;
    let digest = kept.map_err(ApiError::failed)?;
    Ok(json!({ "digest": digest.to_string() }))
}

/// Which code is not here yet.
pub(crate) async fn missing_code(rooms: &Rooms, call: &Call<'_>) -> Reply {
    missing(call, |digest| rooms.functions.code.has(digest)).await
}

/// Which language runtimes are not here yet.
pub(crate) async fn missing_runtimes(rooms: &Rooms, call: &Call<'_>) -> Reply {
    missing(call, |digest| rooms.functions.engine.has_runtime(digest)).await
}

/// Of the digests that are asked for, those that are not here.
async fn missing<F>(call: &Call<'_>, is_here: impl Fn(Digest) -> F) -> Reply
where
    F: Future<Output = bool>,
{
    let asked: Vec<String> = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read the digests: {error}")))?;
    let mut missing = Vec::new();
    for text in asked {
        let digest: Digest = text
            .parse()
            .map_err(|error| ApiError::bad(&format!("`{text}`: {error}")))?;
        if !is_here(digest).await {
            missing.push(text);
        }
    }
    Ok(json!(missing))
}
