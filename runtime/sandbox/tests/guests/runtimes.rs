//! Code that is data, run by the runtime of its language. A runtime of an earlier version takes its events as bytes: an event
//! function stands for one.

use model::{ByteSize, Digest};
use platform::Platform;
use serde_json::json;
use shardmill_sandbox::{Bundle, EngineSettings, FunctionLimits, Network, digest_of};

use crate::world::{World, component, generous, told};

/// A bundle for the runtime with this digest.
fn bundle(runtime: Digest) -> Vec<u8> {
    let bundle = Bundle {
        runtime,
        language: "python".to_owned(),
        entry: "app.py:handler".to_owned(),
        files: Vec::new(),
    };
    bundle.encode().expect("it is small")
}

#[tokio::test]
async fn an_earlier_runtime_goes_on_and_is_granted_nothing_that_it_cannot_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = component("event-echo");
    let digest = digest_of(&runtime);
    std::fs::write(folder.path().join(format!("{digest}.wasm")), runtime).expect("written");
    let settings = EngineSettings {
        runtimes_dir: Some(folder.path().to_owned()),
        ..EngineSettings::default()
    };
    let world = World::new(Platform::real(), settings);
    let function = world.engine.load(&bundle(digest), generous()).await;
    let function = function.expect("it loads");
    let answer = told(&world, &function, &json!({ "a": 1 })).await;
    assert!(answer.to_string().contains("\"a\""), "{answer}");

    let network = FunctionLimits {
        network: Network::new(&["a.example:443".to_owned()]),
        ..generous()
    };
    let scratch = FunctionLimits {
        scratch: ByteSize::mib(1),
        ..generous()
    };
    for (grant, limits) in [("network", network), ("scratch", scratch)] {
        let refused = world
            .engine
            .load(&bundle(digest), limits)
            .await
            .unwrap_err();
        let expect = format!(
            "it was built with an earlier runtime of python, which cannot use `{grant}`: build it again, or leave that out"
        );
        assert_eq!(refused.to_string(), expect);
    }
}
