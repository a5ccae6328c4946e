//! How sandboxes live: kept warm or made fresh, limited in number, ended when nobody waits, opened from the cache.

use std::{path::Path, time::Duration};

use model::{Outcome, seams::Handler as _};
use platform::Platform;
use serde_json::Value;
use shardmill_sandbox::{EngineSettings, FunctionLimits, SandboxPolicy};

use crate::world::{World, batch, generous};

/// How many calls its sandbox has had, as the guest `tells` says.
fn calls(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Answered(answer) => {
            let seen: Value = serde_json::from_slice(&answer.outputs.first()?.data).ok()?;
            seen["calls"].as_u64()
        }
        Outcome::Failed(_) => None,
    }
}

#[tokio::test]
async fn a_warm_sandbox_keeps_its_globals_until_it_fails() {
    let world = World::real();
    let cases = [
        (
            SandboxPolicy::Fresh,
            [Some(1), Some(1), None, Some(1), Some(1)],
        ),
        (
            SandboxPolicy::Warm,
            [Some(1), Some(2), None, Some(1), Some(2)],
        ),
    ];
    for (sandbox, expect) in cases {
        let limits = FunctionLimits {
            sandbox: Some(sandbox),
            ..generous()
        };
        let tells = world.load("tells", limits).await;
        let mut seen = Vec::new();
        for data in ["x", "x", "panic", "x", "x"] {
            seen.push(calls(&world.run(&tells, batch(&[("a", data)])).await));
        }
        assert_eq!(seen, expect, "{sandbox:?}");
    }
}

#[tokio::test]
async fn a_warm_sandbox_serves_one_shard() {
    let world = World::real();
    let limits = FunctionLimits {
        sandbox: Some(SandboxPolicy::Warm),
        ..generous()
    };
    let tells = world.load("tells", limits).await;
    let mut seen = Vec::new();
    for shard in [0, 1, 0, 1] {
        let mut invocation = batch(&[("a", "x")]);
        invocation.shard = model::ShardId(shard);
        seen.push(calls(&world.run(&tells, invocation).await));
    }
    assert_eq!(seen, [Some(1), Some(1), Some(2), Some(2)]);
}

#[tokio::test]
async fn no_more_run_at_once_than_the_function_allows() {
    let world = World::real();
    let timeout = Duration::from_millis(100);
    let limits = FunctionLimits {
        timeout,
        concurrency: 1,
        ..generous()
    };
    let loops = world.load("loops", limits).await;
    let started = world.platform.clock.monotonic();
    let one = || world.fault(&loops, batch(&[("a", "x")]));
    tokio::join!(one(), one());
    let both = world.platform.clock.monotonic().0 - started.0;
    assert!(both >= timeout * 2, "they ran beside each other: {both:?}");
}

#[tokio::test]
async fn an_invocation_nobody_waits_for_gives_its_place_back() {
    let world = World::real();
    let limits = FunctionLimits {
        timeout: Duration::from_secs(3_600),
        concurrency: 1,
        ..generous()
    };
    let tells = world.load("tells", limits).await;
    tokio::select! {
        outcome = tells.invoke(batch(&[("a", "loop")])) => panic!("{outcome:?}"),
        () = world.said.wait_for("call 1") => {}
    }
    let next = world.run(&tells, batch(&[("a", "x")])).await;
    assert_eq!(calls(&next), Some(1));
}

fn kept(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.map(|file| file.path()).collect()
}

#[tokio::test]
async fn a_compiled_function_is_opened_again_and_a_damaged_one_compiled_anew() {
    let dir = tempfile::tempdir().unwrap();
    let cache_dir = dir.path().join("functions");
    let load = async || {
        let settings = EngineSettings {
            simulation: false,
            quick: false,
            cache_dir: Some(cache_dir.clone()),
            runtimes_dir: None,
        };
        let world = World::new(Platform::real(), settings);
        let tells = world.load("tells", generous()).await;
        assert_eq!(
            calls(&world.run(&tells, batch(&[("a", "x")])).await),
            Some(1)
        );
    };
    load().await;
    let [file] = &kept(&cache_dir)[..] else {
        panic!("{:?}", kept(&cache_dir))
    };
    let written = std::fs::metadata(file).unwrap().modified().unwrap();
    load().await;
    assert_eq!(
        std::fs::metadata(file).unwrap().modified().unwrap(),
        written,
        "it was used"
    );
    let whole = std::fs::read(file).unwrap();
    for damaged in [&b"no longer code"[..], &whole[..whole.len() / 2], b""] {
        std::fs::write(file, damaged).unwrap();
        load().await;
        assert_eq!(std::fs::read(file).unwrap(), whole, "it was compiled again");
    }
}
