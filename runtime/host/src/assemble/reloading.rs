//! How the loop that develops functions puts one in place that was built again.
//!
//! In: a name and the file that was built. Out: its new version, or a sentence for the developer; what ran goes on then.

use std::sync::Arc;

use catalog::Told;

use super::Rooms;
use crate::{
    config::Project,
    development::{Reload, Reloaded},
    errors::{StartError, Unloaded},
    functions,
};

/// How a function that was built again is put in place.
pub(super) fn reloading(rooms: &Rooms, project: &Project) -> Arc<Reload> {
    let (platform, deployed) = (rooms.platform.clone(), Arc::clone(&rooms.functions));
    let known = project.functions.clone();
    Arc::new(move |name, built| {
        let (platform, deployed) = (platform.clone(), Arc::clone(&deployed));
        let function = known.get(&name).cloned();
        Box::pin(async move {
            let function =
                function.ok_or_else(|| format!("triggers.yaml has no function `{name}`"))?;
            let failed = |reason: Unloaded| {
                let error = StartError::Function {
                    function: name.to_string(),
                    path: built.clone(),
                    reason,
                };
                error.to_string()
            };
            let bytes = platform.disk.read(&built).await;
            let bytes = bytes.map_err(|error| failed(error.into()))?;
            let settings = functions::settings(&function);
            let offered = deployed.offer(&bytes, settings).await;
            let offered = offered.map_err(|error| failed(error.into()))?;
            let handler = offered.handler();
            let told = Told {
                anyway: true,
                retries: true,
                ..Told::default()
            };
            let of_file = (built.clone(), function.concurrency);
            let version = deployed
                .declare(&name, (offered, &bytes), of_file, told)
                .await;
            Ok(Reloaded {
                version: version.map_err(|error| error.to_string())?,
                handler,
            })
        })
    })
}
