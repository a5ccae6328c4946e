//! Scratch space: what a guest may do in it, that it is bounded, that nothing is left, and that nothing leads out.

use model::ByteSize;
use serde_json::{Value, json};
use shardmill_sandbox::{Function, FunctionLimits, SandboxPolicy};

use crate::world::{World, generous, told};

async fn granted(world: &World, scratch: ByteSize, sandbox: SandboxPolicy) -> Function {
    let limits = FunctionLimits {
        scratch,
        sandbox: Some(sandbox),
        ..generous()
    };
    world.load("files", limits).await
}

async fn done(world: &World, function: &Function, what: &str) -> Value {
    told(world, function, &json!({ "do": what })).await
}

#[tokio::test]
async fn there_is_none_without_a_grant() {
    let world = World::real();
    let function = granted(&world, ByteSize(0), SandboxPolicy::Fresh).await;
    let said = done(&world, &function, "list").await;
    assert!(
        said.as_str().unwrap_or_default().starts_with("refused: "),
        "{said}"
    );
}

#[tokio::test]
async fn it_is_a_folder_as_programs_know_them() {
    let world = World::real();
    let function = granted(&world, ByteSize::mib(1), SandboxPolicy::Fresh).await;
    let said = done(&world, &function, "use").await;
    assert_eq!(said, json!(["hello, FILE", 12, ["d"], "hello, FILE!"]));
}

#[tokio::test]
async fn nothing_is_left_for_the_next_invocation() {
    let world = World::real();
    for policy in [SandboxPolicy::Fresh, SandboxPolicy::Warm] {
        let function = granted(&world, ByteSize::mib(1), policy).await;
        assert_eq!(done(&world, &function, "keep").await, json!(["kept"]));
        assert_eq!(
            done(&world, &function, "list").await,
            json!([]),
            "{policy:?}"
        );
    }
}

#[tokio::test]
async fn it_is_full_at_its_grant() {
    let world = World::real();
    let function = granted(&world, ByteSize::kib(64), SandboxPolicy::Warm).await;
    // A page for the file itself, the others for what is in it.
    let said = done(&world, &function, "fill").await;
    assert_eq!(said[0], json!(60 << 10), "{said}");
    assert_eq!(done(&world, &function, "many").await, json!(16));
    assert_eq!(done(&world, &function, "fill").await[0], json!(60 << 10));
}

#[tokio::test]
async fn nothing_leads_out_of_it() {
    let world = World::real();
    let function = granted(&world, ByteSize::mib(1), SandboxPolicy::Fresh).await;
    assert_eq!(done(&world, &function, "escape").await, json!([0, false]));
}
