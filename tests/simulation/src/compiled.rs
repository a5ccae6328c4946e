//! Functions as the host keeps them once it has compiled them: made in a world of their own, given to every other world.
//!
//! Compiling takes longer than a whole story, and what comes of it is the same each time.

use std::{collections::BTreeMap, path::Path, sync::OnceLock};

use bytes::Bytes;
use platform::Platform;

use crate::{
    client::{Ask, Client},
    server::{Server, furnish},
    story::simulated,
    trace::Trace,
};

/// Below the data directory.
pub(crate) const FOLDER: &str = "functions";

/// Compiled code by the name of its file.
pub(crate) fn compiled() -> &'static BTreeMap<String, Bytes> {
    static COMPILED: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    COMPILED.get_or_init(|| simulated(compile()))
}

async fn compile() -> BTreeMap<String, Bytes> {
    let (world, trace) = (Platform::simulated(0), Trace::default());
    let nothing = BTreeMap::new();
    furnish(&world.disk, &nothing)
        .await
        .expect("a disk that is empty");
    let server = Server::start(&world, &trace, None);
    Client::new(&world, "compiler", &trace)
        .ask(&Ask::get("status"))
        .await;
    let folder = Path::new(crate::server::DATA).join(FOLDER);
    let mut compiled = BTreeMap::new();
    for name in world.disk.list(&folder).await.expect("the host kept them") {
        let code = world.disk.read(&folder.join(&name)).await;
        compiled.insert(name, code.expect("the host kept it"));
    }
    drop(server);
    compiled
}
